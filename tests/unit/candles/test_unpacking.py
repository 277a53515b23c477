"""Packed files and UTF-16: what comes out is the table, and nothing of it stays."""

import bz2
import codecs
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sptraderb.candles.formats import unpacking
from sptraderb.candles.formats.unpacking import plain_file, utf16_of
from sptraderb.errors import Conflict, InvalidInput, TooLarge

TABLE = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\n" + "2024.01.02\t10:00:00\t1\t1\t1\t1\n" * 500


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    """Write an archive and return its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-16-le"])
def test_file_when_packed_and_encoded_then_its_table_comes_out(
    tmp_path: Path, pack: Callable[[bytes], bytes], encoding: str
) -> None:
    """Any packing by its first bytes, any UTF-16 by its mark or zero bytes; the name loses the packing."""
    path = tmp_path / "EURUSD_H1.csv.gz"
    path.write_bytes(pack(TABLE.encode(encoding)))
    with plain_file(path) as found:
        assert found.path.read_text("utf-8").removeprefix("\ufeff") == TABLE
        assert found.name == "EURUSD_H1.csv"
        kept = found.path
    assert not kept.exists()
    assert path.exists()


def test_file_when_plain_then_it_is_the_file_itself(tmp_path: Path) -> None:
    """Nothing is copied without need."""
    path = tmp_path / "plain.csv"
    path.write_text(TABLE)
    with plain_file(path, name="EURUSD_H1.csv") as found:
        assert (found.path, found.name) == (path, "EURUSD_H1.csv")


@pytest.mark.parametrize(
    ("archive", "members", "name"),
    [
        ("HISTDATA.zip", ("DAT_ASCII_EURUSD_M1_2023.csv", "DAT_ASCII_EURUSD_M1_2023.txt"),
         "DAT_ASCII_EURUSD_M1_2023.csv"),
        ("eurusd.zip", ("eurusd.csv", "__MACOSX/._eurusd.csv"), "eurusd.csv"),
        ("BTCUSDT-1m-2025-01.zip", ("deep/BTCUSDT-1m-2025-01.csv",), "BTCUSDT-1m-2025-01.csv"),
        ("EURUSD_1h.zip", ("data.csv",), "EURUSD_1h_data.csv"),
        ("EURUSD_1h.zip", ("table",), "EURUSD_1h_table"),
    ],
)  # fmt: skip
def test_archive_when_it_holds_one_table_then_that_is_read(
    tmp_path: Path, archive: str, members: tuple[str, ...], name: str
) -> None:
    """A text beside the table and what a Mac adds are passed over; the name that says a symbol wins."""
    path = zipped(tmp_path / archive, {member: TABLE.encode() for member in members})
    with plain_file(path) as found:
        assert found.path.read_text() == TABLE
        assert found.name == name


def test_archive_when_it_holds_several_tables_then_refused_with_their_names(tmp_path: Path) -> None:
    """Which one is meant is not guessed."""
    path = zipped(tmp_path / "two.zip", {"EURUSD.csv": b"1,2", "GBPUSD.csv": b"1,2"})
    with pytest.raises(InvalidInput, match=r"EURUSD\.csv, GBPUSD\.csv") as caught, plain_file(path):
        pass
    assert caught.value.code == "import.archive_many"


@pytest.mark.parametrize("name", ["cut.gz", "cut.zip", "cut.xz", "cut.bz2"])
def test_archive_when_cut_then_it_is_said_and_nothing_stays(tmp_path: Path, name: str) -> None:
    """A damaged archive is no table, and what had come out of it is gone."""
    path, scratch = tmp_path / name, tmp_path / "scratch"
    scratch.mkdir()
    if name == "cut.zip":
        zipped(path, {"EURUSD.csv": TABLE.encode()})
        data = path.read_bytes()
    else:
        pack = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}[name[4:]]
        data = pack(TABLE.encode())
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InvalidInput) as caught, plain_file(path, folder=scratch):
        pass
    assert caught.value.code == "import.archive_damaged"
    assert list(scratch.iterdir()) == []


def test_archive_when_it_grows_without_end_then_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bomb stops at the bound; the disk does not fill."""
    monkeypatch.setattr(unpacking, "FREE_BYTES", 4 * 2**20)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(16 * 2**20)))
    with pytest.raises(TooLarge) as caught, plain_file(path, folder=tmp_path):
        pass
    assert caught.value.code == "import.archive_too_large"
    assert list(tmp_path.iterdir()) == [path]


def test_unpacking_when_stopped_then_cancelled(tmp_path: Path) -> None:
    """A cancel need not wait for the end of the archive."""
    path = tmp_path / "EURUSD.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode()))
    with pytest.raises(Conflict) as caught, plain_file(path, should_stop=lambda: True):
        pass
    assert caught.value.code == "import.cancelled"


@pytest.mark.parametrize(
    ("start", "encoding"),
    [
        (codecs.BOM_UTF16_LE + "2024".encode("utf-16-le"), "utf-16-le"),
        (codecs.BOM_UTF16_BE + "2024".encode("utf-16-be"), "utf-16-be"),
        ("2024.01.02\t10".encode("utf-16-le"), "utf-16-le"),
        ("2024.01.02\t10".encode("utf-16-be"), "utf-16-be"),
        (b"2024.01.02\t10:00:00", None),
        (b"\x00" * 64, None),
        (b"PAR1\x15\x04\x15\x00\x15\x00\x4c\x15\x00\x15\x00\x00", None),
        (b"", None),
    ],
)
def test_text_when_looked_at_then_its_utf16_is_known(start: bytes, encoding: str | None) -> None:
    """By the mark, or by every other byte being zero; binary tables are none."""
    assert utf16_of(start) == encoding
