"""Builders of data sets: identities and images are drawn by seed from collections that users download themselves."""

from uebench.data.builders.build import build
from uebench.data.builders.catalogue import BUILDERS, builder
from uebench.data.builders.manifest import Manifest, verify

__all__ = ["BUILDERS", "Manifest", "build", "builder", "verify"]
