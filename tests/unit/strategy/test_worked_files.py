"""The worked strategies as files: valid, named, explained, accepted by editors, and using what they show."""

import json
import re
from pathlib import Path

import pytest
import yaml

from sptraderb.domain.order import OrderKind
from sptraderb.domain.plan import Plan
from sptraderb.strategy.assessment import assess_strategy
from sptraderb.strategy.json_schema import json_schema
from sptraderb.testing.worked_strategies import DIGESTS, FOLDER, SERIES, strategy_files

_FILES = strategy_files()
_PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")


def _plan(name: str) -> Plan:
    plan = assess_strategy((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")).plan
    assert plan is not None
    return plan


@pytest.mark.parametrize("strategy", _FILES, ids=lambda path: path.stem)
def test_worked_file_when_checked_then_it_is_valid_named_and_explained(strategy: Path) -> None:
    """Each file compiles without a fault, bears its file's name and has a section on the page."""
    text = strategy.read_text(encoding="utf-8")
    found = assess_strategy(text)
    assert [fault.rendered() for fault in found.faults] == []
    assert found.plan is not None
    assert found.plan.name == strategy.stem
    assert found.plan.description
    assert (found.target.instrument.symbol, found.target.timeframe.name) in SERIES
    assert f"[{strategy.stem}]({strategy.name})" in _PAGE
    assert f"\n## {strategy.stem}\n" in _PAGE
    schemas = pytest.importorskip("jsonschema_rs")
    assert schemas.Draft202012Validator(json_schema()).is_valid(
        json.loads(json.dumps(yaml.safe_load(text), default=str))
    )


def test_worked_files_when_listed_then_there_are_ten_and_each_outcome_is_pinned() -> None:
    """The page tells of the files that are there, no more and no less, and so do the digests."""
    names = {path.stem for path in _FILES}
    assert len(names) == 10
    assert set(re.findall(r"^## (\w+)$", _PAGE, re.MULTILINE)) == names
    assert set(json.loads(DIGESTS.read_text(encoding="utf-8"))) == names


def test_worked_files_when_compiled_then_they_use_what_they_show() -> None:
    """Every order form, partial exits, scale-in and facts about the position stand in some file."""
    breakout, reversion = _plan("breakout"), _plan("mean_reversion")
    assert {rule.order.kind for rule in breakout.entries} == {OrderKind.STOP}
    assert {rule.order.kind for rule in reversion.entries} == {OrderKind.LIMIT}
    assert all(rule.cancel_when >= 0 for rule in reversion.entries)
    parts = _plan("partial_exits").entries[0].exits.partial
    assert [part.then_break_even for part in parts] == [True, False]
    grid = _plan("grid")
    assert grid.scale_in is not None
    assert len(grid.programs) == 3
    assert grid.risk.max_position_units_ppb == 20_000 * 10**9
    assert any(node.op == "forming" for node in _plan("multi_timeframe").nodes)
    assert _plan("session_breakout").session is not None
