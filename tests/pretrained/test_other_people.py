"""The packaged generators were trained on other people than those on whom they are measured (docs/protect.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.conftest import ROOT
from uebench.pretrained.face_embeddings import CHIP, EmbeddingOptions

DATA = ROOT.parent / "shared" / "data"
EACH = 6
"""Photographs of each person."""


def people(folder: Path) -> list[NDArray[np.float64]]:
    """Return the embeddings of some photographs of each person."""
    found = []
    for person in sorted(folder.iterdir()):
        images = [Image.open(file).convert("RGB").resize((CHIP, CHIP)) for file in sorted(person.iterdir())[:EACH]]
        found.append(EmbeddingOptions().embed(np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])))
    return found


def middle(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    mean = rows.mean(0)
    unit: NDArray[np.float64] = mean / np.linalg.norm(mean)
    return unit


@pytest.mark.skipif(not DATA.is_dir(), reason="needs the photographs, which may not be passed on")
@pytest.mark.skipif(bool(EmbeddingOptions().obstacle()), reason="needs the extra faces")
def test_no_person_of_webface10_is_as_close_to_one_of_faces50_as_their_own_photographs_are() -> None:
    webface10, faces50 = people(DATA / "webface10" / "train_clean"), people(DATA / "faces50" / "train")
    own = [middle(rows[::2]) @ middle(rows[1::2]) for rows in [*webface10, *faces50]]
    across = [middle(one) @ middle(other) for one in webface10 for other in faces50]
    assert len(own) == 60
    assert max(across) < min(own)
