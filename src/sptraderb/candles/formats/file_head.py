"""The first part of a file, looked at once by every recogniser."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sptraderb.errors import InvalidInput

HEAD_BYTES = 256 * 1024
_DELIMITERS = ("\t", ";", ",", "|")
_BOM = "\ufeff"


@dataclass(frozen=True, kw_only=True)
class FileHead:
    """Name and first bytes of a file.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Its name as the user gave it (an upload's own name), which may say symbol, timeframe and side.
    data : bytes
        Its first bytes, 256 KiB at most.
    """

    path: Path
    name: str
    data: bytes

    @cached_property
    def is_text(self) -> bool:
        """Whether the bytes can be a table in ASCII or UTF-8."""
        return b"\x00" not in self.data

    @cached_property
    def lines(self) -> list[str]:
        """Whole lines of the head without their ends, at most 2,000, as written."""
        text = self.data.decode("utf-8", errors="replace").removeprefix(_BOM)
        lines = text.splitlines()
        if len(self.data) >= HEAD_BYTES:
            lines = lines[:-1]
        return lines[:2000]

    @cached_property
    def has_quotes(self) -> bool:
        """Whether double quotes stand around fields or lines."""
        return b'"' in self.data

    @cached_property
    def n_preamble(self) -> int:
        """Lines before the table: comments, an address, blanks, a title without figures."""
        for index, line in enumerate(self.lines):
            stripped = line.strip().strip('"')
            if not stripped or stripped.startswith("#") or "://" in stripped or "www." in stripped.lower():
                continue
            return index
        return len(self.lines)

    @cached_property
    def delimiter(self) -> str:
        """The character that splits the table: the one most rows have alike; tab, ``;``, ``,`` or ``|``."""
        rows = [line for line in self.lines[self.n_preamble + 1 : self.n_preamble + 60] if line.strip()]
        rows = rows or self.lines[self.n_preamble :]
        counts = {mark: sorted(row.count(mark) for row in rows) for mark in _DELIMITERS}
        for mark in _DELIMITERS:
            found = counts[mark]
            if found and found[len(found) // 2] >= 4:
                return mark
        return ","

    def fields(self, line: str) -> list[str]:
        """Return a line's fields without quotes and blanks around them."""
        return [field.strip() for field in line.replace('"', "").split(self.delimiter)]

    @cached_property
    def first_row(self) -> list[str]:
        """Fields of the first line of the table: names, or values where there is no header."""
        if self.n_preamble >= len(self.lines):
            return []
        return self.fields(self.lines[self.n_preamble])

    @cached_property
    def has_header(self) -> bool:
        """Whether the first line holds names: no field of it begins with a digit."""
        return bool(self.first_row) and not any(field[:1].isdigit() for field in self.first_row if field)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Column names in lower case without ``<>``, or none."""
        if not self.has_header:
            return ()
        return tuple(field.strip("<>").strip().lower().replace(" ", "_") for field in self.first_row)

    @cached_property
    def skip_lines(self) -> int:
        """Lines before the first row of values."""
        return self.n_preamble + (1 if self.has_header else 0)

    @cached_property
    def rows(self) -> list[list[str]]:
        """Fields of the first rows of values that are as many as most rows have, at most 1,000."""
        lines = self.lines[self.skip_lines : self.skip_lines + 1000]
        rows = [self.fields(line) for line in lines if line.strip() and not line.startswith("#")]
        if not rows:
            return []
        counts = sorted(len(row) for row in rows)
        usual = counts[len(counts) // 2]
        return [row for row in rows if len(row) == usual]


def read_head(path: Path, *, name: str | None = None) -> FileHead:
    """Read the first part of a file.

    Raises
    ------
    InvalidInput
        ``import.file_unreadable``, ``import.file_empty``.
    """
    try:
        with path.open("rb") as file:
            data = file.read(HEAD_BYTES)
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise InvalidInput(
            "import.file_unreadable", f"the file must be readable: {path.name}: {reason}"
        ) from None
    if not data.strip():
        raise InvalidInput("import.file_empty", f"the file must hold candles, {name or path.name} is empty")
    return FileHead(path=path, name=name or path.name, data=data)
