"""What a program depends on besides its arguments, and whether it is still as it was when the step was recorded.

Parameters and buffers must be the same arrays in the same tensors, gradients must be wanted of the same leaves, optimizers
must have the same state, modules the same settings and hooks. All but the last is looked at before each replay, by one
function made for the purpose; modules only where some setting of any module was changed since (`minigrad.nn.hooks.CHANGES`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.nn.hooks import CHANGES, KINDS
from minigrad.replay.recording import Recording


class Watch:
    """Tells whether what a recording depends on has changed.

    Attributes
    ----------
    leaves
        Nodes of the parameters that the step uses.
    zeroed
        Of them, by id, those whose old gradient the step forgets before it makes a new one.
    """

    def __init__(self, recording: Recording, known: Watch | None) -> None:
        recorder = recording.recorder
        self.modules = [part for module in recorder.modules for part in module.modules()]
        self._changes = CHANGES[0]
        self._settings = self._settings_now()
        self.leaves = [leaf for leaf, _, _ in recorder.leaves.values()]
        self.zeroed: set[int] = set(known.zeroed) if known is not None else set()
        self.zeroed |= {id(leaf) for leaf, before, _ in recording.touched if before is None and id(leaf) in recorder.had_gradient}
        self.unchanged = self._written(recording)

    def settings_unchanged(self) -> bool:
        """Whether modules have the settings and hooks that they had."""
        if self._changes != CHANGES[0]:
            if self._settings_now() != self._settings:
                return False
            self._changes = CHANGES[0]
        return True

    def _settings_now(self) -> list[Any]:
        return [_settings(module) for module in self.modules]

    def _written(self, recording: Recording) -> Callable[[], bool]:
        """Write the function that is called before each replay."""
        space: dict[str, Any] = {"CHANGES": CHANGES, "watch": self}
        tests = ["(CHANGES[0] == watch._changes or watch.settings_unchanged())"]

        def bind(value: Any) -> str:
            name = f"v{len(space)}"
            space[name] = value
            return name

        recorder = recording.recorder
        for tensor, array, node in recorder.tensors.values():
            name = bind(tensor)
            tests.append(f"{name}.data is {bind(array)} and {name}.node is {bind(node)}")
            if node is not None:
                hooks = f"{bind(node)}.hooks"
                tests.append(f"{hooks} is None" if node.hooks is None else f"{hooks} == {bind(list(node.hooks))}")
        for module in self.modules:
            for name in module._persistent:
                if module.__dict__.get(name) is not None:
                    tests.append(f"{bind(module.__dict__)}[{name!r}] is {bind(module.__dict__[name])}")
        for leaf, before, array in recording.touched:
            if before is not None:
                tests.append(f"{bind(leaf)}.grad is {bind(before)} and {bind(before)}.data is {bind(array)}")
            elif id(leaf) not in self.zeroed:
                tests.append(f"{bind(leaf)}.grad is None")
        for optimizer in {id(o): o for o in recorder.optimizers}.values():
            name = bind(optimizer)
            groups = bind(list(optimizer.param_groups))
            tests.append(f"{name}._buckets == {bind(list(optimizer._buckets))} and all(map(same, {name}.param_groups, {groups}))")
        space["same"] = lambda a, b: a is b
        exec("def unchanged():\n    return " + " and ".join(tests), space)
        result: Callable[[], bool] = space["unchanged"]
        return result


def _settings(module: Any) -> Any:
    plain = (bool, int, float, str, type(None))
    hooks = None if module._hooks is None else [module._hooks.of(kind) for kind in KINDS]
    values = {name: value if isinstance(value, plain) else id(value) for name, value in module.__dict__.items() if name != "_hooks"}
    return values, hooks
