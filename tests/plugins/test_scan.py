from __future__ import annotations

from pathlib import Path

import pytest

from uebench.errors import UsageError
from uebench.plugins.base import Info
from uebench.plugins.entry import Entry
from uebench.plugins.registry import Registry
from uebench.plugins.scan import declarations

BODY = """
    name = "{name}"
    version = 3
    info = Info(title="t")
"""
INFO = "from uebench.plugins.base import Config, Info, Method\n"


def found(folder: Path, source: str, name: str = "mine") -> Entry:
    file = folder / "mine.py"
    file.write_text(source)
    return Registry([file]).entry("method", name)


@pytest.mark.parametrize(
    ("imports", "base"),
    [
        ("from uebench_methods.lsp import Lsp", "Lsp"),
        ("from uebench_methods.lsp import Lsp as Squares", "Squares"),
        ("import uebench_methods.lsp", "uebench_methods.lsp.Lsp"),
        ("import uebench_methods.lsp as squares", "squares.Lsp"),
        ("from uebench_methods import lsp", "lsp.Lsp"),
        ("from uebench_methods.lsp import *", "Lsp"),
        ("import uebench_methods.lsp\nSquares = uebench_methods.lsp.Lsp", "Squares"),
        ("from uebench.plugins import base", "base.Method[base.Config]"),
        ("from abc import ABC\nfrom uebench.plugins.base import Method as Owner", "Owner[Config], ABC"),
        ("from uebench.training.noise_method import NoiseMethod", "NoiseMethod"),
    ],
)
def test_a_plugin_is_seen_however_its_base_is_imported(tmp_path: Path, imports: str, base: str) -> None:
    entry = found(tmp_path, f"{INFO}{imports}\nclass Mine({base}):{BODY.format(name='mine')}")
    assert (entry.kind, entry.version, entry.info) == ("method", 3, Info(title="t"))


def test_a_subclass_of_an_imported_method_can_be_built(tmp_path: Path) -> None:
    source = f"from uebench_methods.lsp import Lsp\nclass Mine(Lsp):{BODY.format(name='mine')}"
    assert found(tmp_path, f"{INFO}{source}").plugin.Config.model_fields.keys() >= {"eps", "patch"}


def test_a_base_is_followed_through_what_a_package_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "stripe_methods"
    package.mkdir()
    (package / "__init__.py").write_text("from .inside import Base as Exported\nraise SystemExit('was imported')\n")
    (package / "inside.py").write_text("from . import deeper\nclass Base(deeper.Root): ...\n")
    (package / "deeper.py").write_text("from uebench.plugins.base import Method\nclass Root(Method): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    source = f"{INFO}from stripe_methods import Exported\nclass Mine(Exported):{BODY.format(name='mine')}"
    assert found(tmp_path, source).kind == "method"


def test_a_base_may_lie_in_another_plugin_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "first_stripes.py").write_text(f"{INFO}class First(Method[Config]):{BODY.format(name='first')}")
    monkeypatch.syspath_prepend(tmp_path)
    source = f"{INFO}from first_stripes import First\nclass Second(First):{BODY.format(name='second')}"
    file = tmp_path / "second_stripes.py"
    file.write_text(source)
    registry = Registry([tmp_path / "first_stripes.py", file])
    assert {"first", "second"} <= set(registry.names("method"))


def test_a_name_of_its_own_makes_a_class_a_plugin(tmp_path: Path) -> None:
    source = f"""{INFO}
class Base(Method[Config]):
    version = 2
    info = Info(title="inherited")

class Mine(Base):
    name = "mine"

class Abstract(Mine):
    "Has no name of its own."
"""
    entry = found(tmp_path, source)
    assert (entry.class_name, entry.version, entry.info) == ("Mine", 2, Info(title="inherited"))


def test_a_class_that_is_merely_called_method_makes_no_plugin(tmp_path: Path) -> None:
    source = f"from uebench.plugins.base import Info\nclass Method: ...\nclass Mine(Method):{BODY.format(name='mine')}"
    with pytest.raises(UsageError, match=r"no plugin in it; .* no base of Mine leads to a contract"):
        found(tmp_path, source)


def test_classes_that_inherit_from_each_other_make_no_plugin(tmp_path: Path) -> None:
    source = f"from mine import Other\nOther = Mine\nclass Mine(Other):{BODY.format(name='mine')}"
    with pytest.raises(UsageError, match="no plugin in it"):
        found(tmp_path, source)


def test_a_plugin_without_a_literal_version_is_refused(tmp_path: Path) -> None:
    source = f"{INFO}class Mine(Method[Config]):\n    name = 'mine'\n    version = 1 + 1\n    info = Info(title='t')\n"
    with pytest.raises(UsageError, match=r"plugin file .*mine\.py: class Mine lacks a literal `version`"):
        found(tmp_path, source)


def test_the_digest_covers_a_method_that_is_inherited_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = []
    for radius in (1, 2):
        (folder := tmp_path / str(radius)).mkdir()
        (folder / "base_of_mine.py").write_text(f"{INFO}class Base(Method[Config]):\n    radius = {radius}\n")
        monkeypatch.syspath_prepend(folder)
        source = f"{INFO}from base_of_mine import Base\nclass Mine(Base):{BODY.format(name='mine')}"
        digests.append(found(tmp_path, source).source_digest)
    assert digests[0] != digests[1]


STRIPES = {
    "__init__.py": "",
    "mine.py": f"{INFO}from .engine import paint\nclass Mine(Method):{BODY.format(name='mine')}",
    "engine.py": "from stripe_methods import colours\ndef paint(): return colours.RED\n",
    "colours.py": "RED = 1\n",
    "unused.py": "BLUE = 2\n",
}


def digest_in_package(folder: Path, edited: str = "", content: str = "") -> str:
    """Return the digest of a method of a package, after one of its modules was edited."""
    package = folder / "stripe_methods"
    package.mkdir(parents=True)
    for name, source in (STRIPES | ({edited: content} if edited else {})).items():
        (package / name).write_text(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        (declared,) = declarations("stripe_methods.mine", package / "mine.py")
        entry = Entry("method", "mine", 3, Info("t"), declared.class_name, "stripe_methods.mine", package / "mine.py")
        return entry.source_digest


@pytest.mark.parametrize(
    ("edited", "content", "is_other"),
    [
        ("engine.py", STRIPES["engine.py"] + "# with a comment\n", False),
        ("engine.py", STRIPES["engine.py"].replace("RED", "RED + 1"), True),
        ("colours.py", "RED = 3\n", True),
        ("unused.py", "BLUE = 3\n", False),
    ],
)
def test_the_digest_covers_the_modules_of_its_package_that_a_plugin_imports(
    tmp_path: Path, edited: str, content: str, is_other: bool
) -> None:
    before = digest_in_package(tmp_path / "before")
    assert (digest_in_package(tmp_path / "after", edited, content) != before) == is_other


def test_a_broken_module_that_a_plugin_imports_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"colours\.py: not valid Python, and a plugin imports it"):
        digest_in_package(tmp_path, "colours.py", "RED = (\n")


def test_an_info_may_be_written_without_names(tmp_path: Path) -> None:
    body = BODY.format(name="mine").replace('title="t"', "'A title', 'V', year=2000")
    assert found(tmp_path, f"{INFO}class Mine(Method):{body}").info == Info(title="A title", venue="V", year=2000)


@pytest.mark.parametrize("version", ["'1a'", "'1'", "1.0", "0", "True"])
def test_a_version_is_a_whole_number(tmp_path: Path, version: str) -> None:
    body = BODY.format(name="mine").replace("version = 3", f"version = {version}")
    with pytest.raises(UsageError, match=r"class Mine has version .*; write a whole number from 1"):
        found(tmp_path, f"{INFO}class Mine(Method):{body}")
