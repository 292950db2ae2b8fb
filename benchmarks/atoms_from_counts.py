"""What `aet detect` finds in simulated noisy images of known samples, with default settings.

`python -m benchmarks.atoms_from_counts CASE ...`, `list`, or `ablation`. The images are linear
projections with the probe named, Poisson and read noise; the chain is given images, nominal angles,
pixel size and species only. Atoms are compared one to one within 1 angstrom after the best common
rotation and displacement, which images of unknown angles leave undetermined.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.geometry import euler_rotations
from aet_port.core.sub_areas import SubAreas
from aet_port.detection.loop import carry_out
from aet_port.detection.mixture import NARROWEST, Species
from aet_port.detection.patching import patch_models
from aet_port.detection.search import Search
from aet_port.detection.settings import DetectSettings
from aet_port.detection.state import SearchState
from aet_port.refinement.likelihood import Likelihood
from aet_port.simulation import amorphous_alloy, amorphous_film, amorphous_particle
from aet_port.simulation.linear import project_atoms, tilt_angles
from aet_port.simulation.settings import TwoGaussians
from aet_port.simulation.silicon import amorphous_silicon
from aet_port.simulation.tilt_series import fitting_shape
from aet_port.validation.published_models import published_model
from matlab_reference import resolve_reference

RADIUS = 1.0  # angstrom within which an atom is found
GLASS = {"Ni": "Co", "Pd": "Pd", "Pt": "Pt"}  # types 1, 2, 3 as named here
SHARP = TwoGaussians()
ANGLE_ERRORS = (0.55, 0.69, 0.62)  # degrees


@dataclass(frozen=True)
class Case:
    """A sample and how its images are taken.

    Attributes
    ----------
    sample
        Makes the model for a seed.
    counts
        Electrons of one atom in an image, by symbol; with ``counting`` false, in units of the
        noise.
    tilts
        Tilt angles, shape (n, 3), degrees.
    pixel_size
        Angstrom.
    probe
        Two Gaussians; None for the form factor with ``b_factor``.
    b_factor
        Square angstrom.
    background, read_noise
        Electrons per pixel.
    wrong_angles
        Standard deviations of the errors of phi, theta, psi, degrees.
    shape
        Pixels of an image; the whole sample unless given.
    counting
        Whether the noise is that of counting.
    areas
        Sub-areas of the field ``shape``, each with images and noise of its own.
    """

    sample: Callable[[int], AtomicModel]
    counts: Mapping[str, float]
    tilts: NDArray
    pixel_size: float
    probe: TwoGaussians | None = SHARP
    b_factor: float = 6.0
    background: float = 1.0
    read_noise: float = 1.0
    wrong_angles: tuple[float, ...] = ()
    shape: tuple[int, int] | None = None
    counting: bool = True
    settings: DetectSettings = field(default_factory=DetectSettings)
    areas: SubAreas | None = None


def glass(seed: int) -> AtomicModel:
    """The published glass particle, the same for every seed."""
    atoms = published_model(lambda *parts: resolve_reference("/".join(parts)), "MG_particle")
    kinds = [GLASS[symbol] for symbol in atoms.get_chemical_symbols()]
    return AtomicModel.from_positions(atoms.positions - atoms.positions.mean(axis=0), kinds)


def silicon(n_atoms: int) -> Callable[[int], AtomicModel]:
    """Amorphous silicon."""
    return lambda seed: amorphous_silicon(n_atoms, seed)


def carbon(seed: int) -> AtomicModel:
    """A dense disordered particle of carbon."""
    return amorphous_particle(7500, "C", seed, density=0.2)


def turned(first: float, last: float, count: int) -> NDArray:
    """Tilts about one axis."""
    angles = np.zeros((count, 3))
    angles[:, 1] = np.linspace(first, last, count)
    return angles


GLASS_SHARP = {"Co": 98.0, "Pd": 231.0, "Pt": 588.0}
THIRDS = {"Si": 1 / 3, "Ge": 1 / 3, "Sn": 1 / 3}
GLASS_LINEAR = {"Co": 89.5, "Pd": 224.8, "Pt": 581.4}  # 1.7e4 electrons per square angstrom
TILTS = tilt_angles("glass", 0.5)
LOW = turned(-88.5, 88.5, 60)
FILM = tilt_angles("ta-film")
FILM_COUNTS = {"Cu": 96.0, "Ta": 510.0}
TURN = DetectSettings(angles=True)
SLAB = (63.0, 63.0, 16.0)
HALVES = SubAreas([[40, 24, 20], [40, 56, 20]], [[40, 24, 20]] * 2)  # of 81 x 81 pixels


def _film(species: str | Mapping[str, float]) -> Callable[[int], AtomicModel]:
    return lambda seed: amorphous_film(SLAB, species, seed)


def linear_case(sample: Callable[[int], AtomicModel], **changes: object) -> Case:
    plain = {"probe": None, "background": 0.0}
    return Case(sample, GLASS_LINEAR, TILTS, 0.347, **{**plain, **changes})  # type: ignore[arg-type]


CUTA = Case(
    _film({"Cu": 0.2, "Ta": 0.8}), FILM_COUNTS, FILM, 0.4, None, background=0.0, shape=(80, 80)
)
CASES = {
    "glass, sharp probe": Case(glass, GLASS_SHARP, TILTS, 0.347),
    "glass, B' = 6": linear_case(glass),
    "glass, sharp probe, wrong angles": Case(
        glass, GLASS_SHARP, TILTS, 0.347, wrong_angles=ANGLE_ERRORS, settings=TURN
    ),
    "glass, B' = 6, wrong angles": linear_case(glass, wrong_angles=ANGLE_ERRORS, settings=TURN),
    "Si 208, 14 counts": Case(silicon(208), {"Si": 14.0}, LOW, 0.195, read_noise=0.0),
    "Si 208, 27 counts": Case(silicon(208), {"Si": 27.0}, LOW, 0.195, read_noise=0.0),
    "Si 208, 276 counts": Case(silicon(208), {"Si": 276.0}, LOW, 0.195, read_noise=0.0),
    "Si 20000, 14 counts": Case(silicon(20000), {"Si": 14.0}, LOW, 0.347, read_noise=0.0),
    "SiGeSn 14000, 27 counts": Case(
        lambda seed: amorphous_alloy(14000, THIRDS, seed, 0.045),
        {"Si": 27.0, "Ge": 104.0, "Sn": 226.0},
        LOW,
        0.347,
        read_noise=0.0,
    ),
    "Ta slab": Case(_film("Ta"), FILM_COUNTS, FILM, 0.4, None, background=0.0, shape=(80, 80)),
    "CuTa slab": CUTA,
    "CuTa slab, two sub-areas": replace(CUTA, shape=(81, 81), areas=HALVES),
    "C 7500, constant noise": Case(
        carbon, {"C": 34.0}, turned(-72, 72, 37), 0.34, None, 3.0, 0.0, counting=False
    ),
}


ALLOY = linear_case(
    lambda seed: amorphous_alloy(6000, {"Co": 0.45, "Pd": 0.38, "Pt": 0.17}, seed, 0.046)
)


class OneRound(Search):
    """One round, then the last fit."""

    def steady(self, state: SearchState) -> bool:
        return bool(state.rounds)


class EqualWeights(Search):
    """The same noise in all pixels, that of the mean image."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        variance = float(self.images.mean()) + self.noise.read_noise**2
        self.noise = replace(self.noise, counting=False, read_noise=variance**0.5)
        old = self.likelihood
        self.likelihood = Likelihood(
            self.images, old.pixel_size, variance, False, old.terms, self.threads
        )


class NoRepulsion(Search):
    """Atoms don't repel each other."""

    def distances(self, positions: NDArray) -> tuple[float, float, float]:
        return (0.0, *super().distances(positions)[1:])


class HeightsOfSpecies(Search):
    """Heights are those of the species, as in the papers, from the first round on."""

    def species(self, *args: object) -> Species:
        found = super().species(*args)  # type: ignore[arg-type]
        return replace(found, spreads=NARROWEST * found.means)

    def round(self, state: SearchState) -> SearchState:
        return replace(super().round(state), known=len(state.rounds) + 1)


ABLATIONS: dict[str, type[Search]] = {
    "as it is": Search,
    "without rounds": OneRound,
    "without Poisson weights": EqualWeights,
    "without repulsion": NoRepulsion,
    "without free heights": HeightsOfSpecies,
}


def images_of(case: Case, model: AtomicModel, seed: int) -> TiltSeries:
    """Noisy images of a model."""
    rng = np.random.default_rng([seed, 20_000])
    true = case.tilts
    if case.wrong_angles:
        true = true + rng.normal(size=true.shape) * np.array(case.wrong_angles)
    shape = case.shape or fitting_shape(model, true, case.pixel_size)
    area = case.pixel_size**2
    clean = project_atoms(
        model,
        true,
        case.pixel_size,
        shape,
        case.b_factor,
        {symbol: case.counts[symbol] * area for symbol in set(model.species)},
        probe=case.probe,
    )
    clean = np.maximum(clean, 0) + case.background
    noisy = rng.poisson(clean) if case.counting else clean
    noisy = noisy + rng.normal(size=clean.shape) * case.read_noise
    return TiltSeries(noisy.astype(np.float32), case.tilts, case.pixel_size, name="benchmark")


def _images_of_area(case: Case, model: AtomicModel, seed: int, area: int) -> TiltSeries:
    """The tilt series of one sub-area, its centre on the rotation axis."""
    if case.areas is None or case.shape is None:
        raise AssertionError("a case with sub-areas")
    middle = np.array([*(n // 2 for n in case.shape), 20])
    step = (case.areas.centres[area] - middle) * case.pixel_size
    there = AtomicModel.from_positions(model.positions - step, model.species)
    nx, ny, _ = case.areas.shape_of(area)
    return images_of(replace(case, shape=(nx, ny)), there, seed + 1000 * (area + 1))


def compare(found: NDArray, truth: NDArray) -> tuple[NDArray, NDArray, float, NDArray]:
    """Pairs of mutual nearest neighbours within a radius, after the best rigid motion.

    Returns
    -------
    Whether each found atom is matched, with which one, RMSD in angstrom, and the rotation.
    """
    turn, shift = np.eye(3), np.zeros(3)
    for _ in range(30):
        moved = found @ turn.T + shift
        distance, nearest = cKDTree(truth).query(moved)
        _, back = cKDTree(moved).query(truth)
        ok = (back[nearest] == np.arange(len(found))) & (distance <= RADIUS)
        a, b = found[ok], truth[nearest[ok]]
        u, _, v = np.linalg.svd((a - a.mean(0)).T @ (b - b.mean(0)))
        new = (u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v).T
        step = np.abs(new - turn).max()
        turn, shift = new, b.mean(0) - a.mean(0) @ new.T
        if step < 1e-9:
            break
    moved = found @ turn.T + shift
    rest = moved[ok] - truth[nearest[ok]]
    return ok, nearest, float(np.sqrt((rest**2).sum(axis=1).mean())), turn


def run(name: str, seed: int, threads: int = 2) -> str:
    """One row of the table."""
    return row(name, CASES[name], seed, threads)


def row(name: str, case: Case, seed: int, threads: int, kind: type[Search] = Search) -> str:
    """One row of the table, with a search of some kind, without trials."""
    model = case.sample(seed)
    symbols = sorted(set(model.species), key=lambda one: case.counts[one])
    if case.areas is None:
        every = [images_of(case, model, seed)]
    else:
        every = [_images_of_area(case, model, seed, k) for k in range(len(case.areas))]
    begin, used = time.perf_counter(), time.process_time()
    settings = case.settings.model_copy(update={"trials": 0})
    parts = [carry_out(kind(series, symbols, settings, threads)) for series in every]
    done, whole = parts[0], parts[0].model
    if case.areas is not None:
        models = {k: part.model for k, part in enumerate(parts)}
        shape = (*(case.shape or (0, 0)), 41)
        patched = patch_models(case.areas, models, case.pixel_size, shape)
        whole = patched.model
        print(*(one.summary() for one in patched.overlaps), file=sys.stderr, flush=True)
    seconds, used = time.perf_counter() - begin, time.process_time() - used
    found, truth = whole.positions, model.positions
    kinds, true_kinds = np.array(whole.species), np.array(model.species)
    ok, nearest, rmsd, _ = compare(found, truth)
    inside, mine = np.ones(len(truth), bool), np.ones(len(found), bool)
    if case.shape is not None:
        half = np.array(case.shape) / 2 * case.pixel_size
        inside = np.all(np.abs(truth[:, :2]) < half, axis=1)
        mine = np.all(np.abs(found[:, :2]) < half, axis=1)
        far = found[ok & inside[nearest]] - truth[nearest[ok & inside[nearest]]]
        rmsd = float(np.sqrt((far**2).sum(axis=1).mean()))
    hits = ok & inside[nearest]
    right = hits & (kinds == true_kinds[nearest])
    by_kind = ", ".join(
        f"{symbol} {100 * np.sum(right & (true_kinds[nearest] == symbol)) / count:.1f}"
        for symbol in symbols
        if (count := np.sum(inside & (true_kinds == symbol)))
    )
    cells = [
        name,
        f"{100 * hits.sum() / inside.sum():.2f} %",
        f"{100 * right.sum() / inside.sum():.2f} % ({by_kind})",
        f"{100 * np.sum(mine & ~ok) / mine.sum():.2f} %",
        f"{100 * rmsd:.1f} pm",
        f"{seconds:.0f} s, {used:.0f} CPU s",
    ]
    if case.wrong_angles:
        cells[-1] += f"; angles left {_angles_left(done.angles, case, seed)}"
    return "| " + " | ".join(cells) + " |"


def _angles_left(angles: NDArray, case: Case, seed: int) -> str:
    """Rms errors about the axes of the detector after the best common rotation, degrees."""
    rng = np.random.default_rng([seed, 20_000])
    true = case.tilts + rng.normal(size=case.tilts.shape) * np.array(case.wrong_angles)
    mine, right = euler_rotations(angles), euler_rotations(true)
    u, _, v = np.linalg.svd(np.einsum("kji,kjl->il", mine, right))
    turn = u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v
    rest = np.einsum("kij,jl,kml->kim", mine, turn, right)
    axes = ((2, 1), (0, 2), (1, 0))
    rms = [
        np.degrees(np.sqrt(np.mean(((rest[:, i, j] - rest[:, j, i]) / 2) ** 2))) for i, j in axes
    ]
    return ", ".join(f"{one:.3f}" for one in rms) + " degrees"


def main(names: list[str], seed: int = 2026) -> None:
    """Print the rows asked for."""
    if names == ["list"]:
        print("\n".join(CASES))
        return
    print("| case | found | with the right species | spurious | RMSD | time |", flush=True)
    print("|---|---|---|---|---|---|", flush=True)
    if names == ["ablation"]:
        for name, kind in ABLATIONS.items():
            print(row(name, ALLOY, seed, 2, kind), flush=True)
        return
    for name in names or list(CASES):
        print(run(name, seed), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
