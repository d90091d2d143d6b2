"""The checks of sources of faces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from unittest import SkipTest

from uebench.data.checks import fault, repeated
from uebench.data.dataset import Dataset
from uebench.plugins.base import Listing, Source, Split
from uebench.testing.checks import ContractError, proves
from uebench.testing.common import Suite


@dataclass(frozen=True)
class Reading:
    """The return values of a source.

    Attributes:
        label: The name for tables.
        listing: The files, or None.
        train: The training split.
        test: The test split.
    """

    label: str
    listing: Listing | None
    train: Split
    test: Split


class SourceSuite(Suite[Source[Any], Reading]):
    """The checks of a source."""

    kind = "source"
    hooks = ("listing", "read")

    def run(self, *, size: int = 0, data: Dataset | None = None) -> Reading:
        """Read the label, the files and the photographs."""
        with self.at_work():
            self.watch_generators()
            source = self.build()
            return Reading(source.label(), source.listing(), *source.read(size or self.size))

    def result(self, done: Reading) -> object:
        """Return the images and the labels."""
        return [done.train.images, done.train.labels, done.test.images, done.test.labels]

    @proves("it returns uint8 images and labels 0..K-1 in both splits")
    def form(self) -> None:
        """Check shapes, dtypes and labels."""
        if reason := fault(self.whole.train, self.whole.test, self.size):
            raise self.returns(reason)

    @proves("no test image is a training image")
    def splits(self) -> None:
        """Compare the images of both splits."""
        if reason := repeated(self.whole.train, self.whole.test):
            raise self.returns(reason)

    @proves("its label is short and names no folder")
    def label(self) -> None:
        """Check the label."""
        label = self.whole.label
        if not label.strip() or PurePath(label).is_absolute():
            raise self.returns(f"the label {label!r} is empty or an absolute path; return a short name", "label")

    @proves("its listing is what it reads")
    def listing(self) -> None:
        """Compare the identities of listing and images, and look for files that are in both splits."""
        done = self.whole
        if done.listing is None:
            raise SkipTest("it lists no files")
        for name in ("train", "test"):
            files: tuple[Any, ...] = getattr(done.listing, name)
            if {label for _, label in files} != set(getattr(done, name).labels.tolist()):
                raise self.returns(f"the people of listing().{name} are not those that read returns", "listing")
        if shared := {file for file, _ in done.listing.train} & {file for file, _ in done.listing.test}:
            name = sorted(shared)[0].name
            raise self.returns(f"{name} is in both splits; a test photograph must be new to the attacker", "listing")

    @proves("it reads the same every time")
    def repeats(self) -> None:
        """Read again, with the global generators in another state."""
        if not self.is_repeatable:
            line = self.trace(self.drawn).culprit or self.line("read")
            remedy = "make a generator from an option: numpy.random.default_rng(self.config.seed)"
            raise ContractError(f"two calls of read differ; {remedy}", line)
