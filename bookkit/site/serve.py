"""Serve the built book on the loopback interface."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from bookkit.project import BookError
from bookkit.site.build import SITE


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def main(port: str) -> int:
    """Serve until Ctrl-C; raise BookError if the port cannot be had."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", int(port)), partial(Handler, directory=SITE))
    except ValueError:
        raise BookError(f"{port} is not a port number") from None
    except OverflowError:
        raise BookError(f"{port} is not a port number (0 to 65535)") from None
    except PermissionError:
        raise BookError(f"port {port} needs more rights; choose another: make serve PORT=8001") from None
    except OSError:
        raise BookError(f"port {port} is taken; choose another: make serve PORT={int(port) + 1}") from None
    print(f"The book is at http://127.0.0.1:{server.server_port}/ (stop with Ctrl-C)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0
