"""What a user can say about a file to import; everything not said is taken from the file or refused."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import msgspec

from sptraderb.errors import InvalidInput

TRUST_TIERS = ("verified", "external", "user")
FORMAT_WORDS = (
    "parquet", "ticks", "json", "cryptodatadownload", "histdata", "dukascopy", "binance", "lean",
    "metatrader", "csv",
)  # fmt: skip
"""What forces a layout; the recognisers themselves load libraries that the API process does without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """Options of one import.

    Parameters
    ----------
    symbol, timeframe : str or None
        Where name and data do not say, or say otherwise.
    timezone : str or None
        The file's clock: ``UTC``, ``Europe/Athens``, ``ny-close``, ``+07:00``; ``auto`` takes the one zone
        that fits the FX week.
    side : {'bid', 'ask', 'mid', None}
        Which prices the file holds.
    format : str or None
        Forces a layout.
    instrument : mapping of str to str
        Facts of the instrument: ``price_scale``, ``quote`` ...
    strict : bool
        Refuse a file with anything imperfect.
    trust : {'verified', 'external', 'user'}
        Tier of the source.
    source : str
        Where the file comes from; its name when empty.
    price_factor : str or None
        A power of ten the prices are to be multiplied with, such as ``0.00001``.
    date_order : {'dmy', 'mdy', None}
        Of slashed dates.
    trust_timezone : bool
        Take the zone even where the FX week speaks against it.
    own : bool
        Make a series own that is adopted.
    file_name : str
        Name of an upload, where the path's own name says nothing.
    """

    symbol: str | None = None
    timeframe: str | None = None
    timezone: str | None = None
    side: str | None = None
    format: str | None = None
    instrument: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    trust: str = "user"
    source: str = ""
    price_factor: str | None = None
    date_order: str | None = None
    trust_timezone: bool = False
    own: bool = False
    file_name: str = ""

    def __post_init__(self) -> None:
        _require_word("side", self.side, ("bid", "ask", "mid"))
        _require_word("format", self.format, FORMAT_WORDS)
        _require_word("trust", self.trust, TRUST_TIERS)
        _require_word("date_order", self.date_order, ("dmy", "mdy"))

    @property
    def digest(self) -> str:
        """Hash of everything that decides what rows a file gives (not of its name, source or place)."""
        facts = asdict(self)
        for name in ("source", "file_name", "trust", "own"):
            del facts[name]
        return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()


def _require_word(name: str, value: str | None, words: tuple[str, ...]) -> None:
    if value is not None and value not in words:
        raise InvalidInput(
            "import.bad_option", f"{name} must be one of {', '.join(words)}, was `{value[:40]}`", option=name
        )
