"""Telemetry: JSON log lines, Prometheus metrics and the ids bound to a request or a run.

Few lines: one canonical line per request and per run, with its id; everything else is a warning, an
error or debug.
"""

import logging
import sys

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from sptraderb.errors import InvalidInput

REGISTRY = CollectorRegistry(auto_describe=True)
REQUESTS = Counter(
    "sptraderb_requests_total", "HTTP requests answered", ["method", "route", "status"], registry=REGISTRY
)
REQUEST_SECONDS = Histogram(
    "sptraderb_request_seconds",
    "Time to answer an HTTP request",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=REGISTRY,
)
SOCKETS = Gauge("sptraderb_sockets", "Open WebSockets", registry=REGISTRY)
POOL_CONNECTIONS = Gauge(
    "sptraderb_pool_connections", "Database connections of this process", ["state"], registry=REGISTRY
)
RUNS = Gauge("sptraderb_runs", "Runs by state, as the database has them", ["state"], registry=REGISTRY)
RUNS_FINISHED = Counter(
    "sptraderb_runs_finished_total", "Runs this worker ended", ["status"], registry=REGISTRY
)

_LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40, "off": 60}


def parse_levels(spec: str) -> tuple[int, dict[str, int]]:
    """Read a level specification such as ``info,sptraderb.api=debug``.

    The form of the first server's ``RUST_LOG`` is understood: ``sptraderb_api=debug`` and ``::``.

    Returns
    -------
    tuple of (int, dict of str to int)
        The root level and the levels of named loggers.

    Raises
    ------
    InvalidInput
        ``config.invalid`` naming LOG_LEVEL.
    """
    root, named = logging.INFO, {}
    for part in filter(None, (piece.strip() for piece in spec.split(","))):
        name, equals, word = part.rpartition("=")
        level = _LEVELS.get(word.lower())
        if level is None or (equals and not name):
            words = ", ".join(_LEVELS)
            raise InvalidInput(
                "config.invalid",
                f"LOG_LEVEL must be levels ({words}), alone or as `module=level`, was `{spec[:80]}`",
                variable="LOG_LEVEL",
            )
        if equals:
            named[_module_name(name)] = level
        else:
            root = level
    return root, named


def _module_name(name: str) -> str:
    dotted = name.replace("::", ".")
    return "sptraderb.api" if dotted == "sptraderb_api" else dotted


def configure_logging(spec: str, log_format: str) -> None:
    """Send structured log lines to standard error.

    Parameters
    ----------
    spec : str
        Levels, see `parse_levels`.
    log_format : {'auto', 'json', 'console'}
        ``auto`` writes for people on a terminal, else JSON, one object a line.

    Raises
    ------
    InvalidInput
        ``config.invalid`` naming LOG_LEVEL.
    """
    root, named = parse_levels(spec)
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    ends: list[structlog.types.Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ends],
        )
    )
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(root)
    for noisy in ("uvicorn.access", "asyncio", "pgqueuer"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for name, level in named.items():
        logging.getLogger(name).setLevel(level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; ``name`` is its dotted name."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return bound
