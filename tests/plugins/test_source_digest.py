from __future__ import annotations

import pytest

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
