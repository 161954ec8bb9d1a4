"""The namespace itself: how it is asked for, what is in it, how its functions are called, what it says of itself."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from array_api.standard import xp

import minigrad as mg

#: what the standard has, version 2024.12, without complex numbers (conj, imag, real, complex64, complex128)
STANDARD = """
abs acos acosh add all any arange argmax argmin argsort asarray asin asinh astype atan atan2 atanh bitwise_and bitwise_invert
bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor bool broadcast_arrays broadcast_to can_cast ceil clip concat
copysign cos cosh count_nonzero cumulative_prod cumulative_sum diff divide e empty empty_like equal exp expand_dims expm1 eye
finfo flip float32 float64 floor floor_divide from_dlpack full full_like greater greater_equal hypot iinfo inf int16 int32 int64
int8 isdtype isfinite isinf isnan less less_equal linspace log log10 log1p log2 logaddexp logical_and logical_not logical_or
logical_xor matmul matrix_transpose max maximum mean meshgrid min minimum moveaxis multiply nan negative newaxis nextafter nonzero
not_equal ones ones_like permute_dims pi positive pow prod reciprocal remainder repeat reshape result_type roll round searchsorted
sign signbit sin sinh sort sqrt square squeeze stack std subtract sum take take_along_axis tan tanh tensordot tile tril triu trunc
uint16 uint32 uint64 uint8 unique_all unique_counts unique_inverse unique_values unstack var vecdot where zeros zeros_like
"""
LINALG = """
cholesky cross det diagonal eigh eigvalsh inv matmul matrix_norm matrix_power matrix_rank matrix_transpose outer pinv qr slogdet
solve svd svdvals tensordot trace vecdot vector_norm
"""

#: parameters that are given by name in the standard
BY_NAME = {
    "arange": "dtype device", "argmax": "axis keepdims", "argsort": "axis descending stable", "asarray": "dtype device copy",
    "astype": "copy device", "clip": "", "concat": "axis", "count_nonzero": "axis keepdims", "cumulative_sum": "axis dtype include_initial",
    "cumulative_prod": "axis dtype include_initial", "diff": "axis n prepend append", "empty": "dtype device", "empty_like": "dtype device",
    "expand_dims": "axis", "eye": "k dtype device", "flip": "axis", "from_dlpack": "device copy", "full": "dtype device",
    "full_like": "dtype device", "linspace": "dtype device endpoint", "max": "axis keepdims", "mean": "axis keepdims",
    "meshgrid": "indexing", "ones": "dtype device", "prod": "axis dtype keepdims", "repeat": "axis", "reshape": "copy", "roll": "axis",
    "searchsorted": "side sorter", "sort": "axis descending stable", "stack": "axis", "std": "axis correction keepdims",
    "sum": "axis dtype keepdims", "take": "axis", "take_along_axis": "axis", "tensordot": "axes", "tril": "k", "triu": "k",
    "unstack": "axis", "var": "axis correction keepdims", "vecdot": "axis", "zeros": "dtype device", "all": "axis keepdims",
}  # fmt: skip
BY_NAME_LINALG = {
    "cholesky": "upper", "cross": "axis", "diagonal": "offset", "matrix_norm": "keepdims ord", "matrix_rank": "rtol", "pinv": "rtol",
    "qr": "mode", "svd": "full_matrices", "trace": "offset dtype", "vecdot": "axis", "vector_norm": "axis keepdims ord",
}  # fmt: skip


def test_all_names_of_the_standard_and_no_other() -> None:
    assert set(xp.__all__) - {"linalg", "__array_api_version__", "__array_namespace_info__"} == set(STANDARD.split())
    assert {name for name in xp.linalg.__all__ if not name.endswith("Result")} == set(LINALG.split())


@pytest.mark.parametrize(("module", "name"), [*[(xp, n) for n in BY_NAME], *[(xp.linalg, n) for n in BY_NAME_LINALG]], ids=str)
def test_parameters_have_the_names_of_the_standard(module: Any, name: str) -> None:
    wanted = (BY_NAME_LINALG if module is xp.linalg else BY_NAME)[name].split()
    parameters = inspect.signature(getattr(module, name)).parameters
    assert set(wanted) <= set(parameters)
    assert all(parameters[p].default is not inspect.Parameter.empty for p in wanted)


def test_a_tensor_tells_its_namespace() -> None:
    x = mg.ones(2, requires_grad=True)
    assert x.__array_namespace__() is xp
    for version in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
        assert x.__array_namespace__(api_version=version) is xp
    with pytest.raises(ValueError, match=r"api_version is '2030.12'; expected one of '2021.12', "):
        x.__array_namespace__(api_version="2030.12")
    assert xp.__array_api_version__ == "2024.12"


def test_inspection() -> None:
    info = xp.__array_namespace_info__()
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    assert xp.zeros((1,) * 64).ndim == 64
    assert info.default_device() == xp.zeros(()).device == "cpu"
    assert info.default_device() in info.devices()
    assert info.default_dtypes() == {
        "real floating": xp.asarray(0.5).dtype, "integral": xp.asarray(1).dtype, "indexing": xp.argmax(xp.ones(2)).dtype,
    }  # fmt: skip
    everything = info.dtypes()
    assert len(everything) == 11
    assert all(getattr(xp, name) is dtype for name, dtype in everything.items())
    for kind in ("bool", "signed integer", "unsigned integer", "integral", "real floating", "numeric"):
        assert set(info.dtypes(kind=kind)) == {name for name, dtype in everything.items() if xp.isdtype(dtype, kind)}
    assert info.dtypes(kind="complex floating") == {}
    assert set(info.dtypes(kind=("bool", "real floating"), device="cpu")) == {"bool", "float32", "float64"}
    with pytest.raises(ValueError, match="dtypes: kind is 'float'; expected one of 'bool', "):
        info.dtypes(kind="float")


def test_attributes_of_a_tensor() -> None:
    x = xp.asarray(np.arange(24.0).reshape(2, 3, 4))
    assert (x.ndim, x.shape, x.size, x.dtype, x.device) == (3, (2, 3, 4), 24, xp.float64, "cpu")
    assert (x.mT.shape, x[0].T.shape) == ((2, 4, 3), (4, 3))
    assert x.to_device("cpu") is x
    assert x.to_device(x.device, stream=None) is x
    with pytest.raises(ValueError, match="to_device: stream is 1; expected None"):
        x.to_device("cpu", stream=1)  # type: ignore[arg-type]


def test_gradients_flow_through_the_functions_of_the_namespace() -> None:
    x = mg.tensor(np.random.default_rng(0).normal(size=(2, 3)), requires_grad=True)

    def f(x: Any) -> Any:
        xp = x.__array_namespace__()
        y = xp.cumulative_sum(xp.sort(xp.reshape(x, (3, 2)), axis=0), axis=1, include_initial=True)
        return xp.sum(xp.std(y, axis=0) * xp.mean(xp.astype(y, xp.float64), axis=0)) + xp.prod(xp.expand_dims(x)) + xp.sum(xp.repeat(x, 2))

    assert mg.gradcheck(f, [x], order=2)


def test_it_is_imported_when_it_is_asked_for() -> None:
    source = (
        "import sys, minigrad as mg; lazy = ['minigrad.array_api', 'minigrad.linalg', 'minigrad.dtypes'];"
        "assert not set(lazy) & set(sys.modules); mg.ones(2).__array_namespace__(); assert set(lazy) <= set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", source], check=True)
