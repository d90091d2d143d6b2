"""A plugin with its options, not yet instantiated: light and picklable."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from uebench.plugins import questions
from uebench.plugins.base import Config, Plugin
from uebench.plugins.entry import Entry

P = TypeVar("P", bound=Plugin[Any], covariant=True)


@dataclass(frozen=True)
class Part(Generic[P]):
    """A plugin that takes part in a cell.

    Attributes:
        entry: Where the plugin comes from.
        config: Its validated options.
        written: Name and options as the user wrote them, for labels; of a path, only the file's name.
    """

    entry: Entry
    config: Config
    written: str

    @property
    def name(self) -> str:
        """Return the plugin's name."""
        return self.entry.name

    @cached_property
    def plugin(self) -> P:
        """Return an instance for questions while planning; ``build`` makes those that do the work."""
        return self.build()

    def build(self) -> P:
        """Return a new instance, so that cells share no state."""
        return cast(P, questions.instance(self.entry.plugin, self.config))

    def published(self) -> dict[str, Any]:
        """Return name, version and options, as keys and records hold them."""
        return {"name": self.entry.name, "version": self.entry.version, "config": dict(self._options)}

    @cached_property
    def _options(self) -> dict[str, Any]:
        """Keep the published options, which a plan asks for once for each seed."""
        return self.config.published()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle strings and options only, so that the other process imports the plugin's module itself.

        The options are restored without validation, because a second one may change them.
        """
        return _restore, (self.entry, pickle.dumps(self.config.__getstate__()), self.written)


def _restore(entry: Entry, options: bytes, written: str) -> Part[Any]:
    # This imports the plugin's module, which may define the classes of the option values
    config: Config = object.__new__(entry.plugin.Config)
    config.__setstate__(pickle.loads(options))
    return Part(entry, config, written)


def source_digests(parts: Iterable[Part[Plugin[Any]]]) -> dict[str, str]:
    """Return the source digest of each plugin, by name, as records and checkpoints hold them."""
    return {part.name: part.entry.source_digest for part in parts}
