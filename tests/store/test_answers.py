"""The answers to every test photograph, as records hold them."""

from __future__ import annotations

import base64
import hashlib
import re
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.records import PEOPLE, made_up
from uebench.store import answers
from uebench.store.record import Record
from uebench.store.store import DamagedError, Store


@given(st.lists(st.integers(0, 2**32 - 1), max_size=300))
def test_answers_come_back_as_they_were(predicted: list[int]) -> None:
    assert answers.decode(answers.encode(predicted), len(predicted)) == tuple(predicted)


def test_the_text_is_short_and_the_same_on_every_machine() -> None:
    content = zlib.decompress(base64.b64decode(answers.encode([1, 258])))
    assert content == b"\1\0\0\0\2\1\0\0"
    assert len(answers.encode([label for label in range(50) for _ in range(20)])) < 400


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not base64!",
        "AAAA",
        answers.encode([1, 2])[:-4],
        "é",
        base64.b64encode(zlib.compress(b"\1\0\0")).decode(),  # three bytes are no answer
    ],
)
def test_another_text_is_refused_with_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="not a text of 2 answers") as caught:
        answers.decode(text, 2)
    assert "\n" not in str(caught.value)


def test_a_short_text_that_stands_for_very_many_answers_is_not_unpacked() -> None:
    text = base64.b64encode(zlib.compress(bytes(10**8))).decode()
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="not a text of 4 answers"):
            answers.decode(text, 4)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_answers_are_right_where_the_identity_is() -> None:
    assert answers.correct([0, 1, 1, 2], [2, 1, 1]) == (True, False, True, True)
    with pytest.raises(ValueError, match="3 answers for 4 test photographs"):
        answers.correct([0, 1, 1], [2, 1, 1])


def told(predicted: list[int], peak: list[int] | None = None) -> dict[str, Any]:
    """Fields of a record of 2 identities with 3 and 2 test photographs, of which the first knows 2 and the second 1."""
    return {
        "data": PEOPLE | {"num_classes": 2, "test_images": 5},
        "counts": {"correct": 3, "n": 5},
        "per_identity": [{"correct": 2, "n": 3}, {"correct": 1, "n": 2}],
        "answers": answers.encode(predicted),
        "peak": {"correct": 4, "n": 5, "epoch": 1, "answers": None if peak is None else answers.encode(peak)},
    }


def test_a_record_says_which_photographs_were_recognised() -> None:
    record = made_up(**told([0, 0, 1, 1, 0], [0, 0, 0, 1, 0]))
    assert record.correct == (True, True, False, True, False)
    assert Record.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize(
    ("predicted", "peak", "complaint"),
    [
        ([0, 0, 0, 0, 0], None, "not those that were counted"),  # as many, of other identities
        ([0, 0, 0, 1, 1], None, "not those that were counted"),
        ([0, 0, 1, 1], None, "not a text of 5 answers"),
        ([0, 0, 1, 1, 0], [0, 0, 1, 1, 0], "answers of the best epoch are not those that were counted"),
        ([0, 0, 1, 1, 0], [0, 0], "not a text of 5 answers"),
    ],
)
def test_a_record_whose_answers_are_not_its_counts_cannot_be_made(
    predicted: list[int], peak: list[int] | None, complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        made_up(**told(predicted, peak))
    with pytest.raises(ValidationError, match="not a text of 5 answers"):
        made_up(**(told([0]) | {"answers": "nonsense"}))


def test_a_record_without_answers_is_still_read(store_of_old: Store) -> None:
    record = store_of_old.cells.read(made_up().key)
    assert record is not None
    assert (record.answers, record.peak.answers, record.correct) == (None, None, None)


@pytest.fixture
def store_of_old(tmp_path: Path) -> Store:
    """A store with a record as early versions wrote it: without the fields."""
    store = Store(tmp_path)
    store.cells.write(made_up())
    path = store.cells.path(made_up().key)
    _, _, rest = path.read_bytes().partition(b"\n")
    lines = [line for line in rest.splitlines(keepends=True) if b'"answers"' not in line]
    content = re.sub(rb",(\s*})", rb"\1", b"".join(lines))
    path.write_bytes(b'{"digest": "%s",\n' % hashlib.sha256(content).hexdigest().encode() + content)
    assert b"answers" not in path.read_bytes()
    return store


def test_stored_answers_that_are_not_the_counts_are_damage(tmp_path: Path) -> None:
    store, record = Store(tmp_path), made_up(**told([0, 0, 1, 1, 0]))
    store.cells.write(record.model_copy(update={"answers": answers.encode([1, 1, 1, 1, 1])}))
    with pytest.raises(DamagedError):
        store.cells.read(record.key)
