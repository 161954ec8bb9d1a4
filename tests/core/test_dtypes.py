"""The type of a result where those of the inputs differ, by the table in core/_dtypes.py: as usual, plain, and captured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.core.mode import changed_mode
from minigrad.gradcheck.samples.problems import samples_of
from minigrad.nn import functional as F

OPS = {name: op for name, op in mg.OPS.items() if op.__module__.startswith("minigrad.")}
SEVERAL = [name for name, op in OPS.items() if sum(len(f.inputs) for f in op.formulas) > 1 or op.variadic]


def counts(op: Any, place: int) -> bool:
    """Whether an input has a derivative: positions, labels and masks do not."""
    return (op.inputs[0] if op.variadic else op.inputs[place]) in {name for f in op.formulas for name in f.inputs}


def mixed(op: Any, args: tuple[Any, ...], number: int) -> tuple[list[Any], list[Any]] | None:
    """A sample in float32 with one of its floats in integers, and with the same numbers as floats; None if only one input counts."""
    places = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype.kind == "f" and counts(op, i)]
    if len(places) < 2:
        return None
    free = [i for i in places if op.input_name(i) != "x" or not {"weight", "w"} & set(op.inputs)]  # a layer's x must not be of integers
    chosen = free[number % len(free)]
    whole = np.asarray(np.abs(args[chosen]) * 100 + 1, np.int64)
    floats = [(whole if i == chosen else a).astype(np.float32) if i in places else a for i, a in enumerate(args)]
    return [whole if i == chosen else a for i, a in enumerate(floats)], floats


def outcome(op: Any, args: list[Any], params: dict[str, Any], how: str) -> list[Any]:
    def call(*given: Any) -> Any:
        rest = iter(given)
        out = op(*[next(rest) if isinstance(a, np.ndarray) else a for a in args], **params)
        return list(out) if isinstance(out, tuple) else [out]

    tensors = [mg.Tensor(a) for a in args if isinstance(a, np.ndarray)]
    if how == "captured":
        call = mg.capture(call, backend="numpy")
        for _ in range(3):
            call(*tensors)
    with changed_mode(plain=how == "plain"), np.errstate(all="ignore"):
        return [o.dtype for o in call(*tensors)]


@pytest.mark.parametrize("how", ["as usual", "plain", "captured"])
@pytest.mark.parametrize("name", SEVERAL)
def test_integers_never_widen_a_float(name: str, how: str) -> None:
    for k, sample in enumerate(samples_of(name)):
        both = mixed(OPS[name], sample.args, k) if k < 6 else None
        if both is not None:
            with_integers, floats = both
            assert outcome(OPS[name], with_integers, sample.params, how) == outcome(OPS[name], floats, sample.params, "as usual"), sample


@pytest.mark.parametrize(
    "make", [lambda i: i / 255.0, lambda i: i * 1.5, lambda i: i / i, mg.mean, mg.sqrt, mg.exp, mg.std, lambda i: i + mg.tensor(0.5)]
)
def test_integers_alone_give_the_default(make: Any) -> None:
    i = mg.tensor(np.array([1, 2, 3]))
    for plain in (False, True):
        with changed_mode(plain=plain):
            assert make(i).dtype == np.float32
    assert make(mg.tensor(np.array([1, 2], np.uint8))).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_of_python_and_numpy_take_the_tensors_type(dtype: Any) -> None:
    x = mg.tensor(np.array([0.25, 0.5], dtype), requires_grad=True)
    for number in (2, 2.0, np.float64(2), np.float32(2), np.int64(2)):
        for op in (
            mg.add,
            mg.subtract,
            mg.multiply,
            mg.divide,
            mg.pow,
            mg.maximum,
            mg.kron,
            mg.hypot,
            mg.sigmoid_cross_entropy,
            mg.logaddexp,
        ):
            assert op(number, x).dtype == dtype, op
            assert op(x, number).dtype == dtype, op
    assert mg.where(mg.tensor([True, False]), x, 0.0).dtype == dtype
    assert (x.sum() / mg.tensor([True, True]).sum()).dtype == dtype


@pytest.mark.parametrize("plain", [False, True])
def test_numpy_arrays_beside_a_tensor_are_as_tensors(plain: bool) -> None:
    x, whole = mg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True), np.array([[1, 2], [3, 4]])
    with changed_mode(plain=plain):
        for y in (x @ whole, x * whole, whole + x, mg.matmul(whole, x), mg.where(whole > 2, x, whole), mg.concat([x, whole])):
            assert y.dtype == np.float32
        assert mg.tensordot(x, whole, axes=1).dtype == np.float32


def test_what_asks_for_a_type_gets_it() -> None:
    i = mg.tensor(np.array([1, 2, 3]))
    assert i.astype("float64").dtype == np.float64
    assert (mg.tensor([1.0]) * mg.tensor(np.array([1.0]))).dtype == np.float64  # two floats: the wider one
    assert mg.vecdot(i.astype("uint8"), i.astype("uint8")).dtype == np.uint8


def test_gradients_have_the_type_of_their_input() -> None:
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    (x * mg.tensor(np.array([3, 4]))).sum().backward()
    assert (x.grad.dtype, x.grad.tolist()) == (np.float32, [3, 4])
    (g,) = mg.grad((x**3 * mg.tensor(np.array([3, 4]))).sum(), x, create_graph=True)
    assert mg.grad(g.sum(), x)[0].dtype == np.float32


def test_a_complex_result_of_real_tensors_is_refused() -> None:
    a = mg.tensor([1.0], requires_grad=True)
    for plain in (False, True):
        with changed_mode(plain=plain):
            for f in (lambda: a * (1 + 2j), lambda: mg.tensor([1.0]) + 1j, lambda: 1j - a):
                with pytest.raises(TypeError, match="complex"):
                    f()


LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Linear": (lambda: nn.Linear(3, 2), (4, 3)), "Conv1d": (lambda: nn.Conv1d(3, 2, 2), (4, 3, 5)),
    "Conv2d": (lambda: nn.Conv2d(3, 2, 2), (4, 3, 5, 5)), "ConvTranspose1d": (lambda: nn.ConvTranspose1d(3, 2, 2), (4, 3, 5)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(3), (4, 3)), "LayerNorm": (lambda: nn.LayerNorm(3), (4, 3)),
    "GroupNorm": (lambda: nn.GroupNorm(1, 3), (4, 3, 2)), "RMSNorm": (lambda: nn.RMSNorm(3), (4, 3)),
    "LSTM": (lambda: nn.LSTM(3, 2), (4, 1, 3)), "GRU": (lambda: nn.GRU(3, 2), (4, 1, 3)), "RNN": (lambda: nn.RNN(3, 2), (4, 1, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_refuses_floats_of_another_width(name: str) -> None:
    make, shape = LAYERS[name]
    x = np.random.default_rng(0).standard_normal(shape)
    with pytest.raises(TypeError, match=r"is float64 .*float32; give both one type: .*astype\('float32'\)"):
        make()(mg.Tensor(x))
    with pytest.raises(TypeError, match=r"is float32 .*float64; give both one type"):
        make().double()(mg.Tensor(x.astype(np.float32)))
    make()(mg.Tensor(x.astype(np.float32)))
    make().double()(mg.Tensor(x))


@pytest.mark.parametrize("bad", [np.array(["a"]), np.array(["2020-01-01"], "M8[D]"), np.array([None]), np.array([b"a"])])
def test_tensors_hold_numbers(bad: Any) -> None:
    for make in (mg.tensor, mg.as_tensor, mg.Tensor):
        with pytest.raises(TypeError, match="not numbers"):
            make(bad)


def test_masked_arrays_and_linspace_of_booleans_are_refused() -> None:
    with pytest.raises(TypeError, match="no masked elements"):
        mg.tensor(np.ma.array([1.0, 2.0], mask=[False, True]))
    for dtype in (bool, int, "uint8"):
        with pytest.raises(TypeError, match="linspace"):
            mg.linspace(0, 1, 3, dtype=dtype)


def test_functions_of_layers_do_not_widen() -> None:
    x = mg.tensor(np.ones((2, 3), np.float32))
    for f in (
        F.gelu,
        F.normalize,
        lambda x: F.cross_entropy(x, mg.tensor(np.array([0, 1]))),
        lambda x: F.mse_loss(x, mg.tensor(np.ones((2, 3), int))),
    ):
        assert f(x).dtype == np.float32


def test_integers_of_two_widths_follow_numpy() -> None:
    a, b = mg.tensor(np.array([1, 2], np.int32)), mg.tensor(np.array([3, 4], np.int64))
    assert ((a + b).dtype, (a + b).tolist()) == (np.int64, [4, 6])


def test_integers_are_no_input_of_a_layer_and_half_precision_is() -> None:
    with pytest.raises(TypeError, match="linear: x must be of floating point, not int64; convert it"):
        nn.Linear(3, 2)(mg.tensor(np.ones((4, 3), int)))
    assert nn.LayerNorm(3)(mg.tensor(np.ones((4, 3), np.float16))).dtype == np.float16


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16"])
@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda a, b: mg.avg_pool(a[None, None], kernel_size=2), id="avg_pool"),
        pytest.param(lambda a, b: mg.huber(a, b), id="huber"),
        pytest.param(lambda a, b: mg.lerp(a, b, 0.5), id="lerp"),
        pytest.param(lambda a, b: mg.eigh(a[:4].reshape((2, 2)))[0], id="eigh"),
        pytest.param(lambda a, b: mg.cdist(a[None], b[None]), id="cdist"),
        pytest.param(lambda a, b: F.pairwise_distance(a, b), id="pairwise_distance"),
        pytest.param(lambda a, b: mg.isclose(a, b, atol=2, rtol=0), id="isclose"),
        pytest.param(lambda a, b: mg.isclose(b, a, atol=2, rtol=0), id="isclose, the other way"),
        pytest.param(lambda a, b: mg.exp(a * 0 + 5), id="exp"),
    ],
)
def test_small_integers_do_not_wrap_around_on_the_way_to_a_float(function, dtype):
    top, bottom = int(np.iinfo(dtype).max), int(np.iinfo(dtype).min)
    a, b = np.array([top, top, bottom, 1, 5, top]), np.array([top - 1, bottom, top, 2, 4, 1])
    small = function(mg.tensor(a.astype(dtype)), mg.tensor(b.astype(dtype)))
    right = function(mg.tensor(a, dtype="float64"), mg.tensor(b, dtype="float64"))
    np.testing.assert_allclose(small.numpy(), right.numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("number", "dtype"), [(300, "uint8"), (-1, "uint8"), (-129, "int8")])
def test_a_number_that_does_not_fit_the_integers_beside_it_is_refused(number, dtype):
    x, mask = mg.tensor(np.array([1, 2], dtype)), mg.tensor([True, False])
    for call in (lambda: mg.where(mask, x, number), lambda: mg.where(mask, number, x), lambda: mg.masked_fill(x, mask, number)):
        with pytest.raises(OverflowError, match="out of bounds"):
            call()
    assert mg.where(mask, x, 7).tolist() == [1, 7]


@pytest.mark.parametrize("value", [0.5, 300, -1, np.inf, np.nan])
def test_padding_that_does_not_fit_integers_is_refused(value):
    x = mg.tensor(np.array([1, 2], np.uint8))
    with pytest.raises(ValueError, match=r"pad: value=.* does not fit x, which is uint8"):
        mg.pad(x, pad_width=1, value=value)
    assert mg.pad(x, pad_width=1, value=7.0).tolist() == [7, 1, 2, 7]


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint32", "uint64"])
def test_the_difference_of_large_integers_is_not_lost(dtype):
    a, b = (mg.tensor(np.array([2**24 + i], dtype)) for i in (0, 1))
    assert not mg.isclose(a, b, rtol=0, atol=0.5).item()
    assert mg.cdist(a[None], b[None]).item() == 1
    assert F.pairwise_distance(b, a, eps=0.0).item() == 1


def test_a_number_beside_integers_and_truths_has_to_fit_the_integers_alone():
    x, low = mg.tensor(np.array([1, 0], np.uint8)), mg.tensor([False, True])
    assert mg.clip(x, low, 200).tolist() == [1, 1]
    with pytest.raises(OverflowError, match="out of bounds"):
        mg.clip(x, low, 300)
