"""Serve the built book on the loopback interface: python tools/serve.py PORT"""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SITE = Path(__file__).resolve().parent.parent / "_build" / "html"


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def main(port):
    try:
        server = ThreadingHTTPServer(("127.0.0.1", int(port)), partial(Handler, directory=SITE))
    except ValueError:
        return f"error: {port} is not a port number"
    except OverflowError:
        return f"error: {port} is not a port number (0 to 65535)"
    except PermissionError:
        return f"error: port {port} needs more rights; choose another: make serve PORT=8001"
    except OSError:
        return f"error: port {port} is taken; choose another: make serve PORT={int(port) + 1}"
    print(f"The book is at http://127.0.0.1:{server.server_port}/ (stop with Ctrl-C)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
