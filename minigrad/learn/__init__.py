"""Exercises with a grader that names the mistake: ``minigrad learn``.

An author writes exercises (`Exercise`, `near`, `gradient`, `verdict`, `Failed`); `check` grades a text; `Report` is what it
found. Everything else is the command around it.
"""

from __future__ import annotations

from minigrad.learn.criteria import Failed, gradient, near, rng, verdict
from minigrad.learn.exercise import CourseError, Exercise, load
from minigrad.learn.grading import check
from minigrad.learn.report import Report

__all__ = ["CourseError", "Exercise", "Failed", "Report", "check", "gradient", "load", "near", "rng", "verdict"]
