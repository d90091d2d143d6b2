"""The contract suite: the checks that every plugin must pass, for authors to run on their own plugins.

``uebench check mine.py`` runs it on the command line. In your own test file::

    import pytest
    from uebench.testing import checks

    from mine import Mine

    @pytest.mark.parametrize("check", checks(Mine))
    def test_mine_keeps_its_contract(check):
        check()

``checks`` takes a class or an instance; an instance is checked with its own options. ``check_plugin(Mine)`` runs all
checks and raises at the first failure.
"""

from uebench.testing.checks import Check, ContractError, Outcome
from uebench.testing.context import MemoryContext, Saved
from uebench.testing.suite import check_plugin, checks

__all__ = ["Check", "ContractError", "MemoryContext", "Outcome", "Saved", "check_plugin", "checks"]
