"""Models of overlapping sub-areas put together, and what the overlaps say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.core.sub_areas import SubAreas
from aet_port.core.uncertainty import uncertainty_arrays
from aet_port.detection.patching import Patched, patch_models

PIXEL = 0.5
SHAPE = (81, 61, 21)  # 40.5 x 30.5 angstrom
AREAS = SubAreas([[24, 30, 10], [56, 30, 10]], [[24, 30, 10]] * 2)  # share 17 columns
MIDDLE = np.array([40, 30, 10])


@pytest.fixture(scope="module")
def film() -> AtomicModel:
    """Atoms inside the field, no two nearer than 2 angstrom."""
    sides = np.array([40.0, 30.0, 8.0])
    places = np.stack(np.meshgrid(*(np.arange(1.5, n, 2.7) for n in sides)), axis=-1).reshape(-1, 3)
    places += np.random.default_rng(4).uniform(-0.3, 0.3, places.shape) - sides / 2
    return AtomicModel.from_positions(places, "Ta")


def chosen(model: AtomicModel, which: np.ndarray) -> AtomicModel:
    return AtomicModel(model.atoms[which])


def with_errors(places: ArrayLike, error: float) -> AtomicModel:
    sizes = np.full((len(np.asarray(places)), 1, 1), error**2) * np.eye(3)
    return AtomicModel.from_positions(places, "Ta", **uncertainty_arrays(sizes))


def seen_by(film: AtomicModel, index: int, **errors: float) -> AtomicModel:
    """What an area finds: its atoms about its own centre, displaced and with errors."""
    rng = np.random.default_rng(index)
    step = (AREAS.centres[index] - MIDDLE) * PIXEL
    half = (AREAS.half_sizes[index, :2] + 0.5) * PIXEL
    places = film.positions - step
    places = places[np.all(np.abs(places[:, :2]) < half, axis=1)]
    places = places + rng.normal(size=places.shape) * errors.get("spread", 0.0)
    places = places + np.array([0.0, 0.0, errors.get("moved", 0.0)])
    return with_errors(places, errors.get("error", 0.1))


def patched(models: dict[int, AtomicModel]) -> Patched:
    return patch_models(AREAS, models, PIXEL, SHAPE, "film")


def test_exact_areas_make_the_film(film: AtomicModel) -> None:
    found = patched({k: seen_by(film, k) for k in (0, 1)})
    assert len(found.model) == len(film)
    far, nearest = cKDTree(film.positions).query(found.model.positions)
    assert far.max() < 1e-9
    assert len(set(nearest.tolist())) == len(film)
    assert found.model.name == "film"
    (overlap,) = found.overlaps
    inside = np.abs(film.positions[:, 0]) < 17 * PIXEL / 2
    assert overlap.common == inside.sum()
    assert overlap.alone == 0
    assert overlap.rms == pytest.approx(0, abs=1e-9)
    # Far from the border along y, atoms come from the area in which they lie deeper.
    area, (x, y) = found.model.atoms.arrays["area"], found.model.positions[:, :2].T
    middle = np.abs(y) < 4
    assert (area[middle & (x < -1)] == 1).all()
    assert (area[middle & (x > 1)] == 2).all()


def test_displaced_areas_are_aligned(film: AtomicModel) -> None:
    models = {0: seen_by(film, 0, spread=0.05), 1: seen_by(film, 1, spread=0.05, moved=0.4)}
    found = patched(models)
    assert len(found.model) == len(film)
    step = found.overlaps[0].displacement
    assert np.abs(step - [0, 0, 0.4]).max() < 0.03  # median of 120 atoms, 0.05 angstrom each
    assert found.overlaps[0].rms == pytest.approx(np.sqrt(6) * 0.05, rel=0.1)
    # Half as large as the stated errors; 120 atoms give it to 6.5 %.
    assert found.overlaps[0].z_scores == pytest.approx([0.5] * 3, rel=0.2)
    rest = found.model.positions - film.positions[cKDTree(film.positions).query(
        found.model.positions)[1]]  # fmt: skip
    # Half of the displacement each, and therefore one everywhere.
    assert np.abs(rest.mean(axis=0) - [0, 0, 0.2]).max() < 0.02
    for area in (1, 2):
        own = found.model.atoms.arrays["area"] == area
        assert abs(rest[own, 2].mean() - 0.2) < 0.03


def test_the_better_of_two_is_kept_at_the_seam(film: AtomicModel) -> None:
    found = patched({0: seen_by(film, 0, error=0.2), 1: seen_by(film, 1, error=0.1)})
    near = np.abs(found.model.positions[:, 0]) < 0.7
    assert near.sum() > 5
    assert (found.model.atoms.arrays["area"][near] == 2).all()


def test_missing_atoms_are_counted(film: AtomicModel) -> None:
    models = {k: seen_by(film, k) for k in (0, 1)}
    # In the second area's frame, the overlap extends 8.5 angstrom from its left border.
    there = models[1].positions[:, 0]
    lost = (there > -12.25 + 2.5) & (there < -12.25 + 6)
    models[1] = chosen(models[1], ~lost)
    (overlap,) = patched(models).overlaps
    assert overlap.alone == pytest.approx(lost.sum(), abs=0.3 * lost.sum())
    assert 0 < overlap.alone <= lost.sum()
    assert overlap.summary()["areas"] == [1, 2]


def test_one_area_alone(film: AtomicModel) -> None:
    found = patched({1: seen_by(film, 1)})
    assert found.overlaps == ()
    assert len(found.model) == len(seen_by(film, 1))


def test_few_common_atoms_give_no_displacement() -> None:
    one = with_errors([[8.0, 0, 0]], 1.0)
    other = with_errors([[-8.0, 0, 0]], 1.0)
    (overlap,) = patched({0: one, 1: other}).overlaps
    assert overlap.summary() == {
        "areas": [1, 2], "common": 1, "alone": 0, "rms_pm": 0.0, "displacement": None,
        "rms_z_scores": [0.0, 0.0, 0.0],
    }  # fmt: skip


@pytest.mark.parametrize("models", [{}, {2: None}])
def test_unknown_areas_are_refused(models: dict[int, AtomicModel]) -> None:
    with pytest.raises(InputError, match="indices 0 to 1"):
        patch_models(AREAS, models, PIXEL, SHAPE)


def test_the_order_of_species_is_kept_where_the_areas_agree(film: AtomicModel) -> None:
    models = {k: seen_by(film, k) for k in (0, 1)}
    models[0].atoms.info["posterior_species"] = "Co,Ta"
    assert "posterior_species" not in patched(models).model.atoms.info
    models[1].atoms.info["posterior_species"] = "Co,Ta"
    assert patched(models).model.atoms.info["posterior_species"] == "Co,Ta"
    models[1].atoms.info["posterior_species"] = "Ta,Co"
    assert "posterior_species" not in patched(models).model.atoms.info
