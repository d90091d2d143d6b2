"""The prose of the pages: sentences are short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.conftest import ROOT

PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("results/**/*.md"), *ROOT.glob("examples/**/*.md")]
)
WORDS = 30
END = re.compile(r"""(?<=[.!?])["')]*\s+""")


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of paragraphs, lists and headings; code counts as a word, tables are skipped."""
    in_table = False
    for token in MarkdownIt().enable("table").parse(text):
        if token.type in ("table_open", "table_close"):
            in_table = token.type == "table_open"
        if token.type == "inline" and not in_table:
            yield from END.split("".join(plain(one) for one in token.children or ()))


def plain(token: Token) -> str:
    """Return what a reader sees of a piece of a line; comments and the marks of emphasis are nothing."""
    return token.content if token.type == "text" else {"code_inline": "`code`", "softbreak": " "}.get(token.type, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_sentence_is_longer_than_30_words(page: Path) -> None:
    long = [sentence for sentence in sentences(page.read_text()) if len(sentence.split()) > WORDS]
    assert not long


def test_code_counts_as_a_word_and_neither_comments_nor_tables_count() -> None:
    text = "Two <!-- no --> words. [A *link*](x.md) with `code in it`\nends here (in a bracket.) Last!"
    text += "\n\n| one |\n|---|\n| two |\n"
    assert list(sentences(text)) == ["Two  words.", "A link with `code` ends here (in a bracket.", "Last!"]
