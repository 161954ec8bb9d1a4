"""What the page asks for: requests and answers as JSON. It runs in the page's Python, and in tests in any other."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from minigrad.learn.exercise import CourseError
from minigrad.playground.running import run
from minigrad.playground.studying import Studying
from minigrad.writing import CheckpointError


class Session:
    """One visit.

    Parameters
    ----------
    post
        Takes JSON of what is to be shown at once, while a request is answered.
    home
        A folder of its own, for the files of programs and the answers to exercises.
    """

    def __init__(self, post: Callable[[str], None], home: str) -> None:
        self._post = post
        self._studying = Studying(Path(home) / "course")
        files = Path(home) / "files"
        files.mkdir(parents=True, exist_ok=True)
        os.chdir(files)
        self._answers: dict[str, Callable[..., Any]] = {
            "run": lambda **request: run(post=self._show, **request),
            "restore": self._studying.restore,
            **{name: getattr(self._studying, name) for name in ("exercises", "start", "check", "hint", "solution", "reset", "export")},
            "import": self._studying.import_,
        }

    def answer(self, request: str) -> str:
        """Return the answer to a request, ``{"do": name, ...}``: ``{"is": ...}``, or ``{"error": sentence}``; and what is to be kept."""
        wanted = json.loads(request)
        do = wanted.pop("do")
        try:
            answer = {"is": self._answers[do](**wanted)}
        except (CourseError, CheckpointError) as error:
            answer = {"error": str(error)}
        if do != "run":
            answer["kept"] = self._studying.files()
        return json.dumps(answer, allow_nan=False)

    def _show(self, shown: dict[str, Any]) -> None:
        self._post(json.dumps(shown, allow_nan=False))
