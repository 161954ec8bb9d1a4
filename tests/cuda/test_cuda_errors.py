"""What a user is told when CUDA is not there, devices are mixed, or memory runs out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.strict import LEDGER
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad import ops
from minigrad.backends import cuda


@pytest.fixture
def gpu() -> Iterator[Any]:
    with pretended_gpu() as backend:
        yield backend


# ---------------------------------------------------------------------------------------------- CUDA is not there


class CUDARuntimeError(RuntimeError): ...


def fake_cupy(driver: int = 13020, count: int = 1, error: bool = False, nvrtc: bool = True) -> Any:
    def device_count() -> int:
        if error:
            raise CUDARuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient\nmore")
        return count

    def version() -> tuple[int, int]:
        if not nvrtc:
            raise RuntimeError("libnvrtc.so.13 not found")
        return 13, 0

    runtime = SimpleNamespace(
        driverGetVersion=lambda: driver, runtimeGetVersion=lambda: 13000, getDeviceCount=device_count, CUDARuntimeError=CUDARuntimeError
    )
    return SimpleNamespace(__version__="14.2.0", cuda=SimpleNamespace(runtime=runtime, nvrtc=SimpleNamespace(getVersion=version)))


@pytest.mark.parametrize(
    ("cupy", "packages", "words"),
    [
        (fake_cupy(), ["cupy-cuda12x", "cupy-cuda13x"], ["cupy-cuda12x, cupy-cuda13x", "pip uninstall"]),
        (fake_cupy(driver=0), ["cupy-cuda13x"], ["no NVIDIA driver", "install the driver"]),
        (fake_cupy(driver=12040, error=True), ["cupy-cuda13x"], ["CUDA 12.4", "built for 13.0", "cupy-cuda12x"]),
        (fake_cupy(count=0), ["cupy-cuda13x"], ["no CUDA device is visible", "CUDA_VISIBLE_DEVICES"]),
        (fake_cupy(nvrtc=False), ["cupy-cuda13x"], ["NVRTC", "cuda-ctk"]),
        (fake_cupy(), ["cupy-cuda13x"], ["headers", "cuda-ctk"]),
    ],
    ids=["two wheels", "no driver", "old driver", "no device", "no NVRTC", "no headers"],
)
def test_every_way_of_not_having_cuda_has_a_sentence_with_its_cure(cupy: Any, packages: list[str], words: list[str]) -> None:
    status = cuda.status_of(cupy, packages, None if "headers" in words else "include")
    assert not status.available
    assert "\n" not in status.reason
    for word in words:
        assert word in status.reason


def test_cuda_that_is_there_is_described() -> None:
    assert cuda.status_of(fake_cupy(count=2), ["cupy-cuda13x"], "include") == cuda.CudaStatus(True, "CuPy 14.2.0, CUDA 13.2, 2 devices")


@pytest.mark.parametrize(
    "use",
    [
        lambda: mg.Tensor([1.0]).to("cuda"),
        lambda: mg.set_default_device("cuda"),
        lambda: mg.device("cuda:1").__enter__(),
        lambda: mg.cuda.capture(lambda: None),
        mg.cuda.synchronize,
    ],
)
def test_an_explicit_cuda_never_falls_back(use: Callable[[], Any]) -> None:
    if cuda.cuda_status().available:
        pytest.skip("there is a GPU")
    with pytest.raises(mg.DeviceUnavailableError, match="device 'cuda' was asked for, but"):
        use()


def test_auto_takes_what_there_is() -> None:
    assert mg.Tensor([1.0]).to("auto").device == ("cuda" if cuda.cuda_status().available else "cpu")


def test_a_device_out_of_range(gpu: Any) -> None:
    with pytest.raises(mg.DeviceUnavailableError, match=r"'cuda:3' was asked for, but only cuda:0 is there"):
        mg.Tensor([1.0]).to("cuda:3")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:", "CUDA", "cpu:1", ""])
def test_wrong_names(name: str) -> None:
    with pytest.raises(ValueError, match="unknown device"):
        mg.Tensor([1.0]).to(device=name)


def test_importing_minigrad_does_not_import_cupy() -> None:
    code = "import sys, minigrad, minigrad.nn, minigrad.optim, minigrad.cuda; assert 'cupy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# -------------------------------------------------------------------------------------------------- mixed devices

MIXTURES: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "matmul": lambda a, b: a @ b,
    "where": lambda a, b: ops.where(a > 0, a, b),
    "concat": lambda a, b: ops.concat([a, b]),
    "linear": lambda a, b: ops.linear(a, b),
    "take": lambda a, b: ops.take(a, mg.Tensor(np.array([0])).to(b.device), axis=0),
    "maximum": lambda a, b: ops.maximum(a, b),
    "einsum": lambda a, b: ops.einsum("ij,jk->ik", a, b),
}


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("name", MIXTURES)
def test_mixed_devices_are_an_error_that_names_both(gpu: Any, name: str, swapped: bool) -> None:
    pair = mg.Tensor(np.ones((2, 2), np.float32), requires_grad=True), mg.Tensor(np.ones((2, 2), np.float32)).to("cuda")
    with pytest.raises((ValueError, TypeError)) as caught:
        MIXTURES[name](*(reversed(pair) if swapped else pair))
    text = " ".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    assert "cpu" in text
    assert "cuda:0" in text
    assert ".to(device)" in text


def test_an_index_from_the_host_is_moved_and_one_from_the_device_is_not(gpu: Any) -> None:
    host, there = mg.Tensor(np.arange(3.0)), mg.Tensor(np.arange(3.0)).to("cuda")
    index = mg.Tensor(np.array([2, 0]))
    np.testing.assert_array_equal(there[index].to("cpu").numpy(), [2.0, 0.0])
    with pytest.raises(ValueError, match=r"the array is on cpu, the index on cuda:0; move one with \.to\(device\)"):
        host[index.to("cuda")]


# --------------------------------------------------------------------------------------------------------- memory


class Touchy:
    """An object like those that libraries deprecate names with: it complains as soon as somebody asks what it is."""

    @property
    def __class__(self) -> Any:
        raise AssertionError("asked for its class")


def test_out_of_memory_says_how_much_was_asked_and_what_holds_the_rest(gpu: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bystander = [Touchy()]
    held = mg.Tensor(np.ones((300, 400), np.float32)).to("cuda")
    monkeypatch.setattr(LEDGER, "most_bytes", 500_000)
    with pytest.raises(MemoryError) as caught:
        ops.concat([held, held])
    text = " ".join([str(caught.value), *caught.value.__notes__])
    assert "allocating 960,000 bytes" in text
    assert "0.5 MiB  float32[300, 400]" in text
    assert "concat" in text
    assert held.shape == (300, 400)
    assert bystander
