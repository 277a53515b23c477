"""Request bodies in the OpenAPI document, for routes that read their bodies themselves.

Those routes tell all faults at once, which the framework's own reading cannot; their operations say
here what they take.
"""

from dataclasses import dataclass
from typing import Any, cast

import msgspec
from litestar.openapi.spec import Example, OpenAPIMediaType, Operation, RequestBody, Schema

from sptraderb.api.json_body import YAML_TYPES
from sptraderb.api.payloads import RunPayload, WorkspacePayload

RUN_EXAMPLE: dict[str, Any] = {
    "strategy_name": "ma_crossover_strategy",
    "symbol": "EURUSD",
    "timeframe": "1h",
    "start_date": "2017-02-01",
    "end_date": "2017-12-31",
    "initial_capital": 10000,
    "costs": {"commission": "0.002%", "spread": "0.8 pips", "slippage": "0.1 pips"},
    "tags": ["example"],
}
WORKSPACE_EXAMPLE: dict[str, Any] = {"name": "my charts", "data": {"layout": "two columns"}}
CANDLES_EXAMPLE = (
    "time,open,high,low,close,volume\n2024-01-02T10:00:00Z,1.09420,1.09512,1.09377,1.09481,1204\n"
)
FILE_TYPES = ("application/octet-stream", "text/csv")
STRATEGY_EXAMPLE = """\
name: rsi_pullback
version: "1.0.0"
description: "RSI pullback with the trend"
indicators:
  trend: ema(close, 100)
entry:
  long:
    when: close > trend and crosses_above(rsi(14), 40)
    size: 2%
exit:
  stop_loss: 1.5 * atr(14)
  take_profit: 2 R
"""


def inlined_schema(shape: type[msgspec.Struct]) -> Schema:
    """Return a payload's JSON Schema with everything it refers to in place, nothing else allowed in it."""
    top, components = msgspec.json.schema_components([shape], ref_template="{name}")
    return cast("Schema", _inlined(top[0], components))


def _inlined(node: Any, components: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inlined(item, components) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(components[node["$ref"]], components)
    found = {key: _inlined(value, components) for key, value in node.items() if key != "description"}
    if "properties" in found:
        found["additionalProperties"] = False
    return found


def _json_body(shape: type[msgspec.Struct], example: dict[str, Any]) -> RequestBody:
    media_type = OpenAPIMediaType(
        schema=inlined_schema(shape), examples={"example": Example(summary="an example", value=example)}
    )
    return RequestBody(required=True, content={"application/json": media_type})


def _yaml_body() -> RequestBody:
    schema = Schema(type=cast("Any", "string"))
    example = Example(summary="a strategy", value=STRATEGY_EXAMPLE)
    return RequestBody(
        required=True,
        content={
            name: OpenAPIMediaType(schema=schema, examples={"example": example}) for name in YAML_TYPES[:3]
        },
    )


@dataclass
class RunOperation(Operation):
    """An operation whose body is a backtest to run."""

    def __post_init__(self) -> None:
        self.request_body = _json_body(RunPayload, RUN_EXAMPLE)


@dataclass
class WorkspaceOperation(Operation):
    """An operation whose body is a workspace."""

    def __post_init__(self) -> None:
        self.request_body = _json_body(WorkspacePayload, WORKSPACE_EXAMPLE)


@dataclass
class ImportOperation(Operation):
    """An operation whose body is a file of candles."""

    def __post_init__(self) -> None:
        schema = Schema(type=cast("Any", "string"), format=cast("Any", "binary"))
        example = Example(summary="a table with a header", value=CANDLES_EXAMPLE)
        self.request_body = RequestBody(
            required=True,
            content={
                name: OpenAPIMediaType(schema=schema, examples={"example": example}) for name in FILE_TYPES
            },
        )


@dataclass
class StrategyTextOperation(Operation):
    """An operation whose body is a strategy's YAML text."""

    def __post_init__(self) -> None:
        self.request_body = _yaml_body()
