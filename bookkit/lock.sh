#!/bin/sh
# Resolve requirements.in into requirements.txt for the platforms named in pyproject.toml.
set -eu
cd "$(dirname "$0")/.."
if command -v uv >/dev/null; then
    uv=uv
else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    echo "Fetching uv for this one run ..."
    python3 -m venv "$folder"
    "$folder/bin/pip" install -q --disable-pip-version-check uv
    uv=$folder/bin/uv
fi
echo "Resolving requirements.in ..."
"$uv" pip compile requirements.in --quiet --upgrade --universal --generate-hashes --no-strip-extras --python-version 3.11 \
    --custom-compile-command "make lock" --output-file requirements.txt
