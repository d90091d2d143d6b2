"""Modules that are imported when they are first used: torch and what depends on it.

Planning a grid or finding a finished cell needs the plugins' configuration classes but not torch, whose import takes
seconds. Plugin files therefore write ``from uebench.lazy import networks, torch`` and use these names as if they had
been imported. A plugin that imports torch itself works too, but makes planning slower.
"""

from __future__ import annotations

import gc
import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["augmentations", "load", "networks", "torch", "transforms"]

if TYPE_CHECKING:
    import torch
    from torchvision.transforms import functional as transforms
    from torchvision.transforms import v2 as augmentations

    from uebench import networks
else:

    class _Lazy(ModuleType):
        """Stands in for a module and imports it at the first attribute access."""

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            return getattr(importlib.import_module(self.__name__), name)

    torch = _Lazy("torch")
    transforms = _Lazy("torchvision.transforms.functional")
    augmentations = _Lazy("torchvision.transforms.v2")
    networks = _Lazy("uebench.networks")


def load(*others: str) -> None:
    """Import all of these modules now, so that the time is not counted as the time of the first plugin that uses them.

    Garbage collection is off meanwhile: it would take a sixth of the time and find almost nothing.

    Args:
        others: Further modules that plugins may use.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for module in (torch, transforms, augmentations, networks):
            importlib.import_module(module.__name__)
        for name in others:
            importlib.import_module(name)
    finally:
        if was_enabled:
            gc.enable()
