"""The manifests that lie beside protected images and say how these were made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from uebench.hashing import digest
from uebench.metrics.audit import Measured
from uebench.norms import NormName
from uebench.store.record_parts import Audit, DataRecord, Options, PluginRecord, Strict

MANIFEST = "protected.json"


class FolderAudit(Strict):
    """The measured change of the photographs of a folder.

    Attributes:
        max_levels: The largest change in grey levels.
        psnr_mean: The mean PSNR in dB over photographs that changed; None if none did.
        changed: The number of photographs that changed.
    """

    max_levels: int
    psnr_mean: float | None
    changed: int

    @classmethod
    def of(cls, parts: Sequence[Measured]) -> FolderAudit:
        """Return the joint audit of parts of a folder, each measured by ``metrics.audit``."""
        changed = sum(part["changed"] for part in parts)
        decibels = sum(part["changed"] * part["psnr_mean"] for part in parts if part["psnr_mean"] is not None)
        return cls(
            max_levels=max(part["max_levels"] for part in parts),
            psnr_mean=decibels / changed if changed else None,
            changed=changed,
        )


class Manifest(Strict):
    """The manifest of the protected copies of a folder of photographs.

    Attributes:
        method: The method with its options.
        written: The same as the user wrote it.
        sources: The digest of the method's source code, by the method's name.
        weights: The digest of each file that the method reads, by the file's name.
        seed: The method's seed.
        size: Height and width of the copies in pixels.
        side_information: The options of the labels that the method saw; once they are made, their record.
        identities: The number of each identity, by the name of its folder.
        images: The number of photographs.
        request: A digest that tells requests apart; see ``request_digest``.
        left_out: The files that are not protected.
        copies: The finished copies: for each, the digest of its photograph's digest and its own digest.
        audit: The measured change; None before all copies are finished.
    """

    method: PluginRecord
    written: str
    sources: dict[str, str]
    weights: dict[str, str]
    seed: int
    size: int
    side_information: Options
    identities: dict[str, int]
    images: int
    request: str = ""
    left_out: list[str]
    copies: dict[str, str] | None = None
    audit: FolderAudit | None = None

    def request_digest(self, stamps: Sequence[Sequence[str | int]], code: str) -> str:
        """Return a digest of the request: the method with its options and code, and every photograph's size and time.

        Args:
            stamps: The path of the copy of each photograph, and numbers that change when the photograph does.
            code: A digest of the method's source code that is the same for all code with the same outputs.
        """
        others = {"sources", "request", "left_out", "copies", "audit"}
        return digest([self.model_dump(mode="json", exclude=others), code, stamps])

    def stored(self) -> dict[str, Any]:
        """Return JSON values, without what is not known yet."""
        results = ("copies", "audit")
        return self.model_dump(mode="json", exclude={name for name in results if getattr(self, name) is None})


class ExportedBudget(Strict):
    """The budget of an exported set."""

    norm: NormName
    eps: float


class ExportManifest(Strict):
    """The manifest of a protected set that was exported from a results folder.

    Attributes:
        uebench: The version that exported it.
        key: The key of the cell by which the set was named; None if it was named by its own key.
        protect_key: Its own key.
        request: What tells it from other sets: its digest.
        method: The method with its options.
        written: The same as the user wrote it.
        weights: The digest of each file that the method read, by the file's name.
        seed: The method's seed.
        preset: The preset.
        data: The photographs that it was made from.
        data_key: Their key.
        size: Height and width in pixels.
        images: The number of images.
        identities: The number of each identity, by name.
        side_information: The record of the labels that the method saw; None for the true ones.
        budget: The method's budget.
        audit: The measured change.
        digest: The digest of the set.
        photographs: The terms of the photographs, in a sentence.
    """

    uebench: str
    key: str | None
    protect_key: str
    request: str
    method: PluginRecord
    written: str
    weights: dict[str, str]
    seed: int
    preset: str
    data: DataRecord
    data_key: str
    size: int
    images: int
    identities: dict[str, int]
    side_information: Options | None
    budget: ExportedBudget
    audit: Audit
    digest: str
    photographs: str

    def stored(self) -> dict[str, Any]:
        """Return JSON values; without ``key``, if the set was named by its own."""
        return self.model_dump(mode="json", exclude=set() if self.key else {"key"})


class Earlier(BaseModel):
    """What a call reads of the manifest that an earlier one left, perhaps one of another version of uebench."""

    request: str
    copies: dict[str, str] = {}


M = TypeVar("M", bound=Manifest | ExportManifest)
