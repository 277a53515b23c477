"""Ticks become minutes of both sides: in order, each tick once, none lost in silence."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from sptraderb.candles.formats import tick_json
from sptraderb.candles.formats.file_head import read_head
from sptraderb.candles.formats.recognise import recognise
from sptraderb.candles.row_block import RowBlock
from sptraderb.candles.row_faults import RowFault
from sptraderb.domain.instrument import CandleSide

START_S = 1_756_072_800
PARTS = (
    [(0.032, "1.17218", "1.17241"), (0.186, "1.1722", "1.17241"), (59.999, "1.17210", "1.17230")],
    [(0.186, "1.1722", "1.17241"), (30.5, "1.17300", "1.17310"), (60.0, "1.17211", "1.17231")],
    [(120.25, "1.17000", "1.17010")],
)


def _text(part: list[tuple[float, str, str]]) -> str:
    rows = [f'{{"timestamp":{START_S + at:.3f},"bid":{bid},"ask":{ask}}}' for at, bid, ask in part]
    return f"[{','.join(rows)}]"


def _blocks(path: Path, text: str) -> list[RowBlock]:
    path.write_text(text)
    found = recognise(read_head(path))
    assert (found.format, found.side, found.timeframe) == ("ticks", CandleSide.BOTH, "1m")
    return list(found.read_blocks(path, 5))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_ticks_when_parts_overlap_in_any_order_then_the_same_minutes(
    order: tuple[int, ...], tmp_path: Path
) -> None:
    """Bid and ask of each minute, however the parts follow each other; a repeated tick counts once."""
    (block,) = _blocks(tmp_path / "EURUSD.json", "\n".join(_text(PARTS[index]) for index in order))
    assert block.time_s.tolist() == [START_S, START_S + 60, START_S + 120]
    assert block.prices[:, 0].tolist() == [
        117_218, 117_300, 117_210, 117_210, 117_241, 117_310, 117_230, 117_230,
    ]  # fmt: skip
    assert block.volume.tolist() == [4, 1, 1]
    assert block.n_skipped == 1
    assert not block.faults.any()


def test_ticks_when_some_are_bad_then_named_and_the_others_kept(tmp_path: Path) -> None:
    """A tick that cannot be read keeps its number and its reason."""
    bad = [
        (1, "1.2", "1.1"), (2, "0", "1.1"), (3, "1.1234567", "1.2"), (4, '"x"', "1.2"),
    ]  # fmt: skip
    text = _text([PARTS[2][0], *bad]).replace("]", ',{"time":1}]')
    good, refused = _blocks(tmp_path / "EURUSD.json", text)
    assert len(good) == 1
    assert refused.line.tolist() == [2, 3, 4, 5, 6]
    assert [RowFault(int(fault)).word for fault in refused.faults] == [
        "bid_over_ask", "not_positive", "off_grid", "price", "fields",
    ]  # fmt: skip


def test_ticks_when_read_in_small_pieces_then_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a piece of the file ends is of no matter."""
    text = "\n".join(_text(part) for part in PARTS)
    (whole,) = _blocks(tmp_path / "EURUSD.json", text)
    monkeypatch.setattr(tick_json, "CHUNK_BYTES", 100)
    (pieces,) = _blocks(tmp_path / "EURUSD.json", text)
    assert np.array_equal(whole.prices, pieces.prices)


@pytest.mark.parametrize("folder", ["EURUSD/2025/08/24", "AUDUSD/2024/12/25", "AUDUSD/2024/03/24"])
def test_real_parts_when_joined_then_every_distinct_tick_counts_once(
    folder: str, shared_data: Path, tmp_path: Path
) -> None:
    """The parts of a real day, joined, give the minutes that a plain loop over their ticks gives."""
    files = sorted((shared_data / "raw_samples" / "ticks_json" / "ticks" / folder).glob("*.json"))
    texts = [file.read_text() for file in files]
    blocks = _blocks(tmp_path / "day.json", "\n".join(texts))
    distinct: dict[tuple[str, str, str], None] = {}
    for text in texts:
        for row in json.loads(text, parse_float=str, parse_int=str):
            distinct[row["timestamp"], row["bid"], row["ask"]] = None
    minutes: dict[int, list[tuple[float, int]]] = {}
    for at, bid, _ask in distinct:
        second = float(at)
        minutes.setdefault(int(second) // 60 * 60, []).append((second, round(float(bid) * 100_000)))
    (block,) = blocks
    assert block.time_s.tolist() == sorted(minutes)
    assert block.volume.tolist() == [len(minutes[minute]) for minute in sorted(minutes)]
    assert block.prices[1].tolist() == [max(bid for _, bid in minutes[m]) for m in sorted(minutes)]
