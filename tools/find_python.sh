#!/bin/sh
# Prints the first interpreter that can build the environment: Python 3.11 or newer with venv and
# ensurepip (Debian and Ubuntu ship python3 without the latter). PYTHON=... names the only one to try.
# Exit 2 with one sentence when there is none.
set -u
check='import sys
if sys.version_info < (3, 11):
    raise SystemExit(1)
import venv, ensurepip'

if [ -n "${PYTHON:-}" ]; then
    candidates=$PYTHON
else
    candidates='python3 python3.13 python3.12 python3.11 python3.14'
fi
for candidate in $candidates; do
    if "$candidate" -c "$check" >/dev/null 2>&1; then
        command -v "$candidate"
        exit 0
    fi
done
echo 'Python 3.11 or newer with venv is needed. Debian, Ubuntu: sudo apt-get install python3-venv' >&2
exit 2
