"""Where in a user's source an op was called."""

from __future__ import annotations

import sys
from types import CodeType

from minigrad.core._source import place_of


def here():
    return sys._getframe()


def without_columns(code: CodeType) -> CodeType:
    """The code as ``python -X no_debug_ranges`` makes it: every instruction with its line (the first one), none with columns."""
    units = len(code.co_code) // 2
    lengths = [min(8, units - at) for at in range(0, units, 8)]
    return code.replace(co_linetable=bytes(byte for n in lengths for byte in (0x80 | 13 << 3 | n - 1, 0)))


def test_the_place_is_what_the_frame_evaluates():
    place = place_of(here())
    assert (place.file, place.code) == (__file__, "return sys._getframe()")
    assert str(place) == f"{__file__}:{place.line}: return sys._getframe()"


def test_the_place_is_a_line_where_columns_are_not_known():
    def bare():
        return sys._getframe()

    bare.__code__ = without_columns(bare.__code__)
    place = place_of(bare())
    assert (place.line, place.end_line, place.column, place.code) == (bare.__code__.co_firstlineno,) * 2 + (0, "def bare():")


def test_of_a_cell_of_a_notebook_only_the_name_is_shown():
    scope = {"sys": sys}
    exec(compile("frame = (lambda: sys._getframe())()", "/tmp/ipykernel_7/123.py", "exec"), scope)
    assert str(place_of(scope["frame"])) == "123.py:1"
