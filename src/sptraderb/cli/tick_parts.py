"""Folders of tick parts: all JSON files below one, joined into one file for the importer."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sptraderb.errors import InvalidInput

_NAME_PARTS = 6


@contextmanager
def joined_parts(paths: Sequence[Path]) -> Iterator[list[tuple[Path, str]]]:
    """Give files to import and their names: what is no folder as it is, a folder as one file.

    Parameters
    ----------
    paths : sequence of Path
        Files, and folders with ``*.json`` parts at any depth, such as ``ticks/EURUSD/2025/08/24``.

    Raises
    ------
    InvalidInput
        ``import.file_empty`` for a folder without parts.
    """
    with ExitStack() as stack:
        yield [(_joined(path, stack), _name(path)) if path.is_dir() else (path, "") for path in paths]


def _joined(folder: Path, stack: ExitStack) -> Path:
    parts = sorted(folder.rglob("*.json"))
    if not parts:
        raise InvalidInput(
            "import.file_empty", f"a folder must hold *.json parts of ticks, {folder} has none"
        )
    temporary = tempfile.NamedTemporaryFile(prefix="sptraderb-ticks-")  # noqa: SIM115  the stack closes it
    target = stack.enter_context(temporary)
    for part in parts:
        with part.open("rb") as file:
            shutil.copyfileobj(file, target)
        target.write(b"\n")
    target.flush()
    return Path(target.name)


def _name(folder: Path) -> str:
    """Return the folder's last parts as a file's name, which may say the symbol."""
    return "_".join(folder.resolve().parts[-_NAME_PARTS:]).strip("/_")
