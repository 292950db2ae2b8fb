"""A model against the truth as a whole: fields, frames, warnings, the table of atoms."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import InputError
from aet_port.validation import ScoreSettings, evaluate, score
from tests.validation.test_frame_search import packing

PLACES = packing(200, seed=11)
TRUTH = AtomicModel.from_positions(PLACES, ["Ta", "Pd"] * 100)
QUICK = ScoreSettings(packings=0, radius=1.0)


def spoilt(seed: int = 0, sigma: float = 0.1) -> AtomicModel:
    """20 atoms missed, 10 species wrong."""
    rng = np.random.default_rng(seed)
    species = np.array(TRUTH.species)
    species[:10] = "Pt"
    stated = {name: np.full(180, sigma) for name in ("sigma_x", "sigma_y", "sigma_z")}
    return AtomicModel.from_positions(
        (PLACES + rng.normal(0, sigma, PLACES.shape))[:180],
        species[:180].tolist(),
        p_exists=rng.uniform(0.9, 1, 180),
        **stated,
    )


def test_without_options_it_is_the_score_of_two_models() -> None:
    found = evaluate(spoilt(), TRUTH, QUICK)
    # As text, because NaN differs from itself.
    assert repr(found.precision.summary()) == repr(score(spoilt(), TRUTH, 1.0).summary())
    assert (found.frame, found.null, found.warnings) == (None, None, ())
    facts = json.loads(json.dumps(found.plain()))
    assert (facts["atoms"], facts["true_atoms"], facts["matched"]) == (180, 200, 180)
    assert facts["calibration"]["existence"]["wrong_observed"] == 0
    assert facts["random_packings"] is None


def test_error_bars_stay_with_their_axes_in_another_frame() -> None:
    """z is five times as uncertain; the model has it along x, reflected."""
    rng = np.random.default_rng(1)
    sigma = np.array([0.05, 0.05, 0.25])
    off = rng.normal(0, 1, PLACES.shape) * sigma
    turned = (PLACES + off)[:, [2, 1, 0]] * [-1, 1, 1]
    stated = dict(
        zip(("sigma_x", "sigma_y", "sigma_z"), np.full((200, 3), sigma[::-1]).T, strict=True)
    )
    model = AtomicModel.from_positions(turned, TRUTH.species, **stated)
    found = evaluate(model, TRUTH, QUICK.changed(any_frame=True))
    assert found.frame is not None
    assert found.frame.axes == ("-z", "y", "x")
    assert found.calibration.positions is not None
    # The frame of such atoms is itself uncertain, by little.
    np.testing.assert_allclose(found.calibration.positions.rms, 1, atol=0.2)
    assert not found.frame.mirrored  # two changes of hand
    assert "the axes of the model are others: its x, y, z are -z, y, x" in found.warnings[0]


def test_a_mirror_image_is_told() -> None:
    mirrored = AtomicModel.from_positions(PLACES * [1, 1, -1], TRUTH.species)
    alone = evaluate(mirrored, TRUTH, ScoreSettings(radius=1.0, packings=20))
    assert alone.null is not None
    assert alone.null.random
    assert "a random packing would score as well" in alone.warnings[0]
    assert "search for the frame" in alone.warnings[0]
    found = evaluate(mirrored, TRUTH, QUICK.changed(any_frame=True))
    assert found.precision.recall == 1
    assert found.warnings[0].startswith("the model is mirrored: its x, y, z are x, y, -z")


@pytest.mark.parametrize("any_frame", [False, True])
def test_only_the_field_counts(any_frame: bool) -> None:
    """Slow check by hand: true atoms inside, their partners, and spurious atoms inside."""
    rng = np.random.default_rng(2)
    middle = PLACES - PLACES.mean(axis=0)
    truth = AtomicModel.from_positions(middle, "Ta")
    far = np.array([[15.0, 0, 0], [3.9, 0.0, 0.0], [0, 3.0, 30.0]])  # the first one is outside
    places = np.concatenate([(middle + rng.normal(0, 0.05, middle.shape))[10:], far])
    settings = QUICK.changed(field=(8.0, 10.0), any_frame=any_frame)
    found = evaluate(AtomicModel.from_positions(places, "Ta"), truth, settings)
    inside = (np.abs(middle[:, 0]) <= 4) & (np.abs(middle[:, 1]) <= 5)
    assert 20 < inside.sum() < 150
    assert found.truth_index.tolist() == np.flatnonzero(inside).tolist()
    matching = found.precision.matching
    assert matching.matched == inside[10:].sum()
    assert len(matching.missed) == inside[:10].sum()
    assert len(matching.spurious) == 2 - int(np.min(np.linalg.norm(middle - far[1], axis=1)) < 1)
    assert len(found.found) == matching.matched + len(matching.spurious)
    _, rows = found.atom_rows()
    for row in rows:
        if row[5] != "":
            assert row[5] == row[0] + 10  # the truth's atom of the same place


def test_a_field_without_atoms() -> None:
    away = AtomicModel.from_positions(PLACES + np.array([100.0, 0, 0]), "Ta")
    with pytest.raises(InputError, match="without a true atom"):
        evaluate(away, away, QUICK.changed(field=(5.0, 5.0)))


def test_few_atoms_are_not_compared_with_packings() -> None:
    few = AtomicModel.from_positions(PLACES[:19], TRUTH.species[:19])
    found = evaluate(few, TRUTH, ScoreSettings(radius=1.0))
    assert found.null is None
    assert found.warnings == (
        "19 atoms are not compared with random packings: at least 20 are needed",
    )


def test_a_radius_beyond_the_neighbours_is_told() -> None:
    found = evaluate(spoilt(), TRUTH, QUICK.changed(radius=2.2))
    assert "use a smaller radius" in found.warnings[0]


def test_table_of_atoms() -> None:
    found = evaluate(spoilt(), TRUTH, QUICK)
    columns, rows = found.atom_rows()
    assert columns[:8] == (
        "atom", "species", "x", "y", "z", "partner", "true_species", "deviation",
    )  # fmt: skip
    assert columns[8:] == ("p_exists", "z_x", "z_y", "z_z")
    assert len(rows) == 180
    table = [dict(zip(columns, row, strict=True)) for row in rows]
    assert all(row["partner"] == row["atom"] for row in table)
    wrong = [row["atom"] for row in table if row["species"] != row["true_species"]]
    assert wrong == list(range(10))
    with_z = [row for row in table if row["z_x"] != ""]
    assert len(with_z) > 100
    for row in with_z:
        size = 0.1 * np.linalg.norm([row["z_x"], row["z_y"], row["z_z"]])
        assert row["deviation"] == pytest.approx(size)


@pytest.mark.parametrize("values", [{"packings": 7}, {"field": (1.0, -1.0)}, {"bins": 0}])
def test_settings_that_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(values))):
        ScoreSettings(**values)
