from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ROOT, TINY
from tests.paper.test_verdicts import as_the_paper_has_it
from tests.records import as_asked
from uebench.analysis.runs import runs_of
from uebench.analysis.statistics import interval
from uebench.errors import UsageError
from uebench.hashing import key
from uebench.paper.fill import FilledPlace, fill_table
from uebench.paper.match import DataName, Plugins, RecordIndex, address
from uebench.paper.place import MAIN, ROLES, by_role
from uebench.paper.reported import reported
from uebench.paper.request import TableRequest
from uebench.paper.requirements import REQUIREMENTS, circles
from uebench.paper.tables import CONTROL, TABLES, VARIANT, named
from uebench.planning.cell import EVALUATION
from uebench.planning.grid import Planner
from uebench.planning.identity import AttackerIdentity, MethodIdentity
from uebench.plugins.registry import Registry
from uebench.report.pages.paper_table import OF_ROWS, page
from uebench.store.record import ProtectionRecord, Record
from uebench.store.store import Store

SOURCE = ROOT.parent / "shared" / "paper" / "tables.csv"


def planner(folder: Path) -> Planner:
    return Planner(Registry(), Store(folder))


def test_the_packaged_figures_are_those_typed_from_the_paper() -> None:
    if not SOURCE.is_file():
        pytest.skip("the paper's text is not part of the repository")
    assert list(csv.reader(SOURCE.read_text().splitlines())) == list(
        csv.reader((ROOT / "uebench" / "paper" / "reported.csv").read_text().splitlines())
    )


def test_every_reported_figure_has_its_place_and_every_place_its_figure() -> None:
    numbered = [table for table in TABLES.values() if table.name.isdigit()]
    addresses = [table.address(place) for table in numbered for place in table.places if place.row not in OF_ROWS]
    assert Counter(addresses) == Counter(list(reported()))


def test_the_control_stands_beside_the_methods_of_tables_3_and_5() -> None:
    for name in ("3", "5"):
        segue, control = (
            {(place.column, place.role, place.attacker) for place in TABLES[name].places if place.row == row}
            for row in ("segue", CONTROL)
        )
        assert control == segue


def test_our_variant_stands_beside_segue_wherever_an_attacker_is_trained() -> None:
    for table in TABLES.values():
        segue, ours = (
            {(p.column, p.setting, p.role, p.attacker, p.trained_on) for p in table.places if p.row == row}
            for row in ("segue", VARIANT)
        )
        assert ours == {place for place in segue if place[3]}, table.name
        assert all(p.method.startswith(VARIANT) for p in table.places if p.row == VARIANT)


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
    request = TableRequest(list(TABLES.values()), data, "smoke", planner(tmp_path))
    planned = {address(one.spec) for one in request.plan().cells} | {address(one) for one in request.protections()}
    trained = request.trainings().values()
    assert {place.method for place in trained} == {"ue", "rue", "tue", "segue", VARIANT}
    for table in TABLES.values():
        for place in table.places:
            waits = request.plugins.weights_file(place, request.roles) in request.trainings()
            if place.skip or waits or not place.method:
                continue
            wanted = request.plugins.wanted(request.plugins.method(place, request.roles), place.attacker)
            assert (request.roles[place.role].key, wanted.digest) in planned, (table.name, place)


def test_cells_that_tables_share_are_planned_once(tmp_path: Path) -> None:
    request = TableRequest([TABLES["3"], TABLES["5"]], [TINY], "smoke", planner(tmp_path))
    three, five = ({one.spec.key for one in request.plan((table,)).cells} for table in request.tables)
    assert (len(three), len(five)) == (8, 40)
    assert three < five
    assert len(request.plan().cells) == 40


def test_protected_sets_that_places_share_are_asked_for_once(tmp_path: Path) -> None:
    request = TableRequest([TABLES["7"], TABLES["9"]], [TINY], "smoke", planner(tmp_path))
    keys = [one.key for one in request.protections()]
    assert len(keys) == len(set(keys)) > 1
    places = [place for table in request.tables for place in table.places if not place.attacker]
    assert len(keys) < len(places)


def test_only_desk_asks_for_three_seeds(tmp_path: Path) -> None:
    for preset, seeds in (("smoke", {0}), ("desk", {0, 1, 2})):
        request = TableRequest([TABLES["3"]], [TINY], preset, planner(tmp_path))
        assert {one.spec.seed for one in request.plan().cells} == seeds


def test_transfer_is_measured_with_what_was_trained_on_the_main_set(tmp_path: Path) -> None:
    """The generator of the package may have been trained on the very people in another role."""
    roles = {MAIN: DataName("faces", "ab"), "vggface10": DataName("others", "cd")}
    places = {place.row: place for place in TABLES["6"].places if place.role == "vggface10"}
    for preset in ("smoke", "desk"):
        plugins = Plugins(Registry(), preset, Store(tmp_path))
        trained = [row for row, place in places.items() if plugins.weights_file(place, roles)]
        assert trained == ["ue", "rue", "tue", "segue", VARIANT]
    text = plugins.method(places["ue"], roles)
    assert text.startswith("ue(weights=")
    assert "ue-faces-" in text


def test_patches_scale_with_the_resolution(tmp_path: Path) -> None:
    (place,) = (p for p in TABLES["4"].places if (p.row, p.role) == ("lsp(patch=8)", "imagenet10"))
    for preset, text in (("smoke", "lsp(patch=1)"), ("desk", "lsp(patch=3)"), ("paper", "lsp(patch=8)")):
        assert Plugins(Registry(), preset, Store(tmp_path)).method(place, {}) == text


def test_data_fills_the_main_role_or_the_one_it_names() -> None:
    given = by_role(["synthetic(identities=3)", "celeba10=folder(path='a=b')"])
    assert given == {MAIN: "synthetic(identities=3)", "celeba10": "folder(path='a=b')"}
    with pytest.raises(UsageError, match="no role 'celeba'; did you mean 'celeba10'"):
        by_role(["celeba=orl"])
    with pytest.raises(UsageError, match="the role webface10 is given twice"):
        by_role(["orl", "webface10=orl"])


def test_tables_go_by_number() -> None:
    assert named("5") == named("table5") == named("Table5") == [TABLES["5"]]
    assert len(named("claims")) == len(TABLES)
    with pytest.raises(UsageError, match=r"no table '10'"):
        named("10")


def test_circles_follow_their_thresholds() -> None:
    found = {(one.method, one.requirement.name): one for one in circles(as_the_paper_has_it())}
    assert {one.degree for (method, _), one in found.items() if method == "segue"} == {"full"}
    assert found["ue", "efficiency"].degree == "none"
    assert found["lsp", "effectiveness"].degree == "partial"
    assert found["lsp", "robustness"].degree == "-"
    by_name = {requirement.name: requirement for requirement in REQUIREMENTS}
    assert [by_name["imperceptibility"].degree(psnr) for psnr in (30, 29.9, 24)] == ["full", "partial", "none"]


def test_quality_comes_from_the_records_of_protected_sets(tmp_path: Path) -> None:
    store = Store(tmp_path)
    cell = as_asked("segue", "resnet18")
    shared = cell.model_dump(include=set(ProtectionRecord.model_fields))
    seen = {"psnr": 31.5, "ssim": 0.7, "lpips": None, "lpips_reason": "no trunk given", "trunk": None, "n": 18}
    timings = {"fit_seconds": 1.5, "protect_seconds": 0.5}
    record = ProtectionRecord.model_validate(shared | {"quality": seen, "timings": timings})

    def segue(table: str) -> list[FilledPlace]:
        records = RecordIndex(Plugins(Registry(), "desk", store))
        roles = {MAIN: DataName(record.data.name, record.data_key)}
        filled = fill_table(TABLES[table], roles, records)
        return [one for one in filled.places if one.place.row == "segue"]

    store.protections.write(record)
    assert [(one.place.column, one.value, one.reason) for one in segue("7")] == [
        ("psnr", 31.5, ""),
        ("ssim", 0.7, ""),
        ("lpips", None, "no trunk given"),
    ]
    other = shared | {"protect_key": "f" * 64, "method_seed": 1, "quality": seen | {"psnr": 32.5, "ssim": 0.8}}
    store.protections.write(ProtectionRecord.model_validate(other | {"timings": timings}))
    psnr, ssim, _ = segue("7")
    assert (psnr.value, psnr.of_sets) == (32.0, (31.5, 32.5))
    assert ssim.value == pytest.approx(0.75)
    assert psnr.keys == (record.protect_key, "f" * 64)
    store.protections.path("f" * 64).unlink()
    store.protections.path(record.protect_key).write_text("{}")
    assert [one.value for one in segue("7")] == [None, None, None]
    store.cells.write(cell)
    assert [one.value for one in segue("7")] == [cell.audit.psnr_mean, None, None]


def test_seconds_of_a_generator_do_not_count_its_training(tmp_path: Path) -> None:
    """Loading one counts, and so does searching noise."""
    made = as_asked("segue", "resnet18", preset="smoke")
    seconds = made.timings.protect_seconds, made.timings.fit_seconds + made.timings.protect_seconds
    loaded = made.model_copy(update={"assets": as_asked("segue", "resnet18").assets})
    assert loaded.assets and not made.assets
    searched = as_asked("ue", "resnet18", preset="smoke")
    for record, row, expected in (
        (made, "segue", seconds[0]),
        (loaded, "segue", seconds[1]),
        (searched, "ue", seconds[1]),
    ):
        store = Store(tmp_path / record.key[:8] / str(len(record.assets)))
        store.cells.write(record)
        roles = {MAIN: DataName(record.data.name, record.data_key)}
        table = fill_table(TABLES["9"], roles, RecordIndex(Plugins(Registry(), "smoke", store)))
        assert [one.value for one in table.places if one.place.row == row] == [expected]


def test_the_keys_of_committed_records_follow_from_the_identity_of_their_plugins() -> None:
    """Plans and tables share one definition of the same method."""
    store = Store(ROOT / "results")
    records = [record for _, record in store.cells if record]
    protections = [record for _, record in store.protections if record]
    assert records and protections
    both: list[Record | ProtectionRecord] = [*records, *protections]
    for record in both:
        parts = MethodIdentity.of(record).key_parts()
        assert key(data=record.data_key, seed=record.method_seed, **parts) == record.protect_key
    for cell in records:
        parts = AttackerIdentity.of(cell).key_parts() | ({"streams": "attacker"} if cell.own_streams else {})
        assert key(protect=cell.protect_key, evaluation=EVALUATION, seed=cell.seed, **parts) == cell.key


def test_a_place_is_filled_with_the_records_of_all_method_seeds_and_attacker_seeds(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def segue_with(method: int, seed: int) -> Record:
        right = (18, *[2] * 8, 2 + 10 * method + seed)
        people = [{"correct": one, "n": 20} for one in right]
        return as_asked("segue", "resnet18", sum(right), method_seed=method, seed=seed, per_identity=people)

    made = [segue_with(method, seed) for method in range(2) for seed in range(3)]
    made += [as_asked("clean", "resnet18", 160 + seed, seed=seed) for seed in range(3)]
    made = [one.model_copy(update={"key": f"{number:064x}"}) for number, one in enumerate(made)]
    for one in made:
        store.cells.write(one)
    records = RecordIndex(Plugins(Registry(), "desk", store))
    roles = {MAIN: DataName(made[0].data.name, made[0].data_key)}
    filled = fill_table(TABLES["3"], roles, records)
    segue, clean = (next(one for one in filled.places if one.place.row == row) for row in ("segue", "clean"))
    assert (segue.seeds, clean.seeds, segue.n, len(segue.keys)) == ("2 x 3", "1 x 3", 200, 6)
    assert segue.value == pytest.approx(100 * sum(36 + 10 * m + s for m in range(2) for s in range(3)) / 6 / 200)
    low, high = interval(runs_of(made[:6]))
    assert (segue.low, segue.high) == (100 * low, 100 * high)
    assert segue.worst and segue.worst.number == 0 and segue.worst.share == pytest.approx(0.9)
    shown = page(filled, "desk")
    header, row = shown.blocks[0].header, next(row for row in shown.blocks[0].rows if row[0] == "segue")
    found = dict(zip(header, row, strict=True))
    assert (found["seeds"], found["n"], found["worst identity, %"]) == ("2 x 3", "200", "90.0 (no. 0)")
    assert any(
        note.startswith("clean, segue: the records do not say which photographs were recognised")
        for note in shown.notes
    )


def test_quality_and_seconds_are_means_over_sets(tmp_path: Path) -> None:
    """A set that two attackers met counts once."""
    store = Store(tmp_path)
    for number, (seed, spent) in enumerate(((2, 1.0), (0, 2.0), (1, 6.0), (1, 6.0))):
        cell = as_asked("segue", "resnet18", method_seed=seed, protect_key=f"{seed:064x}")
        timings = cell.timings.model_copy(update={"fit_seconds": spent, "protect_seconds": 1.0})
        audit = cell.audit.model_copy(update={"psnr_mean": 30.0 + seed})
        store.cells.write(cell.model_copy(update={"key": f"{number:064x}", "timings": timings, "audit": audit}))
    records = RecordIndex(Plugins(Registry(), "desk", store))
    (data,) = records.sets
    tables = [fill_table(TABLES[name], {MAIN: data}, records) for name in ("7", "9")]
    quality, cost = (next(one for one in table.places if one.place.row == "segue") for table in tables)
    assert (quality.value, cost.value, len(cost.keys)) == (31.0, 4.0, 3)


@pytest.mark.parametrize(
    ("row", "setting", "column", "method", "attacker"),
    [
        ("clean", "", "rho_a=0/255", "clean", "resnet18"),
        ("ue", "", "rho_a=3/255", "ue", "resnet18+adversarial(rho=3/255)"),
        ("rue", "rho_d=0/255", "rho_a=4/255", "rue(rho_d=0/255, rho_step=none)", "resnet18+adversarial(rho=4/255)"),
        ("rue", "rho_d=2/255", "rho_a=0/255", "rue(rho_d=2/255, rho_step=none)", "resnet18"),
        ("segue", "rho_d=1/255", "rho_a=2/255", "segue(rho_d=1/255, weights=none)", "resnet18+adversarial(rho=2/255)"),
    ],
)
def test_table_8_crosses_the_radii_of_defenders_and_attackers(
    row: str, setting: str, column: str, method: str, attacker: str
) -> None:
    (place,) = [one for one in TABLES["8"].places if (one.row, one.setting, one.column) == (row, setting, column)]
    assert (place.method, place.attacker) == (method, attacker)
