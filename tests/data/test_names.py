from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin_files import plugin_file
from uebench.data.dataset import source_part
from uebench.data.names import as_folder
from uebench.errors import UsageError
from uebench.plugins.registry import Registry


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sets" / "faces50").mkdir(parents=True)
    (tmp_path / "faces50").symlink_to("sets/faces50")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "faces50", "faces50[:10]", "faces50[10:]", "faces50[5:10] validation", "faces50 without repeats",
        "faces50[:10] validation without repeats", "orl40", "orl_varied10", "synthetic4",
        "orl[5:7]", "orl_varied[10:40]",
    ],
)  # fmt: skip
def test_a_name_that_tables_print_is_a_data_set(faces: Path, name: str) -> None:
    registry = Registry()
    assert source_part(name, registry).build().label() == name
    if name.startswith("faces50["):
        asked = source_part(f"sets/{name}", registry)
        assert asked.config.model_dump(mode="json")["path"] == "sets/faces50"
        assert asked.build().label() == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("webface10", "is not here; uebench data build webface10 --from RAW --out webface10 makes it"),
        ("webface10[:5]", "is not here; uebench data build webface10 --from RAW --out webface10 makes it"),
        ("gone[:5]", "there is no folder 'gone' here; write 'folder(identities=5, path=\"PATH/gone\")'"),
    ],
)
def test_a_data_set_that_is_not_here_is_told_how_to_get(faces: Path, name: str, says: str) -> None:
    with pytest.raises(UsageError, match="data ") as raised:
        source_part(name, Registry())
    assert says in str(raised.value)


@pytest.mark.parametrize("name", ["faces50[:0]", "faces50[2:2]", "faces50[5:3]"])
def test_a_range_without_anybody_is_not_taken_for_everybody(faces: Path, name: str) -> None:
    with pytest.raises(UsageError, match="holds nobody"):
        source_part(name, Registry())


def test_a_folder_does_not_take_the_place_of_the_source_of_its_name(faces: Path) -> None:
    (faces / "orl").mkdir()
    assert source_part("orl", Registry()).name == "orl"
    assert source_part("./orl", Registry()).name == "folder"


OPTIONS = """
from pydantic import Field

class Options(Config):
    identities: int = Field(4, ge=2)
    first: int = Field(1, ge=1)
"""
FACES = """
def label(self):
    begin, count = self.config.first - 1, self.config.identities
    return f"faces[{begin}:{begin + count}]" if begin else f"faces{count}"

def read(self, size): ...
"""
WHOLE = """
def label(self): return "faces_whole4"
def read(self, size): ...
"""


def test_the_names_of_a_source_of_ones_own_are_data_sets_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    faces = plugin_file(tmp_path / "faces.py", FACES, "Source", options="Options", before=OPTIONS)
    registry = Registry([faces, plugin_file(tmp_path / "faces_whole.py", WHOLE, "Source")])
    for name in ("faces9", "faces[2:9]"):
        part = source_part(name, registry)
        assert (part.name, part.build().label()) == ("faces", name)
        assert as_folder(name, registry) == f"./{name}"
        assert as_folder(name, Registry()) == name
    with pytest.raises(UsageError, match="unknown folder or source 'faces_whole4'"):
        source_part("faces_whole4", registry)


@pytest.mark.parametrize("name", ["folder10", "folder[5:7]", "synthetic[5:7]"])
def test_a_source_without_the_option_in_a_name_is_not_meant(name: str) -> None:
    with pytest.raises(UsageError, match=r"there is no folder|unknown folder or source"):
        source_part(name, Registry())
