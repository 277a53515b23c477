#!/bin/sh
# Makes `.venv` ready: `sh tools/set_up.sh run` for what the program needs, `dev` for tests and checks
# as well. Finds a Python, then hands over to set_up.py.
set -u
cd "$(dirname "$0")/.." || exit 2
python=$(sh tools/find_python.sh) || exit 2
exec "$python" -I tools/set_up.py "$@"
