"""Names of users and plugins in tables of every format."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from uebench.report.tables import Block, Page, render

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
    parser.feed(render(PAGE, form))
    assert "script" not in parser.seen


def test_a_name_divides_no_cell_and_no_line_of_markdown() -> None:
    rows = [line for line in render(PAGE, "md").splitlines() if line.startswith("|")]
    assert len(rows) == 3
    assert rows[0].replace(r"\|", "").count("|") == rows[2].replace(r"\|", "").count("|") == 2


def test_no_name_is_a_command_of_latex() -> None:
    lines = [line for line in render(PAGE, "tex").splitlines() if not line.startswith("%")]
    assert lines and not any(r"\input{" in line for line in lines)
