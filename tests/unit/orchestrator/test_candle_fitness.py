"""How good candles must be for each mode."""

import numpy as np
import pytest

from sptraderb.domain.backtest import Mode
from sptraderb.domain.candle import Candles, Gap, QualityReport
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.timeframe import H1
from sptraderb.errors import CandlesUnusable
from sptraderb.orchestrator.candle_fitness import require_fit

NAMES = ("open_ticks", "high_ticks", "low_ticks", "close_ticks")
CANDLES = Candles.from_columns(
    {"time_s": np.array([0, 3600]), **dict.fromkeys(NAMES, np.array([5, 5]))},
    instrument=SEEDED_INSTRUMENTS["EURUSD"],
    timeframe=H1,
)
CLEAN = QualityReport(n_bars=2)
MISALIGNED = QualityReport(n_bars=2, n_misaligned=1)
GAPPED = QualityReport(n_bars=2, n_missing=3, gaps=(Gap(after_s=0, before_s=3600, missing_bars=3),))


@pytest.mark.parametrize(
    ("report", "mode", "tiers"),
    [
        (MISALIGNED, Mode.RESEARCH, ()),
        (GAPPED, Mode.RESEARCH, ("user",)),
        (GAPPED, Mode.PAPER, ("user",)),
        (CLEAN, Mode.LIVE, ("verified",)),
    ],
)
def test_require_fit_when_the_mode_allows_it_then_silent(
    report: QualityReport, mode: Mode, tiers: tuple[str, ...]
) -> None:
    """Research takes candles as they are, paper bears gaps, live takes the best only."""
    require_fit(CANDLES, report, mode, tiers=tiers)


@pytest.mark.parametrize(
    ("report", "mode", "tiers", "word"),
    [
        (MISALIGNED, Mode.PAPER, (), "1 are off it"),
        (MISALIGNED, Mode.LIVE, ("verified",), "1 are off it"),
        (GAPPED, Mode.LIVE, ("verified",), "3 bars lack"),
        (CLEAN, Mode.LIVE, ("verified", "user"), "user, verified"),
        (CLEAN, Mode.LIVE, (), "no known source"),
    ],
)
def test_require_fit_when_the_mode_forbids_it_then_refused_with_what_was_found(
    report: QualityReport, mode: Mode, tiers: tuple[str, ...], word: str
) -> None:
    """A refused run says what and where."""
    with pytest.raises(CandlesUnusable, match=word) as caught:
        require_fit(CANDLES, report, mode, tiers=tiers)
    assert caught.value.code == "candles.not_fit"
