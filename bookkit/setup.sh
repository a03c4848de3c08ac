#!/bin/sh
# Make .venv from requirements.txt, unless the one that is there was made from it.
set -eu
unset CDPATH
cd "$(dirname "$0")/.."
. bookkit/common.sh

die() {
    echo "error: $*" >&2
    exit 1
}

made_from() { pwd && cat requirements.txt; }

ready() { [ -x .venv/bin/python ] && made_from | cmp -s - .venv/made-from; }

if ready; then exit 0; fi

platform="$(uname -s) $(uname -m)"
case $platform in
"Linux x86_64") features=$(cat /proc/cpuinfo 2>/dev/null || echo avx) ;;
"Darwin x86_64") features=$(sysctl -n machdep.cpu.features 2>/dev/null || echo AVX1.0) ;;
*) die "MXNet 1.9.1 runs on x86-64 Linux and x86-64 macOS, not on $platform. Open the book on Binder, or work in an x86-64 Linux container (docker run --platform linux/amd64) or in WSL." ;;
esac
echo "$features" | grep -q -i -w -E "avx|avx1.0" ||
    die "MXNet 1.9.1 needs a processor with AVX, and this one, or its emulator, has none: the first product of matrices would end Python. Rosetta of macOS 15 and QEMU 7.2 emulate AVX; or open the book on Binder."

version='import sys; print("%d.%d" % sys.version_info[:2])'
python=
for candidate in python3.11 python3; do
    if [ "$($candidate -c "$version" 2>/dev/null)" = 3.11 ]; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    found=$(python3 --version 2>/dev/null || echo "no Python")
    die "Python 3.11 is needed and $found was found. Get 3.11 from your system (Debian 12: apt-get install python3.11 python3.11-venv), with uv (uv python install 3.11) or from python.org."
fi

# One set-up at a time. The lock goes with the process that holds it, however that one ends.
one_at_a_time='
import fcntl, os, signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
file = os.open("requirements.txt", os.O_RDONLY)
os.set_inheritable(file, True)
try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("Another set-up is at work in this folder: waiting until it has done ...", flush=True)
    fcntl.flock(file, fcntl.LOCK_EX)
except OSError:
    pass  # this file system has no locks
os.execvp("sh", ["sh", "bookkit/setup.sh", "alone"])
'
if [ "${1-}" != alone ]; then
    exec $python -c "$one_at_a_time"
fi
if ready; then exit 0; fi

if [ "$platform" = "Linux x86_64" ]; then
    for library in libgomp.so.1 libquadmath.so.0; do
        $python -c "import ctypes; ctypes.CDLL('$library')" 2>/dev/null ||
            die "MXNet needs $library, which this system lacks. Debian, Ubuntu: apt-get install libgomp1 libquadmath0; Fedora: dnf install libgomp libquadmath."
    done
fi

for folder in .venv .venv.old; do
    if [ -L $folder ] || { [ -e $folder ] && [ ! -f $folder/made-from ]; }; then
        die "$folder was not made by this set-up and is left as it is; move it away, then try again."
    fi
done
problem=$(mkdir .venv.new 2>&1) || die "nothing can be written in $(pwd) (${problem##*: })."
rmdir .venv.new

# Whatever happens below, a whole .venv stays a whole .venv and a half-made one goes.
log=$(mktemp)
put_back() {
    rm -rf .venv "$log"
    if [ -e .venv.old ]; then mv .venv.old .venv; fi
}
trap put_back EXIT
trap stop INT TERM HUP
# What is in made-from once .venv is whole; until then the file is empty.
if [ -s .venv/made-from ]; then
    rm -rf .venv.old
    mv .venv .venv.old
fi
rm -rf .venv

why() {
    case $(cat "$log") in
    *"No space left on device"*) echo "the disk is full, and they take 1.2 GB." ;;
    *"No module named ensurepip"*) echo "Python lacks a part of it. Debian, Ubuntu: apt-get install python3.11-venv." ;;
    *"onnection broken"* | *"new connection"* | *"error sending request"*)
        echo "the package index cannot be reached; is there a network?"
        ;;
    *) grep -i -m 1 error "$log" || tail -n 1 "$log" ;;
    esac
}

echo "Setting up .venv from requirements.txt (a minute, or a few the first time) ..."
mkdir .venv
: >.venv/made-from
if command -v uv >/dev/null; then
    run uv venv -q --allow-existing --python "$(command -v $python)" .venv &&
        run uv pip install -q --python .venv/bin/python --require-hashes -r requirements.txt
else
    pip="-m pip install -q --disable-pip-version-check --no-compile --retries 2"
    run $python -m venv --without-pip .venv &&
        run .venv/bin/python -m ensurepip --default-pip &&
        run .venv/bin/python $pip "$(grep -o '^pip==[0-9.]*' requirements.txt)" &&
        run .venv/bin/python $pip --require-hashes -r requirements.txt
fi || die "the packages could not be installed: $(why) Nothing was left behind; try again."
run .venv/bin/python -c "import mxnet" || die "MXNet was installed and does not start: $(tail -n 1 "$log")"

made_from >.venv/made-from || die "the disk is full; nothing was left behind."
rm -rf .venv.old "$log"
trap - EXIT
