"""Run benches: ``python -m bench`` all of them, ``python -m bench server`` those named."""

import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> None:
    """Run each ``bench_NAME.py`` asked for as a program."""
    names = sys.argv[1:]
    files = {path.stem.removeprefix("bench_"): path for path in sorted(FOLDER.glob("bench_*.py"))}
    unknown = sorted(set(names) - set(files))
    if unknown:
        sys.exit(f"a bench must be one of {' '.join(files)}, was {' '.join(unknown)}")
    sys.argv[1:] = []
    for name in names or files:
        print(f"== {name}")
        runpy.run_path(str(files[name]), run_name="__main__")


if __name__ == "__main__":
    main()
