"""Options of an import: words that are known, wherever they come from."""

import pytest

from sptraderb.candles.formats.recognise import FORMATS
from sptraderb.candles.import_options import FORMAT_WORDS, ImportOptions
from sptraderb.errors import InvalidInput


def test_format_words_when_compared_then_those_of_the_recognisers() -> None:
    """The words an option may have are the formats there are, in the order they are asked."""
    assert tuple(FORMATS) == FORMAT_WORDS


@pytest.mark.parametrize("name", ["side", "trust", "date_order", "format"])
def test_options_when_a_word_is_unknown_then_refused_by_name(name: str) -> None:
    """An unknown word is refused at once, with the option it was given for."""
    with pytest.raises(InvalidInput, match=f"{name} must be one of") as refused:
        ImportOptions(**{name: "nonsense"})  # type: ignore[arg-type]
    assert refused.value.code == "import.bad_option"
