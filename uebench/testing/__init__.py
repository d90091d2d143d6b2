"""The contract suite: what every plugin owes, as checks that authors run on their own plugins.

``uebench check mine.py`` runs it on the command line. In a test file of your own::

    import pytest
    from uebench.testing import checks

    from mine import Mine

    @pytest.mark.parametrize("check", checks(Mine))
    def test_mine_keeps_its_contract(check):
        check()

``checks`` takes a class or an instance; an instance brings its options. ``check_plugin(Mine)`` runs all checks and
raises at the first that fails.
"""

from uebench.testing.checks import Check, ContractError, Outcome
from uebench.testing.context import MemoryContext, Saved
from uebench.testing.suite import check_plugin, checks

__all__ = ["Check", "ContractError", "MemoryContext", "Outcome", "Saved", "check_plugin", "checks"]
