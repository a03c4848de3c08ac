"""Build both editions and put them together into one site."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from bookkit import contents, words
from bookkit.addresses import Addresses
from bookkit.notebooks.files import unusable
from bookkit.project import CHINESE, EDITIONS, ENGLISH, ROOT, BookError, Edition, write_whole

BUILT = ROOT / "_build"
SITE = BUILT / "html"


def forget_if_the_looks_changed(built):
    """Remove what was built before a change in styles, scripts or extensions: Sphinx would not see the change."""
    style = built / "html" / "_static" / "site.css"
    sources = [file for folder in ("static", "extensions") for file in (ROOT / "theme" / folder).glob("*.*")]
    if style.exists() and any(file.stat().st_mtime > style.stat().st_mtime for file in sources):
        for folder in ("html", ".doctrees"):
            shutil.rmtree(built / folder, ignore_errors=True)


def start(edition: Edition, addresses: Addresses, folder: Path) -> subprocess.Popen:
    """Begin to build an edition into a folder of its own."""
    config = contents.configuration(edition)
    config["sphinx"]["config"] |= {
        "book_site_url": addresses.site,
        "book_repository_url": addresses.repository,
        "book_branch": addresses.branch,
    }
    forget_if_the_looks_changed(folder / "_build")
    folder.mkdir(parents=True, exist_ok=True)
    made = {"--config": config, "--toc": contents.table_of_contents(edition)}
    command = [str(Path(sys.executable).parent / "jupyter-book"), "build", "-W", "-n", "--keep-going"]
    for option, content in made.items():
        path = folder / f"{option.strip('-')}.yml"
        write_whole(yaml.safe_dump(content, allow_unicode=True).encode(), path)
        command += [option, str(path)]
    source = ROOT if edition == ENGLISH else edition.folder
    return subprocess.Popen(
        [*command, str(source), "--path-output", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )


def build(addresses: Addresses, folder: Path = BUILT) -> Path:
    """Build the site in `folder` and return the path of its root; raise BookError with what is wrong with its sources."""
    # Sphinx would answer with a warning for every link to a page that is missing, or with a traceback.
    if complaints := [*unusable(), *contents.strays(), *contents.misconfigured(), *words.malformed()]:
        raise BookError("\n".join(complaints))
    folders = {edition: folder / edition.name for edition in EDITIONS}
    builds = {edition: start(edition, addresses, path) for edition, path in folders.items()}
    for edition, process in builds.items():
        output, _ = process.communicate()
        for line in output.splitlines():
            if line.startswith("finish:"):
                print(f"{edition.name}: {line}", file=sys.stderr)
        if process.returncode:
            lines = [line for line in output.splitlines() if "WARNING:" in line or "ERROR:" in line]
            complaints += lines or [output]
    if complaints:
        raise BookError("\n".join(complaints))
    site = folder / "html"
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(folders[ENGLISH] / "_build" / "html", site)
    shutil.copytree(folders[CHINESE] / "_build" / "html", site / CHINESE.site)
    return site


def main(addresses: Addresses) -> int:
    """Build the site where it is served from."""
    root = os.path.relpath(build(addresses))
    print(f"The book is built: {root}/index.html, in Chinese {root}/{CHINESE.place}index.html")
    return 0
