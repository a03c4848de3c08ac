#!/bin/sh
# Make .venv-frameworks, which sees all of .venv and has PyTorch and JAX beside it, unless the one that is there is that.
set -eu
unset CDPATH
cd "$(dirname "$0")/.."
. bookkit/common.sh

TORCH=2.2.2 # the last one that has builds for all of these machines and NumPy 1.23
SYSTEM=${SYSTEM_PACKAGES-/usr/lib/python3/dist-packages}
KERNEL=.venv/share/jupyter/kernels/frameworks/kernel.json

made_from() { pwd && cat requirements.txt requirements-frameworks.txt bookkit/frameworks.sh; }

if [ -e $KERNEL ] && made_from | cmp -s - .venv-frameworks/made-from; then exit 0; fi

if [ -L .venv-frameworks ] || { [ -e .venv-frameworks ] && [ ! -f .venv-frameworks/made-from ]; }; then
    echo "error: .venv-frameworks was not made by this set-up and is left as it is; move it away, then try again." >&2
    exit 1
fi

log=$(mktemp)
new=$(mktemp -d .venv-frameworks.XXXXXX)
trap 'rm -rf "$new" "$log"' EXIT
trap stop INT TERM HUP
die() {
    reason=$(grep -i -m 1 error "$log" || tail -n 1 "$log")
    echo "error: $1: $reason. Nothing was left behind; try again." >&2
    exit 1
}
pip() {
    run "$new/bin/python" -m pip install -q --disable-pip-version-check --no-compile --retries 2 "$@"
}

echo "Setting up .venv-frameworks from requirements-frameworks.txt (a minute or two) ..."
run .venv/bin/python -m venv --without-pip "$new" || die "no environment could be made"
packages=$(echo "$new"/lib/python3*/site-packages)
printf "%s\n" "$(pwd)/$(echo .venv/lib/python3*/site-packages)" "$(pwd)/parity" >"$packages/book.pth"
pip --require-hashes -r requirements-frameworks.txt || die "the packages could not be installed"

# Which build of PyTorch suits depends on the machine: Debian's, where this Python can load it; on macOS that of the
# package index; elsewhere the one without CUDA, which PyTorch keeps in an index that uv knows.
starts() { run "$new/bin/python" -c "import torch"; }
borrow() {
    for part in torch torchgen functorch; do
        if [ -e "$SYSTEM/$part" ]; then ln -s "$SYSTEM/$part" "$packages"; fi
    done
    starts || { rm -f "$packages/torch" "$packages/torchgen" "$packages/functorch" && false; }
}
fetch() {
    case $(uname -s) in
    Darwin) pip --no-deps "torch==$TORCH" ;;
    *)
        pip --target "$new/uv" uv &&
            run "$new/uv/bin/uv" pip install -q --python "$new/bin/python" --no-deps --torch-backend cpu "torch==$TORCH" &&
            rm -rf "$new/uv"
        ;;
    esac && starts
}
borrow || fetch || die "PyTorch could not be had (Debian 12: apt-get install python3-torch)"

mkdir -p "$(dirname $KERNEL)"
cat >"$new/kernel.json" <<END
{
    "argv": ["$(pwd)/.venv-frameworks/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "display_name": "Python 3 (PyTorch, JAX)",
    "language": "python"
}
END
mv "$new/kernel.json" $KERNEL
made_from >"$new/made-from"
chmod 755 "$new"
rm -rf .venv-frameworks
mv "$new" .venv-frameworks
rm -f "$log"
trap - EXIT
