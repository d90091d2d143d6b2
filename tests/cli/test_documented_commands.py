"""Every command that a page shows is one that uebench takes, with plugins and options that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.conftest import ROOT
from uebench.cli.app import MISUSE, app
from uebench.errors import UebenchError
from uebench.plugins.registry import Registry
from uebench.plugins.scan import Kind
from uebench.plugins.spec import parse, parse_chain

PAGES = sorted(
    page
    for pattern in ("*.md", "docs/*.md", "results/**/*.md", "examples/**/*.md", "benchmarks/*.md")
    for page in ROOT.glob(pattern)
    if page.name != "CHANGELOG.md"
)
BLOCK = re.compile(r"^ *```\w*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(uebench [^`]+)`")
MADE_UP = {"mine", "sinusoid", "stripes", "median"}
"""Plugins that the reader writes."""
FILES = ("grid.toml", "faces", "photos", "protected", "path/to", "path=", "webface10", "vggface10")
"""What only the reader has."""
NAMED: Mapping[str, Kind] = {
    "methods": "method",
    "attackers": "attacker",
    "method": "method",
    "attacker": "attacker",
}
"""Parameter of a command -> the kind of the plugins that it names."""
COMMAND, REGISTRY = typer.main.get_command(app), Registry()


def commands(page: Path) -> Iterator[str]:
    """Yield the command lines on a page, without comments and prompts."""
    text = page.read_text()
    for block in BLOCK.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            line = re.sub(r"\s{2,}#.*|\s+#\s.*", "", line.strip()).removeprefix("$ ")
            if line.startswith("uebench "):
                yield line
    yield from INLINE.findall(BLOCK.sub("", text))


CASES = [(page, line) for page in PAGES for line in dict.fromkeys(commands(page))]


def read(line: str) -> dict[str, Any]:
    """Return the parameters of a command line as the command would get them, without running it."""
    words = shlex.split(line)[1:]
    command, name = COMMAND, "uebench"
    while words and words[0] in getattr(command, "commands", {}):
        name = words.pop(0)
        command = command.commands[name]  # type: ignore[attr-defined]
    if name == "uebench":  # an option of uebench itself, which would act at once
        assert words[0] in {option for one in command.params for option in one.opts}
        return {}
    return dict(command.make_context(name, words).params) if words else {}


@pytest.mark.parametrize(("page", "line"), CASES, ids=[f"{page.name}: {line}" for page, line in CASES])
def test_a_command_on_a_page_is_one_that_uebench_takes(page: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    whole = line in INLINE.findall(page.read_text()) or "..." in line
    try:
        given = read(line)
    except MISUSE as error:
        # A sentence may name a command without its arguments; a block may not.
        assert whole and "Missing" in error.format_message(), f"{line}: {error.format_message()}"
        return
    for key, kind in NAMED.items():
        texts = given.get(key) or []
        for text in [texts] if isinstance(texts, str) else texts:
            if text != "all":
                known(kind, text)


def known(kind: Kind, text: str) -> None:
    """Fail unless plugins with these options exist."""
    chain = parse_chain(text) if kind == "attacker" else (parse(text),)
    for number, spec in enumerate(chain):
        if spec.name not in MADE_UP and "..." not in text:
            try:
                REGISTRY.build("countermeasure" if number else kind, spec, "desk")
            except UebenchError as error:
                assert any(name in str(error) for name in (*FILES, ".safetensors")), f"{text}: {error}"


def test_a_command_that_does_not_exist_is_found() -> None:
    with pytest.raises(MISUSE):
        read("uebench run --mehtod segue")
    with pytest.raises(AssertionError, match="seque"):
        known("method", "seque")
    assert len(CASES) > 80
