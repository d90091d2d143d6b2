from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.plugin_files import plugin_file
from uebench.errors import UsageError
from uebench.plugins.registry import Registry
from uebench.plugins.scan import KINDS, Kind
from uebench.plugins.spec import parse

FIELDS = ("optimizer", "lr", "weight_decay", "batch", "schedule", "epochs", "stop_loss", "flip", "crop")
SMOKE = ("adam", 0.001, 0.0, 16, "cosine", 2, 0.0, False, 0)
DESK = ("adam", 0.001, 0.0, 16, "cosine", 20, 0.0, False, 0)
PAPER = ("adam", 0.0005, 0.0, 16, "oscillating", 40, 0.0001, False, 0)
RESNET18_DESK = ("sgd", 0.05, 0.0005, *DESK[3:])
DEPTHWISE_DESK = ("sgd", 0.05, 0.0005, 16, "cosine", 40, 0.0, False, 0)
EFFICIENTNET_DESK = (DEPTHWISE_DESK[0], 0.01, *DEPTHWISE_DESK[2:])
DEPTHWISE_DESK64 = ("sgd", 0.05, 0.0005, 16, "cosine", 60, 0.0, False, 0)
SIMCLR = ("optimizer", "lr", "weight_decay", "batch", "model", "epochs", "probe_epochs", "probe_lr")


def config(text: str, preset: str, kind: Kind = "attacker") -> dict[str, Any]:
    published: dict[str, Any] = Registry().build(kind, parse(text), preset).config.published()
    return published


def write(folder: Path, more: str = "") -> Path:
    body = f"{more}\ndef fit(self, train, countermeasures, ctx): ..."
    options = "class Options(Training): lr: float = 0.05"
    return plugin_file(folder / "mine.py", body, "Attacker", options="Options", before=options)


@pytest.mark.parametrize("name", ["resnet50", "timm(model=convnext_atto)", "finetune(weights='x.pt')"])
@pytest.mark.parametrize(("preset", "training"), [("smoke", SMOKE), ("desk", DESK), ("paper", PAPER)])
def test_networks_train_as_the_preset_says(name: str, preset: str, training: tuple[Any, ...]) -> None:
    assert {key: value for key, value in config(name, preset).items() if key in FIELDS} == dict(
        zip(FIELDS, training, strict=True)
    )


@pytest.mark.parametrize(
    ("name", "desk"),
    [
        ("resnet18", RESNET18_DESK), ("inception_v3", DESK), ("mobilenet_v1", DEPTHWISE_DESK),
        ("efficientnet_b1", EFFICIENTNET_DESK),
    ],
)  # fmt: skip
@pytest.mark.parametrize("preset", ["smoke", "desk", "paper"])
def test_the_networks_of_the_paper_have_a_training_of_their_own_at_desk(
    name: str, desk: tuple[Any, ...], preset: str
) -> None:
    training = {"smoke": SMOKE, "desk": desk, "paper": PAPER}[preset]
    assert {key: value for key, value in config(name, preset).items() if key in FIELDS} == dict(
        zip(FIELDS, training, strict=True)
    )


FIRST_EDITION: dict[tuple[Kind, str], dict[str, Any]] = {
    ("method", "ue"): {
        "batch": 128, "rounds": 10, "steps": 5, "step": 1.6 / 255, "optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0,
    },
    ("method", "rue"): {
        "batch": 32, "steps": 2, "step": 3.2 / 255, "restart": False, "samples": 1, "rho_steps": 2, "regenerate": False,
        "rho_d": 2 / 255, "rho_step": 1 / 255, "optimizer": "adam", "lr": 1e-3, "weight_decay": 0.0, "decay": False,
    },
    ("method", "tue"): {"batch": 128, "stem": "imagenet"},
    ("method", "lsp"): {"patch": 16},
    ("method", "segue_restart"): {
        "epochs": 24, "surrogate_every": 2, "lr_f": 1e-3, "lr_g": 1e-3, "rho_steps": 1, "norm": "batch",
    },
    ("attacker", "resnet18"): dict(zip(FIELDS, DESK, strict=True)),
    ("attacker", "mobilenet_v1"): dict(zip(FIELDS, DEPTHWISE_DESK64, strict=True)),
    ("attacker", "efficientnet_b1"): dict(zip(FIELDS, DEPTHWISE_DESK64, strict=True)),
    ("attacker", "inception_v3"): dict(zip(FIELDS, (*DESK[:5], 40, *DESK[6:]), strict=True)),
    ("countermeasure", "adversarial"): {"steps": 2},
}  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), FIRST_EDITION, ids=str)
def test_desk64_is_what_desk_was(registry: Registry, kind: Kind, name: str) -> None:
    assert registry.preset_options(kind, parse(name), "desk64") == FIRST_EDITION[kind, name]


def test_every_plugin_with_a_desk_has_a_desk64(registry: Registry) -> None:
    entries = [entry for kind in KINDS for entry in registry.entries(kind)]
    assert {e.name for e in entries if "desk" in e.plugin.presets} == {
        e.name for e in entries if "desk64" in e.plugin.presets
    }


def test_networks_of_the_authors_see_images_as_theirs_do(registry: Registry) -> None:
    options = [
        registry.build("method", parse(f"{name}(preset=official)")).config for name in ("ue", "rue", "tue", "segue")
    ]
    assert [one.inputs for one in options] == ["raw", "centred", "raw", "raw"]
    assert [one.stem for one in options] == ["by_size", "by_size", "small", "by_size"]
    for text in ("resnet18(preset=segue_paper)", "resnet18(preset=sgd)"):
        assert [config(text, "desk")[name] for name in ("inputs", "stem")] == ["raw", "by_size"]
    assert config("mobilenet_v1", "paper")["inputs"] == "raw"
    assert "inputs" not in config("resnet18", "desk")  # an option that has its default enters no key


@pytest.mark.parametrize(
    ("text", "preset", "values"),
    [
        ("simclr", "smoke", ("adam", 0.001, 1e-6, 16, "resnet18", 2, 2, 0.01)),
        ("simclr", "desk", ("adam", 0.001, 1e-6, 128, "resnet18", 100, 50, 0.01)),
        ("simclr", "desk64", ("adam", 0.001, 0.0, 16, "resnet18", 100, 50, 0.01)),
        ("simclr", "paper", ("adam", 0.0005, 1e-6, 128, "resnet18", 200, 50, 0.01)),
        ("simclr(preset=smoke)", "paper", ("adam", 0.0005, 0.0, 16, "resnet18", 40, 2, 0.01)),
    ],
)
def test_simclr_takes_its_optimiser_from_the_preset(text: str, preset: str, values: tuple[Any, ...]) -> None:
    assert {key: value for key, value in config(text, preset).items() if key in SIMCLR} == dict(
        zip(SIMCLR, values, strict=True)
    )


@pytest.mark.parametrize("name", ["simclr", "moco", "byol", "simsiam"])
def test_learners_without_labels_see_images_as_other_attackers_do(name: str) -> None:
    for preset in ("desk", "paper", "official"):
        mine, theirs = config(name, preset), config("resnet18", preset)
        assert [mine["stem"], mine["inputs"]] == [theirs["stem"], theirs.get("inputs", "scaled")]


@pytest.mark.parametrize("preset", ["smoke", "desk", "paper"])
def test_classifiers_of_embeddings_are_the_same_under_every_preset(preset: str) -> None:
    assert config("knn", preset) == {"embedding": "dlib", "neighbours": 5}
    assert config("linear_probe", preset) == {"embedding": "dlib", "c": 1.0}


@pytest.mark.parametrize("preset", ["smoke", "desk", "paper"])
def test_what_an_attacker_declares_holds_under_every_preset(tmp_path: Path, preset: str) -> None:
    built: Any = Registry([write(tmp_path)]).build("attacker", parse("mine"), preset)
    assert (built.config.lr, built.config.epochs) == (0.05, 40)


def test_an_attacker_may_follow_the_preset(tmp_path: Path) -> None:
    registry = Registry([write(tmp_path, "follows_preset = True")])
    built: Any = registry.build("attacker", parse("mine(batch=3)"), "desk")
    assert (built.config.lr, built.config.epochs, built.config.batch) == (0.001, 20, 3)


def test_what_the_user_writes_wins_over_the_plugin_s_preset_and_that_over_the_run_s(registry: Registry) -> None:
    assert registry.preset_options("attacker", parse("resnet18(lr=0.2)"), "smoke") == {"epochs": 2}
    assert registry.preset_options("attacker", parse("mobilenet_v1"), "desk")["lr"] == 0.05
    assert registry.preset_options("attacker", parse("resnet18(preset=sgd)"), "smoke")["batch"] == 128
    assert registry.preset_options("method", parse("lsp"), "paper") == {"patch": 56}


def test_a_preset_that_does_not_exist_is_refused(registry: Registry) -> None:
    with pytest.raises(UsageError, match="unknown preset 'smok'; did you mean 'smoke'"):
        registry.build("attacker", parse("resnet18"), "smok")
    with pytest.raises(UsageError, match="attacker 'resnet18': unknown preset 'sdg'; did you mean 'sgd'"):
        registry.build("attacker", parse("resnet18(preset=sdg)"), "smoke")


def test_show_prints_the_options_in_force(uebench: Command, tmp_path: Path) -> None:
    shown = uebench("show", "resnet18", "--preset", "desk", "--json").json
    assert shown["options"]["lr"] == 0.0005
    assert (shown["in_force"]["lr"], shown["in_force"]["epochs"], shown["in_force"]["stem"]) == (0.05, 20, "imagenet")
    mine = uebench("show", "mine", "--plugin", write(tmp_path), "--preset", "smoke")
    row, *_ = (line.split() for line in mine.out.splitlines() if line.split()[:1] == ["lr"])
    assert row == ["lr", "0.05", "0.05"]


def test_the_precision_of_a_preset_is_listed_and_shown(uebench: Command) -> None:
    listed = {row["name"]: row["precision"] for row in uebench("list", "presets", "--json").json["presets"]}
    assert listed == {
        "smoke": "float32",
        "desk": "bfloat16",
        "desk64": "float32",
        "paper": "float32",
        "official": "float32",
    }
    for preset, precision in listed.items():
        shown = uebench("show", "resnet18", "--preset", preset, "--json").json
        assert shown["in_force"]["precision"] == precision
    assert "in bfloat16" in uebench("show", "resnet18", "--preset", "desk").out


@pytest.mark.parametrize(
    ("preset", "steps"), [("desk", {"ue": 50, "rue": 26, "tue": 800}), ("paper", {"ue": 37, "rue": 37, "tue": 190})]
)
def test_the_steps_for_each_image_are_those_of_docs_evidence(preset: str, steps: dict[str, int]) -> None:
    for name, expected in steps.items():
        options = config(name, preset, "method")
        rounds = options["rounds"] - (options.get("warmup", 0) if name == "tue" else 0)
        assert rounds * options["steps"] == expected


def gradients(text: str) -> int:
    """Return how many gradients rue or sem computes for each image."""
    options = config(text, "desk", "method")
    ascents = 0 if text.startswith("sem") else options["rho_steps"]
    noise = options["steps"] * options["samples"] * (ascents + 1)
    trained = options["warmup"] + -(-options["rounds"] // options["surrogate_every"])
    improved = options["rounds"] + (1 if options["regenerate"] else 0)
    return int(improved * noise + trained * (options["rho_steps"] + 1))


def test_the_gradients_of_rue_and_sem_are_those_of_the_pages() -> None:
    assert round(gradients("rue(preset=official)") / gradients("rue")) == 67
    assert round(gradients("rue(preset=official)") / gradients("sem(preset=official)")) == 9
    assert 0.5 < gradients("sem") / gradients("rue") < 0.6
    assert round(gradients("sem(preset=paper)") / gradients("rue(preset=paper)"), 1) == 2.9
