"""What is measured: a protected set, and an attack on it. Light and picklable; no pixel and no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from uebench.data.dataset import DatasetInfo
from uebench.data.side_information import SideInformation
from uebench.hashing import abbreviated, file_digest, key
from uebench.planning.identity import AttackerIdentity, MethodIdentity
from uebench.plugins.part import Part
from uebench.store.record import ProtectionRecord, Record

EVALUATION = {"set": "clean test", "accuracy": "top-1", "epoch": "last"}


@dataclass(frozen=True, kw_only=True)
class ProtectionSpec:
    """One set to protect.

    Attributes:
        data: The data set.
        method: Who protects it.
        side: What the method is given as labels.
        method_seed: The method's seed.
        preset: Where options came from that the user did not give; it enters no key, their values do.
    """

    data: DatasetInfo
    method: Part
    side: SideInformation
    method_seed: int
    preset: str

    @property
    def key(self) -> str:
        """Return the address of the protected set."""
        return self.protect_key

    @cached_property
    def protect_key(self) -> str:
        """Return the address of the protected set."""
        return _protect_key(self.data.key, self.method_seed, self.identity)

    @property
    def identity(self) -> MethodIdentity:
        """Return what makes the method this one."""
        side = {} if self.side.true else self.side.published()
        return MethodIdentity(self.method.published(), side, self.assets)

    @cached_property
    def assets(self) -> tuple[tuple[str, str], ...]:
        """Return name and sha256 of each file that the protected set depends on."""
        return _digests((*self.method.plugin.assets(self.data.size), *self.side.assets()))

    @property
    def title(self) -> str:
        """Return the protection in words, for messages."""
        seed = f" (method seed {self.method_seed})" if self.method_seed else ""
        return f"{self.data.name}: {abbreviated(self.method.written)}{seed}"

    def parts(self) -> tuple[Part, ...]:
        """Return every plugin that takes part."""
        return (self.method,)

    @cached_property
    def obstacle(self) -> str:
        """Return why this set cannot be protected, or nothing."""
        if reason := self.side.obstacle():
            return f"{self.method.written}: {reason}"
        return _obstacle(self.parts(), self.data)


@dataclass(frozen=True, kw_only=True)
class CellSpec:
    """One measurement: an attack on a protected set.

    Attributes:
        protection: The set.
        attacker: Who trains on it.
        countermeasures: What the attacker adds, in order.
        seed: The attacker's seed.
    """

    protection: ProtectionSpec
    attacker: Part
    countermeasures: tuple[Part, ...]
    seed: int

    @property
    def data(self) -> DatasetInfo:
        """Return the data set."""
        return self.protection.data

    @property
    def protect_key(self) -> str:
        """Return the address of the protected set."""
        return self.protection.protect_key

    @property
    def chain(self) -> tuple[Part, ...]:
        """Return the attacker and its countermeasures."""
        return (self.attacker, *self.countermeasures)

    @cached_property
    def key(self) -> str:
        """Return the address of the record."""
        return _cell_key(self.protect_key, self.seed, self.identity)

    @property
    def identity(self) -> AttackerIdentity:
        """Return what makes the attacker this one."""
        return AttackerIdentity([part.published() for part in self.chain], self.attacker_assets)

    @cached_property
    def attacker_assets(self) -> tuple[tuple[str, str], ...]:
        """Return name and sha256 of each file that the attack depends on."""
        return _digests(file for part in self.chain for file in part.plugin.assets(self.data.size))

    @property
    def attacker_text(self) -> str:
        """Return the attacker's chain as it was written."""
        return "+".join(part.written for part in self.chain)

    @property
    def title(self) -> str:
        """Return the cell in words, for messages."""
        return f"{self.protection.title} vs {abbreviated(self.attacker_text)}, seed {self.seed}"

    def parts(self) -> tuple[Part, ...]:
        """Return every plugin that takes part."""
        return (*self.protection.parts(), *self.chain)

    @property
    def obstacle(self) -> str:
        """Return why this cannot be measured, or nothing."""
        return self.protection.obstacle or _obstacle(self.chain, self.data)


def has_its_own_key(record: Record | ProtectionRecord) -> bool:
    """Return whether the key of a record follows from what the record says, as it does unless it was changed."""
    if record.protect_key != _protect_key(record.data_key, record.method_seed, MethodIdentity.of(record)):
        return False
    if isinstance(record, ProtectionRecord):
        return True
    return record.key == _cell_key(record.protect_key, record.seed, AttackerIdentity.of(record))


def _protect_key(data: str, method_seed: int, method: MethodIdentity) -> str:
    return key(data=data, seed=method_seed, **method.key_parts())


def _cell_key(protect_key: str, seed: int, attacker: AttackerIdentity) -> str:
    return key(protect=protect_key, evaluation=EVALUATION, seed=seed, **attacker.key_parts())


def _obstacle(parts: Iterable[Part], data: DatasetInfo) -> str:
    for part in parts:
        if reason := part.plugin.obstacle(data.shape):
            return f"{part.written}: {reason}"
    return ""


def _digests(files: Iterable[Path]) -> tuple[tuple[str, str], ...]:
    return tuple((file.name, file_digest(file)) for file in files)
