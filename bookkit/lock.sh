#!/bin/sh
# Resolve requirements.in into requirements.txt for the platforms named in pyproject.toml.
set -eu
# What the caller has set must lead neither elsewhere nor to other packages.
unset CDPATH PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONWARNINGS PIP_CONSTRAINT PIP_PREFIX PIP_ROOT PIP_TARGET PIP_USER
unset UV_CONSTRAINT UV_EXCLUDE_NEWER UV_OVERRIDE UV_PRERELEASE UV_RESOLUTION
cd "$(dirname "$0")/.."

die() {
    echo "error: $*; requirements.txt is as it was" >&2
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
echo "Resolving requirements.in ..."
cp requirements.txt "$folder"
"$uv" pip compile requirements.in --quiet --upgrade --universal --generate-hashes --no-strip-extras --python-version 3.11 \
    --custom-compile-command "make lock" --output-file "$folder/requirements.txt" ||
    die "requirements.in could not be resolved: the lines above say why"
cp "$folder/requirements.txt" requirements.txt.new && mv requirements.txt.new requirements.txt ||
    die "the lock could not be written"
