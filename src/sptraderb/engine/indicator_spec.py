"""What describes an indicator: inputs, bounded parameters, outputs, warm-up and where it comes from."""

from collections.abc import Callable
from dataclasses import dataclass

PRICES = ("open", "high", "low", "close", "volume", "hl2", "hlc3", "ohlc4")
MAX_PERIOD = 5_000

Parameters = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One series an indicator reads.

    Parameters
    ----------
    name : str
        What it is called in the reference.
    price : str
        The price it reads unless the strategy gives another series.
    replaceable : bool
        Whether the strategy may give another series.
    """

    name: str
    price: str
    replaceable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSpec:
    """One number an indicator takes.

    Parameters
    ----------
    name : str
        What it is called in errors and the reference.
    low, high : float
        Bounds, both included.
    default : float or None
        Taken when the strategy leaves it out; None = it must be given.
    integer : bool
        Whether it must be a whole number.
    """

    name: str
    low: float = 1
    high: float = MAX_PERIOD
    default: float | None = None
    integer: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """One series an indicator gives.

    Parameters
    ----------
    name : str
        Word after the dot; ``value`` for an only output.
    kind : {'number', 'price', 'distance', 'source', 'source_distance'}
        What its values are: ``source`` as the first input, ``source_distance`` a difference of such.
    """

    name: str = "value"
    kind: str = "number"


CLOSE_INPUT = (InputSpec(name="source", price="close", replaceable=True),)


def window(params: Parameters, _output: str) -> int:
    """Return the first value of a window of the first parameter: bar n - 1."""
    return int(params[0]) - 1


def never(_params: Parameters) -> int:
    """Return 0: there is no recursive seed."""
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorSpec:
    """One indicator.

    Parameters
    ----------
    name, title : str
        Word of the language; what it is.
    inputs : tuple of InputSpec
        Series read, in the order in which ``compute_indicator`` takes them.
    parameters : tuple of ParameterSpec
        Numbers, in the order of the language.
    outputs : tuple of OutputSpec
        Series given; the first is what rules of the older dialect mean.
    first_value : callable (params, output) -> int
        Index of the first value where the inputs start at index 0.
    settle : callable (params) -> int
        Further bars until a recursive seed weighs less than 1e-6; 0 if there is none.
    settle_sessions : int
        Further session days until values no longer depend on where the data start.
    first_sessions : int
        Session days before the first value, beside ``first_value``.
    reads_sessions : bool
        Whether the session day of each bar is its last input, beside ``inputs``.
    formula : str
        How it is computed, in one line.
    source : str
        Whose definition it is.
    talib : str
        The TA-Lib functions behind it, or equal to it (`formulas/one_pass_formulas`); empty if none.
    differs : str
        What differs from TradingView; empty if nothing.
    """

    name: str
    title: str
    formula: str
    inputs: tuple[InputSpec, ...] = CLOSE_INPUT
    parameters: tuple[ParameterSpec, ...] = ()
    outputs: tuple[OutputSpec, ...] = (OutputSpec(),)
    first_value: Callable[[Parameters, str], int] = window
    settle: Callable[[Parameters], int] = never
    settle_sessions: int = 0
    first_sessions: int = 0
    reads_sessions: bool = False
    source: str = "TradingView"
    talib: str = ""
    differs: str = ""

    @property
    def output_names(self) -> tuple[str, ...]:
        """Words after the dot, first output first."""
        return tuple(output.name for output in self.outputs)

    @property
    def call(self) -> str:
        """How a strategy writes it, such as ``bbands(close, period, deviations = 2)``."""
        words = [spec.price for spec in self.inputs if spec.replaceable]
        words += [_parameter_words(spec) for spec in self.parameters]
        return f"{self.name}({', '.join(words)})"


def _parameter_words(spec: ParameterSpec) -> str:
    return spec.name if spec.default is None else f"{spec.name} = {spec.default:g}"
