from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Command
from tests.records import made_up
from uebench.analysis.leaderboard import stages
from uebench.data.dataset import load
from uebench.errors import UsageError
from uebench.plugins.registry import Registry
from uebench.report import page, robustness, strips
from uebench.report.matrix import matrix
from uebench.store.store import Protected, Store

NET = ("resnet18", {"epochs": 2})


def jpeg(quality: int) -> tuple[str, dict[str, Any]]:
    return ("jpeg", {"quality": quality, "subsampling": "4:2:0"})


def test_the_drop_is_the_reference_of_the_same_attacker_minus_the_mean_over_seeds() -> None:
    (stage,) = stages(
        [
            made_up("clean", correct=160),
            made_up("clean", [NET, jpeg(50)], correct=120),
            made_up("lsp", correct=40),
            made_up("lsp", correct=60, seed=1),
            made_up("lsp", [NET, jpeg(50)], correct=100),
            made_up("lsp", [("resnet50", {})], correct=0),
        ]
    )
    (line,) = stage.leaderboard
    assert (line.method, line.attackers, line.best) == ("lsp", 2, 50)
    assert line.place is stage.places["lsp", "resnet18(epochs=2)"]
    assert line.place.drop == pytest.approx(80 - 25)
    assert stage.places["lsp", "resnet50"].drop is None


def test_the_leaderboard_ranks_by_the_drop() -> None:
    (stage,) = stages([made_up("clean", correct=160), made_up("weak", correct=150), made_up("strong", correct=20)])
    assert [line.method for line in stage.leaderboard] == ["strong", "weak"]
    assert stage.methods == ["clean", "strong", "weak"]


def test_methods_are_ranked_by_the_attacker_that_most_of_them_met() -> None:
    """A method is not worse for having met an attacker that others were spared."""
    records = [made_up("clean", correct=160), made_up("clean", [NET, jpeg(10)], correct=150)]
    records += [made_up("tried", correct=20), made_up("tried", [NET, jpeg(10)], correct=150)]
    records += [made_up("spared", correct=80), made_up("elsewhere", [NET, jpeg(10)], correct=30)]
    records += [made_up("other", correct=140)]
    (stage,) = stages(records)
    assert stage.yardstick == "resnet18(epochs=2)"
    assert [line.method for line in stage.leaderboard] == ["tried", "spared", "other", "elsewhere"]
    assert [line.best for line in stage.leaderboard] == [75, 40, 70, 15]
    assert stage.leaderboard[-1].place is None


def test_the_colour_runs_from_the_reference_to_chance_and_stays_there() -> None:
    (stage,) = stages(
        [made_up("clean", correct=160)] + [made_up(f"m{n}", correct=n) for n in (10, 20, 90, 160, 190)]
    )  # fmt: skip
    depths = [stage.places[f"m{n}", "resnet18(epochs=2)"].depth for n in (10, 20, 90, 160, 190)]
    assert depths == pytest.approx([1, 1, 0.5, 0, 0])


def test_two_methods_written_alike_but_with_other_options_stay_apart() -> None:
    one, other = made_up("lsp"), made_up("lsp") | {"method": {"name": "lsp", "version": 2, "config": {}}}
    (stage,) = stages([one, other])
    assert {method for method, _ in stage.places} == {"lsp", "lsp #2"}


def test_the_matrix_goes_by_options_not_by_how_they_were_written() -> None:
    short, long = ({"method": "lsp", "attacker": attacker} for attacker in ("resnet18", "resnet18(epochs=2)"))
    alike = [made_up(written=long), made_up(seed=1, correct=50, written=short)]
    assert matrix(alike) == (["lsp"], ["resnet18"], [[[0.5, 0.25]]])
    other = made_up(attacker=[("resnet18", {"epochs": 3})], written=short)
    rows, columns, cells = matrix([*alike, other])
    assert (rows, len(columns)) == (["lsp"], 2)
    assert cells == [[[0.5, 0.25], [0.5]]]


class Reader(HTMLParser):
    """Collects what a browser would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.scripts: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag == "script":
            self.scripts.append(dict(attrs))


def test_a_name_with_markup_in_it_is_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    record = made_up("lsp", written={"method": evil, "attacker": f'"{evil}'}, data=made_up()["data"] | {"name": evil})
    text = page.render([record], Store(tmp_path))
    reader = Reader()
    reader.feed(text)
    assert len(reader.scripts) == 2
    assert "<script>alert" not in text and "<img src=x" not in text
    found = re.search(r'<script type="application/json" id="document">(.*?)</script>', text, re.S)
    assert found and json.loads(found[1])["places"][0]["method"] == evil


def test_the_page_names_no_address_outside_itself(tmp_path: Path) -> None:
    text = page.render([made_up("clean"), made_up()], Store(tmp_path))
    reader = Reader()
    reader.feed(text)
    assert all(address.startswith("data:") for address in reader.addresses)
    assert "default-src 'none'" in text
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest", text)


def test_without_scripts_the_numbers_stand_in_tables(tmp_path: Path) -> None:
    text = page.render([made_up("clean", correct=160), made_up("lsp", correct=40)], Store(tmp_path))
    tables = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    for number in (">80.0<", ">20.0<", ">60.0<", "15.0 – 26.1"):  # noqa: RUF001
        assert number in tables, number


def test_an_empty_store_says_what_to_run(tmp_path: Path) -> None:
    text = page.render([], Store(tmp_path))
    assert "No record to show" in text
    assert "uebench run --method segue" in text


def orl_record(store: Store, delta: int) -> dict[str, Any]:
    dataset = load("orl(identities=3)", 32, Registry())
    change = np.full((len(dataset.train.labels), 3, 32, 32), delta, dtype=np.int8)
    store.write_protected("5e7", Protected(change, {}))
    data = {"name": "orl3", **dataset.spec, "num_classes": 3, "train_images": 21, "test_images": 9}
    return made_up(data=data, data_key=dataset.key, protect_key="5e7")


def test_a_strip_is_cut_from_the_stored_set_and_magnifies_the_residual(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = strips.stored(store, orl_record(store, -2), faces=3)
    assert not isinstance(made, str)
    assert made.clean.shape == (3, 32, 32, 3)
    assert (made.clean.astype(int) - made.protected.astype(int) == 2).mean() > 0.9
    assert (made.residual == 128 - 60).all()
    assert "data:image/png;base64," in page.render([orl_record(store, -2)], store)


def test_photographs_of_other_sets_are_never_shown(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = orl_record(store, 1)
    other = record | {"data": record["data"] | {"source": "folder"}}
    assert strips.stored(store, other) == "The photographs of this set may not be shown."
    assert "data:image" not in page.render([other], store)
    with pytest.raises(UsageError, match="may not be shown"):
        strips.strip(load("synthetic(identities=3)", 32, Registry()), np.zeros((9, 3, 32, 32), np.int8), 2)


def test_a_strip_that_is_not_there_says_why(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = orl_record(store, 1)
    assert "uebench audit makes it" in str(strips.stored(store, record | {"protect_key": "60e"}))
    assert "not those of the record" in str(strips.stored(store, record | {"data_key": "0"}))


def test_figure_4_takes_its_panels_by_what_records_publish() -> None:
    records = [
        made_up("clean", correct=160),
        made_up("lsp", correct=40),
        made_up("lsp", [NET, jpeg(10)], correct=120),
        made_up("lsp", [NET, ("jpeg", {"quality": 10, "subsampling": "4:4:4"})], correct=1),
        made_up("lsp", [NET, jpeg(10), ("mixup", {"alpha": 1.0})], correct=2),
        made_up("lsp", [NET, ("cutmix", {"holes": 2, "length": 0.5, "blend": True})], correct=60),
        made_up("lsp", [NET, ("cutmix", {"holes": 2, "length": 0.5, "blend": False})], correct=3),
        made_up("lsp", correct=80, labels="kmeans"),
        made_up("lsp", [("resnet18", {"epochs": 9})], correct=4),
        made_up("lsp", [("resnet50", {})], correct=5),
        made_up("segue", correct=20),
        made_up("segue_unguided", correct=100),
    ]
    kept = robustness.choose(records, None)
    assert robustness.by_quality(kept) == {"lsp": {"none": [20.0], 10: [60.0]}}
    assert robustness.by_augmentation(kept) == {"lsp": {"none": [20.0], "cutmix": [30.0]}}
    assert robustness.by_side_information(kept) == {
        "lsp": {"true": [20.0], "kmeans": [40.0]},
        "segue": {"true": [10.0], "none": [50.0]},
    }


def test_figure_4_gives_each_method_that_it_shows_a_colour_of_its_own() -> None:
    variants = [made_up(f"lsp(patch={size})") for size in range(2, 9)]  # met by nothing, so in no panel
    shown = [made_up(name, [NET, jpeg(10)]) for name in ("clean", "lsp", "segue", "ue")]
    drawn = robustness.figure([shown[0], *variants, *shown[1:]])
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == ["clean", "lsp", "segue", "ue"]
    assert len({patch.get_facecolor() for patch in legend.get_patches()}) == 4


def test_figure_4_says_in_a_panel_that_it_has_no_records() -> None:
    panels = robustness.figure([made_up("clean"), made_up(), made_up("lsp", [NET, jpeg(10)])]).axes
    said = [any("no records" in text.get_text() for text in axes.texts) for axes in panels]
    assert said == [False, True, True, True]


def test_figure_4_takes_the_set_with_most_records_or_the_named_one() -> None:
    small = made_up(data=made_up()["data"] | {"name": "few"}, data_key="0")
    records = [small, made_up("clean"), made_up()]
    assert {record["data"]["name"] for record in robustness.choose(records, None)} == {"people"}
    assert {record["data"]["name"] for record in robustness.choose(records, "few")} == {"few"}


def test_report_and_figures_from_the_command_line(uebench: Command, tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    for record in (made_up("clean", correct=160), made_up(correct=40), made_up(labels="kmeans")):
        store.write_cell(record["key"], record)
    answer = uebench("report", "--html", tmp_path / "out.html", "--data", "people")
    assert answer.code == 0, answer.err
    assert "3 records" in answer.complaint
    assert "people" in (tmp_path / "out.html").read_text()
    for suffix, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        assert uebench("figure", 4, "--out", tmp_path / f"f.{suffix}").code == 0
        assert (tmp_path / f"f.{suffix}").read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["report", "--html", "out.txt"], 2, "end the name with .html or .htm"),
        (["report", "--html", "gone/out.html"], 4, "make it first"),
        (["report", "--html", "out.html", "--data", "nobody"], 2, "no record of that set"),
        (["report", "--html", "out.html", "--preset", "dsk"], 2, "did you mean 'desk'"),
        (["figure", "5", "--out", "f.png"], 2, "known: 3, 4"),
        (["figure", "4", "--out", "f.gif"], 2, "end the name with .png, .svg or .pdf"),
        (["figure", "4", "--out", "f.png", "--data", "nobody"], 2, "no record of that set"),
        (["figure", "3", "--out", "f.png", "--data", "synthetic(identities=3)"], 2, "may not be shown"),
    ],
)
def test_a_wrong_request_is_one_line(
    uebench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], code: int, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = uebench(*args)
    assert answer.code == code
    assert says in answer.complaint


def test_figure_3_makes_the_protected_sets_that_are_missing(uebench: Command, tmp_path: Path) -> None:
    request = ("figure", 3, "--preset", "smoke", "--data", "orl(identities=5)", "--method", "lsp", "--out")
    assert uebench(*request, tmp_path / "f.png").code == 0
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "results" / "blobs").rglob("*.safetensors"))) == 1
