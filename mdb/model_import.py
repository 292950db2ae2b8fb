"""Importing model files into a bank: every file whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import DataFileError, InputError
from aet_port.core.progress import Reporter, progress_bar
from aet_port.io import read_models
from aet_port.io.arrays import plain_path
from aet_port.io.models.model_types import model_type
from aet_port.io.settings import ModelReadSettings
from aet_port.structure import analyze
from mdb.bank import Bank
from mdb.deposits import deposit
from mdb.records import KINDS, Deposit, Details, Provenance
from mdb.schema import utc_now


@dataclass(frozen=True)
class ImportedFile:
    """What became of the models of one file.

    Attributes
    ----------
    file
        The file.
    models
        A deposit for each of its models, in their order.
    """

    file: Path
    models: tuple[Deposit, ...]

    @property
    def new(self) -> int:
        """Models that the bank did not have."""
        return sum(done.new for done in self.models)


def import_models(
    bank_path: str | Path,
    files: Sequence[str | Path],
    *,
    species: str | Sequence[str] | None = None,
    reading: ModelReadSettings | None = None,
    kind: str | None = None,
    sample: str | None = None,
    details: Details | None = None,
    with_analysis: bool = False,
    cutoff: float | None = None,
    show_progress: bool = False,
    wait: float | None = None,
) -> list[ImportedFile]:
    """Deposit all models of files, each file in one transaction.

    All files are read and checked to their last frame before the bank is touched, and read once
    more to be deposited, one frame in memory at a time. The bank is locked for writing while a
    file is deposited, its analyses included.

    Parameters
    ----------
    bank_path
        The bank, made if it is missing.
    files
        See :func:`aet_port.io.read_models`.
    species
        A symbol per atom type, for files that name none.
    reading
        The same and all else that files leave open, instead of ``species``. All frames of a file
        are imported unless it chooses one.
    kind
        ``"experiment"``, ``"md_snapshot"`` or ``"synthetic"``; unless given, snapshots for LAMMPS
        dumps and experiment for everything else.
    sample
        Name of the sample; the name of the file without suffix unless given.
    details
        What is known of every model beside what the file says; that goes into the remarks.
    with_analysis
        Compute and deposit the structure of every model.
    cutoff
        Of these analyses, angstrom; each model's first valley unless given.
    wait
        Seconds to wait for another process that writes; see :class:`mdb.Bank`.

    Returns
    -------
    What became of each file, in their order.

    Raises
    ------
    DataFileError
        For a file that is missing, wrong, cut off, or that changed while it was read; nothing of it
        is stored, and nothing of the others if it was found before the first deposit.
    InputError
        For arguments that don't fit, NaN positions, no atoms, or models that can't be analysed.
    BankError
        If the bank cannot be opened or written.
    """
    if kind is not None and kind not in KINDS:
        raise InputError("kind", f"{kind!r}", f"one of {', '.join(KINDS)}")
    if cutoff is not None and not with_analysis:
        raise InputError("cutoff", f"{cutoff:g}", "a cut-off only with an analysis (--analyze)")
    if reading is None:
        given = species if species is None or isinstance(species, str) else tuple(species)
        reading = ModelReadSettings(species=given)
    elif species is not None:
        raise InputError("species", f"{species!r} beside reading", "one of them")
    how = dict(reading)
    paths = [Path(file) for file in files]
    for text in (sample or "", *(path.name for path in paths)):
        if any("\ud800" <= letter <= "\udfff" for letter in text):  # bytes that are no UTF-8
            raise InputError("name", f"{text!r}", "characters that UTF-8 can encode")
    sources: list[Provenance] = []
    counts: list[int] = []
    with progress_bar("check", len(paths), show_progress) as reporter:
        for path in paths:
            counts.append(sum(1 for _ in _elements(read_models(path, **how))))
            sources.append(Provenance.of("model", path))
            reporter.advance(note=path.name)
    done = []
    with (
        Bank(bank_path, wait=wait) as bank,
        progress_bar("deposit", sum(counts), show_progress) as reporter,
    ):
        for path, source in zip(paths, sources, strict=True):
            snapshots = model_type(path) == "dump"
            given = kind or ("md_snapshot" if snapshots else "experiment")
            models = _named(path, _elements(read_models(path, **how)))
            with bank.transaction():
                stored = tuple(
                    _deposit(
                        bank, model, given, sample or plain_path(path).stem, source, details,
                        with_analysis, cutoff, reporter,
                    )
                    for model in models
                )  # fmt: skip
                if Provenance.of("model", path) != source:
                    raise DataFileError(
                        path, "contents that changed while it was read", "a file that is complete"
                    )
            done.append(ImportedFile(path, stored))
    return done


def _elements(models: Iterator[AtomicModel]) -> Iterator[AtomicModel]:
    """The same models, with an error for atoms of no element."""
    for model in models:
        dummies = np.flatnonzero(model.atoms.numbers < 1)
        if dummies.size:
            found = f"atomic number {model.atoms.numbers[dummies[0]]} of atom {dummies[0]}"
            raise InputError(f"{model.name}: species", found, "a chemical element")
        yield model


def _named(path: Path, models: Iterator[AtomicModel]) -> Iterator[AtomicModel]:
    """The same models, named by the file without its folder."""
    for model in models:
        yield replace(model, name=path.name + model.name.removeprefix(str(path)))


def _deposit(
    bank: Bank,
    model: AtomicModel,
    kind: str,
    sample: str,
    source: Provenance,
    details: Details | None,
    with_analysis: bool,
    cutoff: float | None,
    reporter: Reporter,
) -> Deposit:
    found = started = finished = None
    if with_analysis:
        started = utc_now()
        try:
            found = analyze(model.atoms, cutoff=cutoff)
        except InputError as error:
            subject = f"{model.name}: {error.subject}"
            raise InputError(subject, error.found, error.expected) from error
        finished = utc_now()
    stored = deposit(
        bank,
        model,
        kind=kind,
        sample=sample,
        analysis=found,
        started=started,
        finished=finished,
        provenance=[source],
        details=details,
    )
    reporter.advance(note=stored.id)
    return stored
