"""What `sptraderb import` takes and hands to the importer."""

from dataclasses import fields

import pytest
from cyclopts import App

from sptraderb.candles.import_options import ImportOptions
from sptraderb.cli import import_command
from sptraderb.cli.import_command import ImportFlags
from sptraderb.errors import InvalidInput


def test_flags_when_compared_then_every_option_can_be_said() -> None:
    """Whatever the importer can be told, the command line can tell it; an upload's name is its own."""
    options = {field.name for field in fields(ImportOptions)} - {"file_name"}
    assert {field.name for field in fields(ImportFlags)} == options


def test_flags_when_typed_then_they_reach_the_importer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each flag is read from the command line as it is written in the documents."""
    seen: list[ImportOptions] = []

    async def _note(_files: object, options: ImportOptions) -> None:
        seen.append(options)

    monkeypatch.setattr(import_command, "_import_all", _note)
    app = App()
    app.command(import_command.import_files, name="import")
    line = "import a.csv --price-factor 0.00001 --date-order dmy --trust external --source vendor"
    app(line.split(), exit_on_error=False, result_action="return_value")
    assert seen == [
        ImportOptions(price_factor="0.00001", date_order="dmy", trust="external", source="vendor")
    ]


@pytest.mark.parametrize("flags", [ImportFlags(trust="blindly"), ImportFlags(date_order="ymd")])
def test_flags_when_a_word_is_unknown_then_refused(flags: ImportFlags) -> None:
    """Words are checked before a file is opened."""
    with pytest.raises(InvalidInput) as refused:
        flags.to_options()
    assert refused.value.code == "import.bad_option"
