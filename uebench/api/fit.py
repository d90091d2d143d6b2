"""``uebench.fit``: train a method once and save its weights for use on other data sets."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from uebench.api.workspace import RESULTS, Texts, Workspace, as_path
from uebench.data.dataset import load
from uebench.data.names import as_folder
from uebench.data.side_information import SideInformation
from uebench.errors import UsageError, text_of
from uebench.evaluation.stopping import Stop
from uebench.planning.parts import make_part
from uebench.planning.seeds import seed_of
from uebench.plugins import presets
from uebench.plugins.base import Method
from uebench.plugins.part import Part
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec, parse
from uebench.progress import Progress, both, no_progress

SUFFIXES = (".safetensors",)
"""How the name of a weights file ends."""
NOTHING = "learns nothing, so there are no weights to save"


def fit(
    method: str,
    out: str | Path,
    *,
    data: str | None = None,
    preset: str = presets.DEFAULT,
    seed: int = 0,
    results: str | Path = RESULTS,
    plugins: Texts = (),
    device: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train a method on a data set and save its weights; ``name(weights="FILE")`` then uses them on other sets.

    If the call is killed, the same call resumes from the last checkpoint.

    Args:
        method: The method, as ``name(option=value)``.
        out: The file for the weights (safetensors).
        data: A folder or ``name(option=value)``; by default the data set of the preset.
        preset: ``smoke``, ``desk``, ``desk64``, ``paper`` or ``official``.
        seed: The method's seed.
        results: The results folder, for checkpoints.
        plugins: Python files with your own plugins.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        progress: Called with (done, total, text).

    Returns:
        The metadata in the file; see ``uebench.pretrained.weights.Metadata``.

    Raises:
        UsageError: If the file does not end with ``.safetensors``, or the method learns nothing, has no option
            ``weights``, or cannot serve the data set.
        DataError: If the data set cannot be read.
        StoreError: If the file or the results folder cannot be written.

    Example:
        >>> import uebench
        >>> uebench.fit("ue(rounds=1)", "noise.safetensors", data="synthetic", preset="smoke")["size"]
        32
    """
    workspace, file = Workspace.of(results, plugins), as_path(out)
    if file.suffix.lower() not in SUFFIXES:
        raise UsageError(f"out {file}: end the name with {SUFFIXES[0]}")
    return fit_in(workspace, method, data, preset, seed, file, device=device, progress=progress or no_progress)


def fit_in(
    workspace: Workspace,
    method: str,
    data: str | None,
    preset: str,
    seed: int,
    out: Path,
    *,
    device: str,
    progress: Progress,
    stop: Stop | None = None,
) -> dict[str, Any]:
    """Do what ``fit`` does, in a workspace.

    Raises:
        Stopped: At a checkpoint, if ``stop`` asks for it; the next call resumes there.
    """
    from uebench.api.chosen_method import ChosenMethod
    from uebench.evaluation.hardware import choose_device
    from uebench.evaluation.isolation import process_restored
    from uebench.pretrained import weights

    store, seed, torch_device = workspace.store, seed_of(seed), choose_device(device)
    store.check_writable()
    given = presets.get(preset)
    part = _part_with_weights(workspace.registry, method, preset)
    dataset = load(data or given.data, given.size, workspace.registry, workspace.cache)
    chosen = ChosenMethod(part, SideInformation(), dataset.info.shape, preset, seed, torch_device, title=method)
    address = chosen.address(fit=dataset.key)
    with store.claims.claim(address, f"{dataset.name}: fit {part.written}", progress) as claim:
        tell = both(progress, claim.tell)
        with process_restored(torch_device):
            train, classes = dataset.train, dataset.num_classes
            seconds = chosen.fit(train, classes, store=store, key=address, progress=tell, stop=stop)
            state = chosen.plugin.state()
        if not state:
            raise UsageError(f"{method}: {NOTHING}")
        is_folder = dataset.info.record.source == "folder"
        name = as_folder(dataset.name, workspace.registry) if is_folder else dataset.name
        words = ["uebench", "fit", part.written, "--data", name, "--preset", preset, "--method-seed", str(seed)]
        meta = weights.Metadata(
            method=part.name,
            version=part.entry.version,
            config=part.config.published(),
            data=dataset.name,
            size=dataset.size,
            num_classes=dataset.num_classes,
            counts=dataset.info.train_counts,
            seed=seed,
            seconds=seconds,
            command=shlex.join(words),
        ).model_dump()
        weights.save(out, state, meta)
        store.work.forget(address)
    return meta


def _part_with_weights(registry: Registry, method: str, preset: str) -> Part[Method[Any]]:
    """Return a method whose weights can be saved, without weights."""
    spec = parse(text_of(method, "method"))
    kind: Any = registry.entry("method", spec.name).plugin
    if kind.state is Method.state:
        raise UsageError(f"{method}: {NOTHING}")
    if "weights" not in kind.Config.model_fields:
        raise UsageError(
            f"{method}: has no option weights, so nothing could use the file; let uebench run train it on each set, or "
            "add the option (see CONTRIBUTING.md)"
        )
    return make_part(registry, "method", Spec(spec.name, {"weights": None} | dict(spec.options)), preset)
