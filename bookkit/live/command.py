"""`make live`: the built site with a kernel beside it, on the loopback interface."""

import logging
import os
import secrets
from pathlib import Path

from bookkit.live.bundle import LIVE, bundle
from bookkit.project import ROOT, BookError
from bookkit.site.build import SITE
from bookkit.site.serve import listen

HOST = "127.0.0.1"
IDLE, LOOK = 3600, 60  # seconds until a kernel that nobody uses is ended, and between two looks for such kernels


def settings(site: Path, port: int, token: str) -> list[str]:
    """Return the options of Jupyter Server, which knows nothing of this user's other servers."""
    options = {
        "ServerApp.ip": HOST,
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.allow_remote_access": False,
        "ServerApp.allow_root": True,  # in containers there is nobody else
        "ServerApp.open_browser": False,
        "ServerApp.answer_yes": True,  # Ctrl-C ends it
        "ServerApp.log_level": "ERROR",
        "ServerApp.root_dir": ROOT / "book",
        "ServerApp.default_url": "/live/",
        "ServerApp.terminals_enabled": False,
        "ServerApp.cookie_secret_file": LIVE / "cookie_secret",  # pages that are open outlive a restart
        "ServerApp.jpserver_extensions": "{'bookkit.live': True}",
        "IdentityProvider.token": token,
        "MultiKernelManager.kernel_manager_class": "bookkit.live.kernels.LiveKernel",
        "MappingKernelManager.cull_idle_timeout": IDLE,
        "MappingKernelManager.cull_interval": LOOK,
        "MappingKernelManager.cull_connected": True,
        "ZMQChannelsWebsocketConnection.iopub_msg_rate_limit": 0,  # the page itself cuts a flood
        "ZMQChannelsWebsocketConnection.iopub_data_rate_limit": 0,
        "Live.site": site,
    }
    return [f"--{name}={value}" for name, value in options.items()]


def forget_the_user() -> None:
    """Let Jupyter find neither settings nor extensions nor kernels but those of this Python."""
    os.environ["JUPYTER_NO_CONFIG"] = "1"
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    for variable, folder in (("JUPYTER_DATA_DIR", "data"), ("JUPYTER_RUNTIME_DIR", "runtime")):
        os.environ[variable] = str(LIVE / folder)
    for variable in ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH", "JUPYTER_TOKEN"):
        os.environ.pop(variable, None)


def main(port: str, site: Path = SITE) -> int:
    """Serve until Ctrl-C; raise BookError if the port cannot be had, or if something is missing."""
    with listen(port, "make live") as probe:
        number = probe.server_port
    if not (site / "index.html").is_file():
        raise BookError("the book is not built yet: run make book, or make live, which builds it")
    bundle()
    forget_the_user()
    from jupyter_server.serverapp import ServerApp

    from bookkit.live.kernels import begin_forks

    begin_forks()

    token = secrets.token_urlsafe(24)
    server = ServerApp.instance()
    server.initialize(settings(site, number, token))
    server.log.addFilter(lambda record: record.levelno == logging.ERROR)  # that it was told to stop is no news
    address = f"http://{HOST}:{server.port}/live/?token={token}"
    server.io_loop.add_callback(print, f"The live book is at {address} (stop with Ctrl-C)", flush=True)
    server.start()
    return 0
