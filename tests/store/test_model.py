"""Kept models: whose they are, and whether they are what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from tests.store.test_seal import put
from uebench.store import atomic
from uebench.store.model import Model
from uebench.store.store import DamagedError, Store
from uebench.store.verify import verify
from uebench.tensor_files import body_digest, packed_arrays

KEY, OTHER = "ab" + "0" * 62, "ab" + "1" * 62


def write_model(store: Store, key: str, weight: float = 1.0, **meta: Any) -> Path:  # noqa: ANN401
    """Write a small model with its digest."""
    tensors = {"fc.bias": np.zeros(2, np.float32), "fc.weight": np.full((2, 3), weight, np.float32)}
    header = {"key": key, "seed": 0, "digest": body_digest(packed_arrays(tensors, {})), **meta}
    store.models.write(Model(key, packed_arrays(tensors, header)))
    return store.models.path(key)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def faults(store: Store) -> list[str]:
    found = verify(store, lambda _: True)
    assert found.models == len(store.models.files())
    return found.faults


def test_a_model_is_believed_whatever_else_its_header_says(store: Store) -> None:
    write_model(store, KEY, attacker=[{"name": "resnet18"}])
    found = store.models.read(KEY)
    assert found and found.key == KEY
    assert store.models.read(OTHER) is None
    write_model(store, OTHER, digest=None)  # of an early version
    assert not faults(store)


def test_no_changed_byte_of_the_weights_goes_unnoticed(store: Store) -> None:
    content = write_model(store, KEY).read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    assert len(content) - begin == 4 * (2 + 6)
    for place in range(begin, len(content)):
        store.models.path(KEY).write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert faults(store) == [f"{store.models.path(KEY)}: damaged model (content and digest differ)"]
        with pytest.raises(DamagedError):
            store.models.read(KEY)


@pytest.mark.parametrize("kind", ["short", "empty", "no header", "nonsense", "fifo", "folder", "loop"])
def test_what_is_no_model_is_named(kind: str, store: Store) -> None:
    path = write_model(store, KEY)
    content = path.read_bytes()
    made = {"short": content[:-1], "empty": b"", "no header": safetensors.numpy.save({}), "nonsense": b"x" * 64}
    if kind in made:
        path.write_bytes(made[kind])
    else:
        put(kind, path)
    (fault,) = faults(store)
    assert fault.startswith(f"{path}: damaged model (")


def test_a_model_under_the_name_of_another_is_named(store: Store) -> None:
    content = write_model(store, KEY).read_bytes()
    atomic.put(store.models.path(OTHER), content)
    lost = store.root / "models" / "cd" / f"{KEY}.safetensors"
    atomic.put(lost, content)
    assert faults(store) == [
        f"{store.models.path(OTHER)}: damaged model (it belongs to the key {KEY[:12]})",
        f"{lost}: damaged model (it lies in the wrong folder)",
    ]
