"""Makes a protected set with a method, and measures its perturbation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from pydantic import ValidationError

from uebench import lazy
from uebench.data.dataset import Dataset
from uebench.data.foreign.method import ProtectedConfig
from uebench.errors import CellError
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext, seed_everything
from uebench.evaluation.memory import peak_memory
from uebench.evaluation.provenance import provenance
from uebench.metrics import audit, separability
from uebench.planning.cell import ProtectionSpec
from uebench.plugins import questions
from uebench.plugins.base import Split
from uebench.plugins.part import source_digests
from uebench.store.record import ProtectedMeta
from uebench.store.record_parts import Audit, Fit
from uebench.store.seal import complaint
from uebench.store.store import ProtectedSet


def make(
    spec: ProtectionSpec, dataset: Dataset, device: torch.device, context: Callable[[str], RunContext]
) -> ProtectedSet:
    """Fit a method on a set, protect the set, and measure the perturbation after rounding.

    Args:
        spec: The specification of the protected set.
        dataset: The photographs of ``spec``.
        device: The device to compute on.
        context: Returns the method's context for a stage: ``fit`` or ``perturb``.

    Raises:
        CellError: If the method breaks the rules.
    """
    lazy.load("sklearn.datasets", "sklearn.cluster", "sklearn.linear_model")
    method = spec.method.build()
    budget = questions.budget(method, dataset.size)
    labels, side = spec.side.make(dataset.train, dataset.num_classes, spec.method_seed)
    clean = referee.image_set(Split(dataset.train.images, labels), dataset.num_classes, device)
    if spec.side.true or isinstance(spec.method.config, ProtectedConfig):  # the names say who is in the photographs
        clean = replace(clean, names=spec.data.train_names())
    with peak_memory(device) as peak:
        ctx = context("fit")
        seed_everything(ctx)
        referee.fit(method, clean, ctx)
        fit_seconds, fitted = ctx.seconds, _fit(ctx.rounds)
        ctx = context("perturb")
        seed_everything(ctx)
        delta = referee.protect(method, clean, budget, ctx)
        protect_seconds = ctx.seconds
        memory = peak()
    measured = {**audit(delta, budget.norm), "separable": separability(delta, dataset.train.labels)}
    try:
        found = Audit.model_validate(measured | {"norm": budget.norm, "eps": budget.eps})
    except ValidationError as error:
        raise CellError(
            f"method {spec.method.name!r}: {complaint(error)}; whole grey levels can exceed a small budget, so choose "
            "a larger one"
        ) from None
    meta = ProtectedMeta(
        protect_key=spec.key,
        audit=found,
        side_information=side,
        fit_seconds=fit_seconds,
        protect_seconds=protect_seconds,
        provenance=provenance(source_digests(spec.parts()), device),
        fit=fitted,
        peak_memory_mib=memory,
    )
    return ProtectedSet(delta, meta)


def _fit(rounds: Sequence[Mapping[str, Any]]) -> Fit | None:
    """Return the record of a method's training from its logged rounds, or None if there are none."""
    if not rounds:
        return None
    curve = [{name: value for name, value in logged.items() if name != "stopped"} for logged in rounds]
    return Fit.model_validate({"rounds": len(rounds), "stopped": rounds[-1]["stopped"] or "rounds", "curve": curve})
