from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.records import made_up
from tests.studies import measured, written
from uebench.store.entry import read_entry
from uebench.store.record import Record
from uebench.store.store import Store

WHO = ("--by", "A. Author", "--about", "patches of one colour", "--date", "2026-01-31")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    measured(written(folder), Store(folder / "results"), {"clean reference": 0.9, "LSP": 0.2, "Noise 2": 0.22})
    return folder


@pytest.fixture
def file(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "mine.toml"


def submit(uebench: Command, file: Path, *more: str) -> Path:
    out = file.parent / "entry.json"
    answer = uebench("submit", file, "--method", "LSP", "--out", out, *WHO, *more)
    assert answer.code == 0, answer.err
    return out


def test_an_entry_holds_the_claim_the_measurement_and_the_digests(uebench: Command, file: Path) -> None:
    entry = read_entry(submit(uebench, file, "--claim", "JPEG=5", "--claim", "Made up / Blur = 20%"))
    assert (entry.by, entry.about, entry.date.isoformat(), entry.name, entry.method.name, entry.protocol) == (
        "A. Author", "patches of one colour", "2026-01-31", "LSP", "lsp", 1,
    )  # fmt: skip
    assert {one.name: one.claimed for one in entry.results} == {"ResNet-18": None, "JPEG": 5, "Blur": 20}
    for one in entry.results:
        assert one.seeds == "3 x 3" and len(one.records) == 9 and one.n == 200
        assert one.measured.low < 20 < one.measured.high and one.clean and one.clean.low < 90 < one.clean.high
    assert str(file.parent) not in entry.text() and len(entry.text()) < 20_000


def test_the_leaderboard_shows_claims_beside_measurements_and_whether_the_records_are_here(
    uebench: Command, file: Path, tmp_path: Path
) -> None:
    out = submit(uebench, file, "--claim", "JPEG=5", "--claim", "Blur=20", "--claim", "ResNet-18=50")
    answer = uebench("leaderboard", out, "--format", "csv")
    rows = [row for row in csv.DictReader(io.StringIO(answer.out)) if row["by"]]
    assert {row["called"]: row["claim"] for row in rows} == {
        "JPEG": "not reached", "Blur": "as measured", "ResNet-18": "surpassed",
    }  # fmt: skip
    assert {row["records"] for row in rows} == {"9 of 9 here"}
    assert rows[0]["by"] == "A. Author" and rows[0]["method"] == "LSP"
    text = uebench("leaderboard", out).out
    assert (
        "Entries against resnet18+jpeg on Made up, preset smoke, chance 10.0%" in text and "docs/leaderboard.md" in text
    )
    (tmp_path / "none").mkdir()
    elsewhere = uebench("leaderboard", out, "--results", tmp_path / "none", "--json").json
    assert {row["records"] for row in elsewhere["rows"]} == {"0 of 9 here"}


@pytest.mark.parametrize(
    ("options", "called"),
    [
        (("--attacker", "resnet18"), {"ResNet-18"}),
        (("--attacker", "resnet18+jpeg(quality=50)"), {"JPEG"}),
        (("--data", "synthetic10"), {"ResNet-18", "JPEG", "Blur"}),
        (("--data", "people"), set()),
        (("--preset", "smoke"), {"ResNet-18", "JPEG", "Blur"}),
        (("--preset", "desk"), set()),
    ],
)
def test_the_leaderboard_shows_only_entries_of_the_chosen_preset_set_and_attacker(
    uebench: Command, file: Path, tmp_path: Path, options: tuple[str, str], called: set[str]
) -> None:
    out = submit(uebench, file)
    Store(tmp_path / "results").cells.write(made_up())
    answer = uebench("leaderboard", out, *options, "--json")
    assert answer.code == 0, answer.err
    assert {row["called"] for row in answer.json["rows"] if "by" in row} == called


def test_entries_are_grouped_by_the_attacker_itself_not_by_what_a_study_calls_it(
    uebench: Command, file: Path, tmp_path: Path
) -> None:
    out = submit(uebench, file)
    document = json.loads(out.read_text())
    for result in document["results"]:
        result["name"] = "Standard"
    other = tmp_path / "other.json"
    other.write_text(json.dumps(document))
    text = uebench("leaderboard", out, other).out
    blocks = [block.partition("\n\npreset")[0] for block in text.split("Entries against ")[1:]]
    assert [block.split(" on ")[0] for block in blocks] == ["resnet18", "resnet18+jpeg", "resnet18+blur"]
    assert [block.count("LSP") for block in blocks] == [2, 2, 2]
    assert ["JPEG" in block and "Standard" in block for block in blocks] == [False, True, False]


def test_a_changed_record_and_a_changed_number_are_found(uebench: Command, file: Path, tmp_path: Path) -> None:
    out = submit(uebench, file)
    document = json.loads(out.read_text())
    document["results"][0]["measured"]["mean"] += 0.5
    out.write_text(json.dumps(document))
    store, other = Store(tmp_path / "results"), document["results"][1]["records"][0]["key"]
    record = store.cells.read(other)
    assert record
    store.cells.write(record.model_copy(update={"preset": "desk"}))
    rows = [row for row in uebench("leaderboard", out, "--json").json["rows"] if "by" in row]
    found = {row["called"]: row["records"] for row in rows}
    names = [one["name"] for one in document["results"]]
    assert [found[name] for name in names] == ["differs", "differs", "9 of 9 here"]


@pytest.mark.parametrize(
    ("where", "invented"),
    [
        ("method", {"name": "ue", "version": 1, "config": {}}),
        ("preset", "paper"),
        ("labels", "kmeans"),
        ("source", "0" * 64),
        ("weights", [{"file": "noise.safetensors", "sha256": "0" * 64}]),
        ("results.1.clean", {"mean": 99.0, "low": 98.0, "high": 100.0}),
        ("results.1.seeds", "9 x 9"),
        ("results.1.n", 5000),
        ("results.1.data.num_classes", 1000),
        ("results.1.records.0.protected_digest", "0" * 64),
    ],
)
def test_an_invented_field_differs_from_the_records(uebench: Command, file: Path, where: str, invented: object) -> None:
    out = submit(uebench, file)
    document = json.loads(out.read_text())
    place: Any = document
    *path, last = [int(word) if word.isdigit() else word for word in where.split(".")]
    for word in path:
        place = place[word]
    place[last] = invented
    out.write_text(json.dumps(document))
    rows = [row for row in uebench("leaderboard", out, "--json").json["rows"] if "by" in row]
    found = {row["called"]: row["records"] for row in rows}
    says = [found[one["name"]] for one in document["results"]]
    assert says == (["9 of 9 here", "differs", "9 of 9 here"] if path else ["differs"] * 3)


def test_a_clean_reference_whose_records_are_not_here_is_unchecked(
    uebench: Command, file: Path, tmp_path: Path
) -> None:
    out, store = submit(uebench, file), Store(tmp_path / "results")
    for path, record in store.cells:
        if record and record.method.name == "clean" and record.seed == 2:
            path.unlink()
    rows = [row for row in uebench("leaderboard", out, "--json").json["rows"] if "by" in row]
    assert {row["records"] for row in rows} == {"9 of 9 here, clean unchecked"}


def test_a_clean_record_that_contradicts_the_others_about_the_people_is_no_reference(
    uebench: Command, file: Path, tmp_path: Path
) -> None:
    out, store = submit(uebench, file), Store(tmp_path / "results")
    clean = next(record for _, record in store.cells if record and record.method.name == "clean")
    people = [{"correct": 0, "n": n} for n in (21, 19, *[20] * 8)]
    changed: dict[str, object] = {
        "key": "f" * 64,
        "answers": None,
        "counts": {"correct": 0, "n": 200},
        "per_identity": people,
    }
    nothing = {
        "peak": {"correct": 0, "n": 200, "epoch": 1},
        "curve": [clean.curve[0].model_dump() | {"test_correct": 0}],
    }
    changed = changed | nothing | {"training": clean.training.model_dump() | {"epochs": 1}}
    store.cells.write(Record.model_validate(clean.model_dump() | changed))
    rows = [row for row in uebench("leaderboard", out, "--json").json["rows"] if "by" in row]
    assert {row["records"] for row in rows} == {"9 of 9 here"}


def test_a_record_that_an_entry_names_twice_is_refused(uebench: Command, file: Path) -> None:
    out = submit(uebench, file)
    document = json.loads(out.read_text())
    records = document["results"][0]["records"]
    document["results"][0]["records"] = [*records, records[0]]
    out.write_text(json.dumps(document))
    answer = uebench("leaderboard", out)
    assert answer.code == 2 and f"the record {records[0]['key'][:12]} is named twice" in answer.complaint


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--method", ""), "method: this study has several; name one; known: LSP, Noise 2, Noise_1 #2"),
        (("--method", "LPS"), "method 'LPS': not one of this study; did you mean 'LSP'?"),
        (("--method", "Noise_1 #2"), "not computed yet: uebench study run; an entry needs all numbers of its method"),
        (("--claim", "JPG=5"), "claim 'JPG': no attacker of this study; did you mean 'JPEG'?"),
        (("--claim", "Made / JPEG=5"), "did you mean 'Made up / JPEG'?"),
        (("--claim", "JPEG=5", "--claim", "JPEG=6"), "claim 'JPEG=6': 'JPEG' is given twice; give it once"),
        (("--about", ""), 'entry: about="" is refused: it is empty'),
        (("--about", "x" * 201), "is refused: write at most 200 characters"),
        (("--claim", "5"), "claim '5': write the attacker's name and a percentage, as 'ResNet-18=12.5'"),
        (("--claim", "JPEG=105"), "claimed=105.0 is refused: input should be less than or equal to 100"),
        (("--date", "today"), "date 'today': not a date; write it as 2026-01-31"),
        (
            ("--url", "javascript:alert(1)"),
            'url="javascript:alert(1)" is not an address; write https://...',
        ),
        (("--by", "two\nlines"), "or holds a line break"),
        (("--out", "entry.txt"), "end the name with .json"),
    ],
)
def test_a_wrong_submission_is_one_line(uebench: Command, file: Path, more: tuple[str, ...], says: str) -> None:
    answer = uebench("submit", file, "--method", "LSP", "--out", file.parent / "entry.json", *WHO, *more)
    assert answer.code == 2 and says in answer.complaint, answer.err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "no leaderboard entry (invalid JSON"),
        ('{"format": 2}', "no leaderboard entry (format: input should be 1); uebench submit writes one"),
        ("[]", "no leaderboard entry"),
    ],
)
def test_a_file_that_is_no_entry_is_refused(uebench: Command, tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "entry.json").write_text(content)
    answer = uebench("leaderboard", tmp_path / "entry.json")
    assert answer.code == 2 and says in answer.complaint
    assert uebench("leaderboard", tmp_path / "none.json").code == 3
