"""`sptraderb`: the entry point; finds the command and turns every failure into a sentence.

Commands are named by import path, so that one command never loads another's parts. Exit codes: 0 done,
1 could not be done now, 2 wrong usage or input, 130 interrupted.
"""

import sys
import traceback
from importlib.metadata import version

from cyclopts import App, CycloptsError

from sptraderb.cli.console import show_error
from sptraderb.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    SptraderbError,
    StrategyInvalid,
    TooLarge,
)
from sptraderb.telemetry import configure_logging

USAGE_ERRORS = (InvalidInput, StrategyInvalid, NotFound, Conflict, NotPermitted, TooLarge)
"""Failures that the caller mends by asking differently: exit code 2."""

COMMANDS = {
    "demo": "Run a real backtest through a real server, on sample candles, and show the result.",
    "serve": "Start the API and one worker.",
    "worker": "Compute queued runs.",
    "import": "Import candle files.",
    "candles": "Judge stored candles, with a small picture of what is there.",
    "strategies": "Move strategies in and out as YAML files.",
    "check": "Say what is wrong with a strategy file, or what to know of it before it runs.",
    "backtest": "Run one strategy file here and print the result.",
    "verify": "Repeat a stored run with the second engine and compare.",
    "database": "Look after the embedded PostgreSQL and the schema.",
    "config": "Print the effective settings and where each came from.",
}


def build_app() -> App:
    """Return the command tree; each command's module is loaded when it is called."""
    app = App(
        name="sptraderb",
        help="Backtest server for FX and crypto strategies: exact money, no look-ahead, durable runs.",
        version=version("sptraderb"),
        help_format="plaintext",
    )
    for name, sentence in COMMANDS.items():
        module = f"sptraderb.cli.{name}_command"
        function = {"import": "import_files"}.get(name, name)
        app.command(f"{module}:{function}", name=name, help=sentence)
    return app


def run(arguments: list[str]) -> int:
    """Run the command that ``arguments`` name.

    Parameters
    ----------
    arguments : list of str
        Without the program's name. ``--traceback`` shows where an unexpected failure came from.

    Returns
    -------
    int
        The exit code.
    """
    configure_logging("warning", "auto")  # servers set their own
    wanted = [word for word in arguments if word != "--traceback"]
    try:
        result = build_app()(wanted, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        return 2
    except SptraderbError as error:
        show_error(error)
        return 2 if isinstance(error, USAGE_ERRORS) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1
    except Exception as error:
        if len(wanted) < len(arguments):
            traceback.print_exc()
        show_error(_defect(error))
        return 1
    return result if isinstance(result, int) else 0


def _defect(error: BaseException) -> SptraderbError:
    while error.__cause__ is not None:
        error = error.__cause__
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
    return SptraderbError(
        "internal.defect",
        f"this must not happen: {type(error).__name__} at {where}: {error}",
        hint="say it again with --traceback and report what it prints",
    )


def main() -> None:
    """Run as a program."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
