"""How good candles must be for a mode: research notes, paper and live refuse (DATA, quality in a run)."""

from collections.abc import Collection

from sptraderb.domain.backtest import Mode
from sptraderb.domain.candle import Candles, QualityReport
from sptraderb.errors import CandlesUnusable

VERIFIED = "verified"


def require_fit(candles: Candles, report: QualityReport, mode: Mode, *, tiers: Collection[str] = ()) -> None:
    """Refuse candles that a mode does not allow.

    Parameters
    ----------
    candles : Candles
        Ordered and sound already, by their constructor.
    report : QualityReport
        What was found in them.
    mode : Mode
        ``research`` takes them as they are; ``paper`` needs every bar on the timeframe's grid; ``live``
        needs them free of gaps and verified as well.
    tiers : collection of str
        Trust tiers of the imports the candles come from.

    Raises
    ------
    CandlesUnusable
        ``candles.not_fit``, saying what and where.
    """
    if mode is Mode.RESEARCH:
        return
    symbol = candles.instrument.symbol
    if report.n_misaligned:
        raise CandlesUnusable(
            "candles.not_fit",
            f"mode `{mode}` needs every bar of {symbol} on the {candles.timeframe} grid, "
            f"{report.n_misaligned} are off it",
            n_misaligned=report.n_misaligned,
        )
    if mode is Mode.LIVE and report.n_missing:
        gaps = [{"after_s": gap.after_s, "before_s": gap.before_s} for gap in report.gaps[:10]]
        raise CandlesUnusable(
            "candles.not_fit",
            f"mode `live` needs {symbol} {candles.timeframe} without gaps, {report.n_missing} bars lack",
            n_missing=report.n_missing,
            gaps=gaps,
        )
    if mode is Mode.LIVE and (not tiers or set(tiers) - {VERIFIED}):
        found = ", ".join(sorted(tiers)) or "of no known source"
        raise CandlesUnusable(
            "candles.not_fit",
            f"mode `live` needs {symbol} {candles.timeframe} from verified imports only, found {found}",
            tiers=sorted(tiers),
        )
