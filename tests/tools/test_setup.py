"""Setting up: what is wrong is said in one line, and a whole environment stays whole."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from bookkit.project import ROOT

# A stand-in for Python: of version $VERSION, with or without libgomp, able or unable to install.
PYTHON = f"""#!/bin/sh
case "$*" in
*version_info*) echo "$VERSION" ;;
--version) echo "Python $VERSION.0" ;;
*fcntl*) exec {sys.executable} "$@" ;;
*ctypes*) test -n "${{LIBRARIES-yes}}" ;;
*"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
*ensurepip*) test -z "${{ENSUREPIP-}}" || {{ echo "$ENSUREPIP"; exit 1; }} ;;
*"-m pip"*)
    echo "$$" >>pids
    if test -n "${{PIP-}}"; then echo "$PIP"; exit 1; fi
    sleep "${{SLEEP-0}}" ;;
*"import mxnet"*) test -z "${{MXNET-}}" || {{ echo "$MXNET"; exit 1; }} ;;
esac
"""
UNAME = '#!/bin/sh\ntest "$1" = -s && echo "$OS" || echo "$MACHINE"\n'
SYSCTL = '#!/bin/sh\necho "FPU SSE4.2 ${AVX-AVX1.0}"\n'
CAT = f"""#!/bin/sh
case "$*" in
/proc/cpuinfo) echo "flags : fpu ${{AVX-avx}} sse4_2" ;;
*) exec {shutil.which("cat")} "$@" ;;
esac
"""
TOOLS = ("cmp", "cp", "dirname", "grep", "mkdir", "mktemp", "mv", "rm", "rmdir", "sh", "sleep", "tail")
BEGUN = "Setting up .venv from requirements.txt (a minute, or a few the first time) ...\n"


@pytest.fixture
def project(tmp_path):
    """A folder with bookkit/setup.sh and stand-ins for the programs that it asks about the machine."""
    folder = tmp_path / "a book's $HOME"
    (folder / "bookkit").mkdir(parents=True)
    for script in ("setup.sh", "common.sh"):
        shutil.copy(ROOT / "bookkit" / script, folder / "bookkit")
    (folder / "requirements.txt").write_text("mxnet==1.9.1\npip==26.3\n")
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for tool in TOOLS:
        (stubs / tool).symlink_to(shutil.which(tool))
    for tool, script in {"python3": PYTHON, "uname": UNAME, "sysctl": SYSCTL, "cat": CAT}.items():
        (stubs / tool).write_text(script)
        (stubs / tool).chmod(0o755)
    return folder


def start(project, **environment):
    environment = {"OS": "Linux", "MACHINE": "x86_64", "VERSION": "3.11", "TMPDIR": str(project.parent), **environment}
    return subprocess.Popen(
        ["sh", project / "bookkit/setup.sh"],
        cwd="/",
        env={"PATH": str(project.parent / "stubs"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def set_up(project, **environment):
    """Return the exit code, the output and the errors of a set-up."""
    process = start(project, **environment)
    output, errors = process.communicate()
    return process.returncode, output, errors


def wait_for(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


FAILURES = {
    "Apple silicon": ({"OS": "Darwin", "MACHINE": "arm64"}, "not on Darwin arm64. Open the book on Binder"),
    "Arm": ({"MACHINE": "aarch64"}, "not on Linux aarch64"),
    "Windows": ({"OS": "MINGW64_NT-10.0"}, "not on MINGW64_NT-10.0 x86_64"),
    "an old processor": ({"AVX": ""}, "needs a processor with AVX, and this one, or its emulator, has none"),
    "an old Mac": ({"OS": "Darwin", "AVX": ""}, "needs a processor with AVX, and this one, or its emulator, has none"),
    "another Python": ({"VERSION": "3.12"}, "Python 3.11 is needed and Python 3.12.0 was found. Get 3.11 from"),
    "no libgomp": ({"LIBRARIES": ""}, "lacks. Debian, Ubuntu: apt-get install libgomp1 libquadmath0"),
    "no ensurepip": (
        {"ENSUREPIP": "/usr/bin/python3.11: No module named ensurepip"},
        "Debian, Ubuntu: apt-get install python3.11-venv",
    ),
    "no network": (
        {"PIP": "WARNING: Retrying after connection broken by 'NewConnectionError'\nERROR: No matching distribution"},
        "could not be installed: the package index cannot be reached; is there a network? Nothing was left behind",
    ),
    "a full disk": (
        {"PIP": "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"},
        "could not be installed: the disk is full",
    ),
    "a full disk at the start": (
        {"ENSUREPIP": "OSError: [Errno 28] No space left on device: ensurepip"},
        "could not be installed: the disk is full",
    ),
    "another hash": (
        {"PIP": "WARNING: cache\nERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n    mxnet"},
        "could not be installed: ERROR: THESE PACKAGES DO NOT MATCH THE HASHES Nothing",
    ),
    "a broken MXNet": ({"MXNET": "Traceback\nOSError: libfoo.so"}, "does not start: OSError: libfoo.so"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_left(project, failure):
    environment, words = FAILURES[failure]
    code, _, errors = set_up(project, **environment)
    assert code == 1
    assert errors.startswith("error: ") and words in errors and errors.count("\n") == 1, errors
    assert {path.name for path in project.iterdir()} <= {"bookkit", "requirements.txt", "pids"}
    assert {path.name for path in project.parent.iterdir()} == {project.name, "stubs"}


def test_a_mac_is_set_up(project):
    assert set_up(project, OS="Darwin", LIBRARIES="") == (0, BEGUN, "")


def test_it_runs_once_for_one_lock_and_one_place(project):
    assert set_up(project) == (0, BEGUN, "")
    assert set_up(project) == (0, "", "")
    (project / "requirements.txt").write_text("mxnet==1.9.1\nnumpy==1.23.5\npip==26.3\n")
    assert set_up(project) == (0, BEGUN, "")
    moved = project.rename(project.parent / "moved")
    assert set_up(moved) == (0, BEGUN, "")
    assert sorted(path.name for path in moved.iterdir()) == [".venv", "bookkit", "pids", "requirements.txt"]


def test_a_failed_set_up_keeps_the_old_environment(project):
    set_up(project)
    before = (project / ".venv/made-from").read_text()
    (project / "requirements.txt").write_text("mxnet==1.9.1\nnumpy==1.23.5\npip==26.3\n")
    assert set_up(project, PIP="ERROR: no")[0] == 1
    assert (project / ".venv/made-from").read_text() == before
    assert not (project / ".venv.old").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_interrupted_set_up_keeps_the_old_environment(project, number):
    set_up(project)
    before = (project / ".venv/made-from").read_text()
    (project / "pids").unlink()
    (project / "requirements.txt").write_text("mxnet==1.9.1\nnumpy==1.23.5\npip==26.3\n")
    process = start(project, SLEEP="60")
    wait_for((project / "pids").exists)
    if number == signal.SIGKILL:
        os.killpg(process.pid, number)
        process.communicate()
        assert set_up(project, PIP="ERROR: no")[0] == 1
    else:
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 130 and errors == "interrupted: nothing of this set-up was left behind\n"
        for pid in map(int, (project / "pids").read_text().split()):
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
    assert (project / ".venv/made-from").read_text() == before
    assert not (project / ".venv.old").exists()


AT_ONCE = """set -eu
. "$0"
log=/dev/null
trap stop INT TERM HUP
begin() {
    kill -TERM $$
    exec sh -c 'echo $$ >>pids; exec sleep 60'
}
run begin
"""


def test_a_command_that_has_just_begun_is_interrupted_too(project):
    # The moment between a command's start and the line that notes it is short: many, at once, so that some meet it.
    command = ["sh", "-c", AT_ONCE, project / "bookkit/common.sh"]
    begun = [subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE) for _ in range(60)]
    for process in begun:
        process.communicate()
        assert process.returncode == 130
    pids = project / "pids"
    for pid in pids.read_text().split() if pids.exists() else []:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_a_half_made_environment_is_made_again(project):
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/made-from").touch()
    (project / ".venv/bin/python").write_text("half")
    assert set_up(project) == (0, BEGUN, "")
    assert (project / ".venv/bin/python").read_text() == PYTHON


@pytest.mark.parametrize("kind", ["a folder", "a file", "a link"])
def test_an_environment_of_somebody_else_is_left_alone(project, kind):
    other = project.parent / "other" if kind == "a link" else project / ".venv"
    if kind == "a file":
        other.write_text("precious")
    else:
        (other / "bin").mkdir(parents=True)
        (other / "bin/python").write_text("precious")
        if kind == "a link":
            (other / "made-from").touch()
            (project / ".venv").symlink_to(other)
    before = sorted(project.rglob("*"))
    words = "error: .venv was not made by this set-up and is left as it is; move it away, then try again.\n"
    assert set_up(project) == (1, "", words)
    assert sorted(project.rglob("*")) == before


def test_clean_leaves_an_environment_of_somebody_else(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for folder in ("_build", ".venv", "other"):
        (tmp_path / folder).mkdir()
    for folder in (".venv", "other"):
        (tmp_path / folder / "made-from").touch()
    (tmp_path / ".venv-frameworks").symlink_to(tmp_path / "other")
    said = subprocess.check_output(["make", "--no-print-directory", "clean"], cwd=tmp_path, text=True)
    assert said.endswith(".venv-frameworks was not made by this set-up and is left as it is\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".venv-frameworks", "Makefile", "other"]
    assert (tmp_path / "other/made-from").exists()


def test_two_at_once_install_once(project):
    first = start(project, SLEEP="2")
    wait_for((project / "pids").exists)
    second = start(project)
    assert first.communicate() == (BEGUN, "")
    assert second.communicate() == ("Another set-up is at work in this folder: waiting until it has done ...\n", "")
    assert first.returncode == second.returncode == 0
    assert len((project / "pids").read_text().split()) == 2  # pip itself, then the rest


def test_a_folder_that_cannot_be_written_to_is_named(project):
    (project.parent / "stubs/mkdir").unlink()
    (project.parent / "stubs/mkdir").write_text(
        "#!/bin/sh\necho \"mkdir: cannot create '$1': Read-only file system\"\nexit 1\n"
    )
    (project.parent / "stubs/mkdir").chmod(0o755)
    words = f"error: nothing can be written in {project} (Read-only file system).\n"
    assert set_up(project) == (1, "", words)
