"""The import path of this process, for the processes that it starts."""

from __future__ import annotations

import os
import sys


def import_path() -> str:
    """Return the import path as ``PYTHONPATH`` takes it, with the working directory in full."""
    return os.pathsep.join(path or os.getcwd() for path in sys.path if isinstance(path, str))  # noqa: PTH109
