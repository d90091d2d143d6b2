"""Compute a digest of the part of a plugin's source that decides its outputs."""

from __future__ import annotations

import ast
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator

NOT_COMPUTED_WITH = {"earlier", "info", "presets", "why"}
"""Class attributes that change no output; the options that presets set enter the key themselves."""
STAR = "*"
"""The name that ``from module import *`` binds, for any other."""


def source_digest(source: bytes, class_name: str, strict: bool = False) -> str:
    """Return a sha256 of a class and of what it uses from its module.

    Layout, comments, docstrings and ``NOT_COMPUTED_WITH`` do not count.

    Args:
        source: A Python file, which is parsed and not run.
        class_name: A class of that file.
        strict: Whether to count also where used names are imported from, and what other statements do to them, such as
            ``TABLE.append(1)``. Records hold the digests of uebench's own plugins, which are not strict.
    """
    contents: dict[str, list[object]] = defaultdict(list)
    uses: dict[str, set[str]] = defaultdict(set)
    for statement in ast.parse(source).body:
        names: set[str] = set()
        content = _content(statement, names)
        for name in _changed(statement, names) if strict else _defined(statement):
            contents[name].append(content)
            uses[name] |= names
        for name, origin in _bindings(statement) if strict else ():
            contents[name].append(origin)
    used: set[str] = set()
    todo = {class_name, *({STAR} & contents.keys())}
    while todo:
        used |= todo
        todo = {other for name in todo for other in uses[name] if other in contents} - used
    return _digest([contents[name] for name in sorted(used)])


def _changed(statement: ast.stmt, names: Iterable[str]) -> list[str]:
    """Return the names that a statement defines, or that it may change if it is no definition.

    Args:
        statement: A statement of a module.
        names: All names in it.
    """
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            return _defined(statement)
    return [] if _is_left_out(statement, in_class=False) else sorted({*names, *_defined(statement)})


def _bindings(statement: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each name that a statement imports, anywhere in it, and what it stands for."""
    for node in ast.walk(statement):
        match node:
            case ast.Import(names=imported):
                yield from ((one.asname or one.name.partition(".")[0], one.name) for one in imported)
            case ast.ImportFrom(names=imported, module=module, level=level):
                yield from ((one.asname or one.name, f"{'.' * level}{module or ''}:{one.name}") for one in imported)


def module_digest(source: bytes, strict: bool = False) -> str:
    """Return a sha256 of all that a module computes; see ``source_digest``."""
    module = ast.parse(source)
    content = _content(module.body, set())
    return _digest([content, sorted(_bindings(module))] if strict else content)


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _defined(statement: ast.AST) -> list[str]:
    match statement:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        case ast.AugAssign(target=ast.Name(id=name)):
            return [name]
        case ast.If() | ast.Try() | ast.ExceptHandler() | ast.With() | ast.For() | ast.While():
            return [name for part in ast.iter_child_nodes(statement) for name in _defined(part)]
    return []


def _content(node: object, names: set[str], in_class: bool = False) -> object:
    """Return a node as nested lists, without empty fields, so that all Python versions agree; add to ``names``.

    Args:
        node: A node, a list of nodes, or another value of a field.
        names: Receives every name that is read or written.
        in_class: Whether ``node`` is the list of a class's statements.
    """
    if isinstance(node, ast.Name):
        names.add(node.id)
    if isinstance(node, ast.AST):
        is_class = isinstance(node, ast.ClassDef)
        fields = [
            [name, _content(value, names, is_class)] for name, value in ast.iter_fields(node) if value not in (None, [])
        ]
        return [type(node).__name__, *fields]
    if isinstance(node, list):
        return [_content(part, names) for part in node if not _is_left_out(part, in_class)]
    return repr(node)


def _is_left_out(statement: object, in_class: bool) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())) | ast.Import() | ast.ImportFrom():
            return True
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return in_class and name in NOT_COMPUTED_WITH
    return False
