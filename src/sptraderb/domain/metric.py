"""A metric: one figure of a result, with the convention it was computed by.

Place: what ``engine/metrics`` hands to ``domain/result_document``. A figure without its convention
means little: the same curve's Sharpe differs by up to 18 times between tools.
"""

import msgspec

from sptraderb.errors import InvariantBroken

MetricValue = str | float | int | None


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One figure.

    Parameters
    ----------
    name : str
        Stable name such as ``sharpe``.
    group : str
        Group of METRICS: ``result growth ratios significance drawdown trades exposure tails integrity``.
    value : str, float, int or None
        Decimal text for money (exact), float for ratios and fractions, int for counts and seconds.
    unit : str
        ``money fraction ratio count seconds bars hours pips R per_year``.
    definition : str
        Id of the definition, ``name-version``; a changed formula is a new version.
    convention : str
        How it was sampled and scaled: sampling, periods per year, ddof, risk-free rate.
    reason : str or None
        Why there is no value; set exactly when ``value`` is None.
    """

    name: str
    group: str
    value: MetricValue
    unit: str
    definition: str
    convention: str
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise InvariantBroken(
                "metric.without_reason",
                f"a metric has a value or a reason why not, {self.name} had {self.value} and {self.reason}",
            )
