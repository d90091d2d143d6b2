"""When a set counts as poisoned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from uebench.analysis.detection import Detection, detection
from uebench.report.pages.detections import page, sentence

ONE, OTHER = ("linear", "image"), ("two-layer", "residue")


def first(count: int, of: int = 40) -> list[bool]:
    return [number < count for number in range(of)]


def found(published: tuple[int, int], clean: tuple[int, int]) -> Detection:
    answers = [{ONE: first(counts[0]), OTHER: first(counts[1])} for counts in (published, clean)]
    return detection("lsp", "faces", 4, *answers)


def test_a_set_is_poisoned_if_one_network_recognises_surely_more() -> None:
    protected = found((20, 38), (20, 12))
    assert protected.verdict == "poisoned"
    assert (protected.strongest.network, protected.strongest.view) == OTHER
    assert [one.alarms for one in protected.detectors] == [False, True]
    assert "poisoned. A two-layer network that sees the residue recognises 65.0 points [" in sentence(protected)


def test_recognising_less_is_no_alarm() -> None:
    assert found((2, 12), (38, 12)).verdict == "not detected"


def test_what_chance_may_do_is_no_alarm() -> None:
    protected = found((14, 12), (12, 12))
    assert protected.verdict == "not detected"
    assert "the clearest difference is " in sentence(protected)


def test_few_photographs_need_the_exact_test() -> None:
    """Six of 20 photographs differ, all in one direction: McNemar's exact p is 2 / 2^6."""
    (few,) = detection("lsp", "faces", 4, {ONE: first(12, 20)}, {ONE: first(6, 20)}).detectors
    assert few.p == pytest.approx(1 / 32)
    assert few.difference.p < 1 / 100


def test_p_values_are_corrected_for_the_number_of_networks() -> None:
    alone = detection("lsp", "faces", 4, {ONE: first(18)}, {ONE: first(12)}).detectors[0]
    both = found((18, 12), (12, 12)).detectors[0]
    assert both.p == pytest.approx(2 * alone.p)
    assert alone.alarms
    assert both.difference == alone.difference


def test_where_clean_photographs_are_recognised_anyway_nothing_can_stand_out() -> None:
    protected = found((40, 40), (39, 38))
    assert protected.verdict == "cannot tell"
    assert "The networks recognise at least 95.0% of the clean photographs, too" in sentence(protected)
    assert found((40, 40), (39, 20)).verdict == "poisoned"  # one network is enough


def test_copies_of_a_photograph_count_as_one() -> None:
    answers = [{ONE: first(count, 240)} for count in (108, 72)]
    images, photographs = detection("lsp", "faces", 4, *answers), detection("lsp", "faces", 4, *answers, of_each=12)
    assert [one.verdict for one in (images, photographs)] == ["poisoned", "not detected"]
    assert (images.photographs, photographs.photographs) == (240, 20)
    narrow, wide = (one.detectors[0].published_interval for one in (images, photographs))
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])
    (block,) = page([photographs]).blocks
    assert block.title == "faces: 240 images of 20 photographs of 4 people, chance 25.0%"
    assert block.rows[0][3] == f"45.0 [{100 * wide[0]:.1f}, {100 * wide[1]:.1f}]"
    assert page([photographs]).rows[0]["photographs"] == 20


def test_the_page_has_a_line_for_each_network_and_a_sentence_for_each_set() -> None:
    shown = page([found((20, 38), (20, 12)), found((14, 12), (12, 12))])
    (block,) = shown.blocks
    assert block.title == "faces: 40 images of 4 people, chance 25.0%"
    assert len(block.rows) == len(shown.rows) == 4
    assert len(shown.notes) == 2
    assert block.rows[1][:5] == ("lsp", "two-layer", "residue", "95.0 [83.5, 98.6]", "30.0 [18.1, 45.4]")
    assert shown.rows[1]["verdict"] == "poisoned"


def test_two_data_sets_of_one_name_have_tables_of_their_own() -> None:
    one, other = (replace(found((20, 38), (20, 12)), data_key=digit * 64) for digit in "ab")
    shown = page([one, other])
    assert [block.title.partition(":")[0] for block in shown.blocks] == ["faces (aaaaaaaa)", "faces (bbbbbbbb)"]
    assert {row["data"] for row in shown.rows} == {"faces (aaaaaaaa)", "faces (bbbbbbbb)"}
    assert [note.partition(":")[0] for note in shown.notes] == ["lsp on faces (aaaaaaaa)", "lsp on faces (bbbbbbbb)"]
    assert page([one]).blocks[0].title.startswith("faces:")


@pytest.mark.parametrize("counts", [((20, 38), (20, 12)), ((14, 12), (12, 12)), ((40, 40), (39, 38))])
def test_no_sentence_is_longer_than_30_words(counts: tuple[tuple[int, int], tuple[int, int]]) -> None:
    text = sentence(found(*counts)).split(": ", 1)[1]
    assert all(len(one.split()) <= 30 for one in text.split(". "))
