"""Whether a table of the book has room for one more row: no kernel writes beyond its table.

Tables are emptied between bars, with room for what one bar can add (`codes.is_full_nb`); a bar that adds
more would be a fault of that bound, and the book is void rather than memory overwritten.
"""

from sptraderb.domain.calendar import Int64Array
from sptraderb.engine.kernels import codes as c
from sptraderb.engine.kernels.codes import inlined_jit


@inlined_jit
def has_room_nb(counter: int, times: int, book: Int64Array) -> bool:
    """Return whether a counter's table, ``times`` as long as the others, has room; else void the book."""
    if book[counter] < times * book[c.TABLE_ROWS]:
        return True
    book[c.FAULT] = c.OVERFLOW
    return False
