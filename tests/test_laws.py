"""The laws of the house, each a test, so that they hold for code that nobody has written yet.

Laws 3 (a formula gives equal numbers on arrays and on Tensors) and 8 (every op has samples, and every formula, spoiled
by 1 %, fails its check) need the samples of every op and stand in test_ops.py.
"""

from __future__ import annotations

import ast
import inspect
import io
import pkgutil
import re
import sys
import tokenize
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from support import make_face
from support.spoilt import assert_equal_where_finite, spoilt

import minigrad as mg
from minigrad import ops, random
from minigrad.backends import is_array
from minigrad.core.mode import changed_mode
from minigrad.gradcheck.samples.problems import samples_of

PACKAGE = Path(mg.__file__).parent
EXAMPLES = "playground/examples"  # programs for a page
FILES = sorted(path for path in PACKAGE.rglob("*.py") if EXAMPLES not in path.as_posix())
OPS = {name: op for name, op in mg.OPS.items() if op.__module__.startswith("minigrad.")}
LEARNERS_PATH = ["ops/elementwise.py", "core/graph.py", "core/tensor.py", "core/op.py", "core/formula.py"]
BUDGET = 760  #: lines of code on the learner's path; may be lowered, not raised


def relative(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


# ------------------------------------------------------------------------------- 1. an op is a pure function of arrays


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_inputs_are_positional_and_parameters_keyword_only(op):
    parameters = list(inspect.signature(op.forward).parameters.values())
    assert parameters[0].name == "xp"
    for p in parameters[1:]:
        assert p.kind in (p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL, p.KEYWORD_ONLY)
        if p.kind is p.POSITIONAL_OR_KEYWORD:
            assert p.default in (p.empty, None), f"the input {p.name} has a default: should it be a parameter, after *?"
    assert op.__doc__, "an op says in its docstring what it computes"


@pytest.mark.parametrize("name", OPS)
def test_an_op_changes_no_argument_and_no_global(name):
    state = random.get_state()
    for sample in samples_of(name):
        args = [a.copy() if isinstance(a, np.ndarray) else a for a in sample.args]
        for a in args:
            if isinstance(a, np.ndarray):
                a.flags.writeable = False
        with np.errstate(all="ignore"):
            OPS[name](*args, **sample.params)
    assert random.get_state() == state


# --------------------------------------------------------------- 2. a formula sees only what its signature names


def formulas():
    return [(f"{name}-{'-'.join(f.inputs)}", f.function) for name, op in OPS.items() for f in op.formulas if not set(f.inputs) <= op.zeros]


@pytest.mark.parametrize(("label", "formula"), formulas(), ids=[label for label, _ in formulas()])
def test_a_formula_holds_no_array_and_looks_at_none(label, formula):
    held = [cell.cell_contents for cell in formula.__closure__ or ()]
    assert not any(is_array(value) or isinstance(value, mg.Tensor) for value in held)
    used = set(formula.__code__.co_names)
    assert not used & {"data", "node", "detach", "numpy", "item"}, "a formula that looks behind a Tensor cannot be differentiated"
    assert not used & {"np", "xp", "cp"}, "a formula must use ops, which run on arrays and on Tensors"


# ------------------------------------------------------------------- 4. every input has a formula, or a reason for none


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_every_input_has_a_formula_or_a_reason(op):
    have = {name for formula in op.formulas for name in formula.inputs}
    for name in op.inputs:
        assert name in have or op.reasons.get(name), f"{op.name}: declare a formula for {name!r}, or say with nondiff why there is none"


# ------------------------------------------------------------------------------------- 5. one door for each purpose


def calls(path: Path, name: str) -> list[int]:
    tree = ast.parse(path.read_text())
    return [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", getattr(n.func, "attr", "")) == name]


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_what_is_taken_is_given_by_positions(path):
    """On 32 bits NumPy's take refuses int64: `ops.indexing.positions` makes what it takes."""
    source = path.read_text()
    assert "xp.take(" not in source or "positions(xp, " in source


@pytest.mark.parametrize(
    ("function", "allowed"),
    [
        ("Node", {"core/graph.py", "core/op.py", "core/_fast_calls.py"}),  # fast calls: the same function, made for one arity
        ("newest_first", {"core/graph.py", "explore/outputs.py"}),  # whoever sorts the graph is about to walk it
        ("sum_to", {"core/graph.py", "ops/shape.py"}),  # shape: broadcast_to is the inverse
    ],
)
def test_one_place_does_it(function, allowed):
    assert {relative(path) for path in FILES if calls(path, function)} <= allowed


# --------------------------------------------------------------------------------- 6. a kernel agrees with its formula


def results(op, sample, kernels, first=1.0):
    """Outputs and gradients of an op, with or without its kernels; ``first`` is a factor of the first element of the cotangent."""
    with changed_mode(plain=not kernels), np.errstate(all="ignore"):
        args = [mg.Tensor(a.copy(), requires_grad=a.dtype.kind == "f") if isinstance(a, np.ndarray) else a for a in sample.args]
        out = op(*args, **sample.params)
        outs = [o for o in (out if isinstance(out, tuple) else (out,)) if o.requires_grad]
        rng = np.random.default_rng(0)
        live = [a for a in args if isinstance(a, mg.Tensor) and a.requires_grad]
        cotangents = [rng.standard_normal(o.shape) for o in outs]
        if cotangents and cotangents[0].size:
            cotangents[0].flat[0] *= first
        gs = mg.grad(outs, live, cotangents, allow_unused=True) if outs and live else ()
    return [o.data for o in (out if isinstance(out, tuple) else (out,))], [g.data for g in gs if g is not None]


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if any(device == "cpu" for device, _ in op.kernels)])
def test_a_kernel_agrees_with_its_formula(name):
    for sample in samples_of(name):
        fast, plain = (results(OPS[name], sample, kernels) for kernels in (True, False))
        for a, b in zip([*fast[0], *fast[1]], [*plain[0], *plain[1]], strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12, err_msg=repr(sample))


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if any(device == "cpu" for device, _ in op.kernels)])
def test_a_kernel_agrees_with_its_formula_where_values_are_not_finite(name):
    """With one infinite or nan element of an input or of the cotangent: what the formula makes finite, the kernel makes the same."""
    for sample, first in spoilt(name):
        fast, plain = (results(OPS[name], sample, kernels, first) for kernels in (True, False))
        for a, b in zip([*fast[0], *fast[1]], [*plain[0], *plain[1]], strict=True):
            assert_equal_where_finite(a, b, sample)


# ------------------------------------------------------------------------------------------ 7. imports point one way

#: rooms of the house from the ground up; the rooms of one floor may not import one another
FLOORS = [
    {"_printable", "_system", "backends"},
    {"core", "writing"},
    {"cuda", "reading"},
    {"random"},
    {"ops"},
    {"forward_mode"},
    {"amp", "anomaly", "autograd", "checkpointing", "creation", "dtypes", "linalg", "saving"},
    {"kernels"},
    {"array_api", "data", "nn", "optim"},
    {"replay"},
    {"distributed", "training"},
    {"gradcheck"},
    {"explore", "lab", "learn"},
    {"explanations", "export"},
    {"playground"},
    {"commands"},
]  # fmt: skip
FLOOR_OF = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}

#: imports that point up, each with the reason
DOORS = {
    "__init__.py": "the face: names every room, and opens most of them when they are first used",
    "__main__.py": "python -m minigrad",
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(source: str) -> set[str]:
    """The modules of minigrad that a source imports, at its top or inside functions; not those for type hints alone."""
    found = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names if alias.name.split(".")[0] == "minigrad")
            if isinstance(child, ast.ImportFrom) and (child.module or "").split(".")[0] == "minigrad":
                found.update(f"{child.module}.{alias.name}" for alias in child.names)
            visit(child)

    visit(ast.parse(source))
    return found


def circle(sources: dict[str, str]) -> list[str]:
    """Modules, by name, each of which imports the next, the last one the first; none if there is no circle."""

    def module(name: str) -> str:
        return name if name in sources else name.rpartition(".")[0]

    try:
        TopologicalSorter({name: {module(target) for target in imported(source)} - {name} for name, source in sources.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def module_name(path: Path) -> str:
    return ".".join(["minigrad", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")


def test_every_room_has_a_floor():
    assert {room_of(path) for path in FILES} - {"__init__", "__main__"} == set(FLOOR_OF)


@pytest.mark.parametrize("path", [path for path in FILES if relative(path) not in DOORS], ids=relative)
def test_a_room_imports_only_what_lies_below(path):
    own = room_of(path)
    rooms = {name.split(".")[1] for name in imported(path.read_text()) if "." in name} - {own, "__version__"}
    above = {room for room in rooms if FLOOR_OF.get(room, len(FLOORS)) >= FLOOR_OF[own]}
    assert not above, f"{relative(path)} imports {above}, not from below"


def test_no_file_imports_itself_through_others():
    found = circle({module_name(path): path.read_text() for path in FILES if relative(path) not in DOORS})
    assert not found, "a circle: " + " -> ".join(found)


@pytest.mark.parametrize("form", ["from minigrad.b import f", "from minigrad import b", "import minigrad.b"])
def test_a_circle_through_a_function_is_found_and_one_of_type_hints_is_none(form):
    up = "from minigrad.a import g"
    assert circle({"minigrad.a": f"def g():\n    {form}", "minigrad.b": up})
    assert not circle({"minigrad.a": f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {form}", "minigrad.b": up})


def test_only_the_cuda_backend_imports_cupy():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] in ("cupy", "cupyx", "cupy_backends") for name in names):
                assert relative(path).startswith("backends/cu"), f"{relative(path)} imports CuPy"


#: what Windows does not have, or has with another meaning
POSIX_ONLY = re.compile(
    r"\bos\.(kill|killpg|fork|forkpty|wait\w*|sched_\w+|[gs]ete?[ug]id|getpg\w+|setsid|umask|mkfifo|chown|nice|pthread_\w+|O_DIRECTORY)\b"
    r"|\bsignal\.(SIGKILL|SIGALRM|SIGUSR\w|SIGHUP|alarm|setitimer|pthread_\w+)\b|\bimport (fcntl|resource|pwd|grp|termios|pty|tty)\b"
)


def test_what_only_some_systems_have_has_one_home():
    for path in [*FILES, *(PACKAGE.parent / "benchmarks").rglob("*.py"), *(PACKAGE.parent / "examples").rglob("*.py")]:
        if path != PACKAGE / "_system.py":
            found = POSIX_ONLY.search(path.read_text())
            assert not found, f"{path}: {found and found[0]} belongs in minigrad/_system.py"


# ------------------------------------------------------------------------------- what is changed for a while is put back

#: a change right before the ``try`` whose ``finally`` undoes it: what is there to lose if Ctrl-C comes between the two
BEFORE_TRY = {
    "data/loader.py": "a thread that is a daemon",
    "distributed/threads.py": "threads that are daemons",
    "explore/trace.py": "which trace is the newest, which is not undone",
    "learn/exercises/checkpoint.py": "the small engine of an exercise, in a process of its own",
    "learn/grading.py": "a file in a temporary folder",
    "nn/statistics.py": "hooks of a copy of the model",
    "nn/summary_table.py": "a list of its own",
    "replay/cuda_graph.py": "the stream of this capture alone",
    "replay/origins.py": "a list of a recorder that the interruption ends",
}


def changes_before_try(source: str) -> list[int]:
    """Lines of statements that change something other than local names, each right before a ``try`` with a ``finally``."""

    def changes(node: ast.AST) -> bool:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
        kinds = {type(part) for target in targets for part in ast.walk(target)}
        called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        sets = isinstance(getattr(node, "value", None), ast.Call) and getattr(node.value.func, "attr", "") == "set"
        inner = isinstance(node, (ast.If, ast.For)) and any(changes(child) for child in ast.walk(node) if child is not node)
        return bool(kinds & {ast.Attribute, ast.Subscript}) or called or sets or inner

    blocks = [getattr(node, part, None) for node in ast.walk(ast.parse(source)) for part in ("body", "orelse")]
    pairs = [pair for block in blocks if isinstance(block, list) for pair in pairwise(block)]
    raising = (ast.Raise, ast.Return)
    return [
        a.lineno
        for a, b in pairs
        if isinstance(b, ast.Try) and b.finalbody and changes(a) and not (isinstance(a, ast.If) and isinstance(a.body[-1], raising))
    ]


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_what_finally_undoes_is_done_within_the_try(path):
    """Ctrl-C may come right behind a call: a change before the ``try`` would then stay."""
    if relative(path) not in BEFORE_TRY:
        assert not changes_before_try(path.read_text()), f"{relative(path)}: move the change into the try"


@pytest.mark.parametrize("change", ["mode.set(new)", "token = mode.set(new)", "x.mode = 1", "for m in ms:\n    m.mode = 1"])
def test_a_change_before_the_try_is_found(change):
    after = "try:\n    f()\nfinally:\n    undo()"
    assert changes_before_try(f"{change}\n{after}")
    assert not changes_before_try(f"before = mode.get()\n{after}")


# --------------------------------------------------------------------------------------------- 9. the core stays small


def lines_of_code(path: Path) -> int:
    """Lines that hold a token of code: no blank lines, comments or docstrings."""
    source = path.read_text()
    docs: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docs.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    skip = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skip:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - docs)


def test_the_learners_path_stays_within_its_budget():
    count = {name: lines_of_code(PACKAGE / name) for name in LEARNERS_PATH}
    assert sum(count.values()) <= BUDGET, count


# ---------------------------------------------------------------------------------- 11. tools can read what is written


def annotations(tree: ast.AST) -> list[ast.expr]:
    """Every annotation of a parameter, a result or a variable."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            found.append(node.returns)
    return [annotation for annotation in found if annotation is not None]


def names_any(annotation: ast.expr) -> bool:
    return any(getattr(part, "id", None) == "Any" for part in ast.walk(annotation))


@pytest.mark.parametrize("room", ["ops", "kernels"])
def test_annotations_say_what_an_argument_is(room):
    found = [a for path in FILES if room_of(path) == room for a in annotations(ast.parse(path.read_text()))]
    vague = sum(map(names_any, found))
    assert len(found) > 500
    assert vague <= 0.1 * len(found), f"{vague} of {len(found)} annotations in {room} are Any: write Array, Namespace, Axes, ..."


def nameless(source: str) -> list[int]:
    """Lines of formulas and kernels called _."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef) and node.name == "_"]
    decorators = [(f.lineno, d) for f in functions for d in f.decorator_list if isinstance(d, ast.Call)]
    return [line for line, d in decorators if getattr(d.func, "attr", "") in ("vjp", "kernel")]


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_formula_has_a_name(path):
    assert not nameless(path.read_text()), "a traceback or a profile cannot say where it is: call it after what it computes, as in tanh_d_x"


@pytest.mark.parametrize("decorator", ["f.vjp('x')", "f.kernel()"])
def test_a_formula_without_a_name_is_found(decorator):
    assert nameless(f"@{decorator}\ndef _(g): ...") == [2]


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_tools_see_the_signature_that_an_op_declares(op):
    declared = list(inspect.signature(op.forward).parameters.values())
    assert list(inspect.signature(op).parameters.values()) == declared[1:]
    assert list(inspect.signature(op.method).parameters.values()) == declared[1:]


@pytest.mark.parametrize("name", [name for name, method in ops.METHODS.items() if isinstance(method, str)])
def test_tools_see_the_signature_of_a_method(name):
    declared = list(inspect.signature(getattr(ops, ops.METHODS[name])).parameters.values())
    assert list(inspect.signature(getattr(mg.Tensor([1.0]), name)).parameters.values()) == declared[1:]


@pytest.mark.parametrize("path", make_face.files(), ids=relative)
def test_what_is_written_for_tools_is_current(path):
    assert path.read_text() == make_face.files()[path], "run python tests/support/make_face.py"


FACES = (
    "minigrad amp anomaly array_api autograd checkpointing creation cuda data distributed dtypes explore gradcheck linalg nn "
    "nn.functional ops optim random replay saving training"
)


@pytest.mark.parametrize("name", FACES.split())
def test_a_face_lists_its_names_in_order(name):
    module = import_module(f"minigrad.{name}" if name != "minigrad" else name)
    assert module.__all__ == sorted(set(module.__all__), key=make_face.in_order)
    for public in module.__all__:
        getattr(module, public)
    own = [n for n, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__ and n[0] != "_"]
    assert set(own) <= set(module.__all__)


def test_dir_shows_the_public_names_and_nothing_else():
    assert set(dir(mg)) == set(mg.__all__)
    assert set(ops.__all__) | set(mg._LAZY) | {"Tensor", "grad", "nn", "no_grad", "tensor"} <= set(mg.__all__)
    names: dict[str, object] = {}
    exec("from minigrad import *", names)
    assert set(mg.__all__) <= set(names)


def test_no_function_is_named_like_a_module():
    packages = ["minigrad", *(m.name for m in pkgutil.walk_packages(mg.__path__, "minigrad.") if m.ispkg and ".loops" not in m.name)]
    modules = [f"{package}.{m.name}" for package in packages for m in pkgutil.iter_modules(find_spec(package).submodule_search_locations)]
    taken = [name for name in modules if hides(name)]
    assert not taken, "import x.y would give the function, pydoc cannot find the module"


def hides(name: str) -> bool:
    """Tell whether the package of this module has something else by its name."""
    package, _, last = name.rpartition(".")
    return getattr(import_module(package), last, sys.modules.get(name)) is not sys.modules.get(name)


def test_the_loop_that_differentiates_stays_short():
    (walk,) = [n for n in ast.parse((PACKAGE / "core/graph.py").read_text()).body if getattr(n, "name", "") == "walk"]
    (loop,) = [n for n in walk.body if isinstance(n, ast.For)]
    assert (loop.end_lineno or 0) - loop.lineno + 1 <= 25
