"""The NCCL group on a stand-in with NCCL's rules: the same numbers as every other group. It has not run on a GPU."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from support.derivatives import COLLECTIVES, batch_norm_error, collective_error
from support.nccl_stand_in import NcclStandIn, nccl_spmd
from support.parallel import training_errors

from minigrad.backends import cuda_nccl
from minigrad.distributed import DesyncError
from minigrad.distributed.threads import Meeting


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("name", COLLECTIVES)
def test_collectives_to_third_order(name, size):
    assert max(nccl_spmd(size, lambda group: collective_error(group, name))) < 1e-13


@pytest.mark.parametrize("size", [2, 3, 4])
def test_batch_norm_to_third_order(size):
    errors = nccl_spmd(size, lambda group: batch_norm_error(group, (3, 2, 4), statistics=True, alike=False))
    assert max(errors) < 1e-12


@pytest.mark.thorough
def test_fifty_steps():
    for found in nccl_spmd(3, training_errors, check=False):
        for name, error, bound in found:
            assert error <= bound, name


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64", "uint8", "complex64", "complex128"])
def test_every_call_on_every_type(dtype):
    xs = [(np.arange(6).reshape(2, 3) + r).astype(dtype) for r in range(2)]

    def run(group):
        x = xs[group.rank]
        for found, expected in (
            (group.all_reduce(x), xs[0] + xs[1]), (group.all_reduce_(x.copy()), xs[0] + xs[1]), (group.all_gather(x), np.stack(xs)),
            (group.reduce_scatter(x), (xs[0] + xs[1])[group.rank]), (group.broadcast(x, 1), xs[1]),
            (group.reduce_to(x, 1), (xs[0] + xs[1]) * group.rank), (group.all_reduce(x[:, ::2]), (xs[0] + xs[1])[:, ::2]),
            (group.all_reduce(np.asfortranarray(x)), xs[0] + xs[1]), (group.all_reduce(x[:0]), x[:0]),
        ):  # fmt: skip
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, expected)
        if x.dtype.kind != "c":
            np.testing.assert_array_equal(group.all_reduce(x, "max"), xs[1])
        group.barrier()
        return group.exchange(group.rank)

    assert nccl_spmd(2, run) == [[0, 1]] * 2


@pytest.mark.parametrize("check", [True, False], ids=["check", "no check"])
@pytest.mark.parametrize(
    "hazard",
    [
        lambda g: g.all_reduce(np.ones(3 + g.rank)),
        lambda g: (g.all_reduce if g.rank else g.all_gather)(np.ones(3)),
        lambda g: g.all_reduce(np.ones(3, "f4" if g.rank else "f8")),
        lambda g: g.broadcast(np.ones(3), root=g.rank),
    ],
    ids=["other counts", "other calls", "other types", "other roots"],
)
def test_ranks_that_differ_are_noticed(hazard, check):
    with pytest.raises(DesyncError):
        nccl_spmd(2, hazard, check=check)


def test_what_nccl_has_no_type_for():
    with pytest.raises(TypeError, match="NCCL has no numbers of bool"):
        nccl_spmd(2, lambda group: group.all_gather(np.ones(3, bool)))


def test_another_stream_than_the_kernels_is_refused():
    with pytest.raises(RuntimeError, match="allReduce is on stream 0 and the kernels are on 7"):
        nccl_spmd(2, lambda group: group.all_reduce(np.ones(3)), stream=lambda: 7)


def test_nothing_is_sent_after_abort():
    communicator = NcclStandIn(Meeting(1), 0)
    communicator.abort()
    with pytest.raises(RuntimeError, match="aborted"):
        communicator.allReduce(0, 0, 0, 7, 0, 0)


def test_connecting_takes_the_device_first_and_the_name_from_rank_0(monkeypatch):
    """CuPy's calls in their order, on a pretended CuPy."""
    done = []
    nccl = SimpleNamespace(
        get_unique_id=lambda: done.append("name") or (1, 2), NcclCommunicator=lambda *arguments: done.append(("communicator", *arguments))
    )
    device = lambda n: SimpleNamespace(use=lambda: done.append(("device", n)))
    cuda = SimpleNamespace(Device=device, nccl=nccl, get_current_stream=lambda: SimpleNamespace(ptr=99))
    for name, module in (("cupy", SimpleNamespace(cuda=cuda)), ("cupy.cuda", cuda), ("cupy.cuda.nccl", nccl)):
        monkeypatch.setitem(sys.modules, name, module)
    _, stream = cuda_nccl.connect(4, 0, 2, lambda name: name)
    assert done == [("device", 2), "name", ("communicator", 4, (1, 2), 0)]
    assert stream() == 99
    done.clear()
    cuda_nccl.connect(4, 3, 1, lambda name: (1, 2))
    assert done == [("device", 1), ("communicator", 4, (1, 2), 3)]
