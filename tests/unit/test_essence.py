from __future__ import annotations

import pytest

from uebench.essence import source_digest

SOURCE = '''
from uebench.ops import project

class Plugin:
    """Does something."""
    name = "plugin"
    presets = {"desk": {"steps": 2}}

    def perturb(self, images):
        # towards white
        return project(images + 1 / 255)
'''


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# towards white", "# brighter"),
        ('"""Does something."""', '"""Adds a grey level."""'),
        ('{"steps": 2}', '{"steps": 3}'),
        ("images + 1 / 255", "images+1/255"),
        ("from uebench.ops import project", "from uebench.ops import project, to_levels"),
    ],
)
def test_what_changes_no_output_changes_no_digest(before: str, after: str) -> None:
    assert before in SOURCE
    assert source_digest(SOURCE.replace(before, after).encode()) == source_digest(SOURCE.encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [("1 / 255", "2 / 255"), ("images +", "images -"), ('"plugin"', '"other"'), ("project(", "identity(")],
)
def test_what_may_change_an_output_changes_the_digest(before: str, after: str) -> None:
    assert before in SOURCE
    assert source_digest(SOURCE.replace(before, after).encode()) != source_digest(SOURCE.encode())
