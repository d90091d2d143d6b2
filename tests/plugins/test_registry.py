from __future__ import annotations

import pickle
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tests.plugin_files import UNCHANGED, plugin_file
from uebench.errors import UsageError
from uebench.plugins.entry import Entry
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.plugins.values import Info


def write(folder: Path, name: str, file: str = "mine.py") -> Path:
    return plugin_file(folder / file, UNCHANGED, name=name)


def test_the_required_plugins_are_there(registry: Registry) -> None:
    assert {"clean", "random", "lsp", "segue"} <= set(registry.names("method"))
    assert {"resnet18", "resnet50", "mobilenet_v1", "inception_v3", "efficientnet_b1", "timm"} <= set(
        registry.names("attacker")
    )
    assert {"orl", "orl_varied", "folder", "synthetic"} == set(registry.names("source"))


def test_what_the_source_says_is_what_the_class_says(registry: Registry) -> None:
    for kind in ("method", "attacker", "countermeasure", "source"):
        for entry in registry.entries(kind):
            plugin = entry.plugin
            assert (plugin.name, plugin.version, plugin.info) == (entry.name, entry.version, entry.info)


@pytest.mark.parametrize("name", ["None", "class", "[bold]x", "two words", "x\\x1b[31m", ""])
def test_a_name_that_nobody_could_write_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a name; use letters, digits and _"):
        Registry([write(tmp_path, name)])


def test_unknown_name_suggests_the_nearest(registry: Registry) -> None:
    with pytest.raises(UsageError, match="unknown method 'seque'; did you mean 'segue'"):
        registry.build("method", parse("seque"))


def test_unknown_option_lists_the_valid_ones(registry: Registry) -> None:
    with pytest.raises(UsageError, match="unknown option 'epss'; options: eps, patch, class_sep"):
        registry.build("method", parse("lsp(epss=1)"))


def test_eps_in_grey_levels_is_refused_with_the_remedy(registry: Registry) -> None:
    with pytest.raises(UsageError, match=r"eps=8 is on the \[0, 1\] pixel scale: write 8/255"):
        registry.build("method", parse("segue(eps=8)"))


def test_missing_option_is_named(registry: Registry) -> None:
    with pytest.raises(UsageError, match="option 'model' is missing"):
        registry.build("attacker", parse("timm"))


def test_a_file_adds_plugins(tmp_path: Path) -> None:
    registry = Registry([write(tmp_path, "mine")])
    assert "mine" in registry.names("method")
    assert registry.build("method", parse("mine")).name == "mine"


def test_a_name_can_be_taken_once(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"method 'lsp': defined twice, in .*lsp\.py and .*mine\.py; rename one of them"
    ):
        Registry([write(tmp_path, "lsp")])


def test_a_file_without_a_plugin_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "empty.py"
    file.write_text("x = 1\n")
    with pytest.raises(UsageError, match="no plugin in it"):
        Registry([file])
    with pytest.raises(UsageError, match="no such file"):
        Registry([tmp_path / "absent.py"])
    file.write_text("x = 1\ndef (")
    with pytest.raises(UsageError, match=r"not valid Python: empty\.py, line 2: invalid syntax$"):
        Registry([file])


@pytest.mark.parametrize("info", ["'my method'", "{'titel': 'My method'}", "Info(venue='V')"])
def test_an_info_that_is_none_is_refused(tmp_path: Path, info: str) -> None:
    file = plugin_file(tmp_path / "mine.py", UNCHANGED, info=info)
    with pytest.raises(UsageError, match=r"has an info that is not Info\(\.\.\.\); write Info\(title=\.\.\.\)"):
        Registry([file])


def test_a_plugin_that_cannot_be_imported_names_its_file(tmp_path: Path) -> None:
    file = write(tmp_path, "broken")
    file.write_text(file.read_text() + "\nimport no_such_module\n")
    with pytest.raises(UsageError, match=r"mine\.py cannot be imported: ModuleNotFoundError"):
        Registry([file]).build("method", parse("broken"))


def test_a_file_that_is_given_twice_is_one_plugin(tmp_path: Path) -> None:
    file = write(tmp_path, "mine")
    assert Registry([file, tmp_path / "." / file.name]).entry("method", "mine").origin == "mine.py"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("no_such_package", "entry point 'mine': there is no module 'no_such_package'; correct its value or uninstall"),
        ("empty_stripes", "entry point 'mine': no plugin in it"),
        ("broken_stripes", "entry point 'mine': not valid Python"),
    ],
)
def test_an_entry_point_without_a_plugin_says_why(
    value: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty_stripes.py").write_text("x = 1\n")
    (tmp_path / "broken_stripes.py").write_text("def (\n")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("mine", value, "uebench.plugins")
    monkeypatch.setattr("uebench.plugins.registry.entry_points", lambda group: [point] if group == point.group else [])
    with pytest.raises(UsageError, match=reason):
        Registry()


def installed(monkeypatch: pytest.MonkeyPatch, folder: Path, **values: str) -> None:
    """Make modules in a folder entry points, by name."""
    points = [EntryPoint(name, value, "uebench.plugins") for name, value in values.items()]
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr("uebench.plugins.registry.entry_points", lambda **_: points)


def test_a_plugin_that_is_named_several_ways_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "several_ways"
    package.mkdir()
    file = write(package, "wavy")
    installed(monkeypatch, tmp_path, all="several_ways", one="several_ways.mine")
    registry = Registry([file, tmp_path / "several_ways" / ".." / "several_ways" / "mine.py"])
    assert registry.entry("method", "wavy").module == "several_ways.mine"
    copy = write(tmp_path, "wavy", file="copy.py")
    with pytest.raises(UsageError, match="'wavy': defined twice"):
        Registry([copy])


def test_what_looks_like_a_plugin_and_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "half_there"
    (package / "deep").mkdir(parents=True)
    write(package, "wavy")
    write(package / "deep", "deeper", file="more.py")
    plugin_file(package / "lost.py", UNCHANGED, "Elsewhere")
    (package / "plain.py").write_text("class Point:\n    name = 'x'\n")
    installed(monkeypatch, tmp_path, half="half_there")
    registry = Registry()
    assert {"wavy", "deeper"} <= set(registry.names("method"))
    assert registry.overlooked == [
        "entry point 'half': lost.py: no base of Mine leads to a contract, so it is not a plugin"
    ]


def test_the_digest_of_an_installed_module_is_that_of_the_code_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "edited", file="edited_while_it_runs.py")
    monkeypatch.syspath_prepend(tmp_path)
    entry = Entry("method", "edited", 1, Info("t"), "Mine", file.stem, file)
    assert entry.plugin.name == "edited"
    digest = entry.source_digest
    file.write_text(file.read_text().replace("return batch.images", "return 1 - batch.images"))
    again = pickle.loads(pickle.dumps(entry))
    assert again.plugin is entry.plugin
    assert again.source_digest == digest
