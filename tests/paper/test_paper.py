from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, TINY
from uebench.analysis.statistics import student
from uebench.errors import UsageError
from uebench.paper.claims import judge
from uebench.paper.fill import Entry, Filled, fill
from uebench.paper.match import DataName, Plugins, Records, address
from uebench.paper.reported import reported
from uebench.paper.request import Request
from uebench.paper.requirements import REQUIREMENTS, circles
from uebench.paper.tables import MAIN, ROLES, TABLES, TablePlace, by_role, named
from uebench.paper.verdicts import apart, at_chance, learned, order
from uebench.planning.grid import protections
from uebench.plugins.registry import Registry
from uebench.store.store import Store, sealed

SOURCE = ROOT.parent / "shared" / "paper" / "tables.csv"
CLEAN = {"WebFace50": 80.6, "VGGFace10": 83.0, "rho_a=4/255": 65.5}


def as_the_paper_has_it() -> dict[str, Filled]:
    """Every table filled with the reported figures, accuracies within three points."""
    filled = {}
    for table in TABLES.values():
        entries = []
        for place in table.places:
            value = reported().get(table.address(place))
            entry = Entry(place=place, reported=value, value=value, data=place.role)
            if value is not None and place.metric == "accuracy":
                chance = 2.0 if place.role == "webface50" else 10.0
                clean = CLEAN.get(place.column, 75.0)
                entry = replace(entry, low=value - 3, high=value + 3, chance=chance, clean=clean)
            entries.append(entry)
        filled[table.name] = Filled(table, {}, tuple(entries))
    return filled


def test_the_packaged_figures_are_those_typed_from_the_paper() -> None:
    if not SOURCE.is_file():
        pytest.skip("the paper's text is not part of the repository")
    assert list(csv.reader(SOURCE.read_text().splitlines())) == list(
        csv.reader((ROOT / "uebench" / "paper" / "reported.csv").read_text().splitlines())
    )


def test_every_reported_figure_has_its_place_and_every_place_its_figure() -> None:
    addresses = [table.address(place) for table in TABLES.values() for place in table.places if table.name.isdigit()]
    assert Counter(addresses) == Counter(list(reported()))


@pytest.mark.parametrize(
    ("table", "row", "column", "setting", "value"),
    [
        ("3", "segue", "VGGFace10", "", 11.5),
        ("4", "lsp(patch=56)", "CIFAR10", "", None),
        ("5", "rue", "inception_v3", "", 77.0),
        ("7", "lsp", "ssim", "", 0.968),
        ("8", "segue", "rho_a=4/255", "rho_d=4/255", 16.5),
        ("9", "segue", "generation_time", "", 2.2),
    ],
)
def test_figures_stand_at_their_addresses(table: str, row: str, column: str, setting: str, value: float | None) -> None:
    assert reported()[table, row, column, setting] == value


def test_every_place_can_be_planned(tmp_path: Path) -> None:
    data = [f"{role}={TINY}" for role in ROLES]
    request = Request(list(TABLES.values()), data, "smoke", Registry(), Store(tmp_path))
    planned = {address(cell) for cell in request.cells()} | {address(one) for one in request.protections()}
    trained = request.trainings().values()
    assert {place.method for place in trained} == {"ue", "rue", "tue", "segue"}
    for table in TABLES.values():
        for place in table.places:
            waits = request.plugins.weights_file(place, request.roles) in request.trainings()
            if place.skip or waits or not place.method:
                continue
            wanted = request.plugins.wanted(request.plugins.method(place, request.roles), place.attacker)
            assert (request.roles[place.role].key, wanted.plugins) in planned, (table.name, place)


def test_cells_that_tables_share_are_planned_once(tmp_path: Path) -> None:
    request = Request([TABLES["3"], TABLES["5"]], [TINY], "smoke", Registry(), Store(tmp_path))
    three, five = (request.cells((table,)) for table in request.tables)
    assert (len(three), len(five)) == (6, 30)
    assert {cell.key for cell in three} < {cell.key for cell in five}
    assert len(request.cells()) == 30


def test_only_desk_asks_for_three_seeds(tmp_path: Path) -> None:
    for preset, seeds in (("smoke", {0}), ("desk", {0, 1, 2})):
        request = Request([TABLES["3"]], [TINY], preset, Registry(), Store(tmp_path))
        assert {cell.seed for cell in request.cells()} == seeds


def test_transfer_is_measured_with_what_was_trained_on_the_main_set(tmp_path: Path) -> None:
    """The generator of the package may have been trained on the very people in another role."""
    roles = {MAIN: DataName("faces", "ab"), "vggface10": DataName("others", "cd")}
    places = {place.row: place for place in TABLES["6"].places if place.role == "vggface10"}
    for preset in ("smoke", "desk"):
        plugins = Plugins(Registry(), preset, Store(tmp_path))
        trained = [row for row, place in places.items() if plugins.weights_file(place, roles)]
        assert trained == ["ue", "rue", "tue", "segue"]
    text = plugins.method(places["ue"], roles)
    assert text.startswith("ue(weights=")
    assert "ue-faces-" in text


def test_the_time_of_a_trained_generator_is_that_of_the_one_in_the_package_where_there_is_one(tmp_path: Path) -> None:
    (place,) = (place for place in TABLES["9"].places if place.row == "segue")
    roles = {MAIN: DataName("faces", "ab")}
    assert Plugins(Registry(), "desk", Store(tmp_path)).method(place, roles) == "segue"
    assert "segue-faces-" in Plugins(Registry(), "smoke", Store(tmp_path)).method(place, roles)


def test_patches_scale_with_the_resolution(tmp_path: Path) -> None:
    (place,) = (p for p in TABLES["4"].places if (p.row, p.role) == ("lsp(patch=8)", "imagenet10"))
    for preset, text in (("smoke", "lsp(patch=1)"), ("desk", "lsp(patch=2)"), ("paper", "lsp(patch=8)")):
        assert Plugins(Registry(), preset, Store(tmp_path)).method(place, {}) == text


def test_data_fills_the_main_role_or_the_one_it_names() -> None:
    given = by_role(["synthetic(identities=3)", "celeba10=folder(path='a=b')"])
    assert given == {MAIN: "synthetic(identities=3)", "celeba10": "folder(path='a=b')"}
    with pytest.raises(UsageError, match="no role 'celeba'; did you mean 'celeba10'"):
        by_role(["celeba=orl"])
    with pytest.raises(UsageError, match="the role webface10 is filled twice"):
        by_role(["orl", "webface10=orl"])


def test_tables_go_by_number() -> None:
    assert named("5") == named("table5") == named("Table5") == [TABLES["5"]]
    assert len(named("claims")) == len(TABLES)
    with pytest.raises(UsageError, match=r"no table '10'"):
        named("10")


def test_students_interval_is_that_of_scipy() -> None:
    from scipy import stats

    shares = [0.2, 0.25, 0.4, 0.31]
    expected = stats.t.interval(0.95, 3, loc=sum(shares) / 4, scale=stats.sem(shares))
    assert student(shares) == pytest.approx(expected)
    assert student([0.0, 1.0]) == (0.0, 1.0)


def entry(row: str, value: float, figure: float, **more: Any) -> Entry:  # noqa: ANN401
    place = TablePlace(row=row, column="WebFace10")
    facts = {"low": value - 2, "high": value + 2, "chance": 10.0, "clean": 80.0} | more
    return Entry(place=place, data="faces", value=value, reported=figure, **facts)


def test_at_chance_means_that_the_interval_holds_chance() -> None:
    assert at_chance(entry("segue", 11.5, 10.5))
    assert not at_chance(entry("segue", 12.5, 10.5))
    assert at_chance(Entry(place=TablePlace(row="segue", column=""))) is None


def test_an_interval_that_holds_chance_and_much_else_decides_nothing() -> None:
    """Three seeds far apart are no proof of chance."""
    wide = {"low": 5.5, "high": 45.8}
    assert at_chance(entry("ue", 25.7, 12.5, **wide)) is None
    assert at_chance(entry("ue", 25.7, 12.5, **wide, clean=None))


def test_what_was_learned_runs_from_chance_to_the_clean_reference() -> None:
    assert learned(entry("ue", 10, 0)) == 0
    assert learned(entry("ue", 45, 0)) == 0.5
    assert learned(entry("ue", 45, 0, clean=None)) is None
    assert learned(entry("ue", 45, 0, clean=9.0)) is None


def test_an_order_counts_pairs_and_leaves_overlaps_undecided() -> None:
    ue, lsp, segue = entry("ue", 30, 12.5), entry("lsp", 20, 31.5), entry("segue", 18, 10.5)
    assert (apart(ue, lsp), apart(lsp, ue), apart(lsp, segue)) == (1, -1, 0)
    entries = [ue, lsp, segue, entry("clean", 80, 75)]
    found = order("ue", entries)
    assert (found.agree, found.against, found.undecided, found.verdict) == (1, 1, 0, "does not hold")
    assert order("segue", entries).verdict == "holds"
    assert order("segue", [lsp, segue]).verdict == "undecided"
    assert order("segue", [segue]).verdict == "not yet measured"


def test_the_papers_own_figures_uphold_its_claims() -> None:
    verdicts = {one.claim.table: one.verdict for one in judge(as_the_paper_has_it())}
    assert verdicts == {
        "5": "holds", "6": "holds", "8": "holds", "9": "holds",
        "figure4.1": "not yet measured", "figure4.3": "not yet measured",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("table", "label", "column", "value"),
    [
        ("5", "segue", "resnet50", 20.0),
        ("5", "lsp", "inception_v3", 30.0),
        ("6", "segue", "CelebA10", 40.0),
        ("8", "segue(rho_d=4/255)", "rho_a=4/255", 34.0),
        ("9", "segue", "generation_time", 4.0),
    ],
)
def test_one_figure_can_overturn_a_claim(table: str, label: str, column: str, value: float) -> None:
    tables = as_the_paper_has_it()
    changed = tuple(
        replace(e, value=value, low=value - 3, high=value + 3)
        if (e.place.label, e.place.column) == (label, column)
        else e
        for e in tables[table].entries
    )
    overturned = judge(tables | {table: Filled(TABLES[table], {}, changed)})
    assert [one.claim.table for one in overturned if one.verdict == "does not hold"] == [table]


def test_side_information_is_judged_attacker_by_attacker() -> None:
    tables = as_the_paper_has_it()
    values = {"true": 12.0, "kmeans": 20.0, "none": 40.0}
    entries = tuple(
        replace(e, value=(v := values[e.place.row]), low=v - 1, high=v + 1) for e in tables["figure4.3"].entries
    )
    filled = tables | {"figure4.3": Filled(TABLES["figure4.3"], {}, entries)}
    (side,) = (one for one in judge(filled) if one.claim.table == "figure4.3")
    assert (side.verdict, side.yes, side.asked) == ("holds", 5, 5)


def test_circles_follow_their_thresholds() -> None:
    found = {(one.method, one.requirement.name): one for one in circles(as_the_paper_has_it())}
    assert {one.degree for (method, _), one in found.items() if method == "segue"} == {"full"}
    assert found["ue", "efficiency"].degree == "none"
    assert found["lsp", "effectiveness"].degree == "partial"
    assert found["lsp", "robustness"].degree == "-"
    by_name = {requirement.name: requirement for requirement in REQUIREMENTS}
    assert [by_name["imperceptibility"].degree(psnr) for psnr in (30, 29.9, 24)] == ["full", "partial", "none"]


def test_quality_comes_from_the_facts_of_protected_sets(tmp_path: Path) -> None:
    store, registry = Store(tmp_path), Registry()
    (one,) = protections(["segue"], [TINY], "smoke", 0, registry, store)
    facts = {
        "format": 1, "protect_key": one.protect_key, "data_key": one.dataset.key, "preset": "smoke",
        "data": {"name": one.dataset.name, "num_classes": 3, "train_images": 18, "test_images": 12},
        "method": one.method.published(), "assets": [], "method_seed": 0, "side_information": None,
        "quality": {"psnr": 31.5, "ssim": 0.7, "lpips": None, "lpips_reason": "no trunk given", "n": 18},
        "timings": {"fit_seconds": 1.5, "protect_seconds": 0.5},
    }  # fmt: skip
    file = tmp_path / "protected" / one.protect_key[:2] / f"{one.protect_key}.json"
    file.parent.mkdir(parents=True)

    def segue(table: str) -> list[Entry]:
        records = Records(store, "smoke")
        roles = {MAIN: DataName(one.dataset.name, one.dataset.key)}
        filled = fill(TABLES[table], roles, records, Plugins(registry, "smoke", store))
        return [e for e in filled.entries if e.place.row == "segue"]

    file.write_bytes(sealed(facts))
    assert [(e.place.column, e.value, e.reason) for e in segue("7")] == [
        ("psnr", 31.5, ""),
        ("ssim", 0.7, ""),
        ("lpips", None, "no trunk given"),
    ]
    file.write_text(json.dumps({**facts, "digest": "0" * 64}))
    assert all(e.value is None for e in segue("7"))
