"""Every .cu file compiles for every GPU it should run on, by NVRTC, which needs neither GPU nor driver."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import Any

import pytest

from minigrad.kernels.cuda.launch import FOLDER, REALS, kernels, source

FILES = sorted(file.name for file in FOLDER.glob("*.cu"))
ARCHITECTURES = (75, 80, 90, 100)


def nvrtc() -> Any:
    """CuPy's binding of NVRTC. Where it is missing the test is skipped, in CI it fails."""
    try:
        from cupy.cuda import nvrtc as found

        found.getVersion()
    except Exception as error:
        why = f"NVRTC is needed to check CUDA sources (the extra test-cuda): {type(error).__name__}"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    return found


def compile_program(file: str, real: str, architecture: int, code: str | None = None) -> bytes:
    """Compile one file; an error shows the compiler's words."""
    compiler = nvrtc()
    program = compiler.createProgram(code or source(file, real), file, (), ())
    options = ("-std=c++17", "-ftz=true", f"-arch=sm_{architecture}", "--device-as-default-execution-space")  # those that CuPy passes
    try:
        compiler.compileProgram(program, options)
        assert "warning" not in compiler.getProgramLog(program), compiler.getProgramLog(program)
        return compiler.getCUBIN(program)
    except compiler.NVRTCError:
        raise AssertionError(f"sm_{architecture}, {real}:\n{compiler.getProgramLog(program)}") from None
    finally:
        compiler.destroyProgram(program)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("file", FILES)
def test_compiles_for_every_architecture(file: str, architecture: int) -> None:
    cubin = compile_program(file, "float32", architecture)
    for name in [name for name, (where, *_) in kernels().items() if where == file]:
        assert name.encode() in cubin


@pytest.mark.slow
@pytest.mark.parametrize("real", [real for real in REALS if real != "float32"])
@pytest.mark.parametrize("file", FILES)
def test_compiles_for_every_type_of_element(file: str, real: str) -> None:
    assert compile_program(file, real, 90)


def test_a_mistake_is_reported_with_its_line() -> None:
    code = source("batch_norm.cu", "float32").replace("mg_merge_lanes(v, s)", "mg_merge_lane(v, s)", 1)
    with pytest.raises(AssertionError, match=r"batch_norm\.cu.*mg_merge_lane"):
        compile_program("batch_norm.cu", "float32", 90, code)


@pytest.mark.slow
@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("file", FILES)
def test_registers_suffice_for_the_largest_block(file: str, real: str) -> None:
    """A launch that needs more registers than a multiprocessor has fails: 65536, given to a warp by eights for each thread."""
    for name, registers in registers_of(file, real).items():
        assert -(-registers // 8) * 8 * kernels()[name][2] <= 65536, f"{name}: {registers} registers"


def registers_of(file: str, real: str) -> dict[str, int]:
    """How many registers each kernel of a file takes, as nvcc tells."""
    found = re.findall(r"Compiling entry function '(\w+)'.*?Used (\d+) registers", nvcc_says(file, real), re.S)
    assert found
    return {name: int(registers) for name, registers in found}


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_no_kernel_spills_registers(file: str) -> None:
    spills = [line for line in nvcc_says(file, "float32").splitlines() if "spill stores" in line]
    assert spills
    assert all("0 bytes spill stores, 0 bytes spill loads" in line for line in spills), spills


def nvcc_says(file: str, real: str) -> str:
    """What ptxas tells about the kernels of a file."""
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("nvcc, which counts registers, is not installed")
    command = [nvcc, "-arch=sm_90", "-std=c++17", "-cubin", "-Xptxas", "-v", "-o", os.devnull, "-x", "cu", "-"]
    done = subprocess.run(command, input=source(file, real), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr
