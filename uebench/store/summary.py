"""The part of a record that a list of many cells needs; validating whole records takes longer."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from uebench.store.record_parts import Counts, Key, demand


class _Glance(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class NamedData(_Glance):
    """The name of a data set."""

    name: str


class PluginVersion(_Glance):
    """The name and version of a plugin."""

    name: str
    version: int


class Sources(_Glance):
    """The source digests of the plugins used, by name."""

    sources: dict[str, str]


class Summary(_Glance):
    """The part of a record that a list of many cells needs; the other fields are not validated."""

    format: Literal[1]
    key: Key
    preset: str
    data: NamedData
    method: PluginVersion
    attacker: list[PluginVersion] = Field(min_length=1)
    seed: int
    method_seed: int
    written: dict[str, str]
    counts: Counts
    provenance: Sources

    @model_validator(mode="after")
    def _parts_are_written(self) -> Self:
        demand(self.written, ("method", "attacker"), "written")
        return self
