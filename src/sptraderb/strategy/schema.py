"""The document's keys as data: what each block holds; errors and the JSON Schema both come from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a block.

    Parameters
    ----------
    name : str
        The key.
    shape : str
        ``text``, ``condition``, ``quantity``, ``switch``, ``name`` of a block in `BLOCKS` written ``@name``,
        ``@name[]`` for a block or a list of them, or several of these joined by ``|``.
    meaning : str
        One sentence; shown by editors.
    required : bool
        Whether the block must have it.
    default : str
        What holds where the key is left out, as the document would write it; empty for nothing.
    choices : tuple of str
        The only words it may be, if the language fixes them.
    """

    name: str
    shape: str
    meaning: str
    required: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()


Block = Mapping[str, Key]


def _block(*keys: Key) -> Block:
    return MappingProxyType({key.name: key for key in keys})


_EXIT_KEYS = (
    Key("when", "condition", "Closes the position at the next open when true at a bar's close."),
    Key("stop_loss", "quantity|@level", "Where the stop lies: 2%, 20 pips, 1.5 * atr(14), {price: ...}."),
    Key(
        "take_profit", "quantity|@level", "Where the target lies: 4%, 40 pips, 2 R, a distance, {price: ...}."
    ),
    Key("trailing_stop", "quantity|@trailing", "A stop that follows: 25 pips, {distance, activate}."),
    Key("break_even", "quantity", "Profit at which the stop moves to the entry price: 20 pips, 1 R."),
    Key("partial", "@partial[]", "Parts closed on the way: [{at: 1 R, close: 50%, then: break_even}]."),
    Key("max_bars", "quantity", "Closes at the open of the n-th bar after the entry bar."),
    Key("max_duration", "text", "Closes at the first open after a time: `36 hours`, `2 days`."),
    Key(
        "live_from",
        "text",
        "From when attached exits work.",
        default="fill",
        choices=("fill", "next_bar"),
    ),
)

BLOCKS: Mapping[str, Block] = MappingProxyType(
    {
        "strategy": _block(
            Key("name", "text", "What the strategy is called.", required=True),
            Key("version", "text", "Its version."),
            Key("description", "text", "What it does."),
            Key("parameters", "parameters", "Numbers, switches and words, each with a default."),
            Key("indicators", "series", "Named series; each an expression."),
            Key("python", "components", "Series computed by Python, where the server allows it."),
            Key("entry", "@entry", "When and how a position is opened.", required=True),
            Key("exit", "@exit", "When and where a position is closed."),
            Key("risk", "@risk", "Limits on the account."),
            Key("costs", "@costs", "Default costs; a request may override them."),
            Key("session", "@session", "When entries are allowed."),
            Key("scale_in", "@scale_in", "How a position may be added to; never, if left out."),
            Key("optimization", "@optimization", "What a sweep varies."),
            Key("backtest", "@backtest", "Defaults for a request."),
        ),
        "component": _block(
            Key("component", "text", "File and class, such as `my_indicators.Fancy`.", required=True),
            Key("parameters", "mapping", "Numbers given to the class."),
            Key("outputs", "text|list", "Names of its series where it gives several."),
            Key("indicators", "text|list", "Named series it is given."),
            Key("warm_up", "quantity", "Bars before its first value.", default="0 bars"),
            Key(
                "values",
                "text",
                "What its values are, for the checks of stops and targets.",
                default="number",
                choices=("number", "price", "distance"),
            ),
        ),
        "entry": _block(
            Key("long", "@rule[]", "Entries that buy."),
            Key("short", "@rule[]", "Entries that sell."),
        ),
        "rule": _block(
            Key("name", "text", "Name of this entry in results."),
            Key("when", "condition", "Enters at the next open when true at a bar's close.", required=True),
            Key(
                "order",
                "text|@order",
                "`market`, or a resting order: {limit: price}, {stop: price}, {stop: price, limit: price}.",
                default="market",
            ),
            Key("size", "quantity|@size", "How much: 2%, 0.1 lots, 1000 units, {risk: 1%}.", required=True),
            Key("exit", "@side_exit", "Exits of positions this entry opens; they win over `exit`."),
            Key("cancel_when", "condition", "Cancels the resting order when true at a bar's close."),
            Key(
                "oco",
                "switch",
                "Whether the fill of an entry of the other side cancels this resting order.",
                default="true",
                choices=("true", "false"),
            ),
        ),
        "exit": _block(
            *_EXIT_KEYS,
            Key("long", "@side_exit", "The same keys for long positions; they win."),
            Key("short", "@side_exit", "The same keys for short positions; they win."),
        ),
        "side_exit": _block(*_EXIT_KEYS),
        "level": _block(Key("price", "quantity", "An absolute price.", required=True)),
        "trailing": _block(
            Key("distance", "quantity", "How far the stop stays behind the best price.", required=True),
            Key("activate", "quantity", "Profit from which it follows: 20 pips, 1 R; at once if left out."),
        ),
        "order": _block(
            Key("limit", "quantity", "Price at which it fills or better: low - 0.2 * atr(14)."),
            Key("stop", "quantity", "Price whose passing makes it a market order, or arms its limit."),
            Key("expires", "quantity", "Bars on which it may fill, such as 5 bars; no end if left out."),
        ),
        "partial": _block(
            Key("at", "quantity|@level", "Profit at which a part is closed: 1 R, 20 pips.", required=True),
            Key("close", "quantity", "Percent of the largest size held that is closed.", required=True),
            Key("then", "text", "Brings the stop to the entry price.", choices=("break_even",)),
        ),
        "scale_in": _block(
            Key("max_entries", "quantity", "Fills of a side in all, the first included.", required=True),
            Key("min_distance", "quantity", "Least distance from the last fill: 10 pips, 0.5 * atr(14)."),
        ),
        "size": _block(
            Key("risk", "quantity", "Percent of equity lost at the stop."),
            Key("notional", "quantity", "Value of the position in account money."),
        ),
        "risk": _block(
            Key("max_drawdown", "quantity", "Percent below the peak at which everything closes for good."),
            Key("daily_loss_limit", "quantity", "Percent of the day's start at which the day ends."),
            Key("max_positions", "quantity", "Positions open at once."),
            Key(
                "max_position_size",
                "quantity",
                "Largest position: 1000% of equity as notional, 2 lots, 5000 units.",
            ),
        ),
        "costs": _block(
            Key(
                "commission",
                "quantity|@commission",
                "Percent of notional per side, or its parts.",
                default="0%",
            ),
            Key(
                "spread",
                "quantity|mapping",
                "Pips or ticks between bid and ask, fixed or by hour.",
                default="0 pips",
            ),
            Key(
                "slippage",
                "quantity",
                "Pips, ticks, percent or `10% of range` lost on market and stop orders.",
                default="0 pips",
            ),
            Key("swap", "@swap", "Financing over night, for a day."),
            Key("funding", "text", "Financing of perpetual futures, such as `0.01% every 8h`; longs pay it."),
            Key("conversion_fee", "quantity", "Percent of a price P&L that is converted.", default="0%"),
        ),
        "swap": _block(
            Key("long", "text", "Of longs, + is received: `-0.6 points`, `-5 per lot`, `-2.5%` a year."),
            Key("short", "text", "Of shorts."),
            Key("triple", "text", "The day that counts three; the market's own if left out."),
        ),
        "commission": _block(
            Key("percent", "quantity", "Percent of notional at the fill."),
            Key("per_lot", "quantity", "Account money for each lot, pro rata."),
            Key("per_order", "quantity", "Account money for each order."),
            Key("minimum", "quantity", "Least account money an order costs."),
            Key("maximum", "quantity", "Most account money an order costs."),
        ),
        "session": _block(
            Key("days", "text|list", "Days such as `mon-fri` or [mon, wed].", default="mon-sun"),
            Key(
                "hours",
                "text",
                'From and to, such as "07:00-17:00"; may pass midnight.',
                default="00:00-24:00",
            ),
            Key("timezone", "text", "IANA name.", default="UTC"),
        ),
        "optimization": _block(
            Key("objective", "text", "The metric to maximise."),
            Key("parameters", "mapping", "Values per parameter: a list, or {from, to, step}."),
        ),
        "range": _block(
            Key("from", "quantity", "First value.", required=True),
            Key("to", "quantity", "Last value.", required=True),
            Key("step", "quantity", "Step between values.", required=True),
        ),
        "parameter": _block(
            Key("default", "text", "The value unless a request gives another.", required=True),
            Key("choices", "list", "The words it may be, where it is one."),
            Key("range", "list", "Smallest and largest value, both included."),
            Key("step", "quantity", "Step a sweep uses."),
            Key("description", "text", "What it is for."),
        ),
        "backtest": _block(
            Key("symbol", "text", "What is traded; or"),
            Key("symbols", "text|list", "several, which share one account: [EURUSD, GBPUSD]."),
            Key(
                "position_mode",
                "text",
                "One position a symbol, or a long and a short one beside each other.",
                default="netting",
                choices=("netting", "hedging"),
            ),
            Key("timeframe", "text", "Length of a candle."),
            Key("start_date", "text", "First day."),
            Key("end_date", "text", "Last day."),
            Key("initial_capital", "text", "Account money at the start."),
            Key("account_currency", "text", "What the account is counted in."),
            Key("leverage", "text", "Largest notional per unit of equity."),
        ),
    }
)
"""Every block of the document by name."""
