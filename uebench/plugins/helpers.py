"""Find the other modules of its package that a plugin uses, without importing any."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from uebench.errors import UsageError
from uebench.plugins.scan import CORE, find, origin_of


def helpers(module: str, file: Path) -> list[Path]:
    """Return the files of the same package that a module imports, itself or through others, sorted by their modules.

    Plugins of the core have none, because the version of uebench stands for all of it.

    Args:
        module: The name under which the module is imported.
        file: Its file, which is parsed and not run.

    Raises:
        UsageError: If one of the files is not Python.
    """
    found: dict[str, Path] = {}
    todo = [(module, file)] if module.partition(".")[0] != CORE else []
    while todo:
        for name, used in _imported(*todo.pop()):
            if name != module and name not in found:
                found[name] = used
                todo.append((name, used))
    return [found[name] for name in sorted(found)]


def _imported(module: str, file: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and file of each module of the same package that a file imports."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    top = module.partition(".")[0] + "."
    for node in ast.walk(_parsed(file)):
        names: list[str] = []
        match node:
            case ast.Import(names=imported):
                names = [one.name for one in imported]
            case ast.ImportFrom(names=imported):
                origin = origin_of(node, package)
                names = [origin, *(f"{origin}.{one.name}" for one in imported)]
        for name in names:
            spec = find(name) if f"{name}.".startswith(top) else None
            if spec and spec.origin and spec.origin.endswith(".py"):
                yield name, Path(spec.origin)


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{file}: not valid Python, and a plugin imports it: {error}") from None
