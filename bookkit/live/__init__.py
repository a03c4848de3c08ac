"""The live book: the built site with a kernel beside it, served by an extension of Jupyter Server.

The extension runs wherever Jupyter Server does: alone on this machine (`make live`), on Binder, on a JupyterHub.
"""

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "bookkit.live"}]


def _load_jupyter_server_extension(server: Any) -> None:
    from bookkit.live.extension import load  # it needs Jupyter Server, which whoever asks for the above may not have

    load(server)
