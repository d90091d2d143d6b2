"""Find plugin classes by parsing source files, so that listing plugins runs none of their code."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.machinery import ModuleSpec
from importlib.util import resolve_name
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from uebench.plugins.values import Info

CORE = "uebench"
PACKAGES = ("uebench_methods", "uebench_attackers")
"""The packages with uebench's own methods and attackers."""
CONTRACTS_IN = "uebench.plugins.base"
Kind = Literal["method", "attacker", "countermeasure", "source"]
CONTRACTS: Mapping[str, Kind] = {
    "Method": "method",
    "Attacker": "attacker",
    "Countermeasure": "countermeasure",
    "Source": "source",
}
KINDS = tuple(CONTRACTS.values())
DECLARED = ("name", "version", "info", "earlier")
INFO = tuple(field.name for field in fields(Info))


@dataclass(frozen=True, slots=True)
class Declaration:
    """A class that declares a ``name``, as plugins do.

    Attributes:
        class_name: Its name.
        kind: The kind of plugin; None if none of its bases leads to a contract.
        literals: Those of ``name``, ``version``, ``info`` and ``earlier`` that are literals: the class's own name, and
            the others of its own or inherited.
        inherited: File and name of each class of another file that it inherits from, except those of the core.
    """

    class_name: str
    kind: Kind | None
    literals: Mapping[str, Any]
    inherited: tuple[tuple[Path, str], ...]


Target = tuple[str, tuple[str, ...]]
"""What a name refers to: a module, and the path inside it; ``("torch", ("nn", "Module"))``."""


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """The names that the top level of a module defines."""

    name: str
    file: Path
    classes: Mapping[str, ast.ClassDef]
    names: Mapping[str, Target]
    stars: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Class:
    """A class, and where it is defined."""

    module: Module
    node: ast.ClassDef


def declarations(module: str, file: Path) -> Iterator[Declaration]:
    """Yield the classes of a file that declare a literal ``name``.

    Args:
        module: The name under which the file is imported.
        file: A Python file, which is parsed and not run.

    Raises:
        SyntaxError, ValueError: If it is not Python.
    """
    parsed = _parsed(module, file)
    for node in parsed.classes.values():
        name = _literals(node).get("name")
        if not isinstance(name, str):
            continue
        ancestors = list(_ancestors(Class(parsed, node), set()))
        kind = next((one for one in ancestors if isinstance(one, str)), None)
        classes = [one for one in ancestors if isinstance(one, Class)]
        literals: dict[str, Any] = {}
        for one in reversed(classes):
            literals |= _literals(one.node)
        elsewhere = [one for one in classes if one.module.file != file and one.module.name.split(".")[0] != CORE]
        yield Declaration(
            node.name,
            kind,
            {key: value for key, value in (literals | {"name": name}).items() if value is not None},
            tuple((one.module.file, one.node.name) for one in elsewhere),
        )


def _ancestors(cls: Class, seen: set[Target]) -> Iterator[Class | Kind]:
    """Yield a class and its ancestors, depth first; for an ancestor that is a contract, its kind."""
    yield cls
    for base in cls.node.bases:
        match _resolve(cls.module.name, _dotted(base), seen, cls.module):
            case str() as kind:
                yield kind
            case Class() as parent:
                yield from _ancestors(parent, seen)


def _resolve(
    module: str, path: tuple[str, ...], seen: set[Target], parsed: Module | None = None
) -> Class | Kind | None:
    """Return the class, or the kind of the contract, that a dotted name refers to in a module."""
    if not path or (module, path) in seen:
        return None
    if module == CONTRACTS_IN and len(path) == 1 and path[0] in CONTRACTS:
        return CONTRACTS[path[0]]
    seen.add((module, path))
    parsed = parsed or _parse_by_name(module)
    if parsed is None:
        return None
    head, *rest = path
    if head in parsed.classes:
        return None if rest else Class(parsed, parsed.classes[head])
    if head in parsed.names:
        origin, inside = parsed.names[head]
        return _resolve(origin, (*inside, *rest), seen, parsed if origin == module else None)
    for star in parsed.stars:
        if resolved := _resolve(star, path, seen):
            return resolved
    return _resolve(f"{module}.{head}", tuple(rest), seen)


def _dotted(node: ast.expr) -> tuple[str, ...]:
    """Return the parts of ``a.b.C`` or of ``a.b.C[...]``; nothing for any other expression."""
    match node:
        case ast.Subscript(value=value):
            return _dotted(value)
        case ast.Attribute(value=value, attr=name):
            return (*before, name) if (before := _dotted(value)) else ()
        case ast.Name(id=name):
            return (name,)
    return ()


def find(module: str) -> ModuleSpec | None:
    """Return the spec of a module, or None: like ``importlib.util.find_spec``, but without importing its parents."""
    path: Iterable[str] | None = None
    spec = None
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        spec = None
        for finder in sys.meta_path:
            spec = spec or finder.find_spec(".".join(parts[:count]), list(path) if path is not None else None)
        if spec is None:
            return None
        path = spec.submodule_search_locations or ()
    return spec


def _parse_by_name(module: str) -> Module | None:
    """Parse an installed module; None if there is none of that name, or no valid source."""
    spec = find(module)
    origin = spec.origin if spec else None
    try:
        return _parsed(module, Path(origin)) if origin and origin.endswith(".py") else None
    except (OSError, SyntaxError, ValueError):
        return None


def _parsed(module: str, file: Path) -> Module:
    return _parse(module, file, file.read_bytes())


@lru_cache(maxsize=256)
def _parse(module: str, file: Path, source: bytes) -> Module:
    classes: dict[str, ast.ClassDef] = {}
    names: dict[str, Target] = {}
    stars: list[str] = []
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for statement in ast.parse(source).body:
        match statement:
            case ast.ClassDef(name=name):
                classes[name] = statement
            case ast.Import(names=imported):
                for one in imported:
                    bound = one.name if one.asname else one.name.split(".")[0]  # ``import a.b`` binds ``a``
                    names[one.asname or bound] = (bound, ())
            case ast.ImportFrom(names=imported):
                origin = origin_of(statement, package)
                for one in imported:
                    if one.name == "*":
                        stars.append(origin)
                    else:
                        names[one.asname or one.name] = (origin, (one.name,))
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if path := _dotted(value):
                names[name] = (module, path)
    return Module(module, file, classes, names, tuple(stars))


def origin_of(statement: ast.ImportFrom, package: str) -> str:
    """Return the module that ``from ... import`` names, for a statement of a module of ``package``; empty if none."""
    try:
        return resolve_name("." * statement.level + (statement.module or ""), package)
    except ImportError:  # a relative import outside a package
        return ""


def _literals(node: ast.ClassDef) -> dict[str, Any]:
    """Return the values of ``name``, ``version`` and ``info``; None for one that is not a literal."""
    values: dict[str, Any] = {}
    for statement in node.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name in DECLARED:
                values[name] = _literal(value)
    return values


def _literal(node: ast.expr) -> Any:  # noqa: ANN401
    try:
        match node:
            case ast.Call(func=ast.Name(id="Info") | ast.Attribute(attr="Info"), args=args, keywords=keywords):
                by_place = zip(INFO, args, strict=False)
                by_name = ((keyword.arg, keyword.value) for keyword in keywords if keyword.arg)
                return {name: ast.literal_eval(value) for name, value in chain(by_place, by_name)}
            case _:
                return ast.literal_eval(node)
    except ValueError:
        return None
