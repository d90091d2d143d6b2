"""The checks that plugins of all kinds must pass."""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest import SkipTest

from uebench.errors import UsageError
from uebench.plugins.validation import validate
from uebench.testing.checks import Check, ContractError, proves
from uebench.testing.lines import line_of_class
from uebench.testing.network import NetworkError
from uebench.testing.runs import P, R, Trials
from uebench.testing.samples import people


class Suite(Trials[P, R]):
    """The checks of one kind of plugin."""

    def perform(self, check: str) -> None:
        """Run the check with this name.

        Raises:
            ContractError: If the plugin breaks its contract, or raises an exception.
            SkipTest: If the check does not apply.
        """
        try:
            getattr(self, check)()
        except (ContractError, SkipTest):
            raise
        except (Exception, SystemExit) as error:
            raise self.error(error) from error

    @proves("it says what it is")
    def metadata(self) -> None:
        """Check the name, title and docstring, and the reasons for presets."""
        plugin = self.plugin
        if not plugin.__dict__.get("__doc__"):
            raise ContractError("the class has no docstring; say in one sentence what it does", self.line())
        if not (isinstance(plugin.name, str) and plugin.name.isascii() and plugin.name.isidentifier()):
            reason = f"name {plugin.name!r} is not an identifier; use letters, digits and underscores"
            raise ContractError(reason, self.line("name"))
        if not str(plugin.info.title).strip():
            reason = "info.title is empty; give the title of the paper, or say what it is"
            raise ContractError(reason, self.line("info"))
        unexplained = sorted(set(plugin.presets) - {"smoke"} - set(plugin.why))
        unknown = sorted(set(plugin.why) - set(plugin.presets))
        if unexplained or unknown:
            reason = f"lacks preset {unexplained[0]!r}" if unexplained else f"names {unknown[0]!r}, which is no preset"
            raise ContractError(f"why {reason}; explain each preset there in a sentence", self.line("presets", "why"))

    @proves("every option is documented")
    def options(self) -> None:
        """Look for each option in the docstrings of the configuration."""
        config = type(self.config)
        for option, meaning in config.meanings().items():
            if not meaning:
                owner = next(base for base in config.__mro__ if option in vars(base).get("__annotations__", {}))
                raise ContractError(
                    f"option {option!r} is not documented; add a line '{option}: ...' under 'Attributes:' in the "
                    f"docstring of {owner.__name__}",
                    line_of_class(owner, rf"\s*{option}\b"),
                )

    @proves("the options of every preset are valid")
    def presets(self) -> None:
        """Validate the options of each preset, with the plugin's defaults and with required options as given."""
        fields = self.plugin.Config.model_fields
        given = {name: getattr(self.config, name) for name, field in fields.items() if field.is_required()}
        for preset, options in self.plugin.presets.items():
            try:
                validate(self.plugin.Config, given | dict(options), f"preset {preset!r}")
            except UsageError as error:
                raise ContractError(str(error), self.line("presets")) from error

    @proves("it runs")
    def runs(self) -> None:
        """Run it once."""
        error = self._first.error
        if isinstance(error, NetworkError):
            raise SkipTest("it does not run without the network")
        if error is not None:
            raise self.error(error) from error

    @proves("it leaves its inputs unchanged")
    def inputs(self) -> None:
        """Compare its inputs with copies."""
        first = self._first
        if changed := first.changed_inputs:
            line = self.trace(lambda: bool(self._changed_inputs())).culprit
            raise ContractError(f"changes {' and '.join(changed)}; work on a copy", line or self.line(*self.hooks))
        if first.error is not None:
            raise SkipTest("it does not run")

    @proves("it leaves the settings of the process unchanged")
    def settings(self) -> None:
        """Compare torch's and NumPy's settings, the working directory and the environment."""
        first = self._first
        if changed := first.changed_settings:
            line = self.trace(lambda: bool(self._changed_settings())).culprit
            # Settings that only the first run changed were changed by the import of a library
            if again := [name for name in changed if name in self.changed_settings]:
                raise ContractError(f"changes {' and '.join(again)}; restore them", line or self.line(*self.hooks))
        if first.error is not None:
            raise SkipTest("it does not run")

    @proves("it needs no network")
    def network(self) -> None:
        """Look for attempts to open an internet socket or to look up a host."""
        first = self._first
        if self.attempts:
            line = next(filter(None, self.attempts), self.line(*self.hooks))
            raise ContractError("opens a connection to the network; read files that the user names instead", line)
        if first.error is not None:
            raise SkipTest("it does not run")

    def serves(self, size: int) -> None:
        """Check that it runs on images of ``size`` pixels, unless ``obstacle`` says why it cannot."""
        if size == self.size:
            raise SkipTest("the other checks use this size")
        if reason := self.obstacle(size, (2, 2)):
            raise SkipTest(reason)
        self.skip_unless_it_runs()
        try:
            self.run(size=size, data=people(size, train=2, test=1, identities=2))
        except (Exception, SystemExit) as error:
            raise self.error(error, f"; if it cannot serve {size} pixels, obstacle must say so") from error

    @proves("it serves images of 64 pixels")
    def size_64(self) -> None:
        """Try another size."""
        self.serves(64)

    @proves("it serves images of 224 pixels")
    def size_224(self) -> None:
        """Try the size of many papers."""
        self.serves(224)


def all_checks(suite: Suite[Any, Any]) -> list[Check]:
    """Return the checks of a suite in the order of its code, those for all kinds of plugins first."""
    sentences: dict[str, str] = {}
    for cls in reversed(type(suite).__mro__):
        sentences |= {name: work.sentence for name, work in vars(cls).items() if hasattr(work, "sentence")}
    return [
        Check(suite.kind, suite.plugin.name, name, sentence, partial(suite.perform, name))
        for name, sentence in sentences.items()
    ]
