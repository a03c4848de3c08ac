"""Work in processes of its own: what it breaks or leaves behind ends with it."""

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any

from bookkit.project import BookError

FORK = multiprocessing.get_context("fork")  # nothing needs to be sent to a new process
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let an interrupt wait for the end of a block, in the main thread.

    A process that begins, and is not noted yet by whoever is to end it, would go on after the command.
    """
    heard: list[int] = []
    handlers = {number: signal.getsignal(number) for number in INTERRUPTS}
    try:
        for number in INTERRUPTS:
            signal.signal(number, lambda said, _: heard.append(said))
        yield
    finally:
        for number in INTERRUPTS:
            signal.signal(number, handlers[number])
        for said in heard[:1]:
            signal.raise_signal(said)


def _answer(work: Callable[[], Any], answer: Connection) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whatever the work would do, it ends with the command
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        answer.send(work())
    except BookError as error:
        answer.send(error)
    except KeyboardInterrupt:
        os._exit(130)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _start(work: Callable[[], Any]) -> tuple[Connection, ForkProcess]:
    heard, answer = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_answer, args=(work, answer))
    process.start()
    answer.close()
    return heard, process


def _hear(title: str, heard: Connection, process: ForkProcess) -> Any:
    """Return what a process says, or a BookError if it ends and says nothing."""
    try:
        return heard.recv()
    except EOFError:
        process.join()
        return BookError(f"{title}: its process ended in the middle of it (exit code {process.exitcode})")
    finally:
        heard.close()
        process.join()


def side_by_side(works: Mapping[str, Callable[[], Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the title of each work, and what it returns or the BookError that it raises, in the order they are done.

    Each runs in a fork of this process, as many at once as there are processors.
    """
    due = list(works.items())[::-1]
    running: dict[Connection, tuple[str, ForkProcess]] = {}
    try:
        while due or running:
            while due and len(running) < (os.cpu_count() or 1):
                title, work = due.pop()
                with uninterrupted():
                    heard, process = _start(work)
                    running[heard] = title, process
            ready = set(wait(running))
            for heard in [each for each in running if each in ready]:
                title, process = running.pop(heard)
                yield title, _hear(title, heard, process)
    finally:
        for _, process in running.values():
            process.kill()  # one that has just begun may not heed anything less
            process.join()
