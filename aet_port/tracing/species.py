"""Species of traced atoms from the intensities of a reconstruction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.core.display import Shown, average
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.tracing.boxes import box_values, fine_box_values, refuse_outside
from aet_port.tracing.classes import (
    ClassHistogram,
    class_histogram,
    class_posteriors,
    classes_and_non_atoms,
    lightest_split,
    sphere_in_box,
)
from aet_port.tracing.clustering import Start, kmeans
from aet_port.tracing.composition_prior import mixture_with_prior, prior_of
from aet_port.tracing.intensities import histogram, positions_table, sphere_values, two_gaussians
from aet_port.tracing.local_classes import LocalClasses, reclassify_locally
from aet_port.tracing.memory import HISTOGRAM_THIRDS, LESS, needed_memory
from aet_port.tracing.non_atoms import ATOM, two_classes
from aet_port.tracing.settings import CLASSIFY, ClassifySettings, NonAtoms, Upsampling
from aet_port.tracing.upsampling import FACTOR, fine_grid

NOT_ASSIGNED, NOT_AN_ATOM = 0, -1  # types; species count from 1
UNKNOWN = chemical_symbols[0]
FILM_CLASS_THIRDS = 4


@dataclass(frozen=True, repr=False)
class Classification(Shown):
    """Result of :func:`classify`.

    Attributes
    ----------
    symbols
        The species, lightest first.
    types
        Shape (n,): 1 for the first symbol and so on, 0 not assigned, -1 non-atom.
    intensities
        Shape (n,): sum of the values in the sphere around each peak.
    posteriors
        Shape (n, k), see :func:`aet_port.tracing.classes.class_posteriors`; zero for non-atoms.
    centres, widths
        Shape (k,): mean and standard deviation of the intensities of each species.
    global_types
        Shape (n,): types before the local rounds.
    changes
        Number of atoms that changed species in each local round; empty without local rounds.
    settled
        Whether the local rounds converged, with no more changes.
    composition
        Fractions of the species after the data, where a composition was given; else None.

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> places = amorphous_particle(20).positions
    >>> truth = aet.AtomicModel.from_positions(places, ["Cu", "Ta"] * 10)
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> series = simulate_tilt_series(truth, angles, pixel_size=0.6, shape=(32, 32), dose=None)
    >>> volume = aet.reconstruct(series, iterations=20).volume
    >>> found = aet.classify(volume, places, ["Cu", "Ta"], radius=0, non_atoms="none")
    >>> found.counts
    {'Cu': 10, 'Ta': 10}
    >>> found.model(places).atoms.get_chemical_formula()
    'Cu10Ta10'
    """

    symbols: tuple[str, ...]
    types: NDArray[np.int64]
    intensities: NDArray[np.float64]
    posteriors: NDArray[np.float64]
    centres: NDArray[np.float64]
    widths: NDArray[np.float64]
    global_types: NDArray[np.int64]
    changes: tuple[int, ...] = ()
    settled: bool = True
    composition: tuple[float, ...] | None = None

    plot = methods.plot_classification
    """Plot the intensity histogram: :func:`aet_port.figures.model_results.plot_classification`."""

    def _facts(self) -> dict[str, object]:
        counts = " ".join(f"{symbol} {number}" for symbol, number in self.counts.items())
        return {
            "peaks": len(self),
            "atoms": int(self.is_atom.sum()),
            "species": counts,
            "mean confidence": average(self.confidence[self.is_atom]),
        }

    def __len__(self) -> int:
        return len(self.types)

    @property
    def is_atom(self) -> NDArray[np.bool_]:
        """Which peaks are atoms, whether or not a species is assigned."""
        return self.types != NOT_AN_ATOM

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Posterior of each atom's species or, if none is assigned, of the most likely one."""
        best = self.posteriors.argmax(axis=1)
        chosen = np.where(self.types > 0, self.types - 1, best)
        return self.posteriors[np.arange(len(self)), chosen]

    @property
    def species(self) -> list[str]:
        """Symbol of each peak, X if no species is assigned."""
        names = (UNKNOWN, *self.symbols)
        return [names[max(int(t), 0)] for t in self.types]

    @property
    def counts(self) -> dict[str, int]:
        """Number of atoms of each species, including X if there are any."""
        found = {s: int((self.types == t).sum()) for t, s in enumerate(self.symbols, start=1)}
        unknown = int((self.types == NOT_ASSIGNED).sum())
        return found | ({UNKNOWN: unknown} if unknown else {})

    def histogram(self, bins: int = 100) -> ClassHistogram:
        """Histogram of the intensities of all peaks and of each species."""
        return class_histogram(self.intensities, self.types, len(self.symbols), bins)

    def retyped(self, species: Mapping[int, str]) -> Classification:
        """Copy with other species for some peaks, by index; these peaks become atoms.

        Raises
        ------
        InputError
            For an index or a symbol that does not exist.
        """
        types = self.types.copy()
        for number, symbol in species.items():
            if not 0 <= number < len(self):
                raise InputError("retype: atom", f"{number}", f"0 to {len(self) - 1}")
            if symbol not in self.symbols:
                found = f"{symbol} for atom {number}"
                raise InputError("retype: species", found, f"one of {', '.join(self.symbols)}")
            types[number] = self.symbols.index(symbol) + 1
        return replace(self, types=types)

    def model(self, positions: ArrayLike, name: str = "model") -> AtomicModel:
        """The atoms with arrays ``intensity``, ``confidence`` and ``type``.

        Parameters
        ----------
        positions
            Shape (n, 3), angstrom: the positions that were classified.

        Raises
        ------
        InputError
            For another number of positions, or if no peak is an atom.
        """
        table = positions_table("positions", positions)
        if len(table) != len(self):
            raise InputError("positions", f"{len(table)}", f"the {len(self)} that were classified")
        kept = self.is_atom
        return AtomicModel.from_positions(
            table[kept],
            [s for s, k in zip(self.species, kept, strict=True) if k],
            name=name,
            intensity=self.intensities[kept],
            confidence=self.confidence[kept],
            type=self.types[kept],
        )


@checked
def classify(
    volume: Volume,
    positions: ArrayLike,
    species: Sequence[str],
    *,
    upsampling: Upsampling = CLASSIFY.upsampling,
    thirds: int = CLASSIFY.thirds,
    radius: float = CLASSIFY.radius,
    non_atoms: NonAtoms = CLASSIFY.non_atoms,
    unassigned: float | None = CLASSIFY.unassigned,
    composition: Mapping[str, float] | None = CLASSIFY.composition,
    composition_error: float = CLASSIFY.composition_error,
    norm: int = 2,
    start: Start = "optimal",
    seed: int = 0,
    reference_quirks: bool = False,
) -> Classification:
    """Assign species to atoms by the reconstructed intensity around them (Methods, glass paper).

    The values in a small sphere around each atom, at thirds of a voxel, are summed (values outside
    the volume count as zero); k-means of the sums gives the species, darkest first. Then each atom
    is reassigned to the species whose mean values within ``radius`` are closest to its own, until
    nothing changes (:func:`aet_port.tracing.local_classes.reclassify_locally`).

    Parameters
    ----------
    volume
        The reconstruction.
    positions
        Shape (n, 3), angstrom.
    species
        Symbols in order of increasing intensity (increasing atomic number).
    upsampling
        Interpolation between voxels: ``"linear"``, or ``"spline"`` as published for the glass
        (cubic splines at thirds of a voxel, linear between these).
    thirds
        Radius of the sphere in thirds of a voxel, minus half a third; 3 in the glass paper.
    radius
        Radius of the local reclassification, angstrom; 0: none.
    non_atoms
        How to exclude non-atoms. ``"kmeans"``: an additional class and a second comparison
        (:func:`aet_port.tracing.classes.classes_and_non_atoms`, glass paper). ``"split"``: the
        darkest class is split in two (:func:`aet_port.tracing.classes.lightest_split`, the glass
        paper's noisy simulations, where a second call with ``thirds=9`` gives the species).
        ``"gaussians"``: two Gaussians fitted to the histogram of intensities, then comparison with
        the mean atom and with zero (:func:`aet_port.tracing.non_atoms.two_classes`, film paper).
        ``"none"``: all peaks are atoms.
    unassigned
        Confidence below which an atom gets no species (X, type 0).
    composition, composition_error
        Fraction of each species, for example from EDS, and its standard error: the species then
        follow from a mixture of Gaussians with this prior
        (:func:`aet_port.tracing.composition_prior.mixture_with_prior`), without local rounds.
    norm, start, seed
        As in :func:`aet_port.tracing.clustering.kmeans`; the local rounds use ``norm`` too.
    reference_quirks
        As coded: see :func:`aet_port.tracing.classes.atom_or_not`, ``reclassify_locally`` and
        :func:`aet_port.tracing.non_atoms.two_classes`.

    Returns
    -------
    Species and confidence of each peak, and which peaks are non-atoms.

    Raises
    ------
    InputError
        For species that are unknown or named twice; atoms outside the volume (with their indices);
        fewer distinct intensities than species; a species left without atoms; parameters out of
        range.

    Notes
    -----
    MATLAB: 4_Tracing_and_classification/Main_classification.m, with
    src/initial_class_kmean_sub.m::initial_class_kmean_sub; the first classification of
    Main_polynomial_tracing.m (``non_atoms="kmeans"``, ``radius=0``); TestC_MG_multislice.m and
    LocalC_MG_multislice.m in 10_Multislice_AET_simulations/2_tracing. There k-means starts at
    random and ends in a local minimum about one time in three; here it is exact unless ``start``
    says otherwise.

    Examples
    --------
    >>> import aet_port as aet
    >>> from aet_port.simulation import amorphous_particle, simulate_tilt_series
    >>> places = amorphous_particle(20).positions
    >>> truth = aet.AtomicModel.from_positions(places, ["Cu", "Ta"] * 10)
    >>> angles = [[0, theta, 0] for theta in range(-66, 67, 12)]
    >>> series = simulate_tilt_series(truth, angles, pixel_size=0.6, shape=(32, 32), dose=None)
    >>> volume = aet.reconstruct(series, iterations=20).volume
    >>> found = aet.classify(volume, places, ["Cu", "Ta"], radius=0, non_atoms="none")
    >>> found.species == truth.species
    True
    """
    symbols = check_species(species)
    settings = ClassifySettings(
        radius=radius,
        thirds=thirds,
        upsampling=upsampling,
        non_atoms=non_atoms,
        unassigned=unassigned,
        composition=None if composition is None else dict(composition),
        composition_error=composition_error,
    )
    expected = prior_of(composition, composition_error, symbols)
    table = positions_table("positions", positions)
    check_memory("classify", needed_memory(volume.array.size, len(table), settings), LESS)
    voxels = volume.to_voxels(table)
    outside = np.any((voxels < 0) | (voxels > np.array(volume.shape) - 1), axis=1)
    refuse_outside(volume.name, outside, f"atoms inside its {volume.shape} voxels")
    if upsampling == "linear":
        cubes = box_values(volume.array, voxels, thirds, FACTOR, sphere=False)
        cubes[np.isnan(cubes)] = 0.0
    else:
        cubes = fine_box_values(fine_grid(volume.array, upsampling), voxels, thirds, sphere=False)
    values = cubes[:, sphere_in_box(thirds)]
    sums = values.sum(axis=1)
    n_types = len(symbols)
    is_atom = np.ones(len(sums), bool)
    if non_atoms == "gaussians":
        is_atom = _by_gaussians(volume, voxels, reference_quirks)
    distinct = len(np.unique(sums[is_atom]))
    needed = n_types + (non_atoms in ("kmeans", "split"))
    if distinct < needed:
        found = f"{distinct} distinct intensities of {is_atom.sum()} atoms"
        what = "one for each species" + (" and one for non-atoms" if needed > n_types else "")
        raise InputError(f"species {', '.join(symbols)}", found, f"at least {needed}, {what}")
    if non_atoms == "kmeans":
        types, is_atom = classes_and_non_atoms(cubes, n_types, norm, start, seed, reference_quirks)
        types = types[is_atom]
    else:
        if non_atoms == "split":
            is_atom = lightest_split(sums, n_types, norm, start, seed)
        types = kmeans(sums[is_atom], n_types, norm, start, seed).labels + 1
    prior = None
    if expected is not None:
        prior = mixture_with_prior(sums[is_atom], expected)
        types = prior.posteriors.argmax(axis=1) + 1
    local = LocalClasses(types, [], True)
    if radius and n_types > 1 and prior is None:
        local = reclassify_locally(
            table[is_atom], values[is_atom], types, radius, norm, reference_quirks=reference_quirks
        )
    empty = [s for t, s in enumerate(symbols, start=1) if not (local.types == t).any()]
    if empty:
        found = f"no atoms left after {len(local.changes)} local rounds"
        raise InputError(f"species {', '.join(empty)}", found, "fewer species, or another radius")
    if prior is None:
        chances, centres, widths = class_posteriors(sums[is_atom], local.types, n_types)
    else:
        chances, centres, widths = prior.posteriors, prior.means, prior.widths
    doubtful = chances[np.arange(len(chances)), local.types - 1] < (unassigned or 0)
    final = np.full(len(sums), NOT_AN_ATOM)
    final[is_atom] = np.where(doubtful, NOT_ASSIGNED, local.types)
    before = np.full(len(sums), NOT_AN_ATOM)
    before[is_atom] = types
    posteriors = np.zeros((len(sums), n_types))
    posteriors[is_atom] = chances
    changes = tuple(local.changes)
    return Classification(
        symbols,
        final,
        sums,
        posteriors,
        centres,
        widths,
        before,
        changes,
        local.settled,
        None if prior is None else tuple(prior.fractions.tolist()),
    )


def check_species(species: Sequence[str]) -> tuple[str, ...]:
    """Check that symbols are chemical elements, each named once, and return them.

    Raises
    ------
    InputError
        If not, or if there are none.
    """
    symbols = (species,) if isinstance(species, str) else tuple(species)
    unknown = [s for s in symbols if s not in chemical_symbols[1:]]
    if unknown or not symbols:
        found = repr(unknown[0]) if unknown else "none"
        raise InputError("species", found, "chemical symbols such as Co, Pd, Pt")
    if len(set(symbols)) < len(symbols):
        raise InputError("species", f"{', '.join(symbols)}", "each symbol only once")
    return symbols


def _by_gaussians(volume: Volume, voxels: NDArray[np.float64], quirks: bool) -> NDArray[np.bool_]:
    sums = sphere_values(volume.array, voxels, HISTOGRAM_THIRDS, "linear").sum(axis=1)
    values = sphere_values(volume.array, voxels, FILM_CLASS_THIRDS, "cubic")
    counts, centres = histogram(sums)
    return two_classes(values, sums, two_gaussians(centres, counts), quirks)[0] == ATOM
