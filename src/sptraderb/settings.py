"""Settings: the only reader of the environment.

Every variable is a row of `VARIABLES` (name, default, meaning); unknown spellings of values are
refused with the variable's name. ``docs/reference/configuration.md`` is tested against the table.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from sptraderb.errors import InvalidInput

DEFAULT_PORT = 3001
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One environment variable.

    Parameters
    ----------
    name : str
        As in the environment.
    default : str
        Text used where it is not set; empty means "none".
    meaning : str
        One line for people.
    secret : bool
        Whether its value is masked when shown.
    """

    name: str
    default: str
    meaning: str
    secret: bool = False


VARIABLES = (
    Variable(name="DATABASE_URL", default="", meaning="PostgreSQL to use; none = embedded", secret=True),
    Variable(name="DB_POOL_SIZE", default="5", meaning="connections the API keeps, 1..100"),
    Variable(name="POSTGRES_BIN_DIR", default="", meaning="folder with other PostgreSQL binaries"),
    Variable(name="REDIS_URL", default="", meaning="Redis for the result cache; optional", secret=True),
    Variable(name="HOST", default="127.0.0.1", meaning="address the API listens on"),
    Variable(name="PORT", default=str(DEFAULT_PORT), meaning="port the API listens on"),
    Variable(name="LOG_LEVEL", default="info", meaning="level, then per module: `info,sptraderb.api=debug`"),
    Variable(
        name="LOG_FORMAT", default="auto", meaning="`json`, `console`, or `auto`: console on a terminal"
    ),
    Variable(name="DATA_DIR", default="", meaning="embedded database, candle cache, kernel cache"),
    Variable(
        name="ALLOWED_ORIGINS", default="", meaning="web pages that may call, comma separated; one `*` each"
    ),
    Variable(name="ALLOWED_HOSTS", default="", meaning="host names that may be asked for beside loopback"),
    Variable(name="AUTH_MODE", default="open", meaning="`open`: everyone is `local`; others come later"),
    Variable(
        name="ALLOW_OPEN", default="", meaning="`1` permits open mode on an address that is not loopback"
    ),
    Variable(
        name="METRICS_TOKEN",
        default="",
        meaning="bearer token for /metrics; none = loopback only",
        secret=True,
    ),
    Variable(name="WORKERS", default="1", meaning="runs a worker computes at a time, 1..64"),
    Variable(name="MAX_BODY_BYTES", default=str(4 * _MIB), meaning="largest request body"),
    Variable(name="MAX_WORKSPACE_BYTES", default=str(2 * _MIB), meaning="largest workspace `data`"),
    Variable(name="MAX_IMPORT_BYTES", default=str(512 * _MIB), meaning="largest file sent to be imported"),
    Variable(name="MAX_SOCKETS", default="2000", meaning="WebSockets one API process serves"),
    Variable(name="MAX_QUEUE", default="1000", meaning="runs that may wait; beyond: 503"),
    Variable(
        name="USER_PYTHON", default="off", meaning="strategies' own Python: `off`, `confined`, `trusted`"
    ),
    Variable(name="USER_PYTHON_DIR", default="", meaning="their folder; none = DATA_DIR/python"),
    Variable(name="USER_PYTHON_MEMORY_MB", default="2048", meaning="memory one component may use"),
    Variable(name="USER_PYTHON_CPU_S", default="60", meaning="processor seconds one component may use"),
    Variable(name="CANDLE_CACHE_BYTES", default=str(2048 * _MIB), meaning="disk the candle cache may use"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The effective settings of a process; see `VARIABLES` for what each means.

    ``sources`` says for each variable where its value came from: ``environment`` or ``default``.
    """

    database_url: str
    db_pool_size: int
    postgres_bin_dir: Path | None
    redis_url: str
    host: str
    port: int
    port_is_given: bool
    log_level: str
    log_format: str
    data_dir: Path
    allowed_origins: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    auth_mode: str
    metrics_token: str
    workers: int
    max_body_bytes: int
    workspace_max_bytes: int
    max_import_bytes: int
    max_sockets: int
    max_queue: int
    candle_cache_bytes: int
    user_python: str
    user_python_dir: Path | None
    user_python_memory_mb: int
    user_python_cpu_s: int
    sources: Mapping[str, str]

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read settings from a mapping such as ``os.environ``.

        Raises
        ------
        InvalidInput
            ``config.invalid`` naming the variable, what it must be and what it was;
            ``config.open_not_loopback`` if open mode would be reachable from other machines.
        """
        texts = {row.name: environ.get(row.name, "").strip() or row.default for row in VARIABLES}
        given = {row.name for row in VARIABLES if environ.get(row.name, "").strip()}
        settings = cls(
            database_url=_database_url(texts["DATABASE_URL"]),
            db_pool_size=_whole(texts, "DB_POOL_SIZE", 1, 100),
            postgres_bin_dir=Path(texts["POSTGRES_BIN_DIR"]) if texts["POSTGRES_BIN_DIR"] else None,
            redis_url=texts["REDIS_URL"],
            host=texts["HOST"],
            port=_whole(texts, "PORT", 0, 65535),
            port_is_given="PORT" in given,
            log_level=texts["LOG_LEVEL"],
            log_format=_word(texts, "LOG_FORMAT", ("auto", "json", "console")),
            data_dir=Path(texts["DATA_DIR"]).expanduser() if texts["DATA_DIR"] else default_data_dir(environ),
            allowed_origins=_words(texts["ALLOWED_ORIGINS"]),
            allowed_hosts=_words(texts["ALLOWED_HOSTS"]),
            auth_mode=_word(texts, "AUTH_MODE", ("open",)),
            metrics_token=texts["METRICS_TOKEN"],
            workers=_whole(texts, "WORKERS", 1, 64),
            max_body_bytes=_whole(texts, "MAX_BODY_BYTES", 1024, 1024 * _MIB),
            workspace_max_bytes=_whole(texts, "MAX_WORKSPACE_BYTES", 1024, 256 * _MIB),
            max_import_bytes=_whole(texts, "MAX_IMPORT_BYTES", 1024, 1024 * 1024 * _MIB),
            max_sockets=_whole(texts, "MAX_SOCKETS", 1, 100_000),
            max_queue=_whole(texts, "MAX_QUEUE", 1, 1_000_000),
            candle_cache_bytes=_whole(texts, "CANDLE_CACHE_BYTES", 0, 1024 * 1024 * _MIB),
            user_python=_word(texts, "USER_PYTHON", ("off", "confined", "trusted")),
            user_python_dir=Path(texts["USER_PYTHON_DIR"]) if texts["USER_PYTHON_DIR"] else None,
            user_python_memory_mb=_whole(texts, "USER_PYTHON_MEMORY_MB", 64, 1024 * 1024),
            user_python_cpu_s=_whole(texts, "USER_PYTHON_CPU_S", 1, 86_400),
            sources={row.name: "environment" if row.name in given else "default" for row in VARIABLES},
        )
        if not is_loopback(settings.host) and texts["ALLOW_OPEN"] != "1":
            raise InvalidInput(
                "config.open_not_loopback",
                f"in open mode HOST must be a loopback address, was {settings.host}",
                hint="everyone who reaches it could do everything; ALLOW_OPEN=1 permits it all the same",
            )
        return settings

    def rows(self) -> list[tuple[str, str, str]]:
        """Return (variable, value with secrets masked, source) for each variable."""
        values = {
            "DATABASE_URL": mask_url(self.database_url) or "(embedded)",
            "POSTGRES_BIN_DIR": str(self.postgres_bin_dir or ""),
            "USER_PYTHON_DIR": str(self.user_python_dir or self.data_dir / "python"),
            "REDIS_URL": mask_url(self.redis_url),
            "DATA_DIR": str(self.data_dir),
            "ALLOWED_ORIGINS": ",".join(self.allowed_origins),
            "ALLOWED_HOSTS": ",".join(self.allowed_hosts),
            "METRICS_TOKEN": "***" if self.metrics_token else "",
            "MAX_WORKSPACE_BYTES": str(self.workspace_max_bytes),
            "ALLOW_OPEN": "" if is_loopback(self.host) else "1",
        }
        named = {row.name: str(getattr(self, row.name.lower(), "")) for row in VARIABLES}
        return [
            (row.name, values.get(row.name, named[row.name]), self.sources[row.name]) for row in VARIABLES
        ]


def is_loopback(host: str) -> bool:
    """Return whether a listening address is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Return where data goes unless told: ``/var/lib/sptraderb`` for root, else the user's data folder."""
    if os.geteuid() == 0:
        return Path("/var/lib/sptraderb")
    home = Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return home / "sptraderb"


def mask_url(url: str) -> str:
    """Return a URL with its password replaced by stars."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    netloc = parts.netloc.replace(f":{parts.password}@", ":***@")
    return urlunsplit(parts._replace(netloc=netloc))


def _database_url(text: str) -> str:
    if text and not text.startswith(("postgres://", "postgresql://")):
        raise InvalidInput(
            "config.invalid",
            "DATABASE_URL must begin with postgres:// or postgresql://, it begins otherwise",
            variable="DATABASE_URL",
        )
    return text


def _whole(texts: Mapping[str, str], name: str, low: int, high: int) -> int:
    text = texts[name]
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    if not low <= value <= high:
        message = f"{name} must be a whole number from {low} to {high}, was `{text}`"
        raise InvalidInput("config.invalid", message, variable=name)
    return value


def _word(texts: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    text = texts[name].lower()
    if text not in words:
        message = f"{name} must be {' or '.join(words)}, was `{text}`"
        raise InvalidInput("config.invalid", message, variable=name)
    return text


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
