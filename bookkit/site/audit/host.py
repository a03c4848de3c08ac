"""A web server that answers as a static host does, and keeps count of what it sends."""

import gzip
import hashlib
import mimetypes
import re
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

COMPRESSED = re.compile(r"text/|application/(?:javascript|json|xml)|image/svg")


class File(NamedTuple):
    kind: str
    is_packed: bool
    body: bytes

    @classmethod
    def at(cls, path: Path) -> "File":
        kind, body = mimetypes.guess_type(path)[0] or "application/octet-stream", path.read_bytes()
        is_packed = bool(COMPRESSED.match(kind))
        return cls(kind, is_packed, gzip.compress(body, mtime=0) if is_packed else body)


class StaticHost(ThreadingHTTPServer):
    """Serves a site from memory."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.files: dict[str, File] = {}
        self.sent: list[tuple[str, int]] = []  # path and bytes of every answer

    def __enter__(self) -> "StaticHost":
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self.shutdown()
        self.server_close()

    def load(self, site: Path) -> None:
        self.files = {
            "/" + path.relative_to(site).as_posix(): File.at(path) for path in site.rglob("*") if path.is_file()
        }


class Handler(BaseHTTPRequestHandler):
    server: StaticHost
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        path += "index.html" if path.endswith("/") else ""
        status = 200 if path in self.server.files else 404
        file = self.server.files[path if status == 200 else "/404.html"]
        body, tag = file.body, f'"{hashlib.sha256(file.body).hexdigest()[:16]}"'
        if status == 200 and self.headers["If-None-Match"] == tag:
            status, body = 304, b""
        answer = "\r\n".join([*self.head(status, tag, file), "", ""]).encode() + body
        self.wfile.write(answer)
        self.server.sent.append((path, len(answer)))

    def head(self, status: int, tag: str, file: File) -> list[str]:
        """Return the lines before the body of an answer."""
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"ETag: {tag}"]
        lines += ["Cache-Control: max-age=600", "Vary: Accept-Encoding"]
        if status != 304:
            lines.append(f"Content-Type: {file.kind}" + ("; charset=utf-8" if file.is_packed else ""))
            lines.append(f"Content-Length: {len(file.body)}")
            lines += ["Content-Encoding: gzip"] if file.is_packed else []
        return lines

    def log_message(self, *args: object) -> None:
        pass
