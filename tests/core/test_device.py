"""Devices: names, the default, and the sentence that says why CUDA is not there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import minigrad as mg
from minigrad.core.device import Device, as_device


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
    assert "unknown device 'tpu'" in run.stderr
