"""What the API process loads: never the libraries that compute."""

import subprocess
import sys

HEAVY = (
    "numba",
    "llvmlite",
    "talib",
    "pandas",
    "pyarrow",
    "scipy",
    "polars",
    "polyfactory",
    "faker",
    "arro3",
)
PROGRAM = f"""
import sys
from types import SimpleNamespace
from sptraderb.api.app import create_app
from sptraderb.api.server import server_config
import sptraderb.bootstrap
from sptraderb.settings import Settings

settings = Settings.from_environ({{"DATABASE_URL": "postgres://x", "DATA_DIR": "x"}})
app = create_app(SimpleNamespace(settings=settings))
app.openapi_schema.to_schema()
server_config(app, host="127.0.0.1", port=0).load()
print(",".join(sorted(set({HEAVY!r}) & set(sys.modules))))
"""


def test_api_when_loaded_then_nothing_heavy_is_imported() -> None:
    """Numba, TA-Lib, pandas and pyarrow would cost the API process a hundred megabytes."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
