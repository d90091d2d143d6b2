"""Plugin files for tests: the caller writes what is particular about a class, and the rest is the same in all."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

HEAD = """\
from uebench.lazy import torch
from uebench.plugins.base import Attacker, Budget, Config, Countermeasure, Info, Method, Source, Split, Training
"""
INFO = 'Info(title="A plugin for a test", venue="V", year=2000)'
UNCHANGED = "def perturb(self, batch, ctx): return batch.images\n"
"""The body of a method that changes nothing."""
BUDGET = "def budget(self, size): return Budget('linf', 8 / 255)\n"
"""The part of a body that allows a method 8 grey levels."""


def plugin_file(
    file: Path,
    body: str,
    base: str = "Method",
    *,
    name: str | None = None,
    version: int | str = 1,
    info: str = INFO,
    options: str = "Config",
    before: str = "",
) -> Path:
    """Write a file with one plugin, the class ``Mine``, and return the file.

    Args:
        file: The file.
        body: What the class has besides its name, version, info and Config, indented or not.
        base: The class that it inherits from, of ``HEAD`` or of ``before``.
        name: The name of the plugin; by default that of the file.
        version: Its version, as the class says it.
        info: Its info, as the class says it.
        options: The class of its options, of ``HEAD`` or of ``before``.
        before: Code between the two lines of ``HEAD`` and the class.
    """
    declared = f"""
class Mine({base}[{options}]):
    "A plugin for a test."
    name = "{file.stem if name is None else name}"
    version = {version}
    info = {info}
    Config = {options}
"""
    above, inside = dedent(before).strip("\n"), indent(dedent(body).strip("\n"), "    ")
    file.write_text(f"{HEAD}{above}\n{declared}{inside}\n")
    return file
