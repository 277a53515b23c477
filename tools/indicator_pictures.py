"""Draws the small pictures of `docs/reference/indicators.md`; names of indicators as arguments, or all.

One SVG an indicator, of its default call (20 where a parameter has no default) on the last bars of the
candles the product ships. What lies near the price is drawn over it, the rest below in a strip of its own.
A candlestick pattern is drawn as candles by `pattern_pictures`.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from arro3.core import DataType
from arro3.io import read_parquet

from pattern_pictures import PATTERNS, pattern_body
from sptraderb.domain.candle import Candles
from sptraderb.domain.instrument import SEEDED_INSTRUMENTS
from sptraderb.domain.timeframe import H1
from sptraderb.engine.evaluate import evaluate_series
from sptraderb.engine.indicator_registry import REGISTRY
from sptraderb.engine.indicator_spec import IndicatorSpec
from sptraderb.strategy.compiler import StrategyTarget, compile_strategy

SAMPLE = Path(__file__).parents[1] / "src/sptraderb/cli/demo_data/EURUSD_1h_2017_ask.parquet"
FOLDER = Path(__file__).parents[1] / "docs" / "reference" / "pictures"
N_SHOWN = 150
WIDTH, HEIGHT, MARGIN = 300, 90, 4
COLOURS = ("#2962ff", "#e65100", "#2e7d32", "#8e24aa", "#c2185b", "#00838f")
_STEP = (WIDTH - 2 * MARGIN) / (N_SHOWN - 1)
_GREY = "#9e9e9e"
_PRICES = ("open", "high", "low", "close")
Values = npt.NDArray[np.float64]


def main(names: list[str]) -> None:
    """Draw the named indicators, all without a name."""
    FOLDER.mkdir(exist_ok=True)
    candles = sample_candles()
    for name in names or REGISTRY:
        (FOLDER / f"{name}.svg").write_text(picture(REGISTRY[name], candles), encoding="utf-8")
    if not names:
        for stray in {file.stem for file in FOLDER.glob("*.svg")} - set(REGISTRY):
            (FOLDER / f"{stray}.svg").unlink()


def sample_candles() -> Candles:
    """Return the candles the product ships."""
    table = read_parquet(str(SAMPLE)).read_all()
    columns = {name: table[name].to_numpy() for name in ("open", "high", "low", "close", "volume")}
    times = table["time"].cast(DataType.int64()).to_numpy() // 1_000
    instrument = SEEDED_INSTRUMENTS["EURUSD"]
    scale = 10.0**instrument.price_scale
    prices = {f"{name}_ticks": np.rint(columns[name] * scale).astype(np.int64) for name in _PRICES}
    return Candles.from_columns(
        {"time_s": times, "volume": columns["volume"], **prices}, instrument=instrument, timeframe=H1
    )


def picture(spec: IndicatorSpec, candles: Candles) -> str:
    """Return an indicator's picture as SVG text."""
    if spec.name in PATTERNS:
        return _framed(spec, pattern_body(spec, _prices(candles)))
    shown = slice(len(candles) - N_SHOWN, len(candles))
    lines = _series(spec, candles)
    close = candles.close_ticks[shown] / 10.0**candles.instrument.price_scale
    lines = [values[shown] for values in lines]
    over = [line for line in lines if _lies_near(line, close)]
    if over:
        low, high = _bounds([close, *over])
        body = [_path(close, low, high, colour=_GREY), *_paths(over, low, high)]
    else:
        low, high = _bounds(lines)
        body = [_zero(low, high), *_paths(lines, low, high)]
    return _framed(spec, "".join(body))


def _prices(candles: Candles) -> dict[str, Values]:
    scale = 10.0**candles.instrument.price_scale
    return {name: getattr(candles, f"{name}_ticks") / scale for name in _PRICES}


def _framed(spec: IndicatorSpec, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img"><title>{spec.title}</title>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff" stroke="#ddd"/>{body}</svg>\n'
    )


def _paths(lines: list[Values], low: float, high: float) -> list[str]:
    return [_path(line, low, high, colour=COLOURS[at % len(COLOURS)]) for at, line in enumerate(lines)]


def _series(spec: IndicatorSpec, candles: Candles) -> list[Values]:
    given = ", ".join(f"{20 if row.default is None else row.default:g}" for row in spec.parameters)
    call = f"{spec.name}({given})" if spec.parameters else spec.name
    outputs = [f"{call}.{name}" for name in spec.output_names] if len(spec.outputs) > 1 else [call]
    rows = "\n".join(f"  shown_{at}: {text}" for at, text in enumerate(outputs))
    text = f"name: p\nindicators:\n{rows}\nentry: {{long: {{when: close > 0, size: 1%}}}}\n"
    target = StrategyTarget(timeframe=candles.timeframe, instrument=candles.instrument)
    found = evaluate_series(compile_strategy(text, target=target), candles)
    return [found[f"shown_{at}"] for at in range(len(outputs))]


def _lies_near(line: Values, close: Values) -> bool:
    low, high = float(close.min()), float(close.max())
    room = high - low
    known = line[np.isfinite(line)]
    return bool(len(known)) and bool(known.min() > low - room) and bool(known.max() < high + room)


def _bounds(lines: list[Values]) -> tuple[float, float]:
    known = np.concatenate([line[np.isfinite(line)] for line in lines])
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - MARGIN - (value - low) / (high - low) * (HEIGHT - 2 * MARGIN)


def _path(line: Values, low: float, high: float, *, colour: str) -> str:
    """Return a line, broken where it is undefined."""
    words = []
    is_drawing = False
    for at, value in enumerate(line.tolist()):
        if not np.isfinite(value):
            is_drawing = False
            continue
        words.append(f"{'L' if is_drawing else 'M'}{MARGIN + at * _STEP:.0f} {_y(value, low, high):.0f}")
        is_drawing = True
    if not words:
        return ""
    return f'<path d="{"".join(words)}" fill="none" stroke="{colour}" stroke-width="1.3"/>'


def _zero(low: float, high: float) -> str:
    if not low < 0 < high:
        return ""
    y = f"{_y(0.0, low, high):.0f}"
    return f'<path d="M{MARGIN} {y}H{WIDTH - MARGIN}" stroke="#bbb" stroke-dasharray="3 3"/>'


if __name__ == "__main__":
    main(sys.argv[1:])
