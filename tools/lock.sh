#!/bin/sh
# Compiles requirements/*.txt again from pyproject.toml: pinned and hashed, one file for every promised
# Python and platform. Existing pins are kept unless `--upgrade` is given.
set -eu
cd "$(dirname "$0")/.."
compile() {
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes "$@"
}
compile pyproject.toml -o requirements/run.txt ${1+"$@"}
compile --group dev pyproject.toml -c requirements/run.txt -o requirements/dev.txt ${1+"$@"}
compile requirements/build.in -o requirements/build.txt ${1+"$@"}
compile --no-deps requirements/web.in -o requirements/web.txt ${1+"$@"}
