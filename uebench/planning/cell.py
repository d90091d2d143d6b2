"""One measurement, and the protected set that it needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from uebench.data.dataset import Dataset
from uebench.data.side_information import SideInformation
from uebench.hashing import file_digest, key
from uebench.planning.parts import Part

EVALUATION = {"set": "clean test", "accuracy": "top-1", "epoch": "last"}


Status = Literal["done", "to do", "damaged", "impossible"]


@dataclass(frozen=True, kw_only=True)
class Protection:
    """One set to protect: (data, method, side information, seed of the method)."""

    dataset: Dataset
    method: Part
    side: SideInformation
    method_seed: int
    preset: str
    reason: str = field(default="", compare=False)

    @property
    def assets(self) -> tuple[tuple[str, str], ...]:
        """Return name and sha256 of each file that the protected set depends on."""
        return _digests((*self.method.plugin.assets(self.dataset.size), *self.side.assets()))

    @cached_property
    def protect_key(self) -> str:
        """Return the address of the protected set."""
        labels = {} if self.side.true else {"side_information": self.side.published()}
        return key(
            data=self.dataset.key,
            method=self.method.published(),
            assets=[digest for _, digest in self.assets],
            seed=self.method_seed,
            **labels,
        )

    @property
    def title(self) -> str:
        """Return the protection in words, for messages."""
        return f"{self.dataset.name}: {self.method.written}"

    def plugins(self) -> tuple[Part, ...]:
        """Return every plugin that takes part."""
        return (self.method,)

    def obstacle(self) -> str:
        """Return why this cannot be done, or nothing."""
        if reason := self.side.obstacle():
            return f"{self.method.written}: {reason}"
        for part in self.plugins():
            if reason := part.plugin.obstacle(self.dataset.shape):
                return f"{part.written}: {reason}"
        return ""


@dataclass(frozen=True, kw_only=True)
class Cell(Protection):
    """One measurement to make: a protection, and who attacks it: (data, method, attacker, seed)."""

    attacker: Part
    countermeasures: tuple[Part, ...]
    seed: int
    status: Status = "to do"

    @cached_property
    def key(self) -> str:
        """Return the address of the record."""
        chain = [part.published() for part in (self.attacker, *self.countermeasures)]
        digests = [digest for _, digest in self.attacker_assets]
        assets = {"assets": digests} if digests else {}
        return key(protect=self.protect_key, attacker=chain, evaluation=EVALUATION, seed=self.seed, **assets)

    @property
    def attacker_assets(self) -> tuple[tuple[str, str], ...]:
        """Return name and sha256 of each file that the attack depends on."""
        chain = (self.attacker, *self.countermeasures)
        return _digests(file for part in chain for file in part.plugin.assets(self.dataset.size))

    @property
    def attacker_text(self) -> str:
        """Return the attacker's chain as it was written."""
        return "+".join(part.written for part in (self.attacker, *self.countermeasures))

    @property
    def title(self) -> str:
        """Return the cell in words, for messages."""
        return f"{self.dataset.name}: {self.method.written} vs {self.attacker_text}, seed {self.seed}"

    def plugins(self) -> tuple[Part, ...]:
        """Return every plugin that takes part."""
        return (self.method, self.attacker, *self.countermeasures)


def _digests(files: Iterable[Path]) -> tuple[tuple[str, str], ...]:
    return tuple((file.name, file_digest(file)) for file in files)
