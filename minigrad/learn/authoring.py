"""``minigrad learn dev new``: a course of one exercise that keeps every law, to be changed."""

from __future__ import annotations

from pathlib import Path

from minigrad.learn.exercise import CourseError
from minigrad.saving import write_atomically

COURSE = '''title = "A course of one exercise"
chapters = ["Beginnings"]
order = ["cube"]
welcome = """
Open the file in your editor and write what is missing."""
closing = """
That was all."""
'''

CUBE = '''"""The gradient of x ** 3

Write the backward formula for y = x ** 3: g is the gradient for y, what you return that for x.
"""

import numpy as np

from minigrad.learn import Exercise, gradient

exercise = Exercise(id="cube", chapter=1, minutes=5, learns="the power rule, and that g is a factor")


# region yours
def cube_vjp(g, x):
    """Return the gradient for x of y = x ** 3."""
    ### BEGIN SOLUTION
    return g * 3 * x * x
    ### END SOLUTION
# endregion

X = np.array([0.5, -2.0, 1.25, -0.3])


@exercise.criterion("gradient", "gradcheck agrees for random g")
def _(theirs):
    gradient(lambda xp, x: x**3, [X], {"x": theirs.cube_vjp})


exercise.wrong("no_g", ("g * 3 * x * x", "3 * x * x"), fails="gradient", expect="cotangent_ignored")
exercise.wrong("no_square", ("3 * x * x", "3 * x"), fails="gradient", expect="factor_power")
exercise.hint(
    "start",
    "Take x = 2 and move it to 2.001: by how much does x ** 3 grow, for each unit that x moved?",
    "The formula has two factors; one is an argument that is given to you.",
    "If y grows by 1, the loss grows by g. If x grows by 1, y grows by its slope. Put the two together.",
)
'''


def new_course(folder: Path) -> list[Path]:
    """Write course.toml and an exercise into a new folder, and return their paths.

    Raises
    ------
    CourseError
        If the folder is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CourseError(f"{folder} is there already, and not empty")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(f"the folder {folder} cannot be made: {error.strerror}") from None
    files = {folder / "course.toml": COURSE, folder / "cube.py": CUBE}
    for path, text in files.items():
        write_atomically(path, text.encode())
    return list(files)
