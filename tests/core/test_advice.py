"""What somebody is told who comes with the habits of another library."""

import inspect
import warnings

import pytest

import minigrad as mg
from minigrad import ops
from minigrad.core._advice import SPELLINGS
from minigrad.core.op import Op
from minigrad.nn import functional as F

FUNCTIONS = {
    f"{module.__name__}.{name}": function
    for module in (ops, F)
    for name in module.__all__
    if inspect.isfunction(function := getattr(module, name)) and not isinstance(function, Op)
}
SPELLED = [(name, word) for name, function in FUNCTIONS.items() for word in SPELLINGS if word in inspect.signature(function).parameters]


@pytest.mark.parametrize(("name", "word"), SPELLED, ids=lambda value: value)
def test_the_other_spelling_is_told(name, word):
    function, other = FUNCTIONS[name], SPELLINGS[word]
    needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    with pytest.raises(TypeError, match=rf"^{function.__name__}: it is called {word} here, not {other}$"):
        function(*[mg.ones((2, 2))] * len([p for p in needed if p.name != word]), **{other: 0})


def test_ops_tell_it_too():
    with pytest.raises(TypeError, match="sum has no parameter 'dim'") as told:
        mg.sum(mg.ones((2, 2)), dim=0)
    assert any("dim is called axis" in note for note in told.value.__notes__)


def test_other_errors_of_types_stay_as_they_are():
    with pytest.raises(TypeError, match="unexpected keyword argument 'wrong'"):
        F.softmax(mg.ones((2, 2)), wrong=0)


def test_the_gradient_that_a_computed_tensor_does_not_keep():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    y.sum().backward()
    with pytest.warns(UserWarning, match=r"made by multiply\) is None.*retain_grad"):
        assert y.grad is None


def test_no_warning_where_a_gradient_is_kept_or_there_is_nothing_to_keep():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    y.retain_grad()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert y.grad is None  # not yet
        assert x.grad is None
        assert mg.tensor([1.0]).grad is None
        assert y.detach().grad is None
        assert "grad" not in y._repr_html_()
