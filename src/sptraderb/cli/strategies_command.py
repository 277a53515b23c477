"""`sptraderb strategies import|export DIR`: strategies in and out as YAML files.

A file's stem is the strategy's name, a folder inside DIR its folder; one level, as in the store.
"""

from collections.abc import Iterator
from pathlib import Path

from cyclopts import App
from rich.markup import escape

from sptraderb.bootstrap import Services, open_services
from sptraderb.cli.console import ERR, OUT, say_done
from sptraderb.cli.surroundings import read_settings, run_async
from sptraderb.domain.identity import LOCAL
from sptraderb.domain.workspace import require_strategy_name
from sptraderb.errors import InvalidInput, TooLarge
from sptraderb.store import strategy_rows
from sptraderb.store.strategy_rows import StrategyDraft
from sptraderb.strategy.compiler import check_strategy
from sptraderb.strategy.header import read_header

strategies = App(name="strategies", help="Move strategies in and out as YAML files.")

_MAX_BYTES = 1024 * 1024


@strategies.command(name="import")
def import_folder(folder: Path, /) -> int:
    """Store every strategy of a folder; files with faults are named and left out.

    Parameters
    ----------
    folder
        Holds *.yaml and *.yml, in itself and one level below.
    """
    files = sorted(_strategy_files(folder))
    if not files:
        raise InvalidInput("strategies.none_found", f"DIR must hold *.yaml files, {folder} holds none")
    return run_async(_import(folder, files))


@strategies.command(name="export")
def export_folder(folder: Path, /) -> None:
    """Write every stored strategy into a folder, as it was stored; files of other names stay.

    Parameters
    ----------
    folder
        Made if missing.
    """
    run_async(_export(folder))


def _strategy_files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise InvalidInput("strategies.no_folder", f"DIR must be a folder, {folder} is not")
    for pattern in ("*.yaml", "*.yml", "*/*.yaml", "*/*.yml"):
        yield from folder.glob(pattern)


async def _import(folder: Path, files: list[Path]) -> int:
    outcomes = {"created": 0, "changed": 0, "same": 0, "refused": 0}
    async with open_services(read_settings()) as services:
        for file in files:
            place = "" if file.parent == folder else file.parent.name
            outcomes[await _import_file(services, file, place)] += 1
    say_done(", ".join(f"{count} {word}" for word, count in outcomes.items()))
    return 2 if outcomes["refused"] else 0


async def _import_file(services: Services, file: Path, place: str) -> str:
    text = _read_text(file)
    faults = check_strategy(text)
    if faults:
        ERR.print(f"[bold red]refused[/] {escape(str(file))}")
        for fault in faults:
            ERR.print(escape(fault.rendered()))
        return "refused"
    header = read_header(text)
    draft = StrategyDraft(
        name=require_strategy_name(file.stem),
        text=text,
        folder=place,
        description=header.description,
        version=header.version,
        valid=True,
    )
    saved = await strategy_rows.save_strategy(services.pool, draft, owner=LOCAL.owner)
    OUT.print(f"{saved.outcome:8} {escape(saved.strategy.name)}")
    return saved.outcome


def _read_text(file: Path) -> str:
    if file.stat().st_size > _MAX_BYTES:
        raise TooLarge(
            "strategy.too_large", f"a strategy must have at most {_MAX_BYTES:,} bytes, {file} has more"
        )
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput("strategy.not_utf8", f"a strategy must be UTF-8 text, {file} is not") from error


async def _export(folder: Path) -> None:
    n_written = 0
    async with open_services(read_settings()) as services:
        cursor = None
        while True:
            page = await strategy_rows.list_strategies(services.pool, owner=LOCAL.owner, cursor=cursor)
            for row in page.strategies:
                stored = await strategy_rows.read_strategy(services.pool, row.name, owner=LOCAL.owner)
                _write_text(folder / stored.folder / f"{stored.name}.yaml", stored.text or "")
            n_written += len(page.strategies)
            cursor = page.next_cursor
            if cursor is None:
                break
    say_done(f"{n_written} strategies written to {folder}")


def _write_text(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="")
