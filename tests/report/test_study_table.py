from __future__ import annotations

import csv
import importlib.util
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.records import protection_of
from tests.studies import STUDY, measured, written
from uebench.errors import UsageError
from uebench.planning import study
from uebench.report.figures import bars, cost, matrix
from uebench.report.study import forms, metrics
from uebench.report.study.blocks import StudyTable
from uebench.report.study.rows import COLUMNS
from uebench.report.study.table import arrange
from uebench.store.store import Store

DOCUMENT = r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{table.tex}\ref{%s}\end{document}"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> StudyTable:
    folder = tmp_path_factory.mktemp("study")
    return arrange(*measured(written(folder), Store(folder)))


def line(text: str, start: str) -> str:
    (found,) = [one for one in text.splitlines() if start in one and "against" not in one and "differs" not in one]
    return found


def test_text_has_means_intervals_seeds_marks_and_what_they_mean(table: StudyTable) -> None:
    text = forms.render(table, "text")
    assert "Made up, n = 200" in text and "with a countermeasure: JPEG" in text
    assert re.search(r"structured +LSP +20\.3 \[\d+\.\d, \d+\.\d\]‡ .* 3 x 3$", line(text, "  LSP "))
    assert re.search(r"random +Noise_1 #2 +\d+\.\d \[\d+\.\d, \d+\.\d\]\* ", line(text, "Noise_1 #2"))
    assert re.search(r"^ +Noise 2 +\d+\.\d \[\d+\.\d, \d+\.\d\]† ", line(text, "Noise 2"))
    assert line(text, "  clean reference ").endswith("1 x 3")
    assert line(text, "  chance ").split() == ["chance", "10.0", "10.0", "10.0"]
    for note in (
        "‡: the best of its column, and shown to protect; †: may be as good",
        "*: differs from LSP",
        "corrected for all tests of this study: 6, Holm",
    ):
        assert note in text


def test_markdown_has_the_best_in_bold_and_names_as_they_are(table: StudyTable) -> None:
    text = forms.render(table, "md")
    assert "## Two protections & 100% \\_care\\_" in text
    assert "**20.3** [" in line(text, "| LSP ") and "‡" not in text
    assert "\\*" in line(text, "Noise_1 #2")
    assert "bold: the best of its column" in text


def test_html_joins_the_cells_of_a_group(table: StudyTable) -> None:
    text = forms.render(table, "html")
    assert '<th colspan="2" halign="left">with a countermeasure</th>' in text
    assert '<th rowspan="2" valign="top">random</th>' in text
    assert "<strong>20.3</strong>" in text and "Two protections &amp; 100%" in text


def test_latex_escapes_names_and_rules_off_groups(table: StudyTable) -> None:
    text = forms.render(table, "tex")
    assert r"\caption{Two protections \& 100\% \_care\_}" in text and r"\label{tab:mine}" in text
    assert r"\cmidrule(lr){3-3} \cmidrule(lr){4-5}" in text
    assert r"\multicolumn{2}{c}{with a countermeasure}" in text
    assert r"Noise\_1 \#2 & " in text and r"3 $\times$ 3 \\" in text
    body = text.partition(r"\midrule")[2].splitlines()
    assert body[body.index(next(one for one in body if one.startswith("random &"))) - 1] == r"\midrule"
    assert r"\textbf{20.3}" in text and r"\rlap{$^{\dagger}$}" in text


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex on this machine")
@pytest.mark.parametrize("which", ["table", "more"])
def test_latex_compiles(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    table: StudyTable = request.getfixturevalue(which)
    forms.write(table, tmp_path / "table.tex", "tex")
    (tmp_path / "document.tex").write_text(DOCUMENT % table.label)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "Float too large" not in done.stdout
    assert (tmp_path / "document.pdf").read_bytes().startswith(b"%PDF")


def test_rows_for_programs_have_numbers_in_full(table: StudyTable) -> None:
    rows = list(csv.DictReader(io.StringIO(forms.render(table, "csv"))))
    assert list(rows[0]) == list(COLUMNS)
    assert COLUMNS.keys() >= set(study.METRICS)
    assert len(rows) == 12
    noise = next(row for row in rows if (row["method"], row["attacker"]) == ("Noise_1 #2", "Blur"))
    assert (noise["method_group"], noise["attacker_group"], noise["seeds"]) == (
        "random",
        "with a countermeasure",
        "3 x 3",
    )
    assert float(noise["low"]) < float(noise["accuracy"]) < float(noise["high"])
    assert float(noise["p"]) <= float(noise["p_holm"]) < 0.05
    assert float(noise["difference"]) == pytest.approx(float(noise["accuracy"]) - 20.3, abs=0.1)
    assert len(noise["keys"].split()) == int(noise["runs"]) == 9
    assert forms.frame(table).shape == (12, len(COLUMNS))


def test_every_metric_that_a_study_may_name_is_measured() -> None:
    assert tuple(metrics.METRICS) == study.METRICS


METRICS = 'metrics = ["peak", "ssim", "worst_identity", "psnr"]\n'
NUMBERS = """method,attacker,accuracy,source
LSP,JPEG,12.34,"The paper, Table 2"
clean reference,JPEG,94,A leaderboard
"""


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> StudyTable:
    """Return a table with metrics and with what others report."""
    folder = tmp_path_factory.mktemp("more")
    (folder / "numbers.csv").write_text(NUMBERS)
    file, store = written(folder, f'reported = "numbers.csv"\n{METRICS}{STUDY}'), Store(folder)
    for one in measured(file, store)[1]:
        for record in one.records:
            store.protections.write(protection_of(record, None))
    return arrange(*measured(file, store))


def test_a_study_shows_the_metrics_that_it_names_in_blocks_of_their_own(more: StudyTable) -> None:
    text = forms.render(more, "text")
    titles = [block.title for block in more.blocks]
    assert titles == [
        "Made up, n = 200", "peak accuracy, % (epoch): Made up", "worst identity, % (number): Made up",
        "protected sets: Made up",
    ]  # fmt: skip
    peak = text.partition("peak accuracy, %")[2]
    assert re.search(r"LSP +\d+\.\d \(epoch \d+\) ", line(peak.partition("\n\nworst")[0], "LSP"))
    sets = text.partition("protected sets")[2].partition("preset smoke")[0]
    assert re.search(r"^group +method +SSIM +PSNR, dB$", sets, re.M)
    assert re.search(r"structured +LSP +0\.900 +\d+\.\d\d$", line(sets, "LSP"))
    assert "peak accuracy: that of the epoch that is best on the test photographs" in text


def test_what_others_report_stands_beside_what_is_measured_with_its_source(more: StudyTable) -> None:
    text = forms.render(more, "text").partition("peak accuracy")[0]
    assert re.search(r"with a countermeasure: JPEG +reported +with a countermeasure: Blur", text)
    assert text.count("reported") == 1  # of the only attacker of which somebody reports
    assert re.search(r"LSP +20\.3 \[.*\]‡ +20\.3 \[.*\]‡ +12\.34 \(a\) +20\.3 ", line(text, "LSP"))
    assert re.search(r"\] +94 \(b\) +\d", line(text, "clean reference"))
    assert line(text, "  chance ").split() == ["chance", "10.0", "10.0", "10.0"]
    assert "reported: by (a) The paper, Table 2; (b) A leaderboard" in more.notes


def test_rows_for_programs_hold_metrics_and_reported_numbers(more: StudyTable) -> None:
    rows = forms.frame(more).set_index(["method", "attacker"])
    lsp = rows.loc["LSP", "JPEG"]
    assert (lsp["reported"], lsp["source"], lsp["ssim"]) == (12.34, "The paper, Table 2", 0.9)
    assert len(lsp["peak_epochs"]) == len(lsp["keys"]) == 9
    assert lsp["relative_unlearnability"] == pytest.approx(100 * (lsp["clean"] - lsp["accuracy"]) / (lsp["clean"] - 10))
    assert rows["reported"].count() == 2 and rows["robust"].count() == rows["unprotected"].count() == 0
    assert lsp["worst_identity_accuracy"] >= lsp["accuracy"]


def test_a_single_source_needs_no_letter(tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text(NUMBERS.rpartition("clean")[0])
    file = written(tmp_path, f'reported = "numbers.csv"\n{STUDY}')
    table = arrange(*measured(file, Store(tmp_path), {}))
    assert re.search(r"LSP +- +- +12\.34 +-$", line(forms.render(table, "text"), "LSP"))
    assert "reported: by The paper, Table 2" in table.notes


def test_latex_gives_negative_numbers_a_minus_sign(tmp_path: Path) -> None:
    file = written(tmp_path, f'metrics = ["relative_unlearnability"]\n{STUDY}')
    table = arrange(*measured(file, Store(tmp_path), {"clean reference": 0.5, "LSP": 0.9}))
    assert re.search(r"LSP & \$-\$\d+\.\d & ", forms.render(table, "tex"))


@pytest.mark.parametrize("form", ["md", "html", "tex"])
def test_every_format_has_the_blocks_and_the_reported_numbers(more: StudyTable, form: str) -> None:
    text = forms.render(more, form)
    for found in ("protected sets: Made up", "SSIM", "reported", "12.34"):
        assert found in text
    if form == "tex":
        assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == len(more.blocks)
        assert r"\multicolumn{3}{c}{with a countermeasure}" in text and r"\cmidrule(lr){4-6}" in text
    if form == "html":
        assert '<th colspan="3" halign="left">with a countermeasure</th>' in text


def test_a_gap_is_a_dash_with_a_reason_in_every_form(tmp_path: Path) -> None:
    spec, places = measured(written(tmp_path), Store(tmp_path), {"LSP": 0.2})
    table = arrange(spec, places)
    text = forms.render(table, "text")
    assert line(text, "Noise 2").split() == ["Noise", "2", "-", "-", "-"]
    assert (
        "gap: clean reference against ResNet-18 on Made up, " in text
        and ": not computed yet: uebench study run" in text
    )
    assert "‡" not in text and "differs from" not in text  # there is nothing to compare with
    assert r"Noise 2 & -- {" in forms.render(table, "tex")


def test_without_groups_there_is_no_column_for_them(tmp_path: Path) -> None:
    plain = re.sub(r"group = .*\n", "", STUDY)
    table = arrange(*measured(written(tmp_path, plain), Store(tmp_path), {}))
    assert re.search(r"^method +ResNet-18 +JPEG +Blur +seeds$", forms.render(table, "text"), re.M)
    assert r"\begin{tabular}{lrrrr}" in forms.render(table, "tex")
    assert "cmidrule" not in forms.render(table, "tex")


def test_the_name_of_a_file_chooses_the_format(tmp_path: Path) -> None:
    assert forms.check("", tmp_path / "t.tex") == "tex"
    assert forms.check("md", tmp_path / "t.txt") == "md"
    assert forms.check("", None) == "text"
    with pytest.raises(UsageError, match="format 'pdf': unknown"):
        forms.check("pdf", None)
    with pytest.raises(UsageError, match="not a text format; name a file"):
        forms.check("parquet", None)


def test_parquet_needs_pyarrow_and_says_so(table: StudyTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"t\.parquet: Parquet needs the package pyarrow; pip install pyarrow"):
        forms.check("", tmp_path / "t.parquet")
    with pytest.raises(UsageError, match="pyarrow"):
        forms.write(table, tmp_path / "t.parquet", "parquet")


def test_parquet_holds_the_rows(table: StudyTable, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    forms.write(table, tmp_path / "t.parquet", "parquet")
    pd.testing.assert_series_equal(pd.read_parquet(tmp_path / "t.parquet")["p"], forms.frame(table)["p"])


def test_bars_show_means_with_intervals_in_groups_and_say_what_is_missing(tmp_path: Path) -> None:
    _, places = measured(written(tmp_path), Store(tmp_path), {"clean reference": 0.9, "LSP": 0.2, "Noise 2": 0.5})
    drawn = bars.figure(places)
    (axes,) = drawn.axes
    heights = sorted({round(patch.get_height(), 1) for patch in axes.patches})  # type: ignore[attr-defined]
    assert heights == sorted({round(one.pairing.accuracy, 1) for one in places if one.pairing and one.rank})
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("no record") == 3 and {"plain", "with a countermeasure"} <= set(texts)
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == [
        "LSP", "Noise_1 #2", "Noise 2", "clean reference", "chance",
    ]  # fmt: skip


def test_bars_draw_a_study_of_nothing_but_the_clean_reference_and_any_name(tmp_path: Path) -> None:
    text = STUDY.replace('"Noise_1 #2"', '"_hidden $x"').replace('"JPEG"', '"$\\\\frac"')
    _, places = measured(written(tmp_path, text), Store(tmp_path), {"clean reference": 0.9, "_hidden $x": 0.2})
    drawn = bars.figure(places)
    drawn.savefig(tmp_path / "bars.svg")
    assert any(r"_hidden \$x" in one.get_text() for one in drawn.legends[0].get_texts())
    assert len(drawn.legends[0].get_texts()) == 5
    alone = 'preset = "smoke"\ndata = ["synthetic(identities=10, train=2, test=20)"]\nmethod = ["clean"]\n'
    _, places = measured(
        written(tmp_path, alone + 'attacker = ["resnet18"]'), Store(tmp_path / "alone"), {"clean": 0.9}
    )
    assert [text.get_text() for text in bars.figure(places).legends[0].get_texts()] == ["clean", "chance"]


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no finished cell to draw"):
        bars.figure(measured(written(tmp_path), Store(tmp_path), {})[1])


def test_a_table_and_its_figures_say_that_a_single_run_says_nothing_about_other_seeds(tmp_path: Path) -> None:
    single = STUDY.replace("seed = [0, 1, 2]\nmethod_seed = [0, 1, 2]", "seed = 0")
    spec, places = measured(
        written(tmp_path, single), Store(tmp_path), {"clean reference": 0.9, "LSP": 0.2, "Noise 2": 0.5}
    )
    said = "a number from fewer than three method seeds is not tested: other protected sets may differ"
    table = arrange(spec, places)
    text = forms.render(table, "text")
    assert said in table.notes and said in text and not set("‡†*") & set(text)
    assert not any("shown to protect" in note or "differs from" in note for note in table.notes)
    for draw in (bars.figure, cost.figure):
        assert draw(places).legends[0].get_title().get_text() == said
    assert matrix.of_study(places).get_supxlabel().startswith(said.capitalize())


def test_a_table_of_several_runs_says_nothing_about_single_ones(table: StudyTable) -> None:
    assert not any("fewer than three method seeds" in note for note in table.notes)
