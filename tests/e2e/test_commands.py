"""Import, strategies and backtest as a user types them, one after the other, without a server."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sptraderb.cli.demo_command import CANDLES, DEMO_DATA, STRATEGIES
from sptraderb.testing.programs import open_folder, start_program

IMPORT = ("import", str(CANDLES), "--symbol", "EURUSD", "--timezone", "UTC", "--side", "ask")
README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """Give a data folder that holds the sample candles."""
    with open_folder() as folder:
        code, said = run(
            folder, "import", str(CANDLES), "--symbol", "EURUSD", "--timezone", "UTC", "--side", "ask"
        )
        assert code == 0, said
        yield folder


def run(data_dir: Path, *arguments: str) -> tuple[int, str]:
    """Run one command to its end; return exit code and output."""
    process = start_program(*arguments, data_dir=data_dir)
    said, _ = process.communicate(timeout=180)
    return process.returncode, said


def test_import_when_repeated_then_nothing_changes(data_dir: Path) -> None:
    """The same file twice makes no second revision, and the report says so."""
    code, said = run(
        data_dir, "import", str(CANDLES), "--symbol", "EURUSD", "--timezone", "UTC", "--side", "ask"
    )
    assert code == 0
    assert "6,225 read: 6,225 kept" in said
    assert "unchanged" in said


def test_import_when_the_file_is_missing_then_a_sentence_and_exit_2(data_dir: Path) -> None:
    """A file that is not there is named."""
    code, said = run(data_dir, "import", "nowhere.csv", "--timezone", "UTC")
    assert code == 2
    assert "nowhere.csv" in said
    assert "Traceback" not in said


def test_strategies_when_imported_and_exported_then_the_files_are_equal(
    data_dir: Path, tmp_path: Path
) -> None:
    """YAML goes in and comes out byte for byte; a second import changes nothing; faults are shown."""
    code, said = run(data_dir, "strategies", "import", str(DEMO_DATA))
    assert code == 0, said
    assert "3 created, 0 changed, 0 same, 0 refused" in said
    assert run(data_dir, "strategies", "export", str(tmp_path / "out"))[0] == 0
    for name in STRATEGIES:
        assert (tmp_path / "out" / f"{name}.yaml").read_bytes() == (DEMO_DATA / f"{name}.yaml").read_bytes()

    (tmp_path / "out" / "broken.yaml").write_text("name: broken\nentri: {}\n")
    code, said = run(data_dir, "strategies", "import", str(tmp_path / "out"))
    assert code == 2
    assert "0 created, 0 changed, 3 same, 1 refused" in said
    assert "strategy.unknown_key, line 2, column 1" in said


def test_backtest_when_run_on_the_readmes_strategy_then_figures_and_a_page(
    data_dir: Path, tmp_path: Path
) -> None:
    """The first strategy of the README runs as it stands, and its parameters can be overridden."""
    (text,) = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "first.yaml").write_text(text)
    page = tmp_path / "first.html"
    arguments = ["backtest", str(tmp_path / "first.yaml"), "--page", str(page)]
    code, said = run(data_dir, *arguments, "--set", "slow=150")
    assert code == 0, said
    assert "Sharpe: equity at fx session-day closes" in said
    digest = re.findall(r"digest ([0-9a-f]{64})", said)
    assert digest
    assert digest[0] in page.read_text(encoding="utf-8")

    code, said = run(data_dir, *arguments, "--set", "slow=1500")
    assert code == 2
    assert "`parameters.slow` must lie in its range 50 to 300, was 1500" in said


ACCOUNT = """\
name: account
entry:
  long: {when: "crosses_above(sma(close, 5), sma(close, 20))", size: 5000 units}
  short: {when: "crosses_below(sma(close, 5), sma(close, 20))", size: 5000 units}
exit: {stop_loss: 40 pips, take_profit: 60 pips}
backtest: {symbols: [EURUSD, GBPUSD], position_mode: hedging, timeframe: 1h}
"""


def test_backtest_when_of_two_symbols_then_each_is_named_drawn_and_verified(
    data_dir: Path, tmp_path: Path
) -> None:
    """Symbols and position mode come from the file or the command line; the second engine agrees (A1, M7)."""
    code, said = run(
        data_dir, "import", str(CANDLES), "--symbol", "GBPUSD", "--timezone", "UTC", "--side", "ask"
    )
    assert code == 0, said
    (tmp_path / "account.yaml").write_text(ACCOUNT)
    page = tmp_path / "account.html"
    arguments = ("backtest", str(tmp_path / "account.yaml"), "--start", "2017-11-01", "--end", "2017-12-15")
    code, said = run(data_dir, *arguments, "--page", str(page))
    assert code == 0, said
    assert {"EURUSD", "GBPUSD"} <= set(re.findall(r"\b(?:EUR|GBP)USD\b", said))
    text = page.read_text(encoding="utf-8")
    assert all(f'"symbol":"{symbol}","decimals"' in text for symbol in ("EURUSD", "GBPUSD"))
    assert "hedging" in text
    found = re.search(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", said)
    assert found is not None
    code, checked = run(data_dir, "verify", found[0])
    assert code == 0, checked
    assert "equal" in checked

    code, said = run(data_dir, *arguments, "--symbol", "GBPUSD,EURUSD", "--position-mode", "netting")
    assert code == 0, said
    code, said = run(data_dir, *arguments, "--position-mode", "both")
    assert code == 2
    assert "netting" in said
