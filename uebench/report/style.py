"""The colours of figures."""

from __future__ import annotations

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6fd1", "#7a7a2c")
"""The colours of methods, or of groups of methods, in this order."""

GREY = "#444444"
"""The colour of references, of chance and of the text on a figure."""
