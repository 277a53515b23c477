"""The entry point: every command is there, and every failure is a sentence with an exit code."""

import importlib

import pytest

from sptraderb.cli import main
from sptraderb.errors import Fault, InvalidInput, StrategyInvalid, Unavailable


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make every command raise ``error``."""

    def build() -> object:
        def call(*_: object, **__: object) -> None:
            raise error

        return call

    monkeypatch.setattr(main, "build_app", build)


@pytest.mark.parametrize("name", sorted(main.COMMANDS))
def test_command_when_asked_for_help_then_its_module_loads(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command named in the table exists and explains itself."""
    importlib.import_module(f"sptraderb.cli.{name}_command")
    assert main.run([name, "--help"]) == 0
    assert f"sptraderb {name}" in capsys.readouterr().out


def test_run_when_the_command_is_unknown_then_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that is no command is refused with the list of commands."""
    assert main.run(["serv"]) == 2
    assert "serve" in capsys.readouterr().err + capsys.readouterr().out


def test_config_when_the_log_level_is_no_level_then_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`config` refuses what `serve` would refuse."""
    monkeypatch.setenv("LOG_LEVEL", "bogus")
    assert main.run(["config"]) == 2
    assert "LOG_LEVEL" in capsys.readouterr().err


def test_run_when_an_option_is_wrong_then_exit_2() -> None:
    """An option with a value of the wrong kind is a usage error."""
    assert main.run(["serve", "--port", "many"]) == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [(InvalidInput("a.b", "a must be b, was c"), 2), (Unavailable("a.b", "a must answer, it did not"), 1)],
)
def test_run_when_a_command_fails_then_a_sentence_and_its_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong input exits 2, what cannot be done now exits 1; both are told on standard error."""
    failing(monkeypatch, error)
    assert main.run([]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert "a must" in err
    assert "Traceback" not in err


def test_run_when_a_strategy_has_faults_then_all_are_shown_with_their_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each fault keeps its line, column and caret; square brackets in it are no markup."""
    fault = Fault(code="strategy.unknown_key", message="no key `[x]`", line=3, column=3, source="  [x]: 2%")
    failing(monkeypatch, StrategyInvalid("strategy.invalid", "1 fault", faults=(fault,)))
    assert main.run([]) == 2
    assert "line 3, column 3: no key `[x]`" in capsys.readouterr().err


def test_run_when_something_unforeseen_happens_then_no_traceback_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A defect is one sentence with its place; ``--traceback`` shows the rest."""
    failing(monkeypatch, KeyError("x"))
    assert main.run([]) == 1
    brief = capsys.readouterr().err
    assert "internal.defect" in brief
    assert "Traceback" not in brief
    assert main.run(["--traceback"]) == 1
    assert "Traceback" in capsys.readouterr().err
