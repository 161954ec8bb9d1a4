"""What is written for TensorBoard, read back: numbers, distributions and the graph."""

from __future__ import annotations

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn, optim, training
from minigrad.export import TensorBoard
from minigrad.nn import functional as F

pytest.importorskip("tensorboardX", reason="needs the extra tensorboard")

from support.event_files import graph_in, histograms_in, scalars_in


def trained(folder, **options):
    mg.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    loader = data.DataLoader(data.digits().train, 128, shuffle=True)
    trainer = training.Trainer(model, optim.SGD(model.parameters(), 0.05), F.cross_entropy)
    with TensorBoard(folder, model, mg.zeros((2, 1, 8, 8)), **options) as log:
        trainer.fit(loader, 3, on_epoch=log)
    return model, trainer


def test_numbers_and_distributions_are_those_of_the_training(tmp_path):
    model, trainer = trained(tmp_path, every=2)
    assert scalars_in(tmp_path) == [(n, pytest.approx(v), line["epoch"]) for line in trainer.history for n, v in line.items()]
    found = histograms_in(tmp_path)
    names = ["0/weight", "0/bias", "1/weight", "1/bias", "4/weight", "4/bias", "1/running_mean", "1/running_var"]
    assert [(name, step) for name, step, _ in found] == [(name, step) for step in (1, 3) for name in names]
    last = {name: histogram for name, _, histogram in found}  # of the third epoch, after which nothing changed
    for name in names:
        values = model.state_dict()[name.replace("/", ".")].numpy().astype(float)
        histogram = last[name]
        assert histogram.num == values.size == sum(histogram.bucket)
        np.testing.assert_allclose([histogram.min, histogram.max, histogram.sum], [values.min(), values.max(), values.sum()], rtol=1e-12)


def test_numbers_of_a_callback_are_shown_and_what_is_no_number_is_left_out(tmp_path):
    with TensorBoard(tmp_path) as log:
        log(
            {
                "epoch": 1,
                "norm": np.float32(1.5),
                "loss": mg.tensor(0.5, requires_grad=True),
                "mood": "good",
                "rates": [1.0, 2.0],
                "best": None,
            }
        )
    assert scalars_in(tmp_path) == [("epoch", 1, 1), ("norm", 1.5, 1), ("loss", 0.5, 1)]


def test_the_graph_has_a_node_for_each_op_in_the_scope_of_its_layer(tmp_path):
    trained(tmp_path)
    nodes = {node.name: node for node in graph_in(tmp_path).node}
    assert list(nodes["0/convolution"].input) == ["input_0", "0/weight", "0/bias"]
    assert [nodes[name].op for name in nodes["0/convolution"].input] == ["input", "parameter", "parameter"]
    assert nodes["1/running_mean"].op == "buffer"
    assert nodes["4/linear"].input[0] == "3/reshape"
    assert [d.size for d in nodes["4/linear"].attr["_output_shapes"].list.shape[0].dim] == [2, 10]
    assert nodes["0/convolution"].attr["stride"].s == b"(1, 1)"
    assert all(name.partition(":")[0] in nodes for node in nodes.values() for name in node.input)


def test_tensorboards_own_reader_reads_it(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator").EventAccumulator(str(tmp_path))
    trained(tmp_path)
    accumulator.Reload()
    assert [e.step for e in accumulator.Scalars("train_loss")] == [1, 2, 3]
    assert accumulator.Histograms("0/weight")[-1].step == 3
    assert accumulator.Graph().node


def test_nothing_but_finite_values_has_a_place_in_a_histogram(tmp_path):
    model = nn.Linear(3, 2)
    model.weight.data[0] = np.nan
    model.bias.data[:] = np.inf
    with TensorBoard(tmp_path, model) as log:
        log({"step": 7, "train_loss": float("nan")})
    ((name, step, histogram),) = histograms_in(tmp_path)
    assert (name, step, histogram.num) == ("weight", 7, 3)


def test_what_makes_no_sense_is_refused_before_there_is_a_file(tmp_path):
    with pytest.raises(TypeError, match="give the model, too"):
        TensorBoard(tmp_path / "a", example=mg.zeros(2))
    with pytest.raises(ValueError, match="every is 0"):
        TensorBoard(tmp_path / "a", every=0)
    with pytest.raises(ValueError, match="linear"):
        TensorBoard(tmp_path / "a", nn.Linear(3, 2), mg.zeros((1, 4)))
    assert not (tmp_path / "a").exists()
