"""Runs a planned grid: protect -> train -> evaluate -> publish, each cell once, each protected set once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from uebench import lazy
from uebench.errors import CellError, StoreError, UebenchError
from uebench.evaluation import protection_record as facts
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.evaluation.hardware import choose_device
from uebench.evaluation.outcome import Outcome
from uebench.evaluation.provenance import provenance
from uebench.evaluation.seeding import seed_everything
from uebench.metrics import Lpips, audit, count_correct, separability
from uebench.planning.cell import Cell, Protection
from uebench.plugins.base import Split, Trained
from uebench.progress import Progress
from uebench.store.record import Record
from uebench.store.store import DamagedError, Protected, Store

T = TypeVar("T")
Bools = NDArray[np.bool_]


class Runner:
    """Computes cells into a store on one device."""

    def __init__(
        self, store: Store, device: str = "auto", *, progress: Callable[[Protection], Progress] | None = None
    ) -> None:
        """Choose the device.

        Args:
            store: Where records go.
            device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
            progress: Called with each piece of work that starts; returns where its progress goes.

        Raises:
            UsageError: If there is no such device.
        """
        self.store = store
        self.device = choose_device(device)
        self._progress = progress or (lambda _: _silent)

    def run(self, cells: Iterable[Cell], *, force: bool = False) -> list[Outcome]:
        """Compute what is not done; a cell that fails is recorded and does not stop the others.

        Args:
            cells: What to compute, as ``plan`` lists it.
            force: Compute finished cells again.

        Raises:
            StoreError: If the store cannot be written.
        """
        self.store.check_writable()
        return [self._outcome(cell, force) for cell in cells]

    def protect(
        self, protections: Iterable[Protection], lpips: Lpips | None = None
    ) -> list[tuple[Protection, dict[str, Any] | str]]:
        """Make the protected sets of which the store lacks the facts.

        Args:
            protections: What to protect, as ``protections`` lists it.
            lpips: The network to measure LPIPS with, also where the other facts are known.

        Returns:
            Each protection with the facts of its set, or with the reason why there are none.

        Raises:
            StoreError: If the store cannot be written.
        """
        self.store.check_writable()
        return [(one, one.reason or self._facts_of(one, lpips)) for one in protections]

    def sets(self, protections: Iterable[Protection]) -> list[tuple[Protection, Protected | str]]:
        """Make the protected sets that are not in the store; return each, or the reason why there is none."""
        self.store.check_writable()
        return [(one, one.reason or self._set_of(one)) for one in protections]

    def _set_of(self, one: Protection) -> Protected | str:
        return self._attempt(one, one.protect_key, lambda progress: self._protected(one, False, progress)[0])

    def _facts_of(self, one: Protection, lpips: Lpips | None) -> dict[str, Any] | str:
        known: dict[str, Any] | None = _unless_damaged(self.store.read_protection, one.protect_key)
        if known and facts.complete(known, lpips):
            return known
        return self._attempt(one, one.protect_key, lambda progress: self._protected(one, False, progress, lpips)[1])

    def _outcome(self, cell: Cell, force: bool) -> Outcome:
        if cell.status == "impossible":
            return Outcome(cell, "impossible", reason=cell.reason)
        done = self._attempt(cell, cell.key, lambda progress: self._cell(cell, force, progress))
        return Outcome(cell, "failed", reason=done) if isinstance(done, str) else done

    def _attempt(self, what: Protection, key: str, work: Callable[[Progress], T]) -> T | str:
        """Return what the work gives, or why it failed; the store keeps that reason too."""
        try:
            return work(self._progress(what))
        except StoreError:
            raise
        except UebenchError as error:
            reason = str(error)
        except (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, OSError) as error:
            reason = f"{type(error).__name__} in {_place(error)}: {' '.join(str(error).split())}"
        self.store.write_failure(key, what.title, reason)
        return reason

    def _cell(self, cell: Cell, force: bool, progress: Progress) -> Outcome:
        with self.store.claim(cell.key):
            record = _unless_damaged(self.store.read_cell, cell.key)
            if record and not force:
                return Outcome(cell, "done", record)
            if force:
                self.store.forget_work(cell.key)
            protected, _ = self._protected(cell, force, progress)
            trained, per_identity, spared = self._attack(cell, protected, progress)
            record = _record(cell, protected, trained, per_identity, spared, self.device)
            self.store.write_cell(cell.key, record)
            self.store.forget_work(cell.key)
            return Outcome(cell, "computed", record)

    def _protected(
        self, cell: Protection, force: bool, progress: Progress, lpips: Lpips | None = None
    ) -> tuple[Protected, dict[str, Any]]:
        """Return a protected set and its facts; what the store lacks of them is made, and by force all."""
        key = cell.protect_key
        with self.store.claim(key):
            protected: Protected | None = _unless_damaged(self.store.read_protected, key)
            if force:
                self.store.forget_work(key)
            if force or not protected:
                protected = self._protect(cell, progress)
                self.store.write_protected(key, protected)
                self.store.forget_work(key)
            known: dict[str, Any] | None = None if force else _unless_damaged(self.store.read_protection, key)
            if not (known and facts.complete(known, lpips)):
                known = facts.gather(cell, protected, known, lpips, progress)
                self.store.write_protection(key, known)
            return protected, known

    def _protect(self, wanted: Protection, progress: Progress) -> Protected:
        method, dataset, key = wanted.method.plugin, wanted.dataset, wanted.protect_key
        lazy.load()
        ctx = self._context(wanted.method_seed, key, "fit", progress)
        labels, side = wanted.side.make(dataset.train, dataset.num_classes, wanted.method_seed)
        seen = referee.image_set(Split(dataset.train.images, labels), dataset.num_classes, self.device)
        seed_everything(ctx)
        method.fit(seen, ctx)
        fit_seconds = ctx.seconds
        ctx = self._context(wanted.method_seed, key, "perturb", progress)
        seed_everything(ctx)
        delta = referee.protect(method, seen, ctx)
        protect_seconds = ctx.seconds
        budget = method.budget(dataset.size)
        return Protected(
            delta,
            {
                "audit": {
                    **audit(delta),
                    "separable": separability(delta, dataset.train.labels),
                    "norm": budget.norm,
                    "eps": budget.eps,
                },
                "side_information": side,
                "fit_seconds": fit_seconds,
                "protect_seconds": protect_seconds,
                "provenance": provenance((wanted.method,), self.device),
            },
        )

    def _attack(self, cell: Cell, protected: Protected, progress: Progress) -> tuple[Trained, list[int], Bools]:
        dataset = cell.dataset
        ctx = self._context(cell.seed, cell.key, "train", progress, referee.examiner(dataset, self.device))
        measures = tuple(part.plugin for part in cell.countermeasures)
        spared = referee.spared(measures, dataset, ctx)
        train = referee.image_set(referee.apply(dataset, protected.delta, spared), dataset.num_classes, self.device)
        seed_everything(ctx)
        trained = cell.attacker.plugin.fit(train, measures, ctx)
        test = referee.image_set(dataset.test, dataset.num_classes, self.device)
        return trained, count_correct(trained.classifier, test).tolist(), spared

    def _context(self, seed: int, key: str, stage: str, progress: Progress, examine: Any = None) -> RunContext:  # noqa: ANN401
        return RunContext(self.device, seed, store=self.store, key=key, stage=stage, progress=progress, examine=examine)


def _record(
    cell: Cell, protected: Protected, trained: Trained, per_identity: list[int], spared: Bools, device: torch.device
) -> dict[str, Any]:
    dataset = cell.dataset
    sizes = np.bincount(dataset.test.labels, minlength=dataset.num_classes)
    total = len(dataset.test.labels)
    if not trained.curve:
        raise CellError(f"attacker {cell.attacker.written!r}: no epoch in its curve; call ctx.examine at least once")
    best = max(trained.curve, key=lambda entry: entry["test_correct"])
    shared = facts.shared(cell, protected)
    record = {
        **shared,
        "key": cell.key,
        "attacker": [part.published() for part in (cell.attacker, *cell.countermeasures)],
        "attacker_assets": [{"file": name, "sha256": digest} for name, digest in cell.attacker_assets],
        "seed": cell.seed,
        "written": {**shared["written"], "attacker": cell.attacker_text},
        "counts": {"correct": sum(per_identity), "n": total},
        "peak": {"correct": best["test_correct"], "n": total, "epoch": best["epoch"]},
        "per_identity": [{"correct": c, "n": n} for c, n in zip(per_identity, sizes.tolist(), strict=True)],
        "curve": [dict(entry) for entry in trained.curve],
        "training": {
            "epochs": len(trained.curve),
            "steps": trained.steps,
            "stopped": trained.stopped,
            "model": dict(trained.details),
            "chosen": trained.chosen,
        },
        "scope": _scope(spared, dataset.train.labels, np.array(per_identity), sizes) if spared.any() else None,
        "timings": {
            **shared["timings"],
            "train_seconds": trained.seconds,
            "train_images_per_second": trained.images / max(trained.seconds, 1e-9),
        },
        "provenance": provenance(cell.plugins(), device),
    }
    return Record.model_validate(record).model_dump(mode="json")


def _scope(spared: Bools, labels: NDArray[np.int64], correct: NDArray[Any], sizes: NDArray[Any]) -> dict[str, Any]:
    some = np.bincount(labels[~spared], minlength=len(sizes)) > 0

    def counts(who: Bools) -> dict[str, int] | None:
        return {"correct": int(correct[who].sum()), "n": int(sizes[who].sum())} if who.any() else None

    return {"unprotected_images": int(spared.sum()), "protected": counts(some), "unprotected": counts(~some)}


def _unless_damaged(read: Callable[[str], Any], key: str) -> Any:  # noqa: ANN401
    try:
        return read(key)
    except DamagedError:
        return None


def _place(error: BaseException) -> str:
    """Return file and line where an unexpected error arose, without the folder."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else "?"


def _silent(done: int, total: int, text: str) -> None:
    """Show nothing."""
