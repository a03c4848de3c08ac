"""`make lock`: both locks or neither, for the platforms that pyproject.toml names, whatever the caller has set."""

import os
import shutil
import subprocess

import pytest

from bookkit.project import ROOT

NAMES = ("requirements", "requirements-frameworks")
# A stand-in for uv. As the real one does, it takes the platforms from the pyproject.toml of the folder where it works,
# and wants another format in a file that it is given by name.
UV = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in *--config-file*pyproject.toml*) echo "error: unknown field 'tool'" >&2; exit 2 ;; esac
test -z "${UV_CONSTRAINT-}" || { echo "error: constrained by the caller" >&2; exit 2; }
cd "$2"
grep -q '^environments = ' pyproject.toml || { echo "error: no platforms" >&2; exit 2; }
case "$*" in *"$FAILS"*) echo "error: no solution" >&2; exit 1 ;; esac
for name; do :; done
{ echo "made from"; cat "$5"; if grep -q constraint "$5"; then cat requirements.txt; fi; } >"$name"
"""


@pytest.fixture
def project(tmp_path):
    """A folder with two locks, and what they are resolved from."""
    folder = tmp_path / "a book's $HOME"
    (folder / "bookkit").mkdir(parents=True)
    shutil.copy(ROOT / "bookkit/lock.sh", folder / "bookkit")
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "requirements.in").write_text("mxnet\n")
    (folder / "requirements-frameworks.in").write_text("jax\n--constraint requirements.txt\n")
    for name in NAMES:
        (folder / f"{name}.txt").write_text("old\n")
    (tmp_path / "stubs").mkdir()
    (tmp_path / "stubs/uv").write_text(UV)
    (tmp_path / "stubs/uv").chmod(0o755)
    return folder


def lock(project, fails="nothing"):
    made = subprocess.run(
        ["sh", project / "bookkit/lock.sh"],
        cwd="/",
        env={
            "PATH": f"{project.parent / 'stubs'}:{os.environ['PATH']}",
            "TMPDIR": str(project.parent / "stubs"),
            "CALLS": str(project.parent / "calls"),
            "FAILS": fails,
            "UV_CONSTRAINT": "/nowhere",
        },
        capture_output=True,
        text=True,
    )
    return made.returncode, made.stderr, [(project / f"{name}.txt").read_text() for name in NAMES]


def test_both_are_resolved_the_second_with_the_first(project):
    first = "made from\nmxnet\n"
    assert lock(project) == (0, "", [first, f"made from\njax\n--constraint requirements.txt\n{first}"])
    calls = (project.parent / "calls").read_text().splitlines()
    assert len(calls) == 2 and all("--universal --generate-hashes" in call for call in calls)


@pytest.mark.parametrize("name", NAMES)
def test_where_one_cannot_be_resolved_both_are_as_they_were(project, name):
    words = f"error: {name}.in could not be resolved: the lines above say why; the locks are as they were\n"
    assert lock(project, fails=f"{name}.in ") == (1, f"error: no solution\n{words}", ["old\n", "old\n"])
    assert [path.name for path in (project.parent / "stubs").iterdir()] == ["uv"]
    assert not list(project.glob("*.new"))
