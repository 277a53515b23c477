"""Coverage: every bar counts in one cell, and closed markets expect nothing."""

from itertools import pairwise

import numpy as np
import pytest

from sptraderb.candles.check import check_candles
from sptraderb.candles.coverage import measure_coverage
from sptraderb.cli.candles_command import picture, quality_lines
from sptraderb.domain.candle import PRICE_COLUMNS, Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.timeframe import H1, M1, Timeframe
from sptraderb.testing.candle_files import moving_candles

BTCUSDT = SEEDED_INSTRUMENTS["BTCUSDT"]


def without(candles: Candles, first: int, last: int) -> Candles:
    """Return candles without the rows of a stretch."""
    names = ("time_s", *PRICE_COLUMNS, "volume")
    columns = {name: np.delete(getattr(candles, name), slice(first, last)) for name in names}
    return Candles.from_columns(columns, instrument=candles.instrument, timeframe=candles.timeframe)


@pytest.mark.parametrize("n_cells", [1, 7, 60, 10_000])
@pytest.mark.parametrize("timeframe", [M1, H1])
def test_coverage_when_measured_then_every_bar_is_in_one_cell(timeframe: Timeframe, n_cells: int) -> None:
    """Cells join without hole, their bars add up to the series, none has more than are expected."""
    candles = moving_candles(3_000, timeframe=timeframe)
    cells = measure_coverage(candles, n_cells=n_cells)
    assert sum(cell.n_bars for cell in cells) == len(candles.time_s)
    assert all(one.to_s == other.from_s for one, other in pairwise(cells))
    assert (cells[0].from_s, cells[-1].to_s) == (
        candles.time_s[0], candles.time_s[-1] + timeframe.seconds,
    )  # fmt: skip
    assert all(cell.n_bars <= cell.n_expected for cell in cells)


def test_coverage_when_the_market_is_closed_then_nothing_is_expected() -> None:
    """An FX weekend is no hole: its cells expect no bar, the others are whole."""
    cells = measure_coverage(moving_candles(500, timeframe=H1), n_cells=10_000)
    assert {cell.share for cell in cells} == {None, 1.0}
    assert sum(cell.share is None for cell in cells) > 40


def test_coverage_when_bars_lack_then_their_cells_say_so() -> None:
    """A stretch taken out is empty, its neighbours are whole."""
    candles = without(moving_candles(1_000, instrument=BTCUSDT), 400, 600)
    shares = [cell.share for cell in measure_coverage(candles, n_cells=10)]
    assert shares == [1, 1, 1, 1, 0, 0, 1, 1, 1, 1]


def test_quality_lines_when_drawn_then_grade_gap_and_picture() -> None:
    """The picture has a mark for each cell: whole, empty, closed."""
    candles = without(moving_candles(1_000, instrument=BTCUSDT), 400, 600)
    assert picture(measure_coverage(candles, n_cells=5)) == (
        "[green]█[/][green]█[/][red]·[/][green]█[/][green]█[/]"
    )
    lines = quality_lines(candles, check_candles(candles))
    assert lines[0].startswith("[bold]BTCUSDT 1m bid[/]: grade [bold]F[/], 800 bars")
    assert any("200 bars" in line and "gap" in line for line in lines)
