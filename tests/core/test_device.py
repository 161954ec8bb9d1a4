"""Devices: names, the default, and the sentence that says why CUDA is not there."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from support.strict_cuda import pretended_gpu

import minigrad as mg
from minigrad.backends import LOADERS
from minigrad.core.device import Device, as_device, backend_of
from minigrad.core.op import Op


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "cpu:0", "", "CUDA"])
def test_unknown_names(name):
    with pytest.raises(ValueError, match=r"unknown device.*'cpu', 'cuda', 'cuda:N' or 'auto'"):
        as_device(name)


def test_devices_compare_with_their_names():
    assert Device("cpu") == "cpu"
    assert Device("cuda", 1) == "cuda:1"
    assert Device("cuda") != "cpu"
    assert str(Device("cuda", 1)) == "cuda:1"


def test_default_device_in_a_block():
    with mg.device("cpu") as d:
        assert mg.default_device() == d == "cpu"
    assert mg.Tensor([1.0]).device == "cpu"


def test_default_device_from_the_environment():
    code = "import minigrad as mg; mg.default_device()"
    run = subprocess.run([sys.executable, "-c", code], env={"MINIGRAD_DEVICE": "tpu"}, capture_output=True, text=True)
    assert run.returncode == 1
    assert "MINIGRAD_DEVICE='tpu' is no device" in run.stderr


def test_how_a_device_shows_itself_and_is_a_key():
    assert repr(Device("cuda", 1)) == "device('cuda:1')"
    assert {Device("cuda"): 1}[Device("cuda", 0)] == 1


def test_a_device_is_named_by_text():
    with pytest.raises(TypeError, match="named by text such as 'cpu' or 'cuda:0', not by a int"):
        as_device(0)


def test_the_default_device_for_good():
    from minigrad.core import device

    try:
        mg.set_default_device("cpu")
        assert mg.default_device() == "cpu"
    finally:
        device._default = None


class TestAPretendedGPU:
    @pytest.fixture(autouse=True)
    def gpu(self):
        with pretended_gpu():
            yield

    def test_auto_takes_it(self, monkeypatch):
        monkeypatch.setitem(LOADERS, "cuda", (LOADERS["cuda"][0], lambda: True))
        assert as_device("auto") == "cuda:0"

    def test_one_that_is_not_there(self, monkeypatch):
        with pytest.raises(mg.DeviceUnavailableError, match="device 'cuda:7' was asked for, but only cuda:0 is there"):
            as_device("cuda:7")

    def test_there_and_back(self):
        x = mg.tensor([1.0, 2.0], device="cuda")
        assert x.device == "cuda:0"
        assert x.to("cuda").data is x.data
        assert repr(x) == "tensor([1., 2.], device='cuda:0')"
        np.testing.assert_array_equal(x.to("cpu").data, [1, 2])

    @pytest.mark.parametrize("op", [lambda x, z: mg.where(x > 0, x, z), lambda x, z: mg.concat([x, z])])
    def test_two_devices_in_one_op(self, op):
        with pytest.raises(ValueError, match=r"the inputs are on different devices \(.* on cpu, .* on cuda:0\); move them"):
            op(mg.ones(2), mg.ones(2, device="cuda"))

    def test_one_device_in_one_op(self):
        x = mg.ones(2, device="cuda")
        assert mg.where(x > 0, x, x).device == "cuda:0"


class OutOfMemoryError(Exception):
    """As CuPy calls its own."""


def test_memory_that_runs_out_is_reported_where_there_is_a_report(monkeypatch):
    def fails(xp, x):
        raise OutOfMemoryError

    notes = []
    for report in ({}, {"memory_report": lambda: "all of it is in use"}):
        monkeypatch.setattr(backend_of("cpu"), "services", report)
        with pytest.raises(OutOfMemoryError) as caught:
            Op(fails)(mg.ones(2))
        notes.append("all of it is in use" in caught.value.__notes__)
    assert notes == [False, True]


def test_a_kind_of_device_is_loaded_when_it_is_first_asked_for(monkeypatch):
    monkeypatch.setitem(LOADERS, "abacus", (lambda: "loaded", lambda: True))
    assert backend_of("abacus") == "loaded"


def test_a_device_of_the_environment_that_is_none_is_named(monkeypatch):
    monkeypatch.setenv("MINIGRAD_DEVICE", "tpu")
    with pytest.raises(mg.DeviceUnavailableError, match="MINIGRAD_DEVICE='tpu' is no device"):
        mg.default_device()
    monkeypatch.setenv("MINIGRAD_DEVICE", "cpu")
    assert mg.default_device() == "cpu"
