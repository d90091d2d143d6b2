"""Options that are younger than some records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from tests.conftest import TINY, Command
from tests.records import made_up
from uebench.planning.identity import MethodIdentity
from uebench.planning.parts import attacker_parts, method_part
from uebench.plugins.base import Added, Config
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse


class Options(Config):
    old: int = 1
    new: Annotated[int, Added()] = 2
    bounded: Annotated[float, Field(ge=0), Added()] = 0.5
    file: Annotated[Path | None, Added()] = None


def method(text: str, preset: str = "smoke") -> MethodIdentity:
    part, _ = method_part(Registry(), parse(text), preset)
    return MethodIdentity(part.published(), {}, ())


def test_at_its_default_an_added_option_is_not_published_however_it_is_given() -> None:
    assert Options().published() == Options(new=2, bounded=0.5).published() == {"old": 1}
    assert Options(new=3).published() == {"old": 1, "new": 3}
    assert Options(bounded=0).published() == {"old": 1, "bounded": 0.0}
    assert Options(file=Path("/somewhere/net.pt")).published() == {"old": 1, "file": "net.pt"}


@pytest.mark.parametrize("name", ["ue", "rue", "tue", "segue"])
def test_precision_enters_the_identity_of_a_method_only_where_it_is_another(name: str) -> None:
    weights = ", weights=none" if name == "segue" else ""
    plain = method(f"{name}(eps=8/255{weights})")
    default, other = (method(f"{name}(eps=8/255, precision={p}{weights})") for p in ("float32", "bfloat16"))
    assert plain == default
    assert plain.text == default.text != other.text
    assert "precision" not in plain.plugin["config"]
    assert other.plugin["config"]["precision"] == "bfloat16"


def test_a_record_from_before_the_option_is_of_the_same_method() -> None:
    part, _ = method_part(Registry(), parse("ue(precision=float32)"), "smoke")
    old = made_up("ue").model_copy(update={"method": made_up("ue").method.model_copy(update=part.published())})
    assert "precision" not in old.method.config
    assert MethodIdentity.of(old).text == method("ue").text != method("ue(precision=bfloat16)").text


@pytest.mark.usefixtures("small_networks")
def test_precision_enters_key_and_record_of_a_cell_only_where_it_is_another(uebench: Command) -> None:
    def run(attacker: str) -> dict[str, Any]:
        arguments = ("--preset", "smoke", "--data", TINY, "--method", "clean", "--attacker", attacker, "--json")
        (cell,) = uebench("run", *arguments).json
        record: dict[str, Any] = cell["record"]
        return record

    plain, default, other = (
        run(f"resnet18(epochs=1{more})") for more in ("", ", precision=float32", ", precision=bfloat16")
    )
    assert plain["key"] == default["key"] != other["key"]
    assert "precision" not in plain["attacker"][0]["config"]
    assert other["attacker"][0]["config"]["precision"] == "bfloat16"


def test_show_displays_an_added_option(uebench: Command) -> None:
    for name in ("resnet18", "ue", "segue"):
        assert uebench("show", name, "--json").json["options"]["precision"] == "float32"
        assert "precision" in uebench("show", name).out
    options = uebench("show", "folder", "--json").json["options"]
    assert (options["validation"], options["repeats"]) == (0.0, "keep")
    assert "orl_varied" in uebench("list").out


def test_a_preset_may_set_an_added_option() -> None:
    part = attacker_parts(Registry(), "resnet18", "desk")[0]
    assert part.published()["config"]["precision"] == "bfloat16"
    old = attacker_parts(Registry(), "resnet18", "desk64")[0]
    assert "precision" not in old.published()["config"]
