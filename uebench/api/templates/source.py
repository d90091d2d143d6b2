"""template: say here where the photographs come from, and under which terms."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from uebench.plugins.base import Config, Info, Source, Split


class TemplateConfig(Config):
    """Options of ``template``; users write ``--data 'template(identities=5)'``. They are part of the key of a result.

    Attributes:
        identities: Number of people.
        train: Training images per person.
        test: Test images per person.
        seed: Seed of all random numbers.
    """

    identities: int = Field(4, ge=2)
    train: int = Field(8, ge=1)
    test: int = Field(4, ge=1)
    seed: int = Field(0, ge=0)


class Template(Source[TemplateConfig]):
    """Makes up people: a colour for each, and noise on top."""

    name = "template"
    version = 1  # raise it whenever outputs change
    info = Info(title="Made-up people, a colour for each")
    Config = TemplateConfig

    def label(self) -> str:
        """Return the name that tables show; in this form, ``--data`` takes it too."""
        return f"template{self.config.identities}"

    # For photographs in files, inherit from uebench.data.files.Files instead of Source, and override only ``listing``.

    def read(self, size: int) -> tuple[Split, Split]:
        """Return the train and the test split: images (N, 3, S, S) uint8, labels (N,) int64 from 0 to K-1."""
        rng = np.random.default_rng(self.config.seed)
        colours = rng.uniform(40, 215, (self.config.identities, 3, 1, 1))

        def draw(each: int) -> Split:
            labels = np.arange(self.config.identities, dtype=np.int64).repeat(each)
            images = colours[labels] + rng.normal(0, 20, (len(labels), 3, size, size))
            return Split(images.clip(0, 255).astype(np.uint8), labels)

        return draw(self.config.train), draw(self.config.test)
