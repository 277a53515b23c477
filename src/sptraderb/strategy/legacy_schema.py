"""The older dialect's part of the JSON Schema: how its files are told, and which keys they have.

Place: beside `json_schema`. It is loose where the first server was: keys that it did not read are allowed,
since `legacy` notes them; what the dialect does read has a shape and a sentence.
"""

from typing import Any

Schema = dict[str, Any]
_NUMBER: Schema = {"type": ["number", "string"]}
_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_ENTRY_KEYS = ("primary", "filters", "action", "size_value")

OLDER_SHAPE: Schema = {
    "anyOf": [
        {"required": ["dependencies"]},
        {"required": ["signal_config"]},
        {"required": ["exit"], "properties": {"exit": {"type": "object", "required": ["signal_exit"]}}},
        {
            "required": ["entry"],
            "properties": {
                "entry": {
                    "type": "object",
                    "anyOf": [
                        {"required": ["when"], "properties": {"when": {"type": "array"}}},
                        *({"required": [key]} for key in _ENTRY_KEYS),
                    ],
                }
            },
        },
    ]
}
"""Matches what `legacy.is_legacy` says yes to."""


def older_schema() -> Schema:
    """Return the schema of a file of the older dialect."""
    rules = {"anyOf": [_signal_rule(), _indicator_rule(), {"type": "array", "items": _rule()}]}
    level = {"anyOf": [_NUMBER, {"type": "boolean"}, {"type": "object"}, {"type": "null"}]}
    return {
        "type": "object",
        "required": ["name", "entry"],
        "properties": {
            "name": _said(_TEXT, "What the strategy is called."),
            "version": _said(_TEXT, "Its version."),
            "author": _said(_TEXT, "Who wrote it."),
            "description": _said(_TEXT, "What it does."),
            "type": _said(_TEXT, "Not read."),
            "dependencies": _block("Paths of indicators, signals and orders; the signals are looked up."),
            "parameters": _block("Values that `parameters.x` refers to; a request may override them."),
            "signal_config": _block("Settings of each signal: periods, required_indicators, parameters."),
            "entry": _block(
                "When a position is opened.",
                when=_said(rules, "Signals, any of which matches."),
                primary=_said(rules, "Condition on an indicator."),
                filters=_said(rules, "Further conditions, all of which must hold."),
                action=_said({"enum": ["buy", "sell"]}, "Side.", default="buy"),
                size=_said({"anyOf": [_NUMBER, {"type": "object"}]}, "Fraction of equity.", default=0.01),
                size_value=_said(_NUMBER, "The same as `size`."),
            ),
            "exit": _block(
                "When a position is closed.",
                signal_exit=_said({"type": ["object", "array"]}, "Signals or conditions that close it."),
                when=_said(rules, "The same."),
                stop_loss=_said(level, "Fraction of the fill price, or a `type` with a value."),
                take_profit=_said(level, "Fraction of the fill price, or a `type` with a value."),
                trailing_stop=_said(level, "Fraction of the fill price, or false."),
                max_holding_period=_said(level, "Bars; days on daily candles; `20 days`."),
            ),
            "risk": _block(
                "Limits on the account, as fractions.",
                max_drawdown=_said(level, "Where everything closes for good.", default=0.15),
                daily_loss_limit=_said(level, "Where the day ends.", default=0.03),
                max_positions=_said(_NUMBER, "Positions open at once.", default=1),
            ),
            "filters": _block("Trading hours and days in UTC; widest spread; least volume."),
            "execution": _block("`slippage_tolerance`: a maximum, no cost."),
            "backtest": _block("Defaults for a request, and the commission per side."),
        },
    }


def _said(schema: Schema, description: str, *, default: object = None) -> Schema:
    found = {**schema, "description": description}
    return found if default is None else {**found, "default": default}


def _block(description: str, **properties: Schema) -> Schema:
    found: Schema = {"type": "object", "description": description}
    return {**found, "properties": properties} if properties else found


def _rule() -> Schema:
    return {"anyOf": [_TEXT, _signal_rule(), _indicator_rule()]}


def _signal_rule() -> Schema:
    outputs = _said({"type": "object"}, "Values the signal must give, such as crossover_type.")
    return {"type": "object", "required": ["signal"], "properties": {"signal": _TEXT, "outputs": outputs}}


def _indicator_rule() -> Schema:
    keys = {"indicator": _TEXT, "condition": _TEXT, "min_bars": _NUMBER}
    return {"type": "object", "required": ["condition"], "properties": keys}
