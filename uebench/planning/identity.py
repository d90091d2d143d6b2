"""The identity of methods and attackers: one definition of "the same" for keys, tables, leaderboards and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

from uebench.hashing import canonical
from uebench.plugins.scan import Kind
from uebench.store.record import ProtectionRecord, Record
from uebench.store.record_parts import PluginRecord
from uebench.store.summary import PluginVersion, Summary


@dataclass(frozen=True, slots=True)
class MethodIdentity:
    """Everything that decides what a method does to a data set, except its seed.

    Attributes:
        plugin: Name, version and options, as ``Part.published`` and ``PluginRecord.identity`` give them.
        side_information: As ``SideInformation.published`` gives it; empty for the true labels.
        weights: File name and sha256 of each file that the protected set depends on.
    """

    plugin: Mapping[str, Any]
    side_information: Mapping[str, Any]
    weights: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, record: Record | ProtectionRecord) -> MethodIdentity:
        """Return the identity of the method of a record."""
        side = record.side_information
        known = side.model_dump(mode="json", include={"labels", "embedding"}, exclude_none=True) if side else {}
        return cls(record.method.identity, known, tuple((asset.file, asset.sha256) for asset in record.assets))

    def key_parts(self) -> dict[str, Any]:
        """Return the method's part of a protected set's key; names of weights files do not enter it."""
        parts = {"method": self.plugin, "assets": [sha256 for _, sha256 in self.weights]}
        return parts | ({"side_information": self.side_information} if self.side_information else {})

    @property
    def text(self) -> str:
        """Return a text that two methods share if and only if they are the same."""
        return canonical(self.key_parts())

    @property
    def text_without_weights(self) -> str:
        """Return a text that methods share if they are the same except for their weights."""
        return canonical([self.plugin, self.side_information])


@dataclass(frozen=True, slots=True)
class AttackerIdentity:
    """Everything that decides how an attacker trains, except its seed.

    Attributes:
        chain: Name, version and options of the architecture and of each countermeasure, in order.
        weights: File name and sha256 of each file that the attack depends on.
    """

    chain: Sequence[Mapping[str, Any]]
    weights: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, record: Record) -> AttackerIdentity:
        """Return the identity of the attacker of a record."""
        weights = tuple((asset.file, asset.sha256) for asset in record.attacker_assets)
        return cls([part.identity for part in record.attacker], weights)

    def key_parts(self) -> dict[str, Any]:
        """Return the attacker's part of a cell's key; names of weights files do not enter it."""
        digests = [sha256 for _, sha256 in self.weights]
        return {"attacker": list(self.chain)} | ({"assets": digests} if digests else {})

    @property
    def text(self) -> str:
        """Return a text that two attackers share if and only if they are the same."""
        return canonical(self.key_parts())

    @property
    def text_without_weights(self) -> str:
        """Return a text that attackers share if they are the same except for their weights."""
        return canonical(list(self.chain))


@overload
def plugins_of(record: Record) -> Sequence[tuple[Kind, PluginRecord]]: ...
@overload
def plugins_of(record: Summary) -> Sequence[tuple[Kind, PluginVersion]]: ...
def plugins_of(record: Record | Summary) -> Sequence[tuple[Kind, PluginRecord | PluginVersion]]:
    """Return the plugins of a record with their kinds: the method, the attacker, and its countermeasures in order."""
    attacker, *measures = record.attacker
    return [("method", record.method), ("attacker", attacker), *(("countermeasure", one) for one in measures)]
