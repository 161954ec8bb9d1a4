"""L-BFGS: a quasi-Newton method for full batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from minigrad.backends import Array, namespace
from minigrad.core.mode import changed_mode
from minigrad.core.tensor import Tensor, array_of, wrap
from minigrad.optim.arguments import check_optimizer_state, check_options
from minigrad.optim.line_search import strong_wolfe
from minigrad.optim.optimizer import Optimizer, Params


class LBFGS(Optimizer):
    """Steps along -H g, where H approximates the inverse Hessian from the last ``history_size`` steps.

    `step` needs a closure that clears the gradients, computes the loss, runs backward and returns the loss; it is called
    several times a step. (Nocedal, Wright: "Numerical optimization", 2006, algorithm 7.4 and, for
    ``line_search_fn="strong_wolfe"``, 3.5.)

    Parameters
    ----------
    max_iter, max_eval
        Iterations, and calls of the closure, of one `step`; ``max_eval`` is 1.25 ``max_iter`` if None.
    tolerance_grad, tolerance_change
        Stop when the largest element of the gradient, or the change of parameters or loss, is below this.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_options("LBFGS", lr=lr, max_iter=max_iter, tolerance_grad=tolerance_grad, tolerance_change=tolerance_change)
        if line_search_fn not in (None, "strong_wolfe"):
            raise ValueError(f"LBFGS: line_search_fn must be None or 'strong_wolfe', not {line_search_fn!r}")
        options = {"lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval}
        tolerances = {"tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change}
        super().__init__(params, {**options, **tolerances, "history_size": history_size, "line_search_fn": line_search_fn})
        self._memory: dict[str, Any] = {}

    def check_params(self, params: list[Tensor]) -> None:
        super().check_params(params)
        if self.param_groups:
            raise ValueError("LBFGS takes one group of parameters")

    @property
    def state(self) -> dict[Tensor, dict[str, Any]]:
        """What is remembered from step to step, under the first parameter as in PyTorch."""
        return {self.param_groups[0]["params"][0]: _tensors(self._memory)} if self._memory else {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over options and memory from `state_dict`."""
        check_optimizer_state("LBFGS", state_dict, self.defaults)
        super().load_state_dict({**state_dict, "state": {}})
        self._memory = {k: _arrays(v) for k, v in dict(state_dict["state"]).get(0, {}).items()}

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Run up to ``max_iter`` iterations. Returns the loss before them."""
        if closure is None:
            raise TypeError("LBFGS.step needs a closure that computes the loss and its gradients")
        buckets = self.buckets()
        if len(buckets) != 1:
            raise ValueError("LBFGS needs all parameters of one dtype on one device")
        ((bucket, group),) = buckets
        memory, x = dict(self._memory), bucket.values
        xp = namespace(x)

        def evaluate() -> tuple[Any, Array]:
            with changed_mode(recording=True):
                loss = closure()
            grads = [(xp.zeros(p.shape, dtype=p.dtype) if p.grad is None else p.grad.data).reshape(-1) for p in bucket.params]
            return loss, xp.concatenate(grads)

        def move_by(t: float, d: Array) -> None:
            x[...] += t * d
            bucket.changed()

        def evaluate_at(start: Array, d: Array, t: float) -> tuple[float, Array]:
            move_by(t, d)
            loss, gradient = evaluate()
            x[...] = start
            bucket.changed()
            return float(loss), gradient

        first_loss, g = evaluate()
        loss, evaluations = float(first_loss), 1
        if float(abs(g).max()) <= group["tolerance_grad"]:
            return first_loss
        for iteration in range(1, group["max_iter"] + 1):
            d = self._direction(g, memory, group["history_size"])
            slope = float(g @ d)
            t = min(1.0, 1.0 / float(abs(g).sum())) * group["lr"] if memory["n_iter"] == 1 else float(group["lr"])
            memory.update(prev_flat_grad=g, d=d, t=t)
            if slope > -group["tolerance_change"]:
                break
            old_loss = loss
            if group["line_search_fn"] is not None:
                along = partial(evaluate_at, x.copy(), d)
                loss, g, t, used = strong_wolfe(along, t, d, loss, g, slope, group["max_eval"] - evaluations)
                move_by(t, d)
                evaluations += used
            else:
                move_by(t, d)
                if iteration != group["max_iter"]:  # the next step evaluates this point again, perhaps on other data
                    new_loss, g = evaluate()
                    loss, evaluations = float(new_loss), evaluations + 1
            memory["t"] = t
            small = float(abs(g).max()) <= group["tolerance_grad"] or float(abs(t * d).max()) <= group["tolerance_change"]
            if evaluations >= group["max_eval"] or small or abs(loss - old_loss) < group["tolerance_change"]:
                break
        self._memory = memory
        return first_loss

    @staticmethod
    def _direction(g: Array, memory: dict[str, Any], history_size: int) -> Array:
        """Return -H g by the two-loop recursion, after taking the last step into account."""
        memory["n_iter"] = memory.get("n_iter", 0) + 1
        if memory["n_iter"] == 1:
            memory.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return -g
        y, s = g - memory["prev_flat_grad"], memory["d"] * memory["t"]
        ys = float(y @ s)
        if ys > 1e-10:  # only a positive curvature keeps H positive definite
            for name, new in (("old_dirs", y), ("old_stps", s), ("ro", 1.0 / ys)):
                memory[name] = [*memory[name], new][-history_size:]
            memory["H_diag"] = ys / float(y @ y)
        pairs = list(zip(memory["old_dirs"], memory["old_stps"], memory["ro"], strict=True))
        q, alphas = -g, []
        for y, s, ro in reversed(pairs):
            alphas.append(float(s @ q) * ro)
            q = q - alphas[-1] * y
        r = q * memory["H_diag"]
        for (y, s, ro), alpha in zip(pairs, reversed(alphas), strict=True):
            r = r + s * (alpha - float(y @ r) * ro)
        return r


def _tensors(value: Any) -> Any:
    """Wrap the arrays in nested lists and dicts as tensors."""
    if isinstance(value, dict):
        return {k: _tensors(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_tensors(v) for v in value]
    return value if isinstance(value, (int, float)) else wrap(value, None)


def _arrays(value: Any) -> Any:
    return [array_of(v) for v in value] if isinstance(value, (list, tuple)) else array_of(value)
