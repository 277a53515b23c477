"""Every indicator of the language as data: bounds, warm-up, outputs, where it comes from.

Nothing is computed here or in the families: the compiler checks arguments against them,
``engine/indicators`` computes what they name, and ``GET /api/indicators`` and the reference page print
them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from sptraderb.engine.indicator_families.candlestick_family import CANDLESTICKS
from sptraderb.engine.indicator_families.classic_family import CLASSIC
from sptraderb.engine.indicator_families.further_family import (
    FURTHER_OSCILLATORS,
    FURTHER_PRICES,
    FURTHER_VOLUMES,
)
from sptraderb.engine.indicator_families.momentum_family import DIRECTIONAL, OSCILLATORS
from sptraderb.engine.indicator_families.overlap_family import OVERLAP
from sptraderb.engine.indicator_families.statistics_family import CYCLES, STATISTICS
from sptraderb.engine.indicator_families.trader_family import TRADERS
from sptraderb.engine.indicator_families.volume_family import VOLUMES
from sptraderb.engine.indicator_spec import IndicatorSpec

FAMILIES: Mapping[str, tuple[IndicatorSpec, ...]] = MappingProxyType(
    {
        "Classic": CLASSIC,
        "Averages and levels": OVERLAP,
        "Charts": TRADERS,
        "Oscillators": OSCILLATORS,
        "Direction and range": DIRECTIONAL,
        "Volume": VOLUMES,
        "Statistics": STATISTICS,
        "Cycles": CYCLES,
        "Further bands, averages and statistics": FURTHER_PRICES,
        "Further oscillators": FURTHER_OSCILLATORS,
        "Further volume lines": FURTHER_VOLUMES,
        "Candlestick patterns": CANDLESTICKS,
    }
)
"""Indicators by family, in the order of the reference."""

REGISTRY: Mapping[str, IndicatorSpec] = MappingProxyType(
    {spec.name: spec for family in FAMILIES.values() for spec in family}
)
"""Every indicator by its word."""

ALIASES: Mapping[str, str] = MappingProxyType({"stddev": "stdev"})
"""Other spellings of indicators."""


def registry_document() -> list[dict[str, object]]:
    """Return the indicators as plain data, for ``GET /api/indicators``.

    Returns
    -------
    list of dict
        One per indicator, in the order of the reference: name, family, title, call, inputs, parameters
        with bounds and defaults, outputs, first_value and settle in bars at the defaults (null without
        defaults), first_sessions and settle_sessions in session days beside them, formula, source,
        talib, differs.
    """
    return [_as_data(spec, family) for family, specs in FAMILIES.items() for spec in specs]


def _as_data(spec: IndicatorSpec, family: str) -> dict[str, object]:
    defaults = tuple(parameter.default for parameter in spec.parameters if parameter.default is not None)
    known = len(defaults) == len(spec.parameters)
    return {
        "name": spec.name,
        "family": family,
        "title": spec.title,
        "call": spec.call,
        "aliases": sorted(alias for alias, name in ALIASES.items() if name == spec.name),
        "inputs": [
            {"name": row.name, "default": row.price, "replaceable": row.replaceable} for row in spec.inputs
        ],
        "parameters": [
            {
                "name": row.name,
                "low": row.low,
                "high": row.high,
                "default": row.default,
                "integer": row.integer,
            }
            for row in spec.parameters
        ],
        "outputs": list(spec.output_names),
        "first_value": {name: spec.first_value(defaults, name) for name in spec.output_names}
        if known
        else None,
        "settle": spec.settle(defaults) if known else None,
        "first_sessions": spec.first_sessions,
        "settle_sessions": spec.settle_sessions,
        "formula": spec.formula,
        "source": spec.source,
        "talib": spec.talib,
        "differs": spec.differs,
    }
