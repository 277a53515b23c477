"""Inputs, outputs and warm-ups that the families of indicators share."""

from sptraderb.engine.indicator_spec import InputSpec, OutputSpec, Parameters, ParameterSpec

EMA_SETTLE_PERIODS = 7
WILDER_SETTLE_PERIODS = 14

BARS = tuple(InputSpec(name=price, price=price) for price in ("high", "low", "close"))
OPEN_BARS = (InputSpec(name="open", price="open"), *BARS)
HIGH_LOW = BARS[:2]
VOLUME = InputSpec(name="volume", price="volume")
SOURCE = InputSpec(name="source", price="close", replaceable=True)
TYPICAL = InputSpec(name="source", price="hlc3", replaceable=True)

SAME = (OutputSpec(kind="source"),)
DIFFERENCE = (OutputSpec(kind="source_distance"),)
PRICE = (OutputSpec(kind="price"),)
DISTANCE = (OutputSpec(kind="distance"),)


def outputs(*names: str, kind: str = "number") -> tuple[OutputSpec, ...]:
    """Return outputs of one kind, by their words."""
    return tuple(OutputSpec(name=name, kind=kind) for name in names)


def period(default: float | None = None, *, name: str = "period", low: int = 1) -> ParameterSpec:
    """Return a count of bars."""
    return ParameterSpec(name=name, low=low, default=default)


def factor(name: str, default: float, *, low: float = 0.001, high: float = 50) -> ParameterSpec:
    """Return a number that need not be whole."""
    return ParameterSpec(name=name, low=low, high=high, default=default, integer=False)


def after_window(params: Parameters, _output: str) -> int:
    """Return the first value of a difference over the first parameter: bar n."""
    return int(params[0])


def at_once(_params: Parameters, _output: str) -> int:
    """Return 0: the first bar has a value."""
    return 0


def ema_seed(params: Parameters) -> int:
    """Return the bars until the seed of an EMA of the longest parameter weighs less than 1e-6."""
    return EMA_SETTLE_PERIODS * int(max(params))


def wilder_seed(params: Parameters) -> int:
    """Return the bars until the seed of a Wilder mean of the first parameter weighs less than 1e-6."""
    return WILDER_SETTLE_PERIODS * int(params[0])


def double_wilder_seed(params: Parameters) -> int:
    """Add two seeds: a Wilder mean of Wilder means."""
    return 2 * wilder_seed(params)
