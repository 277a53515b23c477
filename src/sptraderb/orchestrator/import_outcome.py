"""Judging a file that was read, and wording what became of it."""

from dataclasses import replace

from sptraderb.candles.import_report import ImportReport
from sptraderb.candles.row_checks import FLAT_WEEKEND, NOISE, LineTally, RowChecker
from sptraderb.candles.timezones import WeekFit
from sptraderb.domain.candle import QualityReport
from sptraderb.errors import CandlesUnusable, InvalidInput
from sptraderb.orchestrator.import_plan import ImportPlan
from sptraderb.store.candle_import_rows import Applied, Duplicates, StageRange


def checked_weeks(plan: ImportPlan, checker: RowChecker) -> WeekFit | None:
    """Return how a file's weeks look in its zone, or refuse the zone.

    Raises
    ------
    InvalidInput
        ``import.timezone_wrong`` where too many bars lie in the FX weekend, with the zones that would fit.
    """
    if not plan.settled.instrument.keeps_fx_week:
        return None
    fit = checker.hours.fit(plan.zone)
    if not fit.contradicts or plan.options.trust_timezone:
        return fit
    names = [zone.name for zone in checker.hours.fitting()]
    would = f"the zone that would fit is {' or '.join(names)}" if names else "no known zone fits"
    raise InvalidInput(
        "import.timezone_wrong",
        f"no bar may lie between Friday and Sunday 17:00 New York, in {plan.zone.name} {fit.n_closed:,} of "
        f"{fit.n_bars:,} do; {would}",
        hint=f"say --timezone {names[0]}" if names else "say --trust-timezone to take it all the same",
        fitting=names,
    )


def week_notes(plan: ImportPlan, checker: RowChecker, fit: WeekFit | None) -> tuple[str, ...]:
    """Return what is to be said about a file's weeks."""
    if fit is None:
        return ()
    if fit.contradicts:
        return (f"{fit.n_closed:,} bars lie in the FX weekend; the zone was taken as said",)
    late_s = fit.late_open_s
    if late_s is not None and late_s >= 3600:
        late = f"weeks begin {late_s // 3600} h after Sunday 17:00 New York"
        # A clock that the file states itself is no guess to be doubted.
        is_guess = plan.recognised.zone is None
        names = [zone.name for zone in checker.hours.fitting()] if is_guess else []
        return (f"{late}; the zone that would fit is {' or '.join(names)}" if names else late,)
    return ()


def require_rows(plan: ImportPlan, checker: RowChecker, doubles: Duplicates, span: StageRange) -> None:
    """Refuse a file that gives nothing, and a strict import of one with anything imperfect.

    Raises
    ------
    CandlesUnusable
        ``import.nothing_kept``, ``import.imperfect``, with the counts and first lines of every kind of row.
    """
    tally = checker.tally
    found = ", ".join(f"{row.count:,} {row.code}" for row in tally.rows()) or "no rows"
    if span.n_rows == 0:
        main = tally.rows()[0].sentence if tally.rows() else ""
        raise CandlesUnusable(
            "import.nothing_kept",
            f"a file must hold at least one sound candle, {plan.head.name} has {found}",
            hint=main,
            rows=[(row.code, row.count, row.lines) for row in tally.rows()],
        )
    if plan.options.strict and tally.counts:
        places = "; ".join(f"{row.code} at lines {', '.join(map(str, row.lines))}" for row in tally.rows())
        raise CandlesUnusable(
            "import.imperfect",
            f"every row of a strict import must be sound, {plan.head.name} has {found}",
            hint=places,
            rows=[(row.code, row.count, row.lines) for row in tally.rows()],
        )


def draft_report(
    plan: ImportPlan, checker: RowChecker, span: StageRange, doubles: Duplicates, quality: QualityReport
) -> ImportReport:
    """Return the report of a file that was read and judged and not stored yet."""
    tally = checker.tally
    return ImportReport(
        file=plan.head.name,
        format=plan.recognised.format,
        symbol=plan.symbol,
        timeframe=plan.timeframe.name,
        side=str(plan.settled.instrument.side),
        timezone=plan.zone.name,
        timezone_reason=plan.zone_reason,
        revision=None,
        unchanged=True,
        instrument_inferred=plan.settled.inferred,
        n_read=checker.n_read,
        n_kept=span.n_rows,
        n_duplicate=doubles.n_equal,
        n_corrected=0,
        n_refused=tally.n_refused,
        n_flat_weekend=tally.counts[FLAT_WEEKEND],
        n_noise=tally.counts[NOISE],
        n_skipped=checker.n_skipped,
        n_new=0,
        n_equal=0,
        rows=tally.rows(),
        first_s=None if span.first is None else int(span.first.timestamp()),
        last_s=None if span.last is None else int(span.last.timestamp()),
        quality=quality,
        notes=plan.notes,
    )


def finished_report(
    draft: ImportReport, applied: Applied, *, revision: int | None, derived: dict[str, int]
) -> ImportReport:
    """Return a report with what storing the rows did."""
    tally = LineTally()
    tally.add_counted("corrected", applied.n_corrected, applied.corrected_lines)
    n_equal = applied.n_equal
    return replace(
        draft,
        revision=revision,
        unchanged=revision is None,
        n_new=draft.n_kept - n_equal - applied.n_corrected,
        n_equal=n_equal,
        n_corrected=applied.n_corrected,
        rows=(*draft.rows, *tally.rows()),
        derived=derived,
    )
