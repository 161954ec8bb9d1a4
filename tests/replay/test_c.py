"""C gives the numbers of the formulas within rounding, for every op, layer and optimizer, with NaN and infinities as NumPy has them."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from replay.test_laws import CASES, forward_and_gradients
from replay.training import BATCHES, Run

import minigrad as mg
from minigrad import nn, optim, random
from minigrad.core.mode import changed_mode
from minigrad.gradcheck.samples.layers import TABLE
from minigrad.gradcheck.samples.problems import samples_of
from minigrad.nn import functional as F
from minigrad.replay import c_blocks, c_build, capture
from minigrad.replay.c_build import NoCompilerError, library

OPS = {name: op for name, op in mg.OPS.items() if op.__module__.startswith("minigrad.")}

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.fixture(scope="module", autouse=True)
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A cache of its own; skipped where there is no compiler."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINIGRAD_CACHE", str(tmp_path_factory.mktemp("cache")))
        try:
            library("int nothing;")
        except NoCompilerError as error:
            pytest.skip(str(error))
        yield


def assert_close(got: Any, expected: Any, what: str = "", least: float = 1e-30) -> None:
    """Equal up to rounding, relative to the largest value; NaN and infinities in the same places."""
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    if expected.dtype.kind not in "fc":
        np.testing.assert_array_equal(got, expected, err_msg=what)
        return
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected), err_msg=what)
    np.testing.assert_array_equal(got[~finite & ~np.isnan(expected)], expected[~finite & ~np.isnan(expected)], err_msg=what)
    scale = float(np.abs(expected[finite]).max(initial=0))
    bound = {2: 2e-3, 4: 2e-6, 8: 4e-12}[expected.dtype.itemsize if expected.dtype.kind == "f" else expected.dtype.itemsize // 2]
    assert not finite.any() or np.abs(got[finite] - expected[finite]).max() <= bound * max(scale, least), what


@pytest.fixture(params=["", "blocks"])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With blocks of large arrays, as it is, or of all arrays, in pieces as small as can be."""
    if request.param:
        for name, least in (("LARGE", 1), ("PIECE", 1), ("RUN", 1), ("SMALL", 64)):
            monkeypatch.setattr(c_blocks, name, least)
    return str(request.param)


@pytest.mark.slow  # compiles some 500 programs
@pytest.mark.parametrize("name", OPS)
def test_an_op_in_c(name: str, blocks: str) -> None:
    for sample in samples_of(name):
        fast = capture(lambda *args, params=sample.params: forward_and_gradients(OPS[name], args, params), backend="c", check=False)
        args = [mg.Tensor(a.copy()) if isinstance(a, np.ndarray) else a for a in sample.args]
        with changed_mode(plain=True):
            expected = forward_and_gradients(OPS[name], tuple(args), sample.params)
        for _ in range(3):
            got = fast(*args)
        assert fast.program.backend == "c"
        for a, b in zip(got, expected, strict=True):
            assert_close(a.data, b.data, repr(sample))


@pytest.mark.slow
@pytest.mark.parametrize("k", range(len(TABLE)), ids=[f"{cls.__name__}-{k}" for k, (cls, *_) in enumerate(TABLE)])
def test_a_layer_in_c(k: int, blocks: str) -> None:
    cls, setup, settings, draw = TABLE[k]
    rng = np.random.default_rng(3)
    batches = [draw(rng) for _ in range(4)]
    results = []
    for captured in (False, True):
        random.manual_seed(5)
        options = {name: value for name, value in settings.items() if name != "training"}
        layer = cls(*setup, **options).double().train(settings.get("training", True))

        def step(*args: Any, layer: Any = layer) -> list[mg.Tensor]:
            layer.zero_grad()
            xs = [mg.Tensor(a.data).requires_grad_() if a.dtype.kind == "f" else a for a in args]
            out = layer(*xs)
            outs = [o for o in (out if isinstance(out, tuple) else (out,)) if isinstance(o, mg.Tensor)]
            sum((o * np.random.default_rng(0).standard_normal(o.shape)).sum() for o in outs).backward()
            return [*outs, *[t.grad for t in [*xs, *layer.parameters()] if t.requires_grad and t.grad is not None]]

        run = capture(step, backend="c", check=False) if captured else step
        steps = [[t.data.copy() for t in run(*[mg.Tensor(a) for a in batch])] for batch in batches]
        results.append((steps, [b.data.copy() for b in layer.buffers()], random.get_state()))
    (steps, buffers, state), (got_steps, got_buffers, got_state) = results
    for got, expected in [*zip(got_steps, steps, strict=True), (got_buffers, buffers)]:
        for a, b in zip(got, expected, strict=True):
            assert_close(a, b, least=1.0)  # a gradient through layer norm of two values is rounding noise
    assert got_state == state


@pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{name}-{k}" for k, (name, _) in enumerate(CASES)])
def test_an_optimizer_in_c(name: str, options: dict[str, Any], blocks: str) -> None:
    rng = np.random.default_rng(0)
    data = [(rng.standard_normal((6, 4)), rng.standard_normal((6, 2))) for _ in range(9)]
    results = []
    for captured in (False, True):
        random.manual_seed(1)
        model = nn.Sequential(nn.Linear(4, 5, bias=False), nn.Tanh(), nn.Linear(5, 2, bias=False)).double()
        optimizer = getattr(optim, name)(model.parameters(), **options)

        def step(x: Any, y: Any, model: Any = model, optimizer: Any = optimizer) -> mg.Tensor:
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        run = capture(step, backend="c") if captured else step
        losses = [run(mg.Tensor(x), mg.Tensor(y)).data.copy() for x, y in data]
        results.append(losses + [p.data.copy() for p in model.parameters()])
    for a, b in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_a_training_in_c(blocks: str) -> None:
    """Batch norm, dropout, cross-entropy, AdamW. The bias before batch norm has a gradient of rounding noise, which Adam magnifies."""
    eager = Run(drop=0.3)
    expected = eager.losses(captured=False)
    fast = Run(drop=0.3)
    np.testing.assert_allclose(fast.losses(captured=True, backend="c"), expected, rtol=3e-5)
    for (name, p), (_, q) in zip(eager.model.named_parameters(), fast.model.named_parameters(), strict=True):
        if name != "a.bias":
            np.testing.assert_allclose(q.data, p.data, atol=3e-5, err_msg=name)
    assert fast.run.program.backend == "c"


VALUES = np.array([0.0, -0.0, 1.5, -2.5, np.nan, np.inf, -np.inf, 1e-40, 3e38, -90, -103.9, -104.1, -740, -747], np.float32)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_and_infinities_are_as_in_numpy(dtype: str) -> None:
    """Every function that C computes, of two vectors of special values, alone and beside a number."""
    from minigrad.replay.c_forms import FORMS

    a, b = (grid.astype(dtype).ravel() for grid in np.meshgrid(VALUES, VALUES))
    calls = []
    for name in FORMS:
        ufunc = getattr(np, name)
        for rest in [()] if ufunc.nin == 1 else [(b,), (a.dtype.type(0),), (1,)]:
            with np.errstate(all="ignore"), suppress(TypeError):  # where it is for integers alone
                calls.append((name, ufunc, rest, ufunc(a, *rest)))

    def all_of_them(x: mg.Tensor, y: mg.Tensor) -> list[mg.Tensor]:
        return [mg.Tensor(ufunc(x.data, *(y.data if r is b else r for r in rest))) for _, ufunc, rest, _ in calls]

    fast = capture(all_of_them, backend="c", check=False)
    with np.errstate(all="ignore"):
        found = [fast(mg.Tensor(a), mg.Tensor(b)) for _ in range(3)][-1]
    assert fast.program.backend == "c"
    for (name, _, _, expected), got in zip(calls, found, strict=True):
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(got.data, expected, rtol=4e-6 if dtype == "float32" else 1e-14, atol=1e-44, err_msg=name)
        else:
            np.testing.assert_array_equal(got.data, expected, err_msg=name)


@pytest.mark.parametrize("reduce", ["sum", "max", "min"])
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), -1])
@pytest.mark.parametrize("bad", [None, np.nan, np.inf, -np.inf])
def test_sums_and_extremes(reduce: str, axis: Any, bad: Any, blocks: str) -> None:
    x = np.random.default_rng(0).standard_normal((5, 7, 33)).astype(np.float32)
    if bad is not None:
        x[2, 3, 4] = bad
    fast = capture(lambda t: mg.Tensor(getattr(t.data * 2, reduce)(axis=axis)), backend="c", check=False)
    for _ in range(3):
        got = fast(mg.Tensor(x))
    assert_close(np.asarray(got.data), np.asarray(getattr(x * 2, reduce)(axis=axis)))


def test_two_steps_with_one_source_have_their_own_memory() -> None:
    weights = [mg.full(3, float(k)) for k in range(3)]
    steps = [capture(lambda x, w=w: x * w + 1, backend="c") for w in weights]
    for _ in range(4):
        for k, step in enumerate(steps):
            np.testing.assert_array_equal(step(mg.ones(3)).data, np.full(3, k + 1, np.float32))
    assert len({step.program.c_source for step in steps}) == 1


STEPS: dict[str, Callable[[mg.Tensor], Any]] = {
    "softmax": lambda x: F.softmax(x, -1),
    "log_softmax over the first axis": lambda x: F.log_softmax(x, 0),
    "layer norm": lambda x: F.layer_norm(x, x.shape[1:]),
    "cross-entropy": lambda x: F.cross_entropy(x.reshape(24, -1), mg.tensor([k * 7 % 20 if k % 5 else -100 for k in range(24)])),
    "chosen rows": lambda x: mg.take(x, mg.tensor([3, 1, 1, 0]), axis=0).tanh().sum(axis=0),
    "channels": lambda x: (x - x.mean(axis=(0, 2), keepdims=True)) / (1 + (x * x).sum(axis=(0, 2), keepdims=True)),
    "all": lambda x: (x * 2).max() + (x * x).sum() + x.min(axis=1).sum(),
    "transposed": lambda x: F.softmax(x.swapaxes(0, 2) * 2, 0) + x.swapaxes(0, 2).sum(axis=1, keepdims=True),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("bad", [None, np.nan, np.inf, -np.inf])
def test_pieces_give_what_the_whole_gives(name: str, bad: float | None, blocks: str) -> None:
    """Forward and backward; the second fixture cuts everything into pieces, which the text shows."""
    values = np.random.default_rng(0).standard_normal((4, 6, 20)).astype(np.float32)
    if bad is not None:
        values[2, 3, 4] = bad
    x = mg.Tensor(values).requires_grad_()

    def step() -> list[mg.Tensor | None]:
        x.grad = None
        y = STEPS[name](x)
        y.backward(np.random.default_rng(1).standard_normal(y.shape).astype(np.float32))
        return [y, x.grad]

    with np.errstate(all="ignore"), changed_mode(plain=True):
        expected = [t.data.copy() for t in step()]
        fast = capture(step, backend="c", check=False)
        for _ in range(3):
            got = fast()
    for a, b in zip(got, expected, strict=True):
        assert_close(a.data, b)
    assert ("int64_t b = 0" in fast.program.c_source) == (blocks == "blocks")


def test_gradients_that_lie_elsewhere_are_read_there(blocks: str) -> None:
    """An optimizer joins them end to end; where they are large, its loop goes from one to the next."""
    results = []
    for captured in (False, True):
        rng = np.random.default_rng(0)
        params = [mg.Tensor(rng.standard_normal(shape)).requires_grad_() for shape in ((4, 3), (7,), (2, 5, 2))]
        gradients = [mg.Tensor(rng.standard_normal(p.shape)) for p in params]
        optimizer = optim.AdamW(params, lr=0.01)

        def step(params: Any = params, gradients: Any = gradients, optimizer: Any = optimizer) -> mg.Tensor:
            for p, g in zip(params, gradients, strict=True):
                p.grad = g
            optimizer.step()
            return params[0]

        run = capture(step, backend="c") if captured else step
        for k in range(6):
            gradients[1].data[...] = k
            run()
        results.append([p.data for p in params])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert ("parts[p]" in run.program.c_source) == (blocks == "blocks")


def test_large_results_are_made_where_they_stay() -> None:
    """Each step makes them anew and copies nothing; what is returned twice is one array, as in an eager step."""
    x = mg.Tensor(np.zeros((100, 200), np.float32)).requires_grad_()

    def step(w: mg.Tensor) -> list[mg.Tensor]:
        x.grad = None
        y = (x + w) * w
        y.backward(mg.ones(y.shape))
        return [y, x.grad]

    fast = capture(step, backend="c")
    kept = [(k, *fast(mg.full((100, 200), float(k))), x.grad) for k in range(6)]
    for k, y, returned, gradient in kept:
        np.testing.assert_array_equal(y.data, np.full(y.shape, k * k, np.float32))
        np.testing.assert_array_equal(gradient.data, np.full(y.shape, k, np.float32))
        assert returned.data is gradient.data
    assert ".copy()" not in fast.program.source


def test_an_index_outside_is_an_error_and_reads_nothing() -> None:
    table = mg.Tensor(np.arange(12, dtype=np.float32).reshape(4, 3))
    fast = capture(lambda i: mg.take(table, i, axis=0) * 2, backend="c")
    for k in range(4):
        np.testing.assert_array_equal(fast(mg.tensor([k, -1])).data, table.data[[k, -1]] * 2)
    with pytest.raises(IndexError, match="outside"):
        fast(mg.tensor([1, 10**9]))
    np.testing.assert_array_equal(fast(mg.tensor([1, 2])).data, table.data[[1, 2]] * 2)


def test_a_wrong_label_stops_before_anything_is_changed() -> None:
    run = Run()
    fast = capture(run.step, backend="c")
    for x, labels in BATCHES[:4]:
        fast(mg.Tensor(x), mg.Tensor(labels))
    before = [p.data.tobytes() for p in run.model.parameters()]
    with pytest.raises(IndexError, match="label 7 is outside the 3 classes"):
        fast(mg.Tensor(BATCHES[0][0]), mg.Tensor(np.full(12, 7)))
    assert [p.data.tobytes() for p in run.model.parameters()] == before


# --------------------------------------------------------------------------------------------------- names, and safety


class Odd(nn.Module):
    """A module whose parts have names that would end a comment, or a line."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name_of_part = name
        setattr(self, name, nn.Linear(3, 3))

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        return getattr(self, self.name_of_part)(x).tanh()


@pytest.mark.parametrize("name", ["*/ int x; /*", "back\\", "??/", 'quote"', "new\nline", "ünï", "int", "%s"])
def test_no_text_of_the_users_reaches_the_source(name: str) -> None:
    model = Odd(name)
    fast = capture(lambda x: model(x), backend="c")
    for _ in range(4):
        got = fast(mg.ones((2, 3)))
    np.testing.assert_allclose(got.data, model(mg.ones((2, 3))).data, rtol=1e-6)
    comments = [line.partition("//")[2] for line in fast.program.c_source.splitlines() if "tanh" in line and "//" in line]
    assert comments
    for comment in comments[-1:]:
        assert all(c.isascii() and (c.isalnum() or c in "_.- ") for c in comment)


def test_the_source_can_be_read() -> None:
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    fast = capture(lambda x: model(x), backend="c")
    for _ in range(3):
        fast(mg.ones((4, 2)))
    assert "tanhf(" in fast.program.c_source
    assert "// tanh tanh 1" in fast.program.c_source


def test_a_library_is_compiled_once_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path))
    source = "int three(void) { return 3; }"
    assert library(source).three() == 3
    folder = tmp_path / "minigrad" / "c"
    (file,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    before = file.stat().st_mtime_ns
    monkeypatch.setattr(c_build, "_compile", lambda *args: pytest.fail("compiled again"))
    assert library(source).three() == 3
    assert file.stat().st_mtime_ns == before


def test_a_spoilt_library_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path))
    source = "int four(void) { return 4; }"
    path = c_build.cache_folder() / f"{c_build._key(source, c_build.compiler())}.so"
    path.write_bytes(b"not a library")
    path.chmod(0o700)
    assert library(source).four() == 4


@pytest.mark.parametrize("what", ["folder", "library", "link"])
def test_what_others_could_have_written_is_not_loaded(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path))
    source = "int five(void) { return 5; }"
    path = c_build.cache_folder() / f"{c_build._key(source, c_build.compiler())}.so"
    if what == "folder":
        path.parent.chmod(0o777)
        with pytest.raises(NoCompilerError, match="can be written by others"):
            library(source)
        return
    library("int other(void) { return 6; }")
    (other,) = [file for file in path.parent.iterdir() if file != path]
    if what == "library":
        path.write_bytes(other.read_bytes())
        path.chmod(0o777)
    else:
        path.symlink_to(other)
    assert library(source).five() == 5  # made anew


def test_the_cache_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path))
    monkeypatch.setattr(c_build, "MOST_BYTES", 60_000)
    for k in range(8):
        assert getattr(library(f"int n{k}(void) {{ return {k}; }}"), f"n{k}")() == k
    files = list((tmp_path / "minigrad" / "c").glob("*.so"))
    assert 1 <= len(files) < 8


BROKEN = {
    "switched off": ("", "MINIGRAD_CC is set to nothing"),
    "missing": ("no-such-compiler", "'no-such-compiler' was not found"),
    "failing": ("false", "failed: exit status 1"),
    "shell": ("cc; touch spoilt", "'cc;' was not found"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_without_a_working_compiler_numpy_replays_and_says_so_once(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command, said = BROKEN[what]
    monkeypatch.setenv("MINIGRAD_CC", command)
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    eager, fast = Run(), Run()
    expected = eager.losses(captured=False)
    with pytest.warns(UserWarning, match=said) as told:
        assert fast.losses(captured=True, backend="c") == expected
    assert len(told) == 1
    assert fast.run.program.backend == "numpy"
    assert not (tmp_path / "spoilt").exists()


def test_a_full_disk_is_like_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIGRAD_CACHE", str(tmp_path))

    def full(*args: Any, **kwargs: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(c_build.os, "replace", full)
    run = Run()
    with pytest.warns(UserWarning, match="No space left on device"):
        run.losses(captured=True, backend="c", steps=4)
    assert run.run.program.backend == "numpy"


def main_of(layout: Any) -> str:
    """A program that owns the memory of a step, each piece by itself, and makes the step twice."""
    product = """
static void {name}(int order, int ta, int tb, int64_t m, int64_t n, int64_t k, {real} alpha, const {real} *a, int64_t lda, const {real} *b,
                   int64_t ldb, {real} beta, {real} *c, int64_t ldc) {{
  for (int64_t i = 0; i < m; i++) for (int64_t j = 0; j < n; j++) {{
    {real} sum = 0;
    for (int64_t l = 0; l < k; l++) sum += (ta == 111 ? a[i * lda + l] : a[l * lda + i]) * (tb == 111 ? b[l * ldb + j] : b[j * ldb + l]);
    c[i * ldc + j] = sum;
  }}
}}
"""
    memory = "".join(f"  memory[{k}] = calloc(1, {max(n, 1)});\n" for k, n in enumerate(layout.memory))
    calls = "".join(f"    {name}(&s);\n" for name in layout.functions)
    return (
        "#include <stdlib.h>\n"
        + product.format(name="product32", real="float")
        + product.format(name="product64", real="double")
        + f"int main(void) {{\n  char *memory[{max(len(layout.memory), 1)}]; double numbers[{max(layout.numbers, 1)}] = {{0}};\n"
        + f"  int64_t fault = 0;\n{memory}"
        + f"  struct step s = {{aligned_alloc(64, {max(layout.arena, 64)}), memory, numbers, &fault, product32, product64}};\n"
        + f"  for (int k = 0; k < 2; k++) {{\n{calls}  }}\n  return fault != 0;\n}}\n"
    )


def test_the_c_text_runs_sanitised_as_a_program_of_its_own(tmp_path: Path, blocks: str) -> None:
    """With a main that owns the memory: reads and writes outside, and undefined behaviour, stop it."""
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((12, 8)).astype(np.float32), rng.integers(0, 3, 12)
    run = Run()
    fast = capture(run.step, backend="c")
    for _ in range(4):
        fast(mg.Tensor(x), mg.Tensor(labels))
    program = fast.program
    (tmp_path / "step.c").write_text(program.c_source + main_of(program.layout))
    flags = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-DNO_VECTOR_MATH", "-std=gnu11", "-w"]
    built = subprocess.run(
        ["cc", *flags, str(tmp_path / "step.c"), "-o", str(tmp_path / "step"), "-lm"], capture_output=True, text=True, check=False
    )
    if built.returncode and "asan" in built.stderr:
        pytest.skip("the sanitizers are not installed")
    assert built.returncode == 0, built.stderr
    done = subprocess.run(
        [str(tmp_path / "step")], capture_output=True, text=True, check=False, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    )
    assert done.returncode == 0, done.stderr[:2000]
