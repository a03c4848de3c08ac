#!/bin/sh
# Resolve requirements.in and requirements-frameworks.in into their locks for the platforms named in pyproject.toml.
set -eu
# What the caller has set must lead neither elsewhere nor to other packages.
unset CDPATH PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONWARNINGS PIP_CONSTRAINT PIP_PREFIX PIP_ROOT PIP_TARGET PIP_USER
unset UV_CONSTRAINT UV_EXCLUDE_NEWER UV_OVERRIDE UV_PRERELEASE UV_RESOLUTION
cd "$(dirname "$0")/.."

die() {
    echo "error: $*; the locks are as they were" >&2
    exit 1
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP
if command -v uv >/dev/null; then
    uv=uv
else
    echo "Fetching uv for this one run ..."
    { python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install -q --disable-pip-version-check uv; } ||
        die "uv could not be had: the lines above say why"
    uv=$folder/venv/bin/uv
fi
# What the second one constrains is read where it lies; the platforms, in the folder where uv works.
cp pyproject.toml requirements.in requirements.txt requirements-frameworks.in requirements-frameworks.txt "$folder"
for name in requirements requirements-frameworks; do
    echo "Resolving $name.in ..."
    "$uv" --directory "$folder" pip compile $name.in --quiet --upgrade --universal --generate-hashes \
        --no-strip-extras --python-version 3.11 --custom-compile-command "make lock" --output-file $name.txt ||
        die "$name.in could not be resolved: the lines above say why"
done
cp "$folder/requirements.txt" requirements.txt.new && cp "$folder/requirements-frameworks.txt" \
    requirements-frameworks.txt.new || die "the locks could not be written"
mv requirements.txt.new requirements.txt && mv requirements-frameworks.txt.new requirements-frameworks.txt
