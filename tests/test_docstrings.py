"""Docstrings name files and modules that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import uebench
from tests.conftest import ROOT

FILES = sorted(file for folder in ("uebench", "methods", "attackers") for file in (ROOT / folder).rglob("*.py"))
OTHERS = {"a", "copy.py", "ctx", "importlib", "pytest", "ray", "time", "torch"}
"""What is no part of uebench: modules of others, objects of an example, and a file of one."""
KINDS = ("csv", "json", "npy")
QUOTED = re.compile(r"``([a-z_][\w/]*(?:\.\w+)*)``")


def names(text: str) -> list[str]:
    """Return the files and the dotted names that a docstring quotes, without names of classes and of data files."""
    quoted = (name for name in QUOTED.findall(text) if "." in name)
    return [name for name in quoted if not name.endswith(KINDS) and not re.search(r"\.\d", name)]


def strings(file: Path) -> Iterator[str]:
    """Yield the docstrings of a file, those of constants included."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text


def defined(file: Path) -> set[str]:
    """Return the names that a module defines or imports."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.ImportFrom(names=aliases):
                found |= {alias.asname or alias.name for alias in aliases}
    return found


def files_of(module: str) -> list[Path]:
    """Return the files of the modules whose dotted name ends with ``module``."""
    tail = module.split(".")
    return [file for file in FILES if list(file.with_suffix("").parts[-len(tail) :]) == tail or _is_package(file, tail)]


def _is_package(file: Path, tail: list[str]) -> bool:
    return file.name == "__init__.py" and list(file.parent.parts[-len(tail) :]) == tail


def exists(name: str) -> bool:
    """Return whether a quoted name is that of a file, of a module, or of what a module defines."""
    if name in OTHERS or name.split(".")[0] in OTHERS:
        return True
    if name.endswith(".md"):
        return (ROOT / name).is_file()
    if name.endswith(".py"):
        return any(file.as_posix().endswith(f"/{name}") for file in FILES)
    module, _, last = name.rpartition(".")
    if module == "uebench" and last in uebench.__all__:
        return True
    return bool(files_of(name)) or any(last in defined(file) for file in files_of(module))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_docstrings_name_exists(file: Path) -> None:
    assert [name for text in strings(file) for name in names(text) if not exists(name)] == []


@pytest.mark.parametrize("name", ["study_latex.py", "study_rows.COLUMNS", "report.study_metrics.METRICS", "docs/no.md"])
def test_a_name_that_has_moved_is_found(name: str) -> None:
    assert names(f"See ``{name}``.") == [name]
    assert not exists(name)
