from __future__ import annotations

import base64
import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT, Command
from tests.plugin_files import UNCHANGED, plugin_file
from tests.records import made_up, several
from uebench.analysis.leaderboard import benchmarks
from uebench.analysis.runs import runs_of
from uebench.analysis.statistics import interval
from uebench.data.dataset import load
from uebench.errors import UsageError
from uebench.plugins.registry import Registry
from uebench.report import citation
from uebench.report.figures import strips
from uebench.report.html import charts, document
from uebench.store.record import ProtectedMeta, Record
from uebench.store.store import ProtectedSet, Store


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
    data = made_up().data.model_copy(update={"name": evil})
    records = [made_up(name, written={"method": evil, "attacker": f'"{evil}'}, data=data) for name in ("lsp", "clean")]
    text = document.render(records, Store(tmp_path))
    reader = Reader()
    reader.feed(text)
    assert len(reader.scripts) == 1
    assert "<script>alert" not in text and "<img src=x" not in text
    assert text.count("&lt;script&gt;alert(1)") > 10


def test_the_page_loads_nothing_and_its_links_are_to_papers(tmp_path: Path) -> None:
    text = document.render([made_up("clean"), made_up()], Store(tmp_path))
    reader = Reader()
    reader.feed(text)
    links = [address for address in reader.addresses if not address.startswith("data:")]
    assert links == [Registry().entry("method", "lsp").info.url]
    assert "default-src 'none'" in text
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|<link [^>]*stylesheet", text)


def test_a_paper_whose_address_is_no_web_address_is_no_link(tmp_path: Path) -> None:
    info = 'Info(title="Odd {x}", venue="V", year=2020, url="javascript:alert(1)")'
    file = plugin_file(tmp_path / "odd.py", UNCHANGED, info=info)
    records, registry = [made_up("odd")], Registry([file])
    assert "javascript:" not in document.render(records, Store(tmp_path), registry=registry)
    assert "  title = {Odd x},\n  howpublished = {V}," in citation.bibtex(records, registry)


def test_without_scripts_the_numbers_stand_in_tables_with_their_intervals(tmp_path: Path) -> None:
    text = document.render([made_up("clean", correct=160), made_up("lsp", correct=40)], Store(tmp_path))
    without = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    for number in ("<b>80.0</b> <span>[73.9, 85.0]</span>", "<b>20.0</b> <span>[15.0, 26.1]</span>", ">60.0<"):
        assert number in without, number


def test_the_first_part_says_which_method_is_best_against_what_and_which_may_be_as_good(tmp_path: Path) -> None:
    jpeg = [("resnet18", {"epochs": 2}), ("jpeg", {"quality": 50})]
    counts = (("clean", 160), ("ue", 20), ("lsp", 24), ("tue", 120))
    records = [run for name, n in counts for run in several(name, correct=n)]
    records += [run for name, n in (("clean", 150), ("ue", 140), ("lsp", 50)) for run in several(name, jpeg, n)]
    records += [made_up(name, [("resnet50", {})], correct=n) for name, n in (("clean", 150), ("ue", 140))]
    best = document.render(records, Store(tmp_path)).partition('id="best"')[2].partition("</section>")[0]
    plain, compressed = (re.sub(r"<[^>]+>", "", row) for row in best.split("<tr ")[1:])
    assert "ue\n" in plain and "10.0 [6.5, 15.0]" in plain and "80.0 [73.9, 85.0]" in plain and "lsp\n" in plain
    for text in ("+jpeg(quality=50)", "25.0 [19.5, 31.5]", "not the other method"):
        assert text in compressed


def test_a_number_opens_the_record_of_its_runs_with_the_command_and_each_identity(tmp_path: Path) -> None:
    records = [made_up("clean", correct=160), *[made_up("lsp", correct=40 + seed, seed=seed) for seed in range(3)]]
    text = document.render(records, Store(tmp_path))
    opened = re.findall(r'popovertarget="(\w+)"><b>20.5', text)
    assert len(set(opened)) == 1 and len(opened) >= 3
    (record,) = re.findall(rf'<article id="{opened[0]}".*?</article>', text, re.S)
    assert "uebench run --data people --method &#39;lsp(" in record and "--seed 0-2</pre>" in record
    assert all(one.key[:12] in record for one in records[1:])
    people = re.findall(r"<span>(\d+): ([\d.]+) \[", record)
    assert [int(number) for number, _ in people] == list(range(10))


def test_the_csv_and_the_citations_are_in_the_page(tmp_path: Path) -> None:
    records = [made_up("clean", correct=160), made_up("lsp", correct=40)]
    text = document.render(records, Store(tmp_path))
    found = {
        name: base64.b64decode(data).decode() for data, name in re.findall(r'base64,([^"]+)" download="([^"]+)"', text)
    }
    rows = list(csv.DictReader(io.StringIO(found["uebench.csv"])))
    assert [(row["method"], row["correct"], row["key"]) for row in rows] == [
        (one.method.name, str(one.counts.correct), one.key) for one in records
    ]
    assert "@software{uebench," in found["uebench.bib"] and "@misc{lsp," in found["uebench.bib"]


def test_the_ranks_seeds_and_the_worst_off_identity_stand_beside_each_number(tmp_path: Path) -> None:
    def people(correct: int) -> list[dict[str, int]]:
        return [{"correct": one, "n": 20} for one in (1, 1, 19, *[2] * 6, correct - 33)]

    several = [made_up("lsp", correct=40 + seed, seed=seed, per_identity=people(40 + seed)) for seed in range(3)]
    records = [made_up("clean", correct=160), *several, made_up("ue", correct=38, per_identity=people(38))]
    board = (
        document.render(records, Store(tmp_path)).partition('<table class="cards board">')[2].partition("</table>")[0]
    )
    _, lsp, ue = board.split("<tr>")[2:]
    low, high = (100 * end for end in interval(runs_of(several)))
    for shown in (">1–2<", f"<b>20.5</b> <span>[{low:.1f}, {high:.1f}]<", ">95.0 [", "] no. 2<", ">1 x 3<"):  # noqa: RUF001
        assert shown in lsp, shown
    for shown in (">1–2<", "<b>19.0</b> <span>[14.2, 25.0]<", ">one<"):  # noqa: RUF001
        assert shown in ue, shown


def test_a_small_chart_lies_between_its_foot_and_its_head() -> None:
    epochs = [{"epoch": e, "loss": 1.0, "train_correct": 9, "test_correct": n} for e, n in ((1, 0), (2, 200), (3, 100))]
    assert charts.curve([made_up(curve=epochs)]) == "M0 80L80 0L160 40"
    assert charts.curve([made_up(curve=epochs[:1], correct=0)]) == "M0 80L160 80"
    assert charts.bars([1.0, 0.5]) == "M40 80V0M120 80V40"


def test_costs_lie_on_a_logarithmic_axis_from_one_power_of_ten_to_another() -> None:
    (benchmark,) = benchmarks([made_up("clean", correct=160), made_up("ue"), made_up("lsp")])
    pairings = list(benchmark.pairings.values())
    found = charts.costs([(1, pairings[0], 10.0), (2, pairings[1], 1000.0)])
    assert found and [point.x for point in found.points] == [0, 100]
    assert found.ticks == (("10", 0), ("100", 50), ("1,000", 100))
    assert charts.costs([(1, pairings[0], 10.0)]) is None


def test_an_empty_store_says_what_to_run(tmp_path: Path) -> None:
    text = document.render([], Store(tmp_path))
    assert "No record to show" in text
    assert "uebench run --method segue" in text


def orl_record(store: Store, delta: int, key: str = "5e7", data_key: str = "") -> Record:
    """Return the record of a cell on a protected set, of which ``store`` gets one under the key 5e7."""
    dataset = load("orl(identities=3)", 32, Registry())
    meta = ProtectedMeta.model_validate(
        {"protect_key": "5e7", "audit": made_up().audit, "fit_seconds": 1.0, "protect_seconds": 1.0}
    )
    store.sets.write(ProtectedSet(np.full((len(dataset.train.labels), 3, 32, 32), delta, dtype=np.int8), meta))
    return made_up(data=dataset.info.record, data_key=data_key or dataset.key, protect_key=key)


def test_a_strip_is_cut_from_the_stored_set_and_magnifies_the_residual(tmp_path: Path) -> None:
    store = Store(tmp_path)
    made = strips.stored(store, orl_record(store, -2), Registry(), faces=3)
    assert not isinstance(made, str)
    assert made.clean.shape == (3, 32, 32, 3)
    assert (made.clean.astype(int) - made.protected.astype(int) == 2).mean() > 0.9
    assert (made.residual == 128 - 60).all()
    assert "data:image/png;base64," in document.render([orl_record(store, -2)], store)


def test_photographs_of_other_sets_are_never_shown(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = orl_record(store, 1)
    other = record.model_copy(update={"data": record.data.model_copy(update={"source": "folder"})})
    assert strips.stored(store, other, Registry()) == "The photographs of this set may not be shown."
    assert "data:image" not in document.render([other], store)
    with pytest.raises(UsageError, match="may not be shown"):
        strips.strip(load("synthetic(identities=3)", 32, Registry()), np.zeros((9, 3, 32, 32), np.int8), 2, Registry())


def test_a_source_of_ones_own_may_be_shown_with_the_credit_that_it_gives(tmp_path: Path) -> None:
    source = (ROOT / "tests" / "testing" / "good" / "source.py").read_text()
    delta = np.zeros((6, 3, 16, 16), np.int8)
    for credit in ("Noise: nobody.", ""):
        file = tmp_path / "mine.py"
        file.write_text(source.replace('Info(title="Noise")', f'Info(title="Noise", credit="{credit}")'))
        registry = Registry([file])
        dataset = load("mine", 16, registry)
        if credit:
            made = strips.strip(dataset, delta, 3, registry)
            assert credit in strips.figure([("lsp", made_up().audit, made)]).texts[0].get_text()
        else:
            with pytest.raises(UsageError, match=r"may not be shown; use orl or orl_varied$"):
                strips.strip(dataset, delta, 3, registry)


def test_a_strip_that_is_not_there_says_why(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert "uebench audit makes it" in str(strips.stored(store, orl_record(store, 1, key="60e"), Registry()))
    assert "not those of the record" in str(strips.stored(store, orl_record(store, 1, data_key="0"), Registry()))


def test_figure_3_has_a_row_for_each_method_with_its_budget(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = orl_record(store, -2)
    made = strips.stored(store, record, Registry(), faces=3)
    assert not isinstance(made, str)
    drawn = strips.figure([("lsp(eps=1.3)", record.audit, made), ("ue", made_up().audit, made)])
    labels = [axes.get_ylabel() for axes in drawn.axes[::6]]
    assert labels[0] == "clean"
    assert labels[1].startswith(f"lsp\n(eps=1.3)\nbudget {record.audit.budget}\nPSNR ")
    assert labels[2].startswith("ue\nbudget ")
    assert [len(axes.images) for axes in drawn.axes] == [1, 0] * 3 + [1, 1] * 6
    shown = np.asarray(drawn.axes[7].images[0].get_array())
    assert (shown == made.residual[0]).all()


def test_report_and_figures_from_the_command_line(uebench: Command, tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    for record in (made_up("clean", correct=160), made_up(correct=40), made_up("ue")):
        store.cells.write(record)
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
        (["report", "--html", "gone/out.html"], 4, "create it first"),
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


def test_figure_3_without_a_method_makes_only_what_is_quick(uebench: Command, tmp_path: Path) -> None:
    answer = uebench("figure", 3, "--preset", "smoke", "--data", "orl(identities=5)", "--out", tmp_path / "f.png")
    assert answer.code == 0, answer.err
    (slow,) = (line for line in answer.err.splitlines() if "name them with --method" in line)
    names = slow.partition("left out: ")[2].partition(":")[0].split(", ")
    assert {"ue", "rue", "segue_unguided"} < set(names)
    assert not {"ar", "lsp", "random"} & set(names)
    assert "drawn from " in answer.err


def test_the_page_says_where_none_is_shown_to_protect_and_frames_only_what_is_proven(tmp_path: Path) -> None:
    jpeg = [("resnet18", {"epochs": 2}), ("jpeg", {"quality": 50})]
    records = [run for name, n in (("clean", 160), ("ue", 20), ("lsp", 120)) for run in several(name, correct=n)]
    records += [run for name, n in (("clean", 150), ("ue", 146), ("lsp", 148)) for run in several(name, jpeg, n)]
    text = document.render(records, Store(tmp_path))
    best = text.partition('id="best"')[2].partition("</section>")[0]
    plain, compressed = (re.sub(r"<[^>]+>", "", row) for row in best.split("<tr ")[1:])
    assert "none shown to protect" in compressed and "73.0 [" not in compressed and "75.0 [" in compressed
    assert "none shown to protect" not in plain and "10.0 [" in plain
    assert "No method has enough seeds" not in best
    assert len(re.findall(r'class="[a-z ]* first"', text)) == 1


def test_the_page_says_where_single_runs_are_not_tested_and_frames_none_of_them(tmp_path: Path) -> None:
    records = [made_up("ue", correct=0), made_up("lsp", correct=120), *several("clean", correct=160)]
    text = document.render(records, Store(tmp_path))
    best = text.partition('id="best"')[2].partition("</section>")[0].partition('class="legend"')[0]
    assert "<tr" not in best and "none shown to protect" not in best
    listed = best.partition("No method has enough seeds for a test against these attackers")[2]
    assert re.findall("<li [^>]*>(.+)</li>", listed) == ["resnet18<wbr>(epochs=2)"]
    assert not re.findall(r'class="[a-z ]* first"', text)
    said = (
        "A method with fewer than three method seeds is not tested, because one or two protected sets hardly tell how"
    )
    assert said in text and "assumed to vary" not in text


def test_the_page_gives_no_cost_for_a_set_made_by_other_code(tmp_path: Path) -> None:
    records = [run for name in ("clean", "protected", "lsp") for run in several(name, correct=100)]
    elsewhere = next(run for run in records if run.method.name == "protected").method.model_copy(
        update={"config": {"name": "ours", "eps": 8 / 255}}
    )
    records = [
        run.model_copy(update={"method": elsewhere}) if run.method.name == elsewhere.name else run for run in records
    ]
    text = document.render(records, Store(tmp_path))
    costs = re.findall(r'data-label="Cost, s">([^<]*)<', text)
    assert sorted(costs)[1:] == ["\N{EN DASH}", "\N{EN DASH}"] and float(sorted(costs)[0]) > 0
