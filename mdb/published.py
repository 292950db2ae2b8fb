"""Depositing the published models of the two papers, with their structure and their figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import AetError, DataFileError, InputError
from aet_port.core.progress import progress_bar
from aet_port.structure import analyze
from aet_port.structure.short_range import atom_groups
from aet_port.validation.published_models import CUTOFFS, FILM, GLASS, Find
from aet_port.validation.published_table import PublishedFigure, Row, build_report
from aet_port.validation.published_values import Figures, published_figures
from mdb.bank import Bank
from mdb.deposits import deposit
from mdb.published_files import MODELS, NO_MODELS, PublishedModel, read_files
from mdb.records import Deposit, Details, Provenance, Reconstruction, SpeciesFit
from mdb.runs import deposit_validation
from mdb.schema import utc_now

LICENCE = "no licence stated"
DOIS = {GLASS: "10.1038/s41586-021-03354-0", FILM: "10.1038/s41563-021-01114-z"}
SOLUTE = 3  # type of the glass whose medium-range order is searched
# First valley of Pd2 as the paper states it; no code of ours needs it elsewhere.
_CUTOFFS = {**CUTOFFS, "Pd2": 3.91}
_TYPES = "types 1 (Co, Ni), 2 (Ru, Rh, Pd, Ag), 3 (Ir, Pt), each named by one of its elements"


@dataclass(frozen=True)
class PublishedDeposit:
    """What became of one published model."""

    sample: str
    name: str
    n_atoms: int
    deposit: Deposit


@dataclass(frozen=True)
class Published:
    """What became of the published data.

    Attributes
    ----------
    models
        The models that were deposited, or known.
    missing
        Models and figures that could not be read, and why.
    left_out
        Files with positions that are no models, and why.
    validation
        Number of the comparison of published and computed figures, if it was asked for.
    """

    models: tuple[PublishedDeposit, ...]
    missing: dict[str, str]
    left_out: dict[str, str]
    validation: int | None = None


def import_published(
    bank_path: str | Path,
    find: Find,
    golden: Callable[[str], Path],
    published: Mapping[str, PublishedFigure],
    samples: Sequence[str] | None = None,
    *,
    validate: bool = True,
    quick: bool = False,
    show_progress: bool = False,
    wait: float | None = None,
) -> Published:
    """Deposit the models of the public data, and published figures beside computed ones.

    Every model is stored in a transaction of its own, the final models with their structure (a few
    seconds to a minute each, computed while the bank is free for others). What is missing is said
    in the result, and the rest deposited; a second time nothing is stored again.

    Parameters
    ----------
    bank_path
        The bank, made if it is missing.
    find
        Path of a file of the public data by its parts.
    golden
        Path of a golden file by its name.
    published
        Published figures by id: R factors, B' and settings go with the models.
    samples
        Only these, of ``MG_particle``, ``MG_multislice``, ``Ta_film``, ``Pd1``, ``Pd2``.
    validate
        Whether to compute and deposit what ``aet validate`` shows.
    quick
        Leave out the medium-range order, a minute or more.
    wait
        Seconds to wait for another process that writes; see :class:`mdb.Bank`.

    Raises
    ------
    InputError
        For another sample.
    DataFileError
        If no model at all can be read.
    BankError
        If the bank cannot be opened or written.
    """
    names = list(dict.fromkeys(model.sample for model in MODELS))
    for name in samples or ():
        if name not in names:
            raise InputError("sample", repr(name), f"one of {', '.join(names)}")
    chosen = [model for model in MODELS if model.sample in (samples or names)]
    missing: dict[str, str] = {}
    errors: list[AetError] = []
    done: list[PublishedDeposit] = []
    with progress_bar("published models", len(chosen), show_progress) as reporter:
        for wanted in chosen:
            try:
                model, sources = read_files(find, wanted)
            except DataFileError as error:
                errors.append(error)
                missing[wanted.name] = str(error)
            else:
                stored = _deposit(bank_path, wanted, model, sources, published, quick, wait)
                done.append(PublishedDeposit(wanted.sample, wanted.name, len(model), stored))
            reporter.advance(note=wanted.name)
    if not done:
        raise errors[0]
    number = None
    if validate:
        rows, unread = _figures(find, golden, published, samples, show_progress)
        missing |= unread
        if rows:  # none for a sample that no published figure is of
            with Bank(bank_path, wait=wait) as bank:
                number = deposit_validation(bank, rows)
    left_out = {
        file: why
        for file, (owners, why) in NO_MODELS.items()
        if set(owners) & set(samples or names)
    }
    return Published(tuple(done), missing, left_out, number)


def _deposit(
    bank_path: str | Path,
    wanted: PublishedModel,
    model: AtomicModel,
    sources: Sequence[Provenance],
    published: Mapping[str, PublishedFigure],
    quick: bool,
    wait: float | None,
) -> Deposit:
    started = found = finished = None
    if wanted.final:
        solute = None
        if wanted.types is not None and not quick:
            groups, types = atom_groups(model.atoms), model.atoms.arrays["type"]
            solute = str(groups[types == SOLUTE][0])
        started = utc_now()
        found = analyze(model.atoms, cutoff=_CUTOFFS[wanted.sample], solute=solute)
        finished = utc_now()
    with Bank(bank_path, wait=wait) as bank:
        return deposit(
            bank,
            model,
            kind=wanted.kind,
            sample=wanted.sample,
            reconstruction=_reconstruction(wanted, published),
            analysis=found,
            started=started,
            finished=finished,
            provenance=sources,
            details=_details(wanted, published),
        )


def _value(
    published: Mapping[str, PublishedFigure], wanted: PublishedModel, quantity: str
) -> float | None:
    """A published figure of the model's sample; what is in percent as a fraction."""
    figure = published.get(f"{wanted.figures}.{quantity}")
    if figure is None:
        return None
    value = figure.values[0]
    return round(value / 100, 6) if figure.unit == "percent" else value


def _reconstruction(
    wanted: PublishedModel, published: Mapping[str, PublishedFigure]
) -> Reconstruction | None:
    """What the paper states of the volume that the model was traced in."""
    if wanted.kind != "experiment":
        return None
    stated = {
        name: _value(published, wanted, quantity)
        for name, quantity in {
            "iterations": "resire_iterations",
            "projections": "n_projections",
            "pixel_size": "pixel_size",
        }.items()
    }
    parameters: dict[str, Any] = {
        key: int(value) if value.is_integer() else value
        for key, value in stated.items()
        if value is not None
    }
    return Reconstruction("RESIRE", parameters, r_mean=_value(published, wanted, "r"))


def _details(wanted: PublishedModel, published: Mapping[str, PublishedFigure]) -> Details:
    fits, r1 = [], None
    if wanted.final:
        r1 = _value(published, wanted, "r1")
        thermal = _value(published, wanted, "b_factor")
        if thermal is not None and isinstance(wanted.species, str):
            fits = [SpeciesFit(wanted.species, b_factor=thermal)]
    repository = wanted.positions[0]
    info = {"repository": f"https://github.com/{repository}/Supplementary-Data-Codes"}
    if wanted.types is not None:
        info["species"] = _TYPES
    return Details(
        r1_mean=r1,
        optimization_type=wanted.optimization_type,
        licence=LICENCE,
        doi=DOIS[repository],
        species=fits,
        info=info,
    )


def _figures(
    find: Find,
    golden: Callable[[str], Path],
    published: Mapping[str, PublishedFigure],
    samples: Sequence[str] | None,
    show_progress: bool,
) -> tuple[list[Row], dict[str, str]]:
    """Rows of all published figures, and why some could not be computed."""
    known = list(dict.fromkeys(figure.sample for figure in published.values()))
    chosen = [name for name in known if samples is None or name in samples]
    found = Figures()
    wrong: dict[str, str] = {}
    try:
        found = published_figures(find, golden, chosen, progress=show_progress)
    except DataFileError:  # of one of them: find out which, and keep the others
        for name in chosen:
            try:
                one = published_figures(find, golden, [name], progress=show_progress)
            except DataFileError as error:
                wrong[name] = str(error)
            else:
                found.computed |= one.computed
                found.missing |= one.missing
    unread = found.reasons() | wrong
    rows = build_report(published, found.computed, chosen, unread) if chosen else []
    return rows, {f"figures of {name}": why for name, why in unread.items()}
