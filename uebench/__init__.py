"""uebench: which unlearnable-example methods really protect faces?

The functions below are the Python API. Each is imported when it is first used, so ``import uebench`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from uebench.api.attack import attack
    from uebench.api.detect import detect
    from uebench.api.export import export
    from uebench.api.fit import fit
    from uebench.api.inspect_protected import inspect_protected
    from uebench.api.protect import protect
    from uebench.api.protect_folder import protect_folder
    from uebench.api.reproduce import reproduce
    from uebench.api.run import plan, records, run
    from uebench.api.study import study
    from uebench.api.table import table
    from uebench.api.verify_data import verify_data

__all__ = [
    "__version__", "attack", "detect", "export", "fit", "inspect_protected", "plan", "protect", "protect_folder",
    "records", "reproduce", "run", "study", "table", "verify_data",
]  # fmt: skip


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "run" if name in ("plan", "records") else name
    return getattr(import_module(f"uebench.api.{module}"), name)


def __dir__() -> list[str]:
    return __all__
