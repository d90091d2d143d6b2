from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin_files import plugin_file
from uebench.plugins.helpers import beside
from uebench.plugins.registry import Registry
from uebench.plugins.source_digest import module_digest
from uebench.plugins.source_digest import source_digest as digest_of_class

SOURCE = '''
from uebench.ops import project

STEP = 1 / 255

def brighter(images):
    return images + STEP

class Other:
    """Shares the file."""
    radius = 3

class Base:
    limit = 8

class Plugin(Base):
    """Does something."""
    name = "plugin"
    presets = {"desk": {"steps": 2}}

    def perturb(self, images):
        # towards white
        return project(brighter(images))
'''


def source_digest(source: bytes) -> str:
    return digest_of_class(source, "Plugin")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# towards white", "# brighter"),
        ('"""Does something."""', '"""Adds a grey level."""'),
        ('{"steps": 2}', '{"steps": 3}'),
        ("    def perturb", '    earlier = {"0123": "STEP was a parameter"}\n\n    def perturb'),
        ("images + STEP", "images+STEP"),
        ("radius = 3", "radius = 4"),
        ("from uebench.ops import project", "from uebench.ops import project, to_levels"),
    ],
)
def test_what_changes_no_output_changes_no_digest(before: str, after: str) -> None:
    assert before in SOURCE
    assert source_digest(SOURCE.replace(before, after).encode()) == source_digest(SOURCE.encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1 / 255", "2 / 255"),
        ("images +", "images -"),
        ('"plugin"', '"other"'),
        ("project(b", "identity(b"),
        ("limit = 8", "limit = 9"),
    ],
)
def test_what_may_change_an_output_changes_the_digest(before: str, after: str) -> None:
    assert before in SOURCE
    assert source_digest(SOURCE.replace(before, after).encode()) != source_digest(SOURCE.encode())


BRANCHES = """
import os

LEVELS = 1
LEVELS += 1
try:
    from fast import step
except ImportError:
    def step(images):
        return images + 1

if os.name == "nt":
    EDGE = 3
else:
    EDGE = 4

class Plugin:
    name = "plugin"
    version = 1

    def perturb(self, images):
        earlier = images - 2
        return step(earlier) + LEVELS + EDGE
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [("images - 2", "images - 9"), ("+= 1", "+= 2"), ("images + 1", "images + 2"), ("EDGE = 4", "EDGE = 5")],
)
def test_local_names_and_what_stands_in_a_branch_count(before: str, after: str) -> None:
    assert before in BRANCHES
    assert source_digest(BRANCHES.replace(before, after).encode()) != source_digest(BRANCHES.encode())


STATEMENTS = """
import os, sys
from torch import ones as pattern

TABLE = []
TABLE.append(1.0)
for number in (2, 3):
    TABLE.append(number)

class Plugin:
    def perturb(self, images):
        return pattern(images.shape) * TABLE[0]
"""


def strict_digest(source: str) -> str:
    return digest_of_class(source.encode(), "Plugin", strict=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [("ones as", "rand as"), ("from torch", "from numpy"), ("append(1.0)", "append(-1.0)"), ("(2, 3)", "(3, 2)")],
)
def test_of_a_plugin_file_the_origin_of_used_names_and_all_statements_about_them_count(before: str, after: str) -> None:
    assert before in STATEMENTS
    assert strict_digest(STATEMENTS.replace(before, after)) != strict_digest(STATEMENTS)


BLOCKS = """
from torch import *
import os
TABLE = []
for number in (1,):
    last = number
    TABLE.append(number)
async def helper():
    return 1

class Plugin:
    def perturb(self, images):
        return TABLE, helper
"""


@pytest.mark.parametrize(
    ("before", "after"), [("from torch", "from numpy"), ("append(number)", "append(-number)"), ("return 1", "return 2")]
)
def test_star_imports_blocks_and_async_functions_count_in_a_plugin_file(before: str, after: str) -> None:
    assert before in BLOCKS
    assert strict_digest(BLOCKS.replace(before, after)) != strict_digest(BLOCKS)


def test_the_order_of_imports_does_not_count_in_a_plugin_file() -> None:
    moved = STATEMENTS.replace(
        "import os, sys\nfrom torch import ones as pattern", "from torch import ones as pattern\nimport sys"
    )
    assert moved != STATEMENTS and strict_digest(moved) == strict_digest(STATEMENTS)


def test_where_a_helper_imports_from_counts_for_plugins_of_others() -> None:
    before, after = b"from torch import ones as pattern", b"from torch import rand as pattern"
    assert module_digest(before, strict=True) != module_digest(after, strict=True)
    assert module_digest(before) == module_digest(after)


@pytest.mark.parametrize(("before", "after"), [("import os, sys", "import sys"), ("import os, sys\n", "import json\n")])
def test_of_a_plugin_file_unused_imports_do_not_count(before: str, after: str) -> None:
    assert strict_digest(STATEMENTS.replace(before, after)) == strict_digest(STATEMENTS)


def test_the_modules_beside_a_plugin_file_count(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import sys\nsys.path.insert(0, '.')\nimport helper\nfrom . import none\n")
    (tmp_path / "helper.py").write_text("from deeper import part\n")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper/part.py").write_text("import helper\nSIGN = 1\n")
    (tmp_path / "unused.py").write_text("SIGN = 1\n")
    assert beside(tmp_path / "mine.py") == [tmp_path / "deeper/part.py", tmp_path / "helper.py"]


def test_a_package_beside_a_plugin_file_counts_with_its_relative_imports(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import helper\n")
    (tmp_path / "helper").mkdir()
    (tmp_path / "helper/__init__.py").write_text("from .part import SIGN\n")
    (tmp_path / "helper/part.py").write_text("SIGN = 1\n")
    assert beside(tmp_path / "mine.py") == [tmp_path / "helper/__init__.py", tmp_path / "helper/part.py"]


def test_a_changed_helper_beside_a_plugin_file_changes_its_digest(tmp_path: Path) -> None:
    digests = set()
    for sign in (1, -1):
        folder = tmp_path / str(sign)
        folder.mkdir()
        (folder / "helper.py").write_text(f"SIGN = {sign}\n")
        body = "def perturb(self, batch, ctx): return batch.images * helper.SIGN"
        file = plugin_file(folder / "mine.py", body, before="import helper")
        digests.add(Registry([file]).entry("method", "mine").source_digest)
    assert len(digests) == 2
