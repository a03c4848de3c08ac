#!/bin/sh
# Make .venv from requirements.txt, unless the one that is there was made from it.
set -eu
cd "$(dirname "$0")/.."

die() {
    echo "error: $*" >&2
    exit 1
}

made_from() { pwd && cat requirements.txt; }

if [ -x .venv/bin/python ] && made_from | cmp -s - .venv/made-from; then
    exit 0
fi

platform="$(uname -s) $(uname -m)"
case $platform in
"Linux x86_64" | "Darwin x86_64") ;;
*) die "MXNet 1.9.1 runs on x86-64 Linux and x86-64 macOS, not on $platform. Open the book on Binder, or work in an x86-64 Linux container (docker run --platform linux/amd64) or in WSL." ;;
esac

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

if [ "$platform" = "Linux x86_64" ]; then
    for library in libgomp.so.1 libquadmath.so.0; do
        $python -c "import ctypes; ctypes.CDLL('$library')" 2>/dev/null ||
            die "MXNet needs $library, which this system lacks. Debian, Ubuntu: apt-get install libgomp1 libquadmath0; Fedora: dnf install libgomp libquadmath."
    done
fi

# Whatever happens below, a whole .venv stays a whole .venv and a half-made one goes.
put_back() {
    rm -rf .venv
    if [ -e .venv.old ]; then mv .venv.old .venv; fi
}
trap put_back EXIT
trap 'exit 130' INT TERM HUP
if [ -e .venv/made-from ]; then
    rm -rf .venv.old
    mv .venv .venv.old
fi
rm -rf .venv

echo "Setting up .venv from requirements.txt (a minute, or a few the first time) ..."
if command -v uv >/dev/null; then
    uv venv -q --python "$(command -v $python)" .venv &&
        uv pip install -q --python .venv/bin/python --require-hashes -r requirements.txt
else
    $python -m venv .venv 2>/dev/null ||
        die "$python cannot make a virtual environment. Debian, Ubuntu: apt-get install python3.11-venv."
    pip=".venv/bin/python -m pip install -q --disable-pip-version-check --no-compile --retries 2"
    $pip "$(grep -o '^pip==[0-9.]*' requirements.txt)" &&
        $pip --require-hashes -r requirements.txt
fi || die "the packages could not be installed: the lines above say why (often there is no network). Nothing was left behind; try again."
.venv/bin/python -c "import mxnet" || die "MXNet was installed and does not start: the line above says why."

made_from >.venv/made-from
rm -rf .venv.old
trap - EXIT
