"""How the site is built: ``sphinx-build -W docs site``, with the extra ``docs`` and, for formulas, ``npm ci --prefix web``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import minigrad

sys.path.insert(0, str(Path(__file__).parent / "extensions"))
# A cell's ``!minigrad`` is that of the environment that builds, whether or not it was activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

project = "minigrad"
author = "the minigrad authors"
copyright = author
version = release = minigrad.__version__
extensions = ["sphinx.ext.viewcode", "myst_nb", "sphinx_copybutton", "sphinx_design", "katex", "reference", "repository"]
exclude_patterns = ["extensions", "lab/results", "jupyter_execute"]
default_role = "py:obj"
add_module_names = False
toc_object_entries_show_parents = "hide"

# Every page that has cells is run when the site is built; a cell that raises fails the build.
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
nb_render_markdown_format = "gfm"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3

html_math_renderer = "katex"
html_theme = "furo"
html_title = "minigrad"
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_css_files = ["site.css"]
html_copy_source = False
