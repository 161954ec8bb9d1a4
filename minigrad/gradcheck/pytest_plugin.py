"""The fixture ``assert_gradients`` for pytest, which finds it where minigrad is installed; ``-p no:minigrad`` leaves it out.

::

    def test_my_backward(assert_gradients):
        assert_gradients(my_function, [x, w], vjp=my_backward)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def assert_gradients() -> Callable[..., None]:
    """Fail the test, with the report of `minigrad.gradcheck` and no traceback, unless all gradients of a function are right."""
    from minigrad.gradcheck.check import gradcheck

    def check(f: Callable[..., Any], inputs: Any, **options: Any) -> None:
        result = gradcheck(f, inputs, **options)
        if not result.ok:
            pytest.fail(f"{result}\n\n{result.repro()}" if result.verdict == "fail" else str(result), pytrace=False)

    return check
