"""Files as vendors pack them: gzip, bzip2, xz and zip are unpacked, UTF-16 becomes UTF-8, before all else.

What comes out is a file of its own, written piece by piece and gone with the import. MetaTrader 5 exports
UTF-16; HistData, Binance and LEAN hand out archives with one table, HistData's with a text about its gaps.
"""

import bz2
import codecs
import fcntl
import gzip
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from sptraderb.candles.file_name import read_file_name
from sptraderb.errors import Conflict, InvalidInput, TooLarge

MAX_RATIO = 200
FREE_BYTES = 2**30
"""What may come out of a small archive; more than that only at `MAX_RATIO` times its size."""

_PIECE_BYTES = 2**20
_GZIP, _BZIP2, _XZ, _ZIP = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"PK\x03\x04"
_STREAMS: dict[bytes, Callable[[IO[bytes]], gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile]] = {
    _GZIP: lambda packed: gzip.GzipFile(fileobj=packed),
    _BZIP2: bz2.BZ2File,
    _XZ: lzma.LZMAFile,
}
_STREAM_SUFFIXES = (".gz", ".bz2", ".xz", ".zip")
_TABLE_SUFFIXES = (".csv", ".json", ".parquet", ".feather", ".arrow", ".tsv", ".prn", ".txt")
_TEXT_SUFFIX = ".txt"
_DAMAGE = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
)

OnBytes = Callable[[int, int], None]


class Source(Protocol):
    """What bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """Give the next bytes, none at the end."""
        ...


class Target(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> int:
        """Take bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFile:
    """A file whose rows can be read.

    Parameters
    ----------
    path : Path
        The file itself, or what came out of it.
    name : str
        Its name, for what names say: that of the table where an archive held it.
    """

    path: Path
    name: str


@contextmanager
def plain_file(
    path: Path,
    *,
    name: str = "",
    folder: Path | None = None,
    on_bytes: OnBytes | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[PlainFile]:
    """Give a file as the importer reads it: the file itself where it is packed in no way.

    Parameters
    ----------
    path : Path
        As it came.
    name : str
        Its name as the user gave it; the path's own when empty.
    folder : Path or None
        Where to unpack to; the system's temporary folder when None. What is there is locked while it is used.
    on_bytes : callable, optional
        Told (bytes read, bytes in all) of what is unpacked or turned to UTF-8.
    should_stop : callable, optional
        Asked after each piece.

    Raises
    ------
    InvalidInput
        ``import.archive_damaged``, ``import.archive_many``, ``import.file_unreadable``.
    TooLarge
        ``import.archive_too_large``.
    Conflict
        ``import.cancelled``.
    """
    known = name or path.name
    with ExitStack() as stack:
        found = PlainFile(path=path, name=known)
        for step in (_unpack, _to_utf8):
            start = _start(found.path)
            with ExitStack() as reading:
                raw = reading.enter_context(found.path.open("rb"))
                work = step(found.name, start, raw, reading)
                if work is None:
                    continue
                target = stack.enter_context(
                    tempfile.NamedTemporaryFile(dir=folder, prefix="sptraderb-", suffix=".upload")
                )
                fcntl.flock(target, fcntl.LOCK_EX)
                meter = _Meter(raw, found.path.stat().st_size, on_bytes, should_stop)
                _copy(work, target, meter)
                target.flush()
            found = PlainFile(path=Path(target.name), name=work.name)
        yield found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What is to be read, the name it has, and its encoding where it must be turned."""

    source: Source
    name: str
    encoding: str | None = None


def _unpack(name: str, start: bytes, raw: IO[bytes], stack: ExitStack) -> _Work | None:
    stem = name
    if stem.lower().endswith(_STREAM_SUFFIXES):
        stem = stem.rpartition(".")[0]
    for magic, opened in _STREAMS.items():
        if start.startswith(magic):
            return _Work(source=stack.enter_context(opened(raw)), name=stem)
    if not start.startswith(_ZIP):
        return None
    with _damage_told(name):
        archive = stack.enter_context(zipfile.ZipFile(raw))
        member = _table_of(archive, name)
        inner = PurePosixPath(member.filename).name
        # LEAN's `eurusd.zip` holds `eurusd.csv`, others a `data.csv` that says nothing.
        says = read_file_name(inner).symbol is not None
        return _Work(
            source=stack.enter_context(archive.open(member)), name=inner if says else f"{stem}_{inner}"
        )


def _table_of(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    held = [
        one
        for one in archive.infolist()
        if not one.is_dir() and not one.filename.startswith("__MACOSX") and one.file_size
    ]
    tables = [one for one in held if one.filename.lower().endswith(_TABLE_SUFFIXES)]
    # A text beside a table tells of the table.
    better = [one for one in tables if not one.filename.lower().endswith(_TEXT_SUFFIX)]
    for choice in (better, tables, held):
        if len(choice) == 1:
            return choice[0]
    names = ", ".join(sorted(one.filename for one in (better or tables or held))[:5])
    raise InvalidInput(
        "import.archive_many",
        f"an archive must hold one file of candles, {name} holds {len(better or tables or held)}: {names}",
        hint="unpack it and import the files one by one",
    )


def _to_utf8(name: str, start: bytes, raw: IO[bytes], _stack: ExitStack) -> _Work | None:
    encoding = utf16_of(start)
    return None if encoding is None else _Work(source=raw, name=name, encoding=encoding)


def utf16_of(start: bytes) -> str | None:
    """Return the name of the UTF-16 a text begins in, by its mark or by its digits' zero bytes, or None."""
    if start.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if start.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    sample = start[: len(start) // 2 * 2]
    low, high = sample[0::2], sample[1::2]
    if len(sample) < 16 or b"\x00\x00" in sample[:16]:
        return None
    if not any(high) and all(low):
        return "utf-16-le"
    return "utf-16-be" if not any(low) and all(high) else None


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(256)
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise InvalidInput(
            "import.file_unreadable", f"the file must be readable: {path.name}: {reason}"
        ) from None


class _Meter:
    """Watches what goes in and out: progress, a stop, and archives that grow without end."""

    def __init__(
        self, raw: IO[bytes], size: int, on_bytes: OnBytes | None, should_stop: Callable[[], bool] | None
    ) -> None:
        self._raw, self._size = raw, max(1, size)
        self._on_bytes, self._should_stop = on_bytes, should_stop
        self._n_out = 0

    def take(self, n_bytes: int) -> None:
        """Take the next piece that came out."""
        self._n_out += n_bytes
        if self._should_stop is not None and self._should_stop():
            raise Conflict("import.cancelled", "an import runs to its end unless it is cancelled, it was")
        if self._n_out > max(FREE_BYTES, MAX_RATIO * self._size):
            raise TooLarge(
                "import.archive_too_large",
                f"what an archive holds must be at most {MAX_RATIO} times its size, it is more",
            )
        if self._on_bytes is not None:
            self._on_bytes(min(self._raw.tell(), self._size), self._size)


def _copy(work: _Work, target: Target, meter: _Meter) -> None:
    encoding = work.encoding
    decoder = None if encoding is None else codecs.getincrementaldecoder(encoding)(errors="replace")
    with _damage_told("the file"):
        while True:
            piece = work.source.read(_PIECE_BYTES)
            meter.take(len(piece))
            if decoder is None:
                target.write(piece)
            else:
                text = decoder.decode(piece, final=not piece)
                target.write(text.encode("utf-8"))
            if not piece:
                return


@contextmanager
def _damage_told(name: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InvalidInput(
            "import.archive_damaged", f"an archive must be whole and without a password, {name}: {reason}"
        ) from None
