"""The contract suite of uebench, on both plugins."""

from __future__ import annotations

import pytest
from uebench_stripes.median import Median
from uebench_stripes.stripes import Stripes

from uebench.testing import Check, checks


@pytest.mark.parametrize("check", [*checks(Stripes), *checks(Median)])
def test_it_keeps_its_contract(check: Check) -> None:
    """Run one check."""
    check()
