"""Sphinx: the pages of this repository and the docstrings as one site. ``make docs`` builds it, offline."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "methods"), str(ROOT / "attackers"), str(ROOT / "docs")]

import uebench  # noqa: E402

project = "uebench"
copyright = "the uebench authors"  # noqa: A001
release = uebench.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "plugin_pages"]
root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/*.md",
    "results/*.md",
    "results/*/README.md",
    "benchmarks/README.md",
    "examples/*/README.md",
]
nitpicky = False

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "attrs_inline"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "uebench"
html_static_path = ["static"]
html_css_files = ["wide_tables.css"]
