"""The README says what is true: its settings, its commands and its first strategy."""

import re
from pathlib import Path

import yaml

from sptraderb.cli.main import COMMANDS
from sptraderb.settings import VARIABLES

README = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")
MAKEFILE = (Path(__file__).resolve().parents[3] / "Makefile").read_text(encoding="utf-8")


def test_readme_when_a_variable_is_listed_then_as_settings_read_it() -> None:
    """The table of environment variables is the table in ``settings``, row by row."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \| (.*?) \|$", README, re.MULTILINE)
    assert rows == [
        (row.name, f"`{row.default}`" if row.default else "", row.meaning.replace("|", "\\|"))
        for row in VARIABLES
    ]


def test_readme_when_it_names_a_command_then_there_is_one() -> None:
    """Every `sptraderb WORD` and every `make WORD` in the README exists."""
    assert set(re.findall(r"(?<!-)\bsptraderb ([a-z]+)", README)) <= set(COMMANDS)
    assert set(re.findall(r"`make ([a-z]+)", README)) <= set(
        re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE)
    )


def test_readme_when_it_shows_a_strategy_then_it_is_valid() -> None:
    """The first strategy compiles as it stands there."""
    from sptraderb.strategy.compiler import check_strategy

    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert yaml.safe_load(text)["name"] == "first"
    assert check_strategy(text) == ()
