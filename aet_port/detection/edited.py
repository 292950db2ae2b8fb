"""A model that was edited by hand, fitted to the images again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.detection.loop import result_of
from aet_port.detection.model_check import first_heights, fit_given
from aet_port.detection.outcome import Detection
from aet_port.detection.search import Search
from aet_port.detection.settings import DETECT, DetectSettings


def fit_edited(
    series: TiltSeries,
    model: AtomicModel,
    symbols: tuple[str, ...],
    by_hand: Mapping[int, str],
    settings: DetectSettings = DETECT,
    *,
    threads: int | None = None,
    progress: bool = False,
) -> Detection:
    """Fit positions, heights and probe to the images without adding or dropping any atom.

    Species follow from the heights as in a search, except those that a person has assigned. Atoms
    keep their order, unless one has left more than half of the images.

    Parameters
    ----------
    series, settings, threads, progress
        As in :func:`aet_port.detection.loop.detect`.
    model
        The edited model; atoms that are new have no height in it (NaN).
    symbols
        The species, by increasing intensity.
    by_hand
        Species assigned by a person, by number of the atom.

    Returns
    -------
    The result, with probabilities and errors as those of a search.

    Raises
    ------
    InputError
        If too few of the atoms are significant.

    Notes
    -----
    MATLAB: none; the papers refine the model again after each edit by hand
    """
    search = Search(series, symbols, settings, threads)
    heights = first_heights(search, model.positions)
    given = model.atoms.arrays.get("height")
    if given is not None:
        known = given / (search.noise.unit * series.pixel_size**2)
        usual = float(np.nanmedian(known))
        heights = np.where(np.isfinite(known), known, usual)
    found = result_of(search, fit_given(search, model, heights), progress)
    if len(found.model) != len(model) or not by_hand:
        return found
    kinds = found.model.species
    for number, symbol in by_hand.items():
        kinds[number] = symbol
    atoms = found.model.atoms.copy()
    atoms.set_chemical_symbols(kinds)
    return replace(found, model=replace(found.model, atoms=atoms))
