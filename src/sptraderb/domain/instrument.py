"""Instruments: what a symbol's numbers mean (scales, pip, lot, calendar, candle side)."""

from dataclasses import dataclass
from enum import StrEnum

from sptraderb.domain.calendar import CalendarName
from sptraderb.domain.fixed import MAX_SCALE, RATE_ONE
from sptraderb.errors import InvalidInput

MAX_QUANTITY_SCALE = 8
CURRENCY_DIGITS = {"JPY": 0, "KRW": 0, "BTC": 8, "ETH": 8}
_DEFAULT_CURRENCY_DIGITS = 2


class CandleSide(StrEnum):
    """Which prices a candle holds (rule X5)."""

    BID = "bid"
    ASK = "ask"
    MID = "mid"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What a symbol's integers mean.

    Parameters
    ----------
    symbol : str
        Name, upper case, such as ``EURUSD``; a suffix tells series apart (``EURUSD.mid``).
    kind : {'fx', 'metal', 'crypto', 'other'}
        Broad class.
    base, quote : str
        Currency bought and currency paid.
    price_scale : int
        Decimals of a price; one tick is 10^-price_scale.
    quantity_scale : int
        Decimals of a quantity; one step is 10^-quantity_scale units.
    quantity_step : int
        Smallest change of an order's size, in steps.
    quantity_min : int
        Smallest order, in steps.
    pip_ticks : int
        Ticks a pip has.
    lot_units : int
        Units a lot has.
    calendar : CalendarName
        When its session days end.
    side : CandleSide
        Which prices its candles hold.
    margin_rate_ppb : int
        Margin as parts per 10^9 of notional; 10^9 = no leverage.
    exchange : str
        MIC of the exchange whose hours it trades, such as ``XNYS``; empty for FX, metals and crypto. Its
        session days end as ``calendar`` says.
    point_value : int
        Quote currency a price move of 1 is worth for one unit; 1 for everything but futures.
    """

    symbol: str
    kind: str
    base: str
    quote: str
    price_scale: int
    quantity_scale: int
    quantity_step: int = 1
    quantity_min: int = 1
    pip_ticks: int = 1
    lot_units: int = 1
    calendar: CalendarName
    side: CandleSide
    margin_rate_ppb: int = RATE_ONE
    point_value: int = 1
    exchange: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.price_scale <= MAX_SCALE or not 0 <= self.quantity_scale <= MAX_QUANTITY_SCALE:
            raise InvalidInput(
                "instrument.scale_out_of_range",
                f"scales must be 0..{MAX_SCALE} (price) and 0..{MAX_QUANTITY_SCALE} (quantity), "
                f"were {self.price_scale} and {self.quantity_scale} for {self.symbol}",
            )
        positive = (self.quantity_step, self.quantity_min, self.pip_ticks, self.lot_units, self.point_value)
        if min(positive) < 1 or not 0 < self.margin_rate_ppb <= RATE_ONE:
            raise InvalidInput(
                "instrument.not_positive",
                f"steps, minimum, pip, lot and point value must be at least 1 and the margin rate 0..1, "
                f"were {positive} and {self.margin_rate_ppb} per 10^9 for {self.symbol}",
            )

    @property
    def keeps_fx_week(self) -> bool:
        """Whether it trades from Sunday to Friday 17:00 New York, so that its weeks prove a clock."""
        return self.calendar is CalendarName.FX and not self.exchange

    @property
    def calendar_word(self) -> str:
        """The calendar as people write it: ``fx``, ``crypto`` or an exchange."""
        return self.exchange or self.calendar.value

    @property
    def quote_digits(self) -> int:
        """Decimals the quote currency is counted in."""
        return currency_digits(self.quote)


def currency_digits(currency: str) -> int:
    """Return how many decimals a currency is counted in (2 unless known otherwise)."""
    return CURRENCY_DIGITS.get(currency, _DEFAULT_CURRENCY_DIGITS)


_FX_MARGIN = RATE_ONE // 30
_METAL_MARGIN = RATE_ONE // 20
# fmt: off
_MAJORS = (
    "EURUSD", "GBPUSD", "AUDUSD", "NZDUSD", "USDCAD", "USDCHF", "USDJPY", "EURGBP", "EURJPY", "EURCHF",
    "EURAUD", "EURCAD", "EURNZD", "GBPJPY", "GBPCHF", "GBPAUD", "GBPCAD", "GBPNZD", "AUDJPY", "AUDNZD",
    "AUDCAD", "AUDCHF", "NZDJPY", "NZDCAD", "NZDCHF", "CADJPY", "CADCHF", "CHFJPY", "USDSGD", "USDNOK",
    "USDSEK", "USDPLN", "USDMXN", "USDZAR", "USDTRY", "USDHUF", "USDCZK", "EURPLN", "EURNOK", "EURSEK",
)
# fmt: on
_CRYPTO_QUOTES = ("USDT", "USDC", "BUSD", "FDUSD", "USD", "EUR", "BTC", "ETH")
_CURRENCIES = {pair[:3] for pair in _MAJORS} | {pair[3:] for pair in _MAJORS}
_CRYPTO_PRICE_SCALES = {"BTC": 2, "ETH": 2, "SOL": 2, "BNB": 2, "SHIB": 8, "PEPE": 10, "DOGE": 5}


def fx_instrument(pair: str, side: CandleSide = CandleSide.BID) -> Instrument:
    """Return an FX pair with the usual quote: 5 decimals, 3 for JPY; one more for mid candles (M1)."""
    decimals = 3 if pair.endswith("JPY") else 5
    extra = 1 if side is CandleSide.MID else 0
    return Instrument(
        symbol=pair,
        kind="fx",
        base=pair[:3],
        quote=pair[3:],
        price_scale=decimals + extra,
        quantity_scale=0,
        pip_ticks=10 * 10**extra,
        lot_units=100_000,
        calendar=CalendarName.FX,
        side=side,
        margin_rate_ppb=_FX_MARGIN,
    )


def metal_instrument(pair: str, side: CandleSide = CandleSide.BID) -> Instrument:
    """Return a metal quoted in dollars: gold 2 decimals and 100 ounces a lot, silver 3 and 5,000."""
    gold = pair.startswith("XAU")
    return Instrument(
        symbol=pair,
        kind="metal",
        base=pair[:3],
        quote=pair[3:],
        price_scale=2 if gold else 3,
        quantity_scale=0,
        pip_ticks=10,
        lot_units=100 if gold else 5000,
        calendar=CalendarName.FX,
        side=side,
        margin_rate_ppb=_METAL_MARGIN,
    )


def crypto_instrument(base: str, quote: str, price_scale: int | None = None) -> Instrument:
    """Return a crypto pair of trade prices: 8 decimals of quantity, no leverage, closes 00:00 UTC."""
    scale = _CRYPTO_PRICE_SCALES.get(base, 4) if price_scale is None else price_scale
    return Instrument(
        symbol=base + quote,
        kind="crypto",
        base=base,
        quote=quote,
        price_scale=scale,
        quantity_scale=8,
        pip_ticks=1,
        lot_units=1,
        calendar=CalendarName.CRYPTO,
        side=CandleSide.BID,
    )


def infer_instrument(symbol: str) -> Instrument:
    """Return the instrument a symbol most likely names, to be reported to the user.

    Raises
    ------
    InvalidInput
        ``instrument.unknown`` if the symbol looks like nothing known.
    """
    name = symbol.split(".", 1)[0].upper()
    if len(name) == 6 and name[:3] in ("XAU", "XAG"):
        return metal_instrument(name)
    if len(name) == 6 and name[:3] in _CURRENCIES and name[3:] in _CURRENCIES:
        return fx_instrument(name)
    for quote in _CRYPTO_QUOTES:
        if name.endswith(quote) and 2 <= len(name) - len(quote) <= 10 and name.isalnum():
            return crypto_instrument(name[: -len(quote)], quote)
    raise InvalidInput(
        "instrument.unknown",
        f"an instrument must be known or described, was `{symbol[:40]}`",
        hint="describe it with --instrument quote=USD --instrument price_scale=4",
    )


def _seeded() -> dict[str, Instrument]:
    rows = [fx_instrument(pair) for pair in _MAJORS]
    rows += [metal_instrument("XAUUSD"), metal_instrument("XAGUSD")]
    coins = ("BTC", "ETH", "SOL", "BNB", "XRP", "ADA", "DOGE", "NEAR", "SHIB", "LTC")
    rows += [crypto_instrument(coin, "USDT") for coin in coins]
    rows += [crypto_instrument("BTC", "USD"), crypto_instrument("ETH", "USD")]
    return {row.symbol: row for row in rows}


SEEDED_INSTRUMENTS: dict[str, Instrument] = _seeded()
"""Instruments every new database knows, by symbol."""
