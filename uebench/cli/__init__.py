"""The command line: one file per command. A command reads options, calls functions of the package, and prints."""

from pathlib import Path

RESULTS = Path("results")
"""The results folder, unless another is named."""
