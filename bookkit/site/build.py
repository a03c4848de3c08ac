"""Build both editions and put them together into one site, whole or not at all.

In the folder of a build lie `html`, the site; `kept`, from which the next build starts; and while a build runs
`work`, which becomes the two others when everything is right. Where anything is wrong they stay as they were.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import yaml

from bookkit import contents, quizzes, words
from bookkit.addresses import Addresses
from bookkit.notebooks.files import unusable
from bookkit.processes import uninterrupted
from bookkit.project import CHINESE, EDITIONS, ENGLISH, ROOT, BookError, Edition
from bookkit.site.cache import Inputs, copy, moments, reuse
from bookkit.site.complaints import complaints

BUILT = ROOT / "_build"
SITE = BUILT / "html"
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"  # its script starts no Python whose path has a quote


@contextmanager
def alone(folder: Path) -> Iterator[int]:
    """Wait until no other build runs in a folder; give the lock, which lasts until whoever has it has ended."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another build is running; this one begins when it has ended", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def settings(edition: Edition, addresses: Addresses) -> dict[str, str]:
    """Return the files that tell Jupyter Book what to build, by the options that name them."""
    config = contents.configuration(edition)
    config["sphinx"]["config"] |= {
        "book_site_url": addresses.site,
        "book_repository_url": addresses.repository,
        "book_branch": addresses.branch,
    }
    made = {"config": config, "toc": contents.table_of_contents(edition)}
    return {option: yaml.safe_dump(content, allow_unicode=True) for option, content in made.items()}


def start(edition: Edition, files: dict[str, str], folder: Path, lock: int) -> subprocess.Popen:
    """Begin to build an edition into a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", JUPYTER_BOOK, "build", "-W", "-n", "--keep-going"]
    for option, content in files.items():
        path = folder / f"{option}.yml"
        path.write_text(content, encoding="utf-8")
        command += [f"--{option}", str(path)]
    source = ROOT if edition == ENGLISH else edition.folder
    return subprocess.Popen(
        [*command, str(source), "--path-output", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "NO_COLOR": "1", "PYTHONUTF8": "1"},
        pass_fds=[lock],
    )


def run(starts: Mapping[Edition, Callable[[], subprocess.Popen]]) -> None:
    """Begin builds and wait for them; raise BookError with what is wrong; end all of them when this one is to end."""
    wrong = []
    processes: dict[Edition, subprocess.Popen] = {}
    try:
        for edition, begin in starts.items():
            with uninterrupted():
                processes[edition] = begin()
        for edition, process in processes.items():
            output, _ = process.communicate()
            if process.returncode:
                wrong += complaints(edition, output)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    if wrong:
        raise BookError("\n".join(dict.fromkeys(wrong)))


def replace(old: Path, new: Path) -> None:
    """Put a folder that is whole in the place of another one."""
    shutil.rmtree(before := old.with_name(f"{old.name}.before"), ignore_errors=True)
    if old.exists():
        old.rename(before)
    new.rename(old)
    shutil.rmtree(before, ignore_errors=True)


def put_together(made: dict[Edition, Path], site: Path) -> None:
    """Copy the pages of the editions into one site."""
    copy(made[ENGLISH], site)
    copy(made[CHINESE], site / CHINESE.site)
    for edition in EDITIONS:
        (site / edition.site / ".buildinfo").unlink(missing_ok=True)  # Sphinx's own, and of this machine's folders


def build_editions(addresses: Addresses, kept: Path, work: Path, lock: int) -> dict[Edition, Path]:
    """Build in `work` the editions whose sources are not those of what is kept; return where each one is."""
    before = {edition: moments(edition) for edition in EDITIONS}
    files = {edition: settings(edition, addresses) for edition in EDITIONS}
    inputs = {edition: Inputs.of(edition, str(files[edition])) for edition in EDITIONS}
    old = {edition: Inputs.kept(kept / edition.name) for edition in EDITIONS}
    if lines := [*unusable({page for edition in EDITIONS for page in inputs[edition].pages_as_in(old[edition])})]:
        raise BookError("\n".join(lines))
    changed = [edition for edition in EDITIONS if old[edition] != inputs[edition]]
    for edition in changed:
        reuse(kept / edition.name, work / edition.name, inputs[edition])
    run({edition: partial(start, edition, files[edition], work / edition.name, lock) for edition in changed})
    for edition in changed:
        later = Inputs.of(edition, str(settings(edition, addresses)))
        touched = {path for path, _ in before[edition] ^ moments(edition)}
        inputs[edition].settled(later, touched).write(work / edition.name)
    return {edition: (work if edition in changed else kept) / edition.name for edition in EDITIONS}


def build(addresses: Addresses, folder: Path = BUILT) -> Path:
    """Build the site in `folder` and return the path of its root; raise BookError with what is wrong with the book."""
    folder = folder.resolve()
    kept, work, site = folder / "kept", folder / "work", folder / "html"
    # Sphinx would answer with a warning for every link to a page that is missing, or with a traceback.
    if lines := [*contents.strays(), *contents.misconfigured(), *words.malformed(), *quizzes.malformed()]:
        raise BookError("\n".join([*unusable(), *lines]))
    with alone(folder) as lock:
        shutil.rmtree(work, ignore_errors=True)
        try:
            made = build_editions(addresses, kept, work, lock)
            put_together({edition: path / "_build" / "html" for edition, path in made.items()}, work / "html")
            replace(site, work / "html")
            kept.mkdir(exist_ok=True)
            for path in made.values():
                if path.parent == work:
                    replace(kept / path.name, path)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return site


def main(addresses: Addresses) -> int:
    """Build the site where it is served from."""
    root = os.path.relpath(build(addresses))
    print(f"The book is built: {root}/index.html, in Chinese {root}/{CHINESE.place}index.html")
    return 0
