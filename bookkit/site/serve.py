"""Serve the built book on the loopback interface."""

import errno
import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from bookkit.project import BookError
from bookkit.site.build import SITE

LAST_PORT = 65535


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def listen(port: str, command: str = "make serve") -> ThreadingHTTPServer:
    """Return a server at a port of this machine; raise BookError if it cannot be had, which a command asked for."""
    number = int(port) if re.fullmatch("[0-9]{1,5}", port) else LAST_PORT + 1
    if number > LAST_PORT:
        raise BookError(f"{port or 'nothing'} is not a port number (0 to {LAST_PORT}): say {command} PORT=8000")
    try:
        return ThreadingHTTPServer(("127.0.0.1", number), partial(Handler, directory=SITE))
    except PermissionError:
        reason = f"needs more rights; choose another: {command} PORT=8000"
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"is taken; choose another: {command} PORT={number + 1 if number < LAST_PORT else 0}"
        else:
            reason = f"cannot be had: {error.strerror}"
    raise BookError(f"port {port} {reason}")


def main(port: str) -> int:
    """Serve until Ctrl-C; raise BookError if the port cannot be had, or if there is nothing to serve."""
    with listen(port) as server:
        if not (SITE / "index.html").is_file():
            raise BookError("the book is not built yet: run make book, or make serve, which builds it")
        print(f"The book is at http://127.0.0.1:{server.server_port}/ (stop with Ctrl-C)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0
