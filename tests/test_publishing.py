"""What the repository needs in public: licences, safe workflows, and what git, GitHub and editors read in it."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_markdown_cell, new_notebook

from bookkit.project import ROOT
from theme.extensions import notices

TOOLS = Path(sys.executable).parent
WORKFLOWS = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / ".github/workflows").glob("*.yml"))}
JOBS = {(name, job): what for name, text in WORKFLOWS.items() for job, what in yaml.safe_load(text)["jobs"].items()}
STEPS = [step for job in JOBS.values() for step in job["steps"]]
DEV_CONTAINER = (ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8")
# Code may be used as code is, text as text is, and a notebook holds both.
LICENCES = {
    "MIT": (".py", ".sh", ".css", ".js", ".html"),
    "CC-BY-4.0": (".md", ".svg", ".png"),
    "CC-BY-4.0 AND MIT": (".ipynb",),
}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def run(*command, **options):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def in_a_clone():
    """Skips where there is no git to say which files belong to the book: in an unpacked archive."""
    if run("git", "rev-parse", "--git-dir").returncode:
        pytest.skip("this is no clone of the repository")


def test_every_file_has_its_licence(in_a_clone, tell):
    result = run(TOOLS / "reuse", "lint", "--lines")
    lines = [f"{line}; REUSE.toml says whose every file is: mend it" for line in result.stdout.splitlines()]
    tell(lines or ([result.stderr] if result.returncode else []))


def test_every_file_has_the_licence_of_its_kind(in_a_clone, tell):
    files = json.loads(run(TOOLS / "reuse", "lint", "--json").stdout)["files"]
    wanted = {suffix: licence for licence, suffixes in LICENCES.items() for suffix in suffixes}
    lines = []
    for file in files:
        found = " AND ".join(expression["value"] for expression in file["spdx_expressions"])
        licence = wanted.get(Path(file["path"]).suffix, found)
        if found != licence:
            lines.append(f"{file['path']}: {found}, and such files are {licence} here; mend REUSE.toml")
    assert files
    tell(lines)


def test_workflows_are_safe(tell):
    """As zizmor sees it: actions are pinned by a hash, no job may do more than it needs, no script is put together."""
    options = ["--offline", "--pedantic", "--strict-collection", "--quiet", "--color=never"]
    result = run(TOOLS / "zizmor", *options, ".github/workflows", ".github/dependabot.yml", ".pre-commit-config.yaml")
    tell([result.stdout + result.stderr] if result.returncode else [])


def test_every_action_says_its_version(tell):
    """Behind its hash, which tells nobody anything; what proposes updates reads the comment, too."""
    pinned = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    used = [action for text in WORKFLOWS.values() for action in re.findall(r"\buses: *(.+)", text)]
    assert used
    loose = [action for action in used if not pinned.fullmatch(action)]
    tell([f"{action}: give its full hash, and its version as in `# v1.2.3`" for action in loose])


def test_no_job_runs_for_ever(tell):
    endless = [place for place, job in JOBS.items() if "timeout-minutes" not in job]
    tell([f"{name}: job {job} has no timeout-minutes, and may hang for six hours" for name, job in endless])


def test_every_make_that_is_called_exists(tell):
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    callers = {**WORKFLOWS, "devcontainer.json": DEV_CONTAINER}
    calls = [(name, target) for name, text in callers.items() for target in re.findall(r"\bmake ([a-z]+)", text)]
    assert calls
    tell([f"{name}: the Makefile has no `make {target}`" for name, target in calls if target not in targets])


def test_the_commands_of_the_readme_are_run():
    section = re.search(r"^## Two commands$(.*?)^## ", read("README.md"), re.MULTILINE | re.DOTALL)[1]
    commands = re.findall(r"^    (make \w+)", section, re.MULTILINE)
    steps = JOBS["book.yml", "readme"]["steps"]
    assert len(commands) == 2 and [step["run"] for step in steps if "run" in step] == commands


def test_the_same_python_everywhere():
    versions = {step["with"]["python-version"] for step in STEPS if "setup-python" in step.get("uses", "")}
    container = json.loads(re.sub(r"^\s*//.*", "", DEV_CONTAINER, flags=re.MULTILINE))
    versions.add(re.search(r"/python:[\d.]+-([\d.]+)-", container["image"])[1])
    assert versions == {read(".binder/runtime.txt").strip().removeprefix("python-")}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(name, tell):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", read(name))
    tell([f"{name}: there is no {link}" for link in links if not (ROOT / link).exists()])


def test_the_citation_is_complete():
    """The four things that the format requires, and the book's own title."""
    citation = yaml.safe_load(read("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["title"] == yaml.safe_load(read("_config.yml"))["title"]
    assert "license" not in citation, "a list of licences would mean that one may choose"


def test_hooks_run_what_the_environment_has(tell):
    lines = []
    for repository in yaml.safe_load(read(".pre-commit-config.yaml"))["repos"]:
        for hook in repository["hooks"]:
            program = hook.get("entry", "").split(" ")[0]
            if repository["repo"] != "local" or hook["language"] != "system":
                lines.append(f"hook {hook['id']} would be downloaded; call a program of .venv")
            elif program != f".venv/bin/{Path(program).name}" or not (TOOLS / Path(program).name).exists():
                lines.append(f"hook {hook['id']}: there is no {program}; name its package in requirements.in")
    tell(lines)


def test_lines_end_alike_in_every_file(in_a_clone, tell):
    listed = [line.split("\t") for line in run("git", "ls-files", "--eol").stdout.splitlines()]
    wrong = [file for kind, file in listed if kind.startswith(("i/crlf", "i/mixed"))]
    tell([f"{file}: lines end in CR LF; run `git add --renormalize {file}`" for file in wrong])


class Clone:
    """A repository with the .gitattributes of the book and a notebook of two cells, where git has no other settings."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.name", "somebody")
        self.git("config", "user.email", "somebody@example.org")
        (folder / ".gitattributes").write_text(read(".gitattributes"))
        self.commit("first", "second")

    def git(self, *arguments, check=True):
        return subprocess.run(
            ["git", *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=check
        )

    def write(self, *sources):
        cells = [new_markdown_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
        nbformat.write(new_notebook(cells=cells), self.folder / "page.ipynb")

    def commit(self, *sources):
        self.write(*sources)
        self.git("add", ".gitattributes", "page.ipynb")
        self.git("commit", "--quiet", "--message=a change")


@pytest.fixture(params=["as they are", "with nbdime"])
def clone(request, tmp_path):
    """Such a repository; with nbdime, the commands that stand in .gitattributes have been given in it."""
    clone = Clone(tmp_path)
    if request.param == "with nbdime":
        (tmp_path / ".venv").symlink_to(sys.prefix)
        commands = re.findall(r"^#   (git config .+)", read(".gitattributes"), re.MULTILINE)
        assert len(commands) == 2
        for command in commands:
            subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
    clone.nbdime = request.param == "with nbdime"
    return clone


def test_git_shows_how_a_notebook_changed(clone):
    clone.write("first", "another second")
    (clone.folder / "below").mkdir()
    shown = clone.git("-C", "below", "diff").stdout
    assert "another second" in shown and ("modified /cells/1/source" in shown) == clone.nbdime


def test_git_merges_notebooks(clone):
    clone.git("checkout", "--quiet", "-b", "other")
    clone.commit("first", "another second")
    clone.git("checkout", "--quiet", "main")
    clone.commit("another first", "second")
    clone.git("merge", "--quiet", "--no-edit", "other")
    merged = nbformat.read(clone.folder / "page.ipynb", as_version=4)
    assert [cell.source for cell in merged.cells] == ["another first", "another second"]


def test_whose_work_is_in_the_site_is_said(site):
    names = {
        "Sphinx",
        "sphinx-book-theme",
        "pydata-sphinx-theme",
        "Font Awesome Free",
        "Bootstrap",
        "clipboard.js",
        "Popper",
    }
    for static in (site / "_static", site / "book/zh/_static"):
        said = (static / notices.FILE).read_text(encoding="utf-8")
        assert {name for name in names if not re.search(rf"^\W*{name}\b", said, re.MULTILINE)} == set()
        assert "CC BY 4.0" in said and said.count("Permission is hereby granted") > 1
        for file in [*static.glob("*.css"), *static.glob("*.js")]:
            assert file.read_text(encoding="utf-8").startswith(notices.HINT), file


def test_packages_are_called_as_their_extensions():
    brought = packages_distributions()
    extensions = ["sphinx_book_theme", "myst_nb", "sphinx_design", "sphinx.ext.intersphinx", "sphinx_togglebutton"]
    for extension in extensions:
        assert list(dict.fromkeys(notices.package_of(extension))) == brought[extension.split(".")[0]]
    assert list(notices.package_of("theme.extensions.assets")) == []
