"""`sptraderb config`: the effective settings and where each came from, secrets masked."""

from rich.markup import escape
from rich.table import Table

from sptraderb.cli.console import OUT
from sptraderb.cli.surroundings import read_settings


def config() -> None:
    """Print the effective settings and where each came from."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("variable", "value", "from"):
        table.add_column(heading, overflow="fold")
    for name, value, source in read_settings().rows():
        style = "" if source == "environment" else "dim"
        table.add_row(name, escape(value) or "[dim]-[/]", source, style=style)
    OUT.print(table)
