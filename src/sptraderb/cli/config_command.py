"""`sptraderb config`: the effective settings and where each came from, secrets masked."""

from rich.markup import escape
from rich.table import Table

from sptraderb.cli.console import OUT
from sptraderb.cli.surroundings import read_settings
from sptraderb.telemetry import parse_levels


def config() -> None:
    """Print the effective settings and where each came from."""
    settings = read_settings()
    parse_levels(settings.log_level)  # refused by every other command, so not shown as if it worked
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("variable", "value", "from"):
        table.add_column(heading, overflow="fold")
    for name, value, source in settings.rows():
        style = "" if source == "environment" else "dim"
        table.add_row(name, escape(value) or "[dim]-[/]", source, style=style)
    OUT.print(table)
