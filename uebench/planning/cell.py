"""Specifications of protected sets and of cells: light and picklable, without images and without torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from uebench.data.dataset import DatasetInfo
from uebench.data.foreign.method import ProtectedConfig
from uebench.data.side_information import SideInformation
from uebench.errors import DataError
from uebench.hashing import abbreviated, cached_file_digest, folder_digest, key
from uebench.planning.identity import AttackerIdentity, MethodIdentity
from uebench.planning.streams import needs_own_streams
from uebench.plugins import questions
from uebench.plugins.base import Attacker, Countermeasure, Method, Plugin
from uebench.plugins.part import Part
from uebench.store.record import ProtectionRecord, Record

EVALUATION = {"set": "clean test", "accuracy": "top-1", "epoch": "last"}
"""What every cell measures, as its key holds it."""


@dataclass(frozen=True, kw_only=True)
class ProtectionSpec:
    """One set to protect.

    Attributes:
        data: The data set.
        method: The method that protects it.
        side: The labels that the method gets.
        method_seed: The method's seed.
        preset: The preset that set the options which the user left out. The key holds their values, not its name.
    """

    data: DatasetInfo
    method: Part[Method[Any]]
    side: SideInformation
    method_seed: int
    preset: str

    @cached_property
    def key(self) -> str:
        """Return the key of the protected set."""
        return _protect_key(self.data.key, self.method_seed, self.identity)

    @property
    def identity(self) -> MethodIdentity:
        """Return the identity of the method, with its side information and weights."""
        side = {} if self.side.true else self.side.published()
        return MethodIdentity(self.method.published(), side, self.assets)

    @cached_property
    def assets(self) -> tuple[tuple[str, str], ...]:
        """Return the name and sha256 of each file that the protected set depends on."""
        return self._present_assets()

    def _present_assets(self) -> tuple[tuple[str, str], ...]:
        files = (*questions.assets(self.method.plugin, self.data.size), *self.side.assets())
        return _digests(files, folders=isinstance(self.method.config, ProtectedConfig))

    def check_files(self) -> None:
        """Check that the files that the protected set depends on are those of the plan.

        Raises:
            DataError: If one has changed, so that the key is not that of the result.
        """
        _check_unchanged(self.assets, self._present_assets())

    @property
    def title(self) -> str:
        """Return a short description for messages."""
        seed = f" (method seed {self.method_seed})" if self.method_seed else ""
        return f"{self.data.name}: {abbreviated(self.method.written)}{seed}"

    def parts(self) -> tuple[Part[Plugin[Any]], ...]:
        """Return the plugins that make the set."""
        return (self.method,)

    @cached_property
    def obstacle(self) -> str:
        """Return why this set cannot be protected; empty if it can."""
        if reason := self.side.obstacle():
            return f"{self.method.written}: {reason}"
        return _obstacle(self.parts(), self.data)


@dataclass(frozen=True, kw_only=True)
class CellSpec:
    """One measurement: an attack on a protected set.

    Attributes:
        protection: The protected set.
        attacker: The attacker that trains on it.
        countermeasures: The attacker's countermeasures, in order.
        seed: The attacker's seed.
    """

    protection: ProtectionSpec
    attacker: Part[Attacker[Any]]
    countermeasures: tuple[Part[Countermeasure[Any]], ...]
    seed: int

    @property
    def data(self) -> DatasetInfo:
        """Return the data set."""
        return self.protection.data

    @property
    def protect_key(self) -> str:
        """Return the key of the protected set."""
        return self.protection.key

    @property
    def chain(self) -> tuple[Part[Plugin[Any]], ...]:
        """Return the attacker and its countermeasures."""
        return (self.attacker, *self.countermeasures)

    @cached_property
    def key(self) -> str:
        """Return the key of the cell and of its record."""
        return _cell_key(self.protect_key, self.seed, self.identity, own_streams=self.own_streams)

    @cached_property
    def own_streams(self) -> bool:
        """Return whether the attacker draws from streams of its own; see ``uebench.planning.streams``."""
        method = self.protection
        return needs_own_streams(method.method.published(), method.method_seed, self.attacker.name, self.seed)

    @property
    def identity(self) -> AttackerIdentity:
        """Return the identity of the attacker, with its countermeasures and weights."""
        return AttackerIdentity([part.published() for part in self.chain], self.attacker_assets)

    @cached_property
    def attacker_assets(self) -> tuple[tuple[str, str], ...]:
        """Return the name and sha256 of each file that the attack depends on."""
        return self._present_assets()

    def _present_assets(self) -> tuple[tuple[str, str], ...]:
        return _digests(file for part in self.chain for file in questions.assets(part.plugin, self.data.size))

    def check_files(self) -> None:
        """Check that the files that the attack depends on are those of the plan.

        Raises:
            DataError: If one has changed, so that the key is not that of the result.
        """
        _check_unchanged(self.attacker_assets, self._present_assets())

    @property
    def attacker_text(self) -> str:
        """Return the attacker and its countermeasures as the user wrote them."""
        return "+".join(part.written for part in self.chain)

    @property
    def title(self) -> str:
        """Return a short description for messages."""
        return f"{self.protection.title} vs {abbreviated(self.attacker_text)}, seed {self.seed}"

    def parts(self) -> tuple[Part[Plugin[Any]], ...]:
        """Return all plugins of the cell."""
        return (*self.protection.parts(), *self.chain)

    @property
    def obstacle(self) -> str:
        """Return why this cell cannot be measured; empty if it can."""
        return self.protection.obstacle or _obstacle(self.chain, self.data)


def has_its_own_key(record: Record | ProtectionRecord) -> bool:
    """Return whether the keys of a record match its contents; if not, the record was changed."""
    if record.protect_key != _protect_key(record.data_key, record.method_seed, MethodIdentity.of(record)):
        return False
    if isinstance(record, ProtectionRecord):
        return True
    attacker = AttackerIdentity.of(record)
    return record.key == _cell_key(record.protect_key, record.seed, attacker, own_streams=record.own_streams)


def _protect_key(data: str, method_seed: int, method: MethodIdentity) -> str:
    return key(data=data, seed=method_seed, **method.key_parts())


def _cell_key(protect_key: str, seed: int, attacker: AttackerIdentity, *, own_streams: bool) -> str:
    streams = {"streams": "attacker"} if own_streams else {}
    return key(protect=protect_key, evaluation=EVALUATION, seed=seed, **attacker.key_parts(), **streams)


def _obstacle(parts: Iterable[Part[Plugin[Any]]], data: DatasetInfo) -> str:
    for part in parts:
        if reason := questions.obstacle(part.plugin, data.shape):
            return f"{part.written}: {reason}"
    return ""


def _check_unchanged(planned: tuple[tuple[str, str], ...], present: tuple[tuple[str, str], ...]) -> None:
    if changed := [name for name, _ in sorted(set(planned) ^ set(present))]:
        raise DataError(f"{changed[0]}: changed since the plan was made; leave it as it is, and run again")


def _digests(files: Iterable[Path], *, folders: bool = False) -> tuple[tuple[str, str], ...]:
    """Return the name and digest of each file; a folder is refused unless ``folders`` allows it."""
    return tuple(
        (file.name, folder_digest(file) if folders and file.is_dir() else cached_file_digest(file)) for file in files
    )
