"""What was found out about the cause of a failure, as data: which mistake, of which input, in which line, and in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnosis:
    """One finding. As text it is its sentence."""

    id: str  #: of the mistake, the same wherever it is found: "sign", "not_finite", ...
    text: str
    input: str = ""  #: whose gradient it is about; empty if about the function as a whole
    axis: int | tuple[int, ...] | None = None
    line: str = ""  #: file, number and code, where they are known

    def __str__(self) -> str:
        return self.text
