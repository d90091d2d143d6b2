"""Find the other modules that a plugin uses, of its package or beside its file, without importing any."""

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


def beside(file: Path) -> list[Path]:
    """Return the files in the folder of a plugin file that it imports, itself or through others, sorted by path.

    Args:
        file: The plugin file, which is parsed and not run.

    Raises:
        UsageError: If one of the files is not Python.
    """
    found: set[Path] = set()
    todo = [file]
    while todo:
        module = todo.pop()
        package = ".".join(module.parent.relative_to(file.parent).parts)
        names = {name for node in ast.walk(_parsed(module)) for name in _names(node, package)}
        places = [file.parent / name.replace(".", "/") for name in names if name and name[0] != "."]
        paths = {path for place in places for path in (place.with_suffix(".py"), place / "__init__.py")}
        new = {path for path in paths if path != file and path.is_file()} - found
        found |= new
        todo += sorted(new)
    return sorted(found)


def _names(node: ast.AST, package: str) -> list[str]:
    """Return the modules that a node may import, by their whole names."""
    match node:
        case ast.Import(names=imported):
            return [one.name for one in imported]
        case ast.ImportFrom(names=imported):
            origin = origin_of(node, package)
            return [origin, *(f"{origin}.{one.name}" for one in imported)]
    return []


def _imported(module: str, file: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and file of each module of the same package that a file imports."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    top = module.partition(".")[0] + "."
    for node in ast.walk(_parsed(file)):
        for name in _names(node, package):
            spec = find(name) if f"{name}.".startswith(top) else None
            if spec and spec.origin and spec.origin.endswith(".py"):
                yield name, Path(spec.origin)


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"{file}: not valid Python, and a plugin imports it: {error}") from None
