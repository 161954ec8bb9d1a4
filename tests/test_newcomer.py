"""What people type in their first hour, and what they are told: every message says what to do."""

import inspect
import re
import subprocess
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad import data, nn, optim
from minigrad.core import _hints as habits, _messages as messages
from minigrad.nn import functional as F


def notes(error):
    return "\n".join(getattr(error.value, "__notes__", []))


@pytest.fixture
def x():
    return mg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)


class TestNamesFromElsewhere:
    @pytest.mark.parametrize("name", habits.TENSOR)
    def test_a_tensor_says_what_to_write(self, x, name):
        with pytest.raises(AttributeError, match=re.escape(habits.TENSOR[name])):
            getattr(x, name)
        assert not hasattr(nn.Parameter([1.0]), name)
        assert name not in dir(x)

    @pytest.mark.parametrize("name", habits.PACKAGE)
    def test_the_package_says_what_to_write(self, name):
        with pytest.raises(AttributeError, match=re.escape(habits.PACKAGE[name])):
            getattr(mg, name)

    @pytest.mark.parametrize("advice", [*habits.TENSOR.values(), *habits.PACKAGE.values()])
    def test_what_is_advised_is_there(self, x, advice):
        for owner, prefix in ((mg, r"\bmg\."), (mg.random, r"\bmg\.random\."), (x, r"\bx\.")):
            for name in re.findall(prefix + r"(\w+)", advice):
                getattr(owner, name)

    @pytest.mark.parametrize("name", ["nonsense"])
    def test_other_names_stay_unknown(self, x, name):
        with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
            getattr(x, name)
        with pytest.raises(AttributeError, match=r"no attribute 'nonsense'$"):
            getattr(mg, name)


class TestCalls:
    def test_parameters_by_other_names(self, x):
        with pytest.raises(TypeError) as error:
            x.sum(dim=1, keepdim=True)
        assert "sum(x, *, axis=None, keepdims=False)" in notes(error)
        assert "dim is called axis" in notes(error)
        assert "keepdim is called keepdims" in notes(error)

    def test_parameters_of_the_array_api_are_told_where_they_are(self, x):
        for home, functions in messages._ELSEWHERE.items():
            for name, parameter in functions.items():
                assert parameter in inspect.signature(getattr(getattr(mg, home), name)).parameters
                with pytest.raises(TypeError) as error:
                    mg.OPS[name](*[x for _ in mg.OPS[name].inputs], **{parameter: None})
                assert f"mg.{home}.{name} takes {parameter}" in notes(error)
        with pytest.raises(TypeError) as error:
            x.sum(dtype="float64")
        assert "write x.astype(dtype) first" in notes(error)

    @pytest.mark.parametrize("name", ["softmax", "gelu", "layer_norm", "max_pool"])  # with kernels and without
    def test_an_error_names_the_op_and_no_function_inside_it(self, name):
        with pytest.raises(TypeError, match=rf"^{name} has no parameter 'dim'"):
            getattr(mg, name)(mg.ones((2, 3, 4)), dim=1)

    def test_a_parameter_that_is_missing(self, x):
        with pytest.raises(TypeError, match=r"^batch_norm needs its parameter 'axis'") as error:
            mg.batch_norm(x)
        assert "axis, eps=1e-05" in notes(error)

    def test_functions_of_numpy(self, x):
        with pytest.raises(TypeError) as error:
            np.sum(x)
        assert str(error.value) == "NumPy's sum was given a tensor: call minigrad's, mg.sum(...), or the tensor's, x.sum(...)"
        with pytest.raises(RuntimeError, match=r"NumPy was given a tensor that requires a gradient.*use minigrad's functions"):
            np.zeros_like(mg.tensor([1.0], requires_grad=True))

    def test_lists_as_inputs(self):
        with pytest.raises(AttributeError) as error:
            nn.Linear(2, 3)([[1.0, 2.0]])
        assert "x must be a tensor or an array" in notes(error)
        assert "mg.tensor" in notes(error)

    @pytest.mark.parametrize("join", [mg.concat, mg.stack])
    def test_joining_without_a_list(self, x, join):
        with pytest.raises(TypeError, match=r"\[a, b\]"):
            join(x, x)

    @pytest.mark.parametrize("loss", [F.cross_entropy, F.mse_loss])
    def test_targets_that_are_lists(self, x, loss):
        with pytest.raises(TypeError, match="target must be a tensor or an array, not a list"):
            loss(x, [0, 1])

    @pytest.mark.parametrize("place", [3, mg.device("cpu")])
    def test_devices_that_are_no_names(self, place):
        with pytest.raises(TypeError, match="'cpu' or 'cuda:0'"):
            mg.zeros((2,), device=place)

    def test_the_gradient_of_a_function_rather_than_of_a_value(self, x):
        with pytest.raises(TypeError, match="not a function"):
            mg.grad(lambda x: x.sum(), x)

    def test_a_gradient_that_is_an_array(self, x):
        with pytest.raises(ValueError, match=r"a Tensor of the same shape and dtype: of float32\[2, 2\], not a ndarray of float64\[2, 2\]"):
            x.grad = np.ones((2, 2))
        assert x.grad is None

    def test_numbers_in_text(self, x):
        assert f"{x.sum():.2f}" == "10.00"
        assert f"{x}" == str(x)
        with pytest.raises(ValueError, match="one element"):
            f"{x:.2f}"


class TestModels:
    @pytest.mark.parametrize("params", [nn.Linear(2, 2), nn.Linear(2, 2).parameters])
    def test_an_optimizer_of_a_model(self, params):
        with pytest.raises(TypeError, match=r"model\.parameters\(\)"):
            optim.SGD(params, 0.1)

    def test_layers_in_a_plain_list(self):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layers = [nn.Linear(2, 2)]

        with pytest.raises(ValueError, match=r"nn\.ModuleList"):
            optim.SGD(Net().parameters(), 0.1)

    def test_arguments_for_a_module_that_takes_none(self):
        class Net(nn.Module):
            def forward(self, x):
                return x

        with pytest.raises(TypeError, match="positional argument"):
            Net(3)

    @pytest.mark.parametrize("arguments", [(nn.Linear(2, 2), "weights"), ("weights", {})])
    def test_saving_a_model_rather_than_its_state(self, tmp_path, monkeypatch, arguments):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(TypeError, match=r"model\.state_dict\(\)"):
            mg.save(*arguments)
        assert not list(tmp_path.iterdir())

    def test_loading_from_a_path(self):
        with pytest.raises(TypeError, match=r"mg\.load\(path\)"):
            nn.Linear(2, 2).load_state_dict("weights.safetensors")


def scaled(**options):
    """Return a new op, 3 x, without formulas."""

    @mg.op(**options)
    def triple(xp, x):
        return 3 * x

    return triple


class TestOpsOfOnesOwn:
    @pytest.mark.parametrize(
        ("formula", "what"),
        [(lambda g: 3.0, "a Python float"), (lambda g: (3 * g,), "a Python tuple"), (lambda g: None, "None; is a return missing")],
    )
    def test_a_formula_that_returns_no_array(self, x, formula, what):
        op = scaled()
        op.vjp(x=formula)
        with pytest.raises(ValueError, match=rf"triple's formula for input 'x' returned {what}"):
            op(x).sum().backward()

    def test_a_formula_that_raises_says_where_it_stands(self, x):
        op = scaled()
        op.vjp(x=lambda g, x: g @ x[0, 0])
        with pytest.raises(ValueError, match="enough dimensions") as error:
            op(x).sum().backward()
        assert notes(error) == "in the backward pass of triple, with g: float32[2, 2], x: float32[2, 2]"

    def test_an_op_without_a_formula(self, x):
        op = scaled()
        assert op(x.detach()).node is None
        with mg.no_grad():
            op(x)
        with pytest.raises(TypeError, match=r"triple has no formula for its input 'x', .* triple\.vjp\(x=.* or .* triple\.nondiff\(x="):
            op(x)

    def test_an_op_with_half_of_its_formulas(self, x):
        @mg.op
        def product(xp, a, b):
            return a * b

        product.vjp(a=lambda g, b: g * b)
        product(x, x.detach()).sum().backward()
        assert x.grad is not None
        with pytest.raises(TypeError, match="no formula for its input 'b'"):
            product(x, x)

    def test_a_formula_declared_twice(self, x):
        op = scaled()
        op.vjp(x=lambda g: 3 * g)
        with pytest.raises(TypeError, match="triple has a formula for 'x' already"):
            op.vjp(x=lambda g: 3 * g)
        op(x).sum().backward()
        assert (x.grad == 3).all()

    def test_a_reason_for_an_input_that_is_not_there(self):
        with pytest.raises(TypeError, match=r"triple\.nondiff.*'z'; the inputs are x"):
            scaled().nondiff(z="a slip")

    def test_an_input_with_the_name_of_the_cotangent(self):
        with pytest.raises(TypeError, match="an input of op power_of is called g, which in a formula is the cotangent"):

            @mg.op
            def power_of(xp, g):
                return g * g

    @pytest.mark.parametrize("unused", [False, True], ids=["one input", "two inputs"])
    @pytest.mark.parametrize(
        ("value", "what"),
        [(lambda x: None, "None"), (lambda x: [x, x], "a list"), (lambda x: (x, x), "a tuple of 2"), (mg.tensor, "a Tensor")],
    )
    def test_a_forward_that_returns_no_array(self, x, value, what, unused):
        if unused:

            @mg.op
            def odd(xp, x, y):
                return value(x)
        else:

            @mg.op
            def odd(xp, x):
                return value(x)

        with pytest.raises(TypeError, match=f"odd returned {what}.*; expected an array"):
            odd(*[x.detach()] * (2 if unused else 1))

    @pytest.mark.parametrize("value", [lambda x: x, lambda x: (x, x, x), lambda x: [x, x]])
    def test_a_forward_that_returns_another_number_of_outputs(self, x, value):
        @mg.op(outputs=("low", "high"))
        def odd(xp, x):
            return value(x)

        with pytest.raises(TypeError, match=r"odd returned .*; expected a tuple of 2 arrays \(low, high\)"):
            odd(x)


class TestTensors:
    @pytest.mark.parametrize("operator", ["+=", "-=", "*=", "/=", "//=", "%=", "**=", "@="])
    @pytest.mark.parametrize("recording", [True, False])
    def test_a_leaf_changed_by_an_operator(self, x, operator, recording):
        w, before = nn.Parameter(x.data.copy()), x.data.copy()
        with (
            mg.enable_grad() if recording else mg.no_grad(),
            pytest.raises(TypeError, match=rf"x\.copy_\(x {re.escape(operator[:-1])} \.\.\.\)"),
        ):
            exec(f"w {operator} x.detach()", {"w": w, "x": x})
        assert (w.data == before).all()

    @pytest.mark.parametrize("start", [lambda x: x * 1, lambda x: x.detach()], ids=["computed", "without gradient"])
    def test_other_tensors_get_a_new_value_by_an_operator(self, x, start):
        total = first = start(x)
        total += x
        assert (total.data == 2 * x.data).all()
        assert (first.data == x.data).all()
        total.sum().backward()

    def test_data_that_is_a_tensor(self, x):
        x.data = mg.ones((2, 2))
        with pytest.raises(KeyError) as error:
            x * 2
        assert "the data of a is a Tensor; it must be an array: to change the values write x.copy_(...)" in notes(error)

    def test_a_gradient_of_another_type(self, x):
        with pytest.raises(ValueError, match=r"same shape and dtype: of float32\[2, 2\], not a Tensor of int64\[2, 2\]"):
            x.grad = mg.ones((2, 2), dtype="int64")
        assert x.grad is None

    def test_a_device_that_is_called_otherwise(self, x):
        for wrong in ("gpu", 0):
            with pytest.raises(ValueError, match=f"to: {wrong!r} is neither a device .* nor a dtype"):
                x.to(wrong)

    @pytest.mark.parametrize("dtype", [object, str, "datetime64[s]"])
    def test_elements_that_are_no_numbers(self, dtype):
        for make in (lambda: mg.tensor([1.0], dtype=dtype), lambda: mg.zeros((2,), dtype=dtype)):
            with pytest.raises(TypeError, match="elements of a tensor are numbers"):
                make()

    def test_a_dtype_by_position(self):
        with pytest.raises(TypeError, match=r"zeros takes one shape; all else is given by name"):
            mg.zeros((2, 3), "float64")
        with pytest.raises(TypeError, match=r"zeros takes one shape: zeros\(\(2, 3\)\)"):
            mg.zeros(2, 3)

    @pytest.mark.parametrize("draw", ["normal", "uniform"])
    def test_random_numbers_with_the_lengths_one_by_one(self, draw):
        state = mg.random.get_state()
        with pytest.raises(TypeError, match=rf"{draw} takes one shape: {draw}\(\(3, 4\)\)"):
            getattr(mg.random, draw)(3, 4)
        assert mg.random.get_state() == state

    def test_random_numbers_with_a_negative_deviation(self):
        with pytest.raises(ValueError, match="normal: std=-1 must not be negative"):
            mg.random.normal((3,), std=-1)

    def test_arrays_of_other_libraries_are_made_tensors_first(self, x):
        class Foreign:
            __module__ = "elsewhere.arrays"

            def __array__(self, dtype=None, copy=None):
                return np.ones((2, 2))

        with pytest.raises(AttributeError) as error:
            nn.Linear(2, 3)(Foreign())
        assert "x: elsewhere.Foreign" in notes(error)
        assert "x is an array of another library: make it a tensor with mg.as_tensor(...)" in notes(error)


class TestDerivatives:
    @pytest.mark.parametrize(
        "derivative", [mg.jacobian, mg.hessian, lambda f, x: mg.vjp(f, x, 1.0), lambda f, x: mg.jvp(f, x, x), lambda f, x: mg.hvp(f, x, x)]
    )
    @pytest.mark.parametrize("inputs", [np.ones(2), [1.0, 2.0]], ids=["an array", "a list of numbers"])
    def test_at_something_that_is_no_tensor(self, derivative, inputs):
        with pytest.raises(TypeError, match=r"inputs must be tensors, such as mg\.tensor\(\[1\.0, 2\.0\]\); number 0 is a (ndarray|float)"):
            derivative(lambda x: (x * x).sum(), inputs)

    @pytest.mark.parametrize("f", [mg.ones(2), [np.ones(2)]])
    def test_checking_a_value_rather_than_a_function(self, f):
        with pytest.raises(mg.gradcheck.BadUse, match="takes a function, and its inputs as a list"):
            mg.gradcheck(f, [np.ones(2)])


class TestFilesAndData:
    @pytest.mark.parametrize(
        ("write", "hint"),
        [
            (lambda path: np.savez(path, a=np.ones(2)), "np.load"),
            (lambda path: np.save(path, np.ones(2)), "np.load"),
            (lambda path: path.write_bytes(b"\x80\x04}."), "torch.load"),
        ],
        ids=["npz", "npy", "pickle"],
    )
    def test_files_of_other_libraries(self, tmp_path, write, hint):
        write(tmp_path / "w.npz" if hint == "np.load" else tmp_path / "w.pt")
        (path,) = tmp_path.iterdir()
        with pytest.raises(mg.saving.CheckpointError, match=rf"not a safetensors file.*{re.escape(hint)}.*load_state_dict"):
            mg.load(path)

    def test_nested_state(self, tmp_path):
        with pytest.raises(mg.saving.CheckpointError, match=r"save: 'model' must be a tensor .* mg\.saving\.save_state"):
            mg.save({"model": {"w": mg.ones(2)}}, tmp_path / "a")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("dataset", [5, (i for i in range(3)), None])
    def test_what_is_no_data_set(self, dataset):
        with pytest.raises(TypeError, match="DataLoader: the data set must have a length and items"):
            data.DataLoader(dataset)

    @pytest.mark.parametrize("make", [lambda: nn.Linear(4.0, 2), lambda: nn.BatchNorm1d(-8), lambda: nn.Conv2d(3, 16 / 2, 3)])
    def test_lengths_that_are_no_counts(self, make):
        with pytest.raises(ValueError, match=r"the lengths of a parameter are integers of at least 0; this one would have \("):
            make()


class TestLayers:
    @pytest.mark.parametrize("what", ["kernel_size", "stride", "dilation"])
    @pytest.mark.parametrize("size", [0, -1, 1.5, "3"])
    def test_sizes_that_are_no_counts(self, what, size):
        with pytest.raises(ValueError, match=rf"Conv2d: {what}={re.escape(repr(size))} .*integer of at least 1"):
            nn.Conv2d(1, 1, **{"kernel_size": 3, what: size})

    @pytest.mark.parametrize(
        ("part", "what"),
        [
            (mg.relu, "the op relu; .*Module"),
            (nn.ReLU, r"the class ReLU; .*ReLU\(\.\.\.\)"),
            ([nn.ReLU()], r"a list; .*Sequential\(\*layers\)"),
        ],
    )
    def test_parts_that_are_no_modules(self, part, what):
        with pytest.raises(TypeError, match=f"Sequential holds Modules, not {what}"):
            nn.Sequential(part)

    @pytest.mark.parametrize("name", ["train", "parameters", "forward"])
    @pytest.mark.parametrize("part", [nn.Linear(2, 2), nn.Parameter([1.0])], ids=["module", "parameter"])
    def test_a_part_with_the_name_of_a_method(self, name, part):
        class Net(nn.Module):
            def forward(self, x):
                return x

        net = Net()
        with pytest.raises(KeyError, match=rf"Net already has an attribute '{name}'"):
            setattr(net, name, part)
        assert not net.state_dict()
        assert net(1) == 1

    def test_what_modules_return_by_mistake(self, x):
        with pytest.raises(AttributeError) as error:
            nn.Linear(2, 3)(nn.LSTM(2, 2)(x))
        assert "x is a tuple, as a module with several results returns it: take the one that is meant, such as x[0]" in notes(error)
        with pytest.raises(AttributeError) as error:
            nn.Linear(2, 3)(None)
        assert "x is None: does the function that made it return something?" in notes(error)

    @pytest.mark.parametrize("loss", [F.cross_entropy, F.mse_loss, F.binary_cross_entropy_with_logits])
    def test_a_loss_of_nothing(self, x, loss):
        with pytest.raises(TypeError, match="the input must be a tensor or an array, not a NoneType"):
            loss(None, x)

    def test_exchanging_two_axes_as_in_pytorch(self):
        with pytest.raises(ValueError, match=r"takes all 3 axes .* x\.swapaxes\(1, 2\)"):
            mg.ones((2, 3, 4)).transpose(1, 2)
        assert mg.ones((2, 3, 4)).transpose(1, 0, 2).shape == (3, 2, 4)

    def test_subscripts_that_come_last(self, x):
        with pytest.raises(TypeError, match="einsum: the subscripts come first, as text; this is a Tensor"):
            mg.einsum(x, "ij->i")


def test_importing_minigrad_brings_no_module_along_that_numpy_has_not():
    code = "import sys, numpy; before = set(sys.modules); import minigrad; print(*(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in found if name.partition(".")[0] != "minigrad"} <= {"__future__", "errno"}
