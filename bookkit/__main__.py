"""The command line of the book: the one place where the environment is read, and where a failure becomes one line."""

import argparse
import importlib
import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from bookkit.addresses import Addresses
from bookkit.project import BookError

# What the caller may have set for programs of his own, and what would change what the ones started here do.
FOREIGN = {
    *("PYTHONHOME", "PYTHONIOENCODING", "PYTHONOPTIMIZE", "PYTHONPATH", "PYTHONSAFEPATH", "PYTHONSTARTUP"),
    *("PYTHONWARNINGS", "PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_PLUGINS"),
    *("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"),
}


def forget_the_caller() -> None:
    """Make every command do the same whatever the caller has set."""
    for variable in FOREIGN & os.environ.keys():
        del os.environ[variable]
    warnings.simplefilter("ignore")  # they are for those who write the packages used here
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    os.umask(0o022)  # what is built is for others


def interrupt(*_: object) -> NoReturn:
    """End a command as Ctrl-C does: it ends its children and leaves nothing half-written."""
    raise KeyboardInterrupt


class Parser(argparse.ArgumentParser):
    """Tells what is wrong with the arguments in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see {self.prog} --help)\n")


def module(name: str):
    """Import a module of the package when its command is called: the site is built without what the checks need."""
    return importlib.import_module(f"bookkit.{name}")


def addresses() -> Addresses:
    return Addresses.from_environment(os.environ)


COMMANDS: dict[str, tuple[str, Callable[[argparse.Namespace], int | None]]] = {
    "build": ("build the website, both editions", lambda given: module("site.build").main(addresses())),
    "serve": ("serve the built website on this machine", lambda given: module("site.serve").main(given.port)),
    "live": ("serve the built website with a kernel beside it", lambda given: module("live.command").main(given.port)),
    "live-numbers": ("measure the live pages", lambda given: module("live.measure").main()),
    "questions": ("write the questions of a chapter for a class", lambda given: module("questions").main(given.name)),
    "check": ("check one page in both editions", lambda given: module("page").main(given.page, addresses())),
    "refresh": (
        "execute notebooks and store their outputs",
        lambda given: module("notebooks.refresh").main(given.notebooks),
    ),
    "new": (
        "begin a chapter in both editions",
        lambda given: module("checks.new").main(given.name, given.part),
    ),
    "module": (
        "write the module that a chapter builds, from its cells",
        lambda given: module("notebooks.module").main(),
    ),
    "agree": ("record that both editions say the same", lambda given: module("checks.agreement").main()),
    "gradients": ("derive every gradient again without MXNet", lambda given: module("gradients.report").main()),
    "operators": ("try which derivatives operators have", lambda given: module("gradients.orders").main()),
    "prose": (
        "say what the numbers and formulas of the text rest on",
        lambda given: module("checks.prose.report").main(),
    ),
    "faults": (
        "plant faults and see each one caught",
        lambda given: module("checks.faults.command").main(given.notebooks),
    ),
    "matrix": ("execute the book as other machines would", lambda given: module("checks.matrix").main()),
    "audit": ("measure the website", lambda given: module("site.audit").main(given.runs)),
    "pdf": ("print both editions", lambda given: module("site.pdf").main()),
    "bench": ("measure set-up, build and checks", lambda given: module("bench.command").main()),
}


def parser() -> argparse.ArgumentParser:
    result = Parser(prog="python -m bookkit", description=__doc__)
    commands = result.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (words, _) in COMMANDS.items():
        command = commands.add_parser(name, help=words, description=words)
        if name in ("refresh", "faults"):
            command.add_argument("notebooks", nargs="*", type=Path, help="paths of notebooks; all of the book without")
        if name == "new":
            command.add_argument("name", help="name of its file and address: small letters, digits, hyphens")
            command.add_argument("part", nargs="?", default="", help="part of _toc.yml; without, the last with numbers")
        if name == "questions":
            command.add_argument("name", help="name of the chapter's file")
        if name == "check":
            command.add_argument("page", nargs="?", help="path of a page, in either edition")
        if name in ("serve", "live"):
            command.add_argument("port", help="number of the port")
        if name == "audit":
            command.add_argument("runs", help="runs of Lighthouse for each page; 0 leaves it out")
    return result


def main(arguments: list[str]) -> int:
    given = parser().parse_args(arguments)
    try:
        return COMMANDS[given.command][1](given) or 0
    except BookError as error:
        print(
            "\n".join(f"error: {line}" if number == 0 else line for number, line in enumerate(str(error).splitlines())),
            file=sys.stderr,
        )
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"error: {place}{error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 1


if __name__ == "__main__":
    forget_the_caller()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, interrupt)
    sys.exit(main(sys.argv[1:]))
