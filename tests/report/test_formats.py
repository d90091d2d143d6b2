"""Names of users and plugins in tables of every format."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from uebench.report.formats import Block, Page

EVIL = "<script>alert(1)</script>|x\n\\input{y}"
PAGE = Page(EVIL, [Block(EVIL, [EVIL], [[EVIL]])], [EVIL], [{"name": EVIL}])


class Elements(HTMLParser):
    """Collects the elements that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)


@pytest.mark.parametrize("form", ["md", "html"])
def test_no_name_is_an_element_of_html(form: str) -> None:
    parser = Elements()
    parser.feed(PAGE.text(form))
    assert "script" not in parser.seen


def test_a_name_divides_no_cell_and_no_line_of_markdown() -> None:
    rows = [line for line in PAGE.text("md").splitlines() if line.startswith("|")]
    assert len(rows) == 3
    assert rows[0].replace(r"\|", "").count("|") == rows[2].replace(r"\|", "").count("|") == 2


def test_no_name_is_a_link_code_or_emphasis_in_markdown() -> None:
    names = ["[a](javascript:b)", "![a][b]", "`a`", "*a*", "~~a~~", "_a_", "faces50[:10]", "orl_varied"]
    text = Page("t", [Block("", ["x"] * 8, [names])], [], []).text("md")
    *_, row = [line for line in text.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        r"[a\](javascript:b)", r"![a\][b]", r"\`a\`", r"\*a\*", r"\~\~a\~\~", r"\_a\_", "faces50[:10]", "orl_varied",
    ]  # fmt: skip


def test_no_name_is_a_command_of_latex() -> None:
    lines = [line for line in PAGE.text("tex").splitlines() if not line.startswith("%")]
    assert lines and not any(r"\input{" in line for line in lines)


def test_a_table_in_latex_has_a_caption_rules_numbers_at_the_right_and_the_best_in_bold() -> None:
    rows = [["clean", "82.5 [75.7, 87.7]", "-", "3 x 3", "no"], ["my_ue", "17.2 [12.5, 23.1]", "1-9", "1 x 1", "-"]]
    header = ["method", "accuracy, %", "rank", "seeds", "at chance"]
    block = Block("on 50% of it", header, rows, [(1, 1)], "the lowest mean")
    text = Page("Ranks", [block], ["a note"], []).text("tex")
    for part in (
        "% a note", r"\caption{Ranks: on 50\% of it. Bold: the lowest mean}", r"\begin{tabular}{lrrrl}",
        r"\toprule", r"\bottomrule",
        r"clean & 82.5 [75.7, 87.7] & -- & 3 $\times$ 3 & no \\",
        r"my\_ue & \textbf{17.2} [12.5, 23.1] & 1--9 & 1 $\times$ 1 & -- \\",
    ):  # fmt: skip
        assert part in text, part


def test_all_seeds_and_large_numbers_are_set_as_numbers_in_latex() -> None:
    rows = [["lsp x 3", "3 x 3 / 1 x 3", "3,045"], ["ue 1-2", "10 x 1-3", "1.5"]]
    text = Page("T", [Block("b", ["method", "seeds", "ratio"], rows)], [], []).text("tex")
    assert r"\begin{tabular}{lrr}" in text and "Bold" not in text
    assert r"lsp x 3 & 3 $\times$ 3 / 1 $\times$ 3 & 3,045 \\" in text
    assert r"ue 1-2 & 10 $\times$ 1--3 & 1.5 \\" in text
