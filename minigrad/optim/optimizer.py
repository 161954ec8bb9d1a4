"""Optimizer: what all optimizers share. (Read first in optim/, then sgd.py.)

A subclass says what it remembers for each element of a parameter (`Optimizer.slots`) and how one step changes the
elements (`Optimizer.update`); both are written for flat arrays and know nothing of parameters, groups or devices.
Names, arguments, defaults and state dicts are PyTorch's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NoReturn

from minigrad.backends import BACKENDS, Array, CaptureError, is_array, namespace
from minigrad.core._capturing import recorded
from minigrad.core.device import move, to_host
from minigrad.core.mode import changed_mode, mode
from minigrad.core.tensor import Tensor, as_array, wrap
from minigrad.optim.arguments import check_optimizer_state, check_options, listed, taken_over, tensors
from minigrad.optim.flat import Bucket, blocks

Params = Iterable[Tensor] | Iterable[dict[str, Any]]
NOT_NEGATIVE = ("lr", "betas", "eps", "weight_decay", "momentum")  #: options of groups that are checked, where there are such


class Optimizer:
    """Changes parameters in place by their gradients.

    Parameters
    ----------
    params
        Tensors, or groups: dicts with the tensors under ``"params"`` and options of their own.
    defaults
        The options of groups that do not give them.

    Attributes
    ----------
    param_groups
        A list of dicts: ``"params"`` and the options, among them ``"lr"``. Schedulers change it; so may you.

    Notes
    -----
    With the first step the arrays of the parameters become views of flat buffers (`minigrad.optim.flat`): move a model
    to its device before that.
    """

    elementwise = True  #: whether `update` may be given several parameters end to end, or parts of them
    scalars: ClassVar[dict[str, Any]] = {"step": 0}  #: what is remembered for each parameter, and its initial value

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self._buckets: list[list[Bucket] | None] = []  # for each group; made when first needed
        groups = listed(self.name, params)
        if not groups:
            raise ValueError(
                f"{self.name} was given no parameters; are the layers of the model in a plain list? nn.ModuleList finds them. "
                "An iterator can be gone through once only"
            )
        for i, given in enumerate(groups):
            if isinstance(given, Mapping) != isinstance(groups[0], Mapping):
                raise TypeError(f"{self.name}: params must be all tensors or all groups; number {i} is of type {type(given).__name__}")
        if not isinstance(groups[0], Mapping):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    @property
    def name(self) -> str:
        """Name of the class."""
        return type(self).__name__

    # ------------------------------------------------------------------------------------------- for subclasses

    def slots(self, group: dict[str, Any]) -> dict[str, float]:
        """Return what the optimizer remembers in arrays, and their initial value."""
        return {}

    def shape_of(self, slot: str, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """Return the shape of a slot for a parameter of a shape: a number for each element, if `update` is elementwise."""
        return shape

    def advance(self, scalars: dict[str, Any], group: dict[str, Any]) -> None:
        """Change the per-parameter scalars: called once before the updates of a step."""
        scalars["step"] += 1

    def update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        """Change ``x`` and the arrays in ``s`` in place by the gradient ``g``, which must be left as it is."""
        raise NotImplementedError(f"{self.name}.update")

    # ------------------------------------------------------------------------------------------- for users

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change the parameters that have a gradient. Returns the loss, if a ``closure`` that computes it is given."""
        loss = None
        if closure is not None:
            with changed_mode(recording=True):
                loss = closure()
        recorder = mode.get().recorder
        for bucket, group in self.buckets():
            if recorder is None:
                self._step_bucket(bucket, group)
            else:
                recorder.step(self, bucket, group)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or fill them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = Tensor(namespace(p.grad.data).zeros_like(p.grad.data))

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with options of their own."""
        if not isinstance(group, Mapping):
            raise TypeError(f"{self.name}: a parameter group is a dict with tensors under 'params', not a {type(group).__name__}")
        if "params" not in group:
            what = f"only {', '.join(map(repr, group))}" if group else "nothing"
            raise ValueError(f"{self.name}: a parameter group has its tensors under 'params'; this one has {what}")
        options = {option: value for option, value in group.items() if option != "params"}
        for option in options:
            if option not in self.defaults and option != "initial_lr":
                raise ValueError(f"{self.name}: unknown option {option!r} in a parameter group; it has {', '.join(self.defaults)}")
        self.check_group(options)
        params = tensors(self.name, "optimizes", group["params"])
        self.check_params(params)
        self.param_groups.append({"params": params, **self.defaults, **options})
        self._buckets.append(None)

    def check_group(self, options: Mapping[str, Any]) -> None:
        """Refuse options of a group that make no sense."""
        check_options(self.name, **{option: options[option] for option in NOT_NEGATIVE if option in options})

    def check_params(self, params: list[Tensor]) -> None:
        """Refuse tensors that this optimizer cannot change, or has already."""
        known = {id(p) for other in self.param_groups for p in other["params"]}
        for i, p in enumerate(params):
            if not p.is_leaf or p.dtype.kind != "f":
                kind = p.dtype if p.is_leaf else "computed"
                raise ValueError(f"{self.name} optimizes leaf tensors of floating point; number {i} is a {kind} tensor")
            if id(p) in known:
                raise ValueError(f"{self.name}: parameter number {i} of shape {p.shape} was given twice")
            known.add(id(p))

    @property
    def state(self) -> dict[Tensor, dict[str, Any]]:
        """What is remembered for each parameter that has been updated; the tensors in it share the optimizer's memory."""
        found = {}
        for buckets in self._buckets:
            for bucket in buckets or ():
                bucket.settle()
                for i, p in enumerate(bucket.params):
                    if bucket.scalars[i]["step"]:
                        found[p] = {**bucket.scalars[i], **{name: wrap(array, None) for name, array in bucket.remembered(i).items()}}
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return options and state: parameters are numbered, as in PyTorch."""
        params = [p for group in self.param_groups for p in group["params"]]
        number = {id(p): i for i, p in enumerate(params)}
        groups = [{**group, "params": [number[id(p)] for p in group["params"]]} for group in self.param_groups]
        return {"state": {number[id(p)]: s for p, s in self.state.items()}, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over options and state from `state_dict` or from PyTorch's optimizer of the same name.

        Raises
        ------
        ValueError
            If groups, parameters or shapes differ; nothing is changed then.
        """
        check_optimizer_state(self.name, state_dict, self.defaults)
        groups, state = state_dict["param_groups"], {int(i): s for i, s in state_dict["state"].items()}
        sizes, expected = [len(g["params"]) for g in groups], [len(g["params"]) for g in self.param_groups]
        if sizes != expected:
            raise ValueError(f"{self.name}: the state is of groups with {sizes} parameters; this optimizer has {expected}")
        options = [taken_over(mine, saved) for mine, saved in zip(self.param_groups, groups, strict=True)]
        fresh = [self._make_buckets(group) for group in options]
        for group, buckets, saved in zip(options, fresh, groups, strict=True):
            numbers = dict(zip(map(id, group["params"]), saved["params"], strict=True))
            for bucket in buckets:
                for i, p in enumerate(bucket.params):
                    if numbers[id(p)] in state:
                        self._fill(bucket, i, state[numbers[id(p)]])
        self.param_groups, self._buckets = options, list(fresh)

    # ------------------------------------------------------------------------------------------- within

    def _fill(self, bucket: Bucket, i: int, saved: Mapping[str, Any]) -> None:
        """Copy the saved state of one parameter into its bucket."""
        for name, mine in bucket.remembered(i).items():
            value = saved.get(name)
            if value is None:
                raise ValueError(f"{self.name}: the state has no {name!r} for parameter {i}")
            array = as_array(value)
            if array.shape != mine.shape:
                raise ValueError(f"{self.name}: {name!r} of parameter {i} has shape {array.shape}; expected {mine.shape}")
            mine[...] = move(array, bucket.params[i].device)
        for name, default in self.scalars.items():
            value = saved.get(name, default or 1)  # PyTorch's SGD counts no steps; where there is a state there was one
            number = float(to_host(as_array(value)).item()) if not isinstance(value, (int, float)) else value
            bucket.scalars[i][name] = int(number) if name == "step" else float(number)

    def _buckets_of(self, k: int) -> list[Bucket]:
        buckets = self._buckets[k]
        if buckets is None:
            buckets = self._buckets[k] = self._make_buckets(self.param_groups[k])
        return buckets

    def buckets(self) -> list[tuple[Bucket, dict[str, Any]]]:
        """Return all buckets, each with its group, after they took over values that were assigned to parameters."""
        try:
            buckets = [(bucket, group) for k, group in enumerate(self.param_groups) for bucket in self._buckets_of(k)]
            for bucket, _ in buckets:
                bucket.adopt()
        except (KeyError, AttributeError):
            self._refuse_other_than_arrays()
            raise
        return buckets

    def _refuse_other_than_arrays(self) -> None:
        """Name a parameter whose ``data`` is not an array, if there is one."""
        for k, group in enumerate(self.param_groups):
            for i, p in enumerate(group["params"]):
                if not is_array(p.data):
                    what = f"parameter number {i} of group {k} holds a {type(p.data).__name__} in place of an array"
                    raise TypeError(f"{self.name}: {what}: to overwrite a parameter, call p.copy_(value)") from None

    def _make_buckets(self, group: dict[str, Any]) -> list[Bucket]:
        kinds: dict[Any, list[Tensor]] = {}
        for p in group["params"]:
            kinds.setdefault((p.dtype, p.device), []).append(p)
        return [Bucket(params, self.slots(group), self.scalars, self.shape_of) for params in kinds.values()]

    def _step_bucket(self, bucket: Bucket, group: dict[str, Any]) -> None:
        if self._fused_step(bucket, group):
            bucket.changed()
            return
        if getattr(BACKENDS[bucket.values.__class__], "capture", None) is not None:
            self._refuse_capture()
        bucket.settle()
        for name, initial in self.slots(group).items():
            if name not in bucket.arrays:  # an option was switched on
                bucket.remember(name, initial)
        if self.elementwise and bucket.together():
            scalars = bucket.scalars[0]
            self.advance(scalars, group)
            for other in bucket.scalars[1:]:
                other.update(scalars)
            self._update_in_blocks(bucket.values, bucket.gradients(), bucket.arrays, scalars, group)
            bucket.changed()
        else:
            stepped = []
            for i, (p, span) in enumerate(zip(bucket.params, bucket.spans, strict=True)):
                if p.grad is None:
                    continue
                stepped.append(i)
                self.advance(bucket.scalars[i], group)
                if self.elementwise:
                    arrays = {name: a[span] for name, a in bucket.arrays.items()}
                    self._update_in_blocks(bucket.values[span], recorded(p.grad.data).reshape(-1), arrays, bucket.scalars[i], group)
                else:
                    s = {**bucket.remembered(i), **bucket.scalars[i]}
                    self._decay_and_update(recorded(p.data), recorded(p.grad.data), s, group)
            bucket.changed(stepped)

    def _fused_step(self, bucket: Bucket, group: dict[str, Any]) -> bool:
        """Let the backend make the whole step in one launch, if it has a kernel for this optimizer."""
        steps = BACKENDS[bucket.values.__class__].services.get("optimizer_steps")
        step = steps.get(self.name) if steps and type(self).__module__.startswith("minigrad.optim.") else None
        return step is not None and step(self, bucket, group)

    def _refuse_capture(self) -> NoReturn:
        """Formulas take the count of steps and the learning rate as numbers, which a graph would keep as they are now."""
        raise CaptureError(
            f"a step of {self.name} cannot be captured here: that takes a kernel of its own, which Adam, AdamW (without amsgrad) and "
            "SGD have, and a gradient for each of its parameters. Leave out parameters that have none, or make steps without capture"
        )

    def _update_in_blocks(self, x: Array, g: Array, arrays: dict[str, Array], scalars: dict[str, Any], group: dict[str, Any]) -> None:
        for part in blocks(x):
            self._decay_and_update(x[part], g[part], {**{name: a[part] for name, a in arrays.items()}, **scalars}, group)

    def _decay_and_update(self, x: Array, g: Array, s: dict[str, Any], group: dict[str, Any]) -> None:
        """Apply what most optimizers offer, maximization and weight decay, and then the formula of this one."""
        if group.get("maximize"):
            g = -g
        decay = group.get("weight_decay", 0)
        if decay and group.get("decoupled_weight_decay"):
            x *= 1 - group["lr"] * decay
        elif decay:
            g = g + decay * x
        self.update(x, g, s, group)

    def __repr__(self) -> str:
        options = [", ".join(f"{k}={v!r}" for k, v in group.items() if k != "params") for group in self.param_groups]
        return f"{self.name}({'; '.join(options)})"
