"""Each kernel against the formula it stands for, run on the CPU through the shim, its threads in several orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support import emulator
from support.op_samples import NAMES, computed, equal, on_device
from support.spoilt import assert_equal_where_finite, spoilt
from support.strict import LEDGER, no_sync, xp
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad import ops
from minigrad.backends.cuda import CudaBackend
from minigrad.core.device import to_host
from minigrad.core.mode import changed_mode
from minigrad.core.op import OPS
from minigrad.gradcheck.samples import Sample
from minigrad.gradcheck.samples.problems import samples_of
from minigrad.kernels.cuda.launch import launch, source


@pytest.fixture(autouse=True)
def gpu() -> Iterator[CudaBackend]:
    with pretended_gpu() as backend:
        LEDGER.clear()
        yield backend
    emulator.seed = 0


WHILE_RECORDING = {"concat", "stack"}  #: what their kernels are for, see test_cuda_capture.py
with pretended_gpu():  # registers the kernels
    WITH_KERNELS = [name for name in NAMES if any(device == "cuda" for device, _ in OPS[name].kernels) and name not in WHILE_RECORDING]


def agree(name: str, sample: Sample, rtol: float, atol: float, first_only: bool = False) -> int:
    """Compare a kernel with its formula in float64; return how many kernels were launched."""
    wide = Sample(*[a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in sample.args], **sample.params)
    with changed_mode(plain=True):
        expected_out, expected = computed(name, wide, False, first_only)
    LEDGER.clear()
    out, grads = computed(name, on_device(sample), False, first_only)
    for got, want in zip([*out, *grads], [*expected_out, *expected], strict=True):
        assert (got is None) == (want is None)
        if got is not None:
            assert got.shape == want.shape
            scale = max(1.0, float(np.abs(want.data).max(initial=0)))
            np.testing.assert_allclose(to_host(got.data) / scale, want.data / scale, rtol=rtol, atol=atol, err_msg=f"{name}{sample}")
    return sum(launch.startswith("mg_") or launch == "gemm" for launch in LEDGER.launches)


# ------------------------------------------------------------------------------------------------- on the samples


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("first_only", [False, True], ids=["all outputs", "first output"])
@pytest.mark.parametrize("name", WITH_KERNELS)
def test_kernel_agrees_with_its_formula_on_every_sample(name: str, first_only: bool, seed: int) -> None:
    """Law 6, for the GPU: in float64, where the samples are."""
    emulator.seed = seed
    launched = sum(agree(name, sample, 1e-11, 1e-13, first_only) for sample in samples_of(name))
    assert launched, f"no sample of {name} reaches a kernel"


@pytest.mark.parametrize("name", WITH_KERNELS)
def test_kernel_agrees_with_its_formula_where_values_are_not_finite(name: str) -> None:
    """Law 6 with one infinite or nan element of an input or of the cotangent."""
    for sample, first in spoilt(name):
        with changed_mode(plain=True), np.errstate(all="ignore"):
            expected_out, expected = computed(name, sample, False, first=first)
        with np.errstate(all="ignore"):
            out, grads = computed(name, on_device(sample), False, first=first)
        for got, want in zip([*out, *grads], [*expected_out, *expected], strict=True):
            if want is not None:
                assert_equal_where_finite(to_host(got.data), want.data, (name, sample, first))


@pytest.mark.parametrize("name", WITH_KERNELS)
def test_kernel_keeps_type_and_device(name: str) -> None:
    for sample in samples_of(name):
        with changed_mode(plain=True):
            expected_out, expected = computed(name, sample, False)
        out, grads = computed(name, on_device(sample), False)
        for got, want in zip([*out, *grads], [*expected_out, *expected], strict=True):
            equal(got, want, f"{name}{sample}")


# ---------------------------------------------------------------------------- float32, odd sizes, large means, views

NORM_SHAPES = [(2, 1), (31, 3), (33, 33), (7, 3, 7, 7), (5, 2, 4, 4), (1, 3, 5), (9000, 2), (3, 2, 4100), (70, 2, 120), (4, 0), (4, 0, 3)]


@pytest.mark.parametrize("mean", [0.0, 1e4])
@pytest.mark.parametrize("shape", NORM_SHAPES, ids=str)
def test_batch_norm_in_float32(shape: tuple[int, ...], mean: float) -> None:
    """Small and large channels, in both layouts. At mean 1e4 and variance 1, E[x^2] - E[x]^2 would have no digit."""
    rng = np.random.default_rng(len(shape))
    emulator.seed = 2
    x = (rng.standard_normal(shape) + mean).astype(np.float32)
    weight, bias = (rng.standard_normal(shape[1]).astype(np.float32) for _ in range(2))
    axes = (0, *range(2, len(shape)))
    for name in ("batch_norm", "batch_norm_relu"):
        tolerances = (2e-5, 2e-6) if mean == 0 else (1e-3, 1e-4)
        launched = agree(name, Sample(x, weight, bias, axis=axes), *tolerances, first_only=True)
        assert launched or not x.size


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "silu", "gelu", "sigmoid", "relu", "tanh", "layer_norm"])
def test_rows_and_elements_in_lower_precision(name: str, dtype: str) -> None:
    emulator.seed = 3
    for shape in ((3, 33), (5, 1), (2, 70)):
        x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
        tolerance = 2e-6 if dtype == "float32" else 4e-3
        if name == "layer_norm" and shape[1] == 1:
            continue  # its variance is zero
        agree(name, Sample(x), tolerance, tolerance, first_only=True)


@pytest.mark.parametrize(("rows", "classes"), [(1, 1), (33, 31), (5, 33), (300, 40), (4099, 3), (8200, 2)])
@pytest.mark.parametrize("name", ["mean_cross_entropy", "softmax_cross_entropy"])
def test_cross_entropy_in_float32(name: str, rows: int, classes: int) -> None:
    rng = np.random.default_rng(1)
    x, labels = (4 * rng.standard_normal((rows, classes))).astype(np.float32), rng.integers(0, classes, rows)
    assert agree(name, Sample(x, labels, label_smoothing=0.1), 1e-5, 1e-6, first_only=True)
    if name == "mean_cross_entropy" and rows > 1:
        labels[::2] = -100
        assert agree(name, Sample(x, labels), 1e-5, 1e-6, first_only=True)


@pytest.mark.parametrize("outputs", [1, 10, 65, 129])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_linear_narrow_and_wide(outputs: int, dtype: str) -> None:
    rng = np.random.default_rng(2)
    x, weight, bias = (rng.standard_normal(s).astype(dtype) for s in ((7, 33), (outputs, 33), (outputs,)))
    tolerance = 3e-6 if dtype == "float32" else 5e-3
    assert agree("linear", Sample(x, weight, bias), tolerance, tolerance)
    assert agree("linear", Sample(x, weight), tolerance, tolerance)


def test_convolution_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns of few images at a time give what those of all at once give."""
    monkeypatch.setattr("minigrad.kernels.cuda.windows.CACHED_BYTES", 2000)
    rng = np.random.default_rng(3)
    x, weight = rng.standard_normal((5, 2, 6, 7)).astype(np.float32), rng.standard_normal((3, 2, 3, 2)).astype(np.float32)
    assert agree("convolution", Sample(x, weight, stride=(1, 2), padding=1, dilation=(2, 1)), 1e-5, 2e-6) > 6


GROUPED = {  # shapes of x and weight, groups, parameters
    "depthwise": ((3, 6, 9, 7), (6, 1, 3, 3), 6, {"padding": 1}),
    "depthwise, two of each": ((2, 3, 8, 8), (6, 1, 3, 2), 3, {"stride": (2, 1), "padding": ((0, 2), (1, 0))}),
    "two groups": ((2, 4, 7, 6), (6, 2, 2, 3), 2, {"dilation": (1, 2), "padding": 2}),
    "one axis": ((2, 4, 11), (4, 1, 3), 4, {"stride": 3}),
    "many windows": ((5, 2, 20, 17), (2, 1, 3, 3), 2, {}),
    "no images": ((0, 2, 5, 5), (2, 1, 3, 3), 2, {}),
}


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("case", GROUPED)
def test_grouped_convolution(case: str, dtype: str) -> None:
    """Forward and both adjoints, directly: three launches; and its transpose."""
    shape, weight_shape, groups, params = GROUPED[case]
    rng = np.random.default_rng(6)
    emulator.seed = 4
    x, weight, bias = (rng.standard_normal(s).astype(dtype) for s in (shape, weight_shape, weight_shape[:1]))
    tolerances = (1e-5, 3e-6) if dtype == "float32" else (2e-2, 8e-3)
    agree("convolution", Sample(x, weight, bias, groups=groups, **params), *tolerances)
    launched = [name for name in LEDGER.launches if name.startswith("mg_")]
    assert sorted(launched) == (["mg_grouped", "mg_grouped_spread", "mg_grouped_weight"] if x.size else ["mg_grouped_weight"])
    if x.size and "padding" not in params:
        y = rng.standard_normal((2, weight_shape[0], *[4] * (len(shape) - 2))).astype(dtype)
        agree("conv_transpose", Sample(y, weight, groups=groups, **params), *tolerances)


def test_pooling_over_everything_is_one_launch_and_one_back() -> None:
    rng = np.random.default_rng(8)
    for shape, size in (((2, 3, 4, 5), 1), ((2, 3, 7), (1,)), ((2, 3, 2, 2, 2), (1, 1, 1))):
        x = rng.standard_normal(shape).astype(np.float32)
        agree("adaptive_avg_pool", Sample(x, output_size=size), 1e-5, 1e-6)
        assert [name for name in LEDGER.launches if name != "fill"] == ["mean", "truediv"]


@pytest.mark.parametrize("view", [lambda a: a.T, lambda a: a[::2], lambda a: a[:, ::-1], lambda a: a[1:, 1:]])
def test_views_and_read_only_rows(view: Any) -> None:
    base = np.random.default_rng(4).standard_normal((12, 12)).astype(np.float32)
    x = view(xp.asarray(base))
    want = view(base)
    for got, expected in (
        (ops.matmul(x, x.T), want @ want.T),
        (ops.softmax(x), np.exp(want) / np.exp(want).sum(-1, keepdims=True)),
        (ops.linear(x, x), want @ want.T),
    ):
        np.testing.assert_allclose(got.get(), expected, rtol=2e-5, atol=1e-5)


def test_adding_at_indices_gives_the_same_bytes_in_any_order_of_threads() -> None:
    rng = np.random.default_rng(5)
    indices, updates = rng.integers(-7, 7, 200), rng.standard_normal((200, 5)).astype(np.float32)
    results = []
    for emulator.seed in range(4):
        x = mg.Tensor(np.zeros((7, 5), np.float32)).to("cuda")
        results.append(ops.index_add(x, *(mg.Tensor(a).to("cuda") for a in (indices, updates)), axis=0).to("cpu").numpy().tobytes())
    assert len(set(results)) == 1


# ------------------------------------------------------------------------------------------------------- clipping


@pytest.mark.parametrize("most", [1.0, 1e6, np.inf])
@pytest.mark.parametrize("count", [1, 3, 70])
def test_clipping_is_two_launches_for_each_64_gradients(count: int, most: float) -> None:
    rng = np.random.default_rng(7)
    host = [rng.standard_normal((k % 5, 3)).astype(np.float32) for k in range(1, count + 1)]
    norms, grads = [], []
    for device in ("cpu", "cuda"):
        params = [mg.Tensor(g * 0).to(device).requires_grad_() for g in host]
        for p, g in zip(params, host, strict=True):
            p.grad = mg.Tensor(g.copy()).to(device)
        LEDGER.clear()
        norms.append(mg.optim.clip_grad_norm_(params, most))
        grads.append([p.grad.to("cpu").numpy() for p in params])
    assert [name for name in LEDGER.launches if name.startswith("mg_")] == LEDGER.launches
    assert len(LEDGER.launches) == 2 * -(-sum(g.size > 0 for g in host) // 64)
    np.testing.assert_allclose(norms[1].item(), norms[0].item(), rtol=1e-6)
    for a, b in zip(*grads, strict=True):
        np.testing.assert_allclose(b, a, rtol=2e-6)


def test_clipping_of_views_and_of_infinities_is_that_of_the_cpu() -> None:
    for g in (np.ones((3, 2), np.float32).T, np.array([np.inf, 1.0], np.float32), np.array([np.nan, 1.0], np.float32)):
        found = []
        for device in ("cpu", "cuda"):
            p = mg.Tensor(np.zeros(g.shape, np.float32)).to(device).requires_grad_()
            p.grad = mg.Tensor(g.T.copy()).to(device).T
            with np.errstate(invalid="ignore"):
                norm = mg.optim.clip_grad_norm_([p], 0.5)
            found.append((norm.item(), p.grad.to("cpu").numpy()))
        np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-6)
        np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-6)


# ------------------------------------------------------------------------------------------------- random numbers


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 1023])
@pytest.mark.parametrize("seed", [0, 5, 2**127 + 12345])
def test_random_words_are_those_of_the_cpu_to_the_last_bit(seed: int, n: int) -> None:
    words = [mg.random.Generator(seed) for _ in range(2)]
    for _ in range(2):
        host, there = words[0].bits(n, "cpu"), words[1].bits(n, "cuda")
        np.testing.assert_array_equal(there.get(), host)
    assert words[0].state == words[1].state


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_masks_are_those_of_the_cpu(p: float) -> None:
    pair = [mg.random.Generator(9) for _ in range(2)]
    for shape in ((5, 7), (), (0, 3), (64,)):
        host, there = (g.bernoulli(shape, p, dtype=bool, device=d) for g, d in zip(pair, ("cpu", "cuda"), strict=True))
        np.testing.assert_array_equal(there.to("cpu").numpy(), host.numpy())
        host, there = (g.uniform(shape, device=d) for g, d in zip(pair, ("cpu", "cuda"), strict=True))
        np.testing.assert_array_equal(there.to("cpu").numpy(), host.numpy())


def test_classes_are_those_of_the_cpu_and_are_not_waited_for() -> None:
    logits = mg.tensor(np.random.default_rng(0).normal(size=(3, 5)))
    host, there = (mg.random.Generator(2) for _ in range(2))
    expected, on_device = host.categorical(logits, shape=(40, 3)), logits.to("cuda")
    with no_sync():
        drawn = there.categorical(on_device, shape=(40, 3))
        like = mg.random.normal_like(on_device)
    np.testing.assert_array_equal(drawn.to("cpu").numpy(), expected.numpy())
    assert str(drawn.device) == str(like.device) == "cuda:0"


def test_dropout_is_two_launches_and_one_back() -> None:
    x = mg.Tensor(np.ones((8, 9), np.float32)).to("cuda").requires_grad_()
    LEDGER.clear()
    y = mg.nn.functional.dropout(x, 0.4)
    assert LEDGER.launches == ["mg_random_mask", "mg_masked"]
    y.backward(y.detach())
    assert LEDGER.launches[2:] == ["mg_masked"]


# ------------------------------------------------------------------------------------------------- what is refused


def floats(*shape: int) -> Any:
    return xp.ones(shape, dtype="float32")


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((floats(4).astype("float64"), floats(4), 4), TypeError, "x is float64, and the kernel reads float32"),
        ((np.ones(4, np.float32), floats(4), 4), TypeError, "x must be an array of the device, not ndarray"),
        ((floats(4, 2)[:, 0], floats(4), 4), ValueError, "x, of shape .* is not contiguous"),
        ((floats(4), 4), TypeError, "takes 3 arguments, and 2 were given"),
    ],
)
def test_a_launch_checks_its_arguments(args: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        launch("mg_sigmoid", (1,), (32,), args, like=floats(4))


def test_a_launch_checks_its_size() -> None:
    with pytest.raises(ValueError, match="more than a GPU offers"):
        launch("mg_sigmoid", (1,), (2048,), (floats(4), floats(4), 4), like=floats(4))


def test_a_label_outside_the_classes_is_reported_by_the_next_look_at_a_value() -> None:
    x, labels = mg.Tensor(np.ones((3, 4), np.float32)).to("cuda"), mg.Tensor(np.array([1, -3, 9])).to("cuda")
    loss = ops.mean_cross_entropy(x, labels)[0]
    with pytest.raises(IndexError, match="label -3 at position 1 is outside the 4 classes, 0 to 3"):
        loss.item()
    assert np.isnan(loss.item())


# --------------------------------------------------------------------------------------- the emulator sees mistakes


def run_planted(name: str, old: str, new: str, grid: tuple[int, ...], block: tuple[int, ...], *args: Any, shared: int) -> None:
    code = source("batch_norm.cu", "float32")
    assert old in code
    emulator.RawModule(code.replace(old, new)).get_function(name)(grid, block, args, shared)


def planted_statistics(old: str, new: str) -> float:
    """Error of the mean that a spoiled kernel computes."""
    x = np.arange(257 * 64, dtype=np.float32).reshape(257, 1, 64) % 11
    y, mean, var = floats(257, 1, 64), floats(1), floats(1)
    sizes = [np.int32(n) for n in (257, 1, 64)]
    null = np.uint64(0)
    args = (xp.asarray(x), null, null, y, mean, var, *sizes, np.float64(1e-5), np.int32(0))
    run_planted("mg_batch_norm_forward", old, new, (1,), (1, 256), *args, shared=24 * 256)
    return float(abs(mean._a[0] - x.mean()))


def test_a_missing_barrier_shows() -> None:
    merge = "s[at] = mg_merge(s[at], s[at + h * blockDim.x]);"
    errors = []
    for emulator.seed in range(1, 5):
        assert planted_statistics(merge, merge) < 1e-4
        errors.append(planted_statistics(f"{merge}\n    __syncthreads();", merge))
    assert max(errors) > 1e-3 or np.isnan(errors).any()


def test_a_barrier_that_some_threads_do_not_reach_is_an_error() -> None:
    with pytest.raises(AssertionError, match="barrier"):
        planted_statistics("  s[at] = v;\n  __syncthreads();", "  s[at] = v;\n  if (at % 2) return v;\n  __syncthreads();")
