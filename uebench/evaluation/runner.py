"""Computes tasks into a store, each protected set and each cell once. A failure is recorded and stops no other task."""

from __future__ import annotations

import torch

from uebench.data.dataset import Dataset, DatasetInfo
from uebench.evaluation import models, records, referee
from uebench.evaluation.attack import attack
from uebench.evaluation.checkpoints import Checkpoints
from uebench.evaluation.context import RunContext
from uebench.evaluation.failures import THROUGH, failure_of
from uebench.evaluation.hardware import choose_device
from uebench.evaluation.isolation import process_restored
from uebench.evaluation.protection import make
from uebench.evaluation.provenance import CHECKOUT, commit_of
from uebench.evaluation.settings import Settings
from uebench.evaluation.stopping import Stop, Stopped
from uebench.metrics import Lpips
from uebench.planning.cell import CellSpec, ProtectionSpec
from uebench.planning.tasks import Task, TaskStatus
from uebench.plugins.part import source_digests
from uebench.progress import Progress, ProgressFor, both, guarded
from uebench.store.requests import is_since
from uebench.store.store import ProtectedSet, Store


class Runner:
    """Computes tasks, one after the other, on one device."""

    def __init__(self, settings: Settings, progress: ProgressFor, stop: Stop | None = None) -> None:
        """Choose the device and, if LPIPS is to be measured, load its network.

        Args:
            settings: The settings with which tasks are computed.
            progress: Called with the title of each task; returns the callback for its progress.
            stop: Decides when tasks end at a checkpoint; by default at the limit of ``settings``.

        Raises:
            UsageError: If there is no such device.
            DataError: If the weights for LPIPS cannot be read.
        """
        self.store = Store(settings.results)
        self.settings = settings
        commit_of(CHECKOUT)  # is read once; later, it may not be that of the imported code any more
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self.device = choose_device(settings.device)
        trunk = settings.lpips_trunk
        self._lpips = Lpips.load(trunk, self.device) if trunk else None
        self._progress = progress
        self._stop = stop or Stop(settings.limit)
        self._dataset: Dataset | None = None

    def perform(self, task: Task) -> TaskStatus:
        """Compute a task and write its result, or its failure, into the store.

        Raises:
            StoreError: If the store cannot be used.
        """
        progress = guarded(self._progress(task.spec.title))
        try:
            if isinstance(task.spec, CellSpec):
                return self._attack(task.spec, progress)
            return self._protect(task.spec, progress)
        except Stopped:
            return "left"
        except THROUGH:
            raise
        except BaseException as error:  # also one of asyncio or of a Rust extension, which is no ``Exception``
            self.store.work.write_failure(failure_of(error, task))
            return "failed"

    def _protect(self, spec: ProtectionSpec, progress: Progress) -> TaskStatus:
        with self.store.claims.claim(spec.key, spec.title, progress) as claim:
            record = self.store.protections.read_or_none(spec.key)
            has_set = self.store.sets.read_or_none(spec.key) is not None
            is_finished = record and has_set and records.is_complete(record, self._lpips)
            if is_finished and is_since(self.store.protections.path(spec.key), self.settings.redo_before):
                return "done"
            self._protected(spec, both(progress, claim.tell), force=bool(self.settings.redo_before))
            return "computed"

    def _attack(self, cell: CellSpec, progress: Progress) -> TaskStatus:
        with self.store.claims.claim(cell.key, cell.title, progress) as claim:
            progress = both(progress, claim.tell)
            since = self.settings.redo_before
            if self.store.cells.read_or_none(cell.key) and is_since(self.store.cells.path(cell.key), since):
                return "done"
            self.store.work.forget_before(since, cell.key)
            with self.store.claims.claim(cell.protect_key, progress=progress):
                protected = self._protected(cell.protection, progress)
            dataset = self._load(cell.data)
            ctx = RunContext(
                self.device,
                cell.seed,
                role="attacker" if cell.own_streams else "",
                checkpoints=Checkpoints(self.store.work, cell.key, "train", source_digests(cell.parts())),
                progress=progress,
                examine=referee.Examiner(dataset, self.device),
                stop=self._stop,
            )
            cell.check_files()
            # Nothing is written before the end of this block, which may discard the result
            with process_restored(self.device):
                result = attack(cell.attacker, cell.countermeasures, dataset, protected.delta, ctx)
            cell.check_files()
            record = records.cell_record(cell, protected, result, self.device)
            if self.settings.keep_models:
                models.keep(self.store, cell, result.trained)
            else:  # one of an earlier training would not belong to the record
                self.store.models.path(cell.key).unlink(missing_ok=True)
            self.store.cells.write(record)
            self.store.work.forget(cell.key)
            return "computed"

    def _protected(self, spec: ProtectionSpec, progress: Progress, *, force: bool = False) -> ProtectedSet:
        """Return a protected set, and make the set or its record if the store lacks it.

        The caller must hold a claim on the key.

        Args:
            spec: The specification of the protected set.
            progress: Called with (done, total, what).
            force: Whether to make both again in any case.
        """
        key = spec.key
        stored = None if force else self.store.sets.read_or_none(key)
        protected = stored or self._made(spec, progress)
        record = None if force else self.store.protections.read_or_none(key)
        known = record if record and record.audit == protected.meta.audit else None  # else of an earlier set
        if known is None or not records.is_complete(known, self._lpips):
            dataset = self._load(spec.data)
            self.store.protections.write(
                records.protection_record(spec, dataset, protected, known, self._lpips, progress)
            )
        self.store.work.forget(key)
        return protected

    def _made(self, spec: ProtectionSpec, progress: Progress) -> ProtectedSet:
        """Make a protected set and write it into the store."""
        self.store.work.forget_before(self.settings.redo_before, spec.key)

        def context(stage: str) -> RunContext:
            checkpoints = Checkpoints(self.store.work, spec.key, stage, source_digests(spec.parts()))
            return RunContext(
                self.device, spec.method_seed, checkpoints=checkpoints, progress=progress, stop=self._stop
            )

        dataset = self._load(spec.data)
        spec.check_files()
        with process_restored(self.device):
            protected = make(spec, dataset, self.device, context)
        spec.check_files()
        self.store.sets.write(protected)
        return protected

    def _load(self, info: DatasetInfo) -> Dataset:
        if self._dataset is None or self._dataset.key != info.key:
            self._dataset = info.load(self.settings.cache)
        return self._dataset
