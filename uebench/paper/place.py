"""The form of the paper's tables: places, tables, and the roles of data sets.

A place names the role of its data set, not a set: ``webface10`` is the set of ten people on which most of the paper is
measured. The set that fills the role is named beside the number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from uebench.errors import UsageError, nearest
from uebench.paper.reported import Address

Metric = Literal[
    "accuracy", "psnr", "ssim", "lpips", "seconds", "surrogate_loss", "num_classes", "train_images", "test_images"
]

MAIN = "webface10"
ROLES = {
    "webface10": "WebFace10",
    "webface10_dagger": "WebFace10_dagger",
    "webface50": "WebFace50",
    "vggface10": "VGGFace10",
    "celeba10": "CelebA10",
    "cifar10": "CIFAR10",
    "imagenet10": "ImageNet10",
}
"""Role of a data set -> the paper's set in that role. The first is the main one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlace:
    """One number of a table.

    Attributes:
        row: The method, as ``reported.csv`` names the row.
        column: The condition, as ``reported.csv`` names the column.
        setting: A further condition, if ``reported.csv`` needs it to tell places apart.
        role: Role of the data set.
        method: ``name(option=value)``; ``{px8}`` stands for 8 pixels of 224, scaled to the preset's size. Empty for
            none.
        attacker: ``name+countermeasure``; empty for none.
        metric: What is measured.
        trained_on: Role of the set on which the method is trained once, before it protects any set. If it is also the
            role of the set to protect, the method is used as its preset has it, trained or not, and seconds do not
            include its training.
        skip: Why nothing can be measured here.
        title: The method and its labels, where the row names the labels alone; empty for the row with its setting.
    """

    row: str
    column: str
    setting: str = ""
    role: str = MAIN
    method: str = ""
    attacker: str = ""
    metric: Metric = "accuracy"
    trained_on: str = ""
    skip: str = ""
    title: str = ""

    @property
    def label(self) -> str:
        """Return the name of its line for readers."""
        return self.title or (f"{self.row}({self.setting})" if self.setting else self.row)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the paper, or a panel of its Figure 4.

    Attributes:
        name: The number that the paper gives it.
        title: What it shows.
        places: Its numbers.
        seeds: How many attacker seeds at ``desk``; one elsewhere.
        note: What a reader of the comparison should know.
    """

    name: str
    title: str
    places: tuple[TablePlace, ...]
    seeds: int = 1
    note: str = ""

    @property
    def heading(self) -> str:
        """Return its name as the paper writes it: Table 5, Figure 4 (1)."""
        if self.name.isdigit():
            return f"Table {self.name}"
        figure, panel = self.name.removeprefix("figure").split(".")
        return f"Figure {figure} ({panel})"

    @property
    def command(self) -> str:
        """Return the command that computes its missing places."""
        return f"uebench reproduce {'table' if self.name.isdigit() else ''}{self.name}"

    def address(self, place: TablePlace) -> Address:
        """Return the address of the reported value."""
        return (self.name, place.row, place.column, place.setting)


def by_role(texts: Iterable[str]) -> dict[str, str]:
    """Return data sets by role, each given as ``ROLE=SET``, or as ``SET`` for the main role.

    Raises:
        UsageError: If there is no such role, or one is filled twice.
    """
    given: dict[str, str] = {}
    for text in texts:
        match = re.match(r"(\w+)=", text)
        role, data = (match[1], text[match.end() :]) if match else (MAIN, text)
        if role not in ROLES:
            raise UsageError(f"data {text!r}: no role {role!r}; {nearest(role, ROLES)}")
        if role in given:
            raise UsageError(f"data {text!r}: the role {role} is given twice; name each set with its role, as ROLE=SET")
        given[role] = data
    return given
