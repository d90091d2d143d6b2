"""Write a new plugin from a template."""

from __future__ import annotations

import ast
import re
import shlex
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path

from uebench.api.workspace import as_path
from uebench.errors import UsageError, nearest
from uebench.plugins.registry import Registry
from uebench.plugins.scan import KINDS
from uebench.store.atomic import write

TEMPLATES = Path(__file__).parent / "templates"
PLACEHOLDER = "template"
"""The plugin's name in the templates. Their classes are called ``Template``."""


def new(kind: str, name: str, to: str | Path | None = None) -> Path:
    """Write a working plugin with comments that say what to change.

    Args:
        kind: ``method``, ``attacker``, ``countermeasure`` or ``source``.
        name: The plugin's name: lower-case letters, digits and underscores.
        to: The file; None for ``NAME.py`` in the working directory.

    Returns:
        The file.

    Raises:
        UsageError: If there is no such kind, if the name is invalid or taken, if the file exists, or if it has the name
            of an installed module.
        StoreError: If the file cannot be written.
    """
    if kind not in KINDS:
        raise UsageError(f"kind {kind!r}: unknown; {nearest(kind, KINDS)}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or iskeyword(name) or name in ("true", "false", "none"):
        raise UsageError(
            f"name {name!r}: use lower-case letters, digits and underscores, begin with a letter, and avoid keywords"
        )
    registry = Registry()
    for other in KINDS:
        if (other, name) in registry:
            origin = registry.entry(other, name).origin
            raise UsageError(f"name {name!r}: taken by the {other} {name!r} of {origin}; choose another")
    file = as_path(to or f"{name}.py")
    if file.suffix != ".py":
        raise UsageError(f"{file}: a plugin is a Python file; end its name in .py")
    if file.exists():
        raise UsageError(f"{file}: exists already; choose another file, or remove it")
    if file.stem.isidentifier() and find_spec(file.stem):
        raise UsageError(
            f"{file}: Python may import it in place of the installed module {file.stem}; choose another name with --to"
        )
    text, title = (TEMPLATES / f"{kind}.py").read_text("utf-8"), name.title().replace("_", "")
    imports = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom))
    if title in {alias.asname or alias.name for node in imports for alias in node.names}:
        raise UsageError(f"name {name!r}: a class {title} would hide one that the file imports; choose another")
    text = text.replace(PLACEHOLDER.title(), title).replace(PLACEHOLDER, name)
    write(file, text, to_disk=False)
    return file


def next_steps(kind: str, name: str, file: Path) -> tuple[str, str]:
    """Return the command that checks a new plugin, and the one that runs it."""
    chosen = {"method": "lsp", "attacker": "resnet18", "countermeasure": "", "source": ""} | {kind: name}
    attacker = chosen["attacker"] + (f"+{name}" if kind == "countermeasure" else "")
    data = f" --data {name}" if kind == "source" else ""
    path = shlex.quote(str(file))
    run = f"uebench run --plugin {path} --method {chosen['method']} --attacker {attacker}{data} --preset smoke"
    return f"uebench check {path}", run
