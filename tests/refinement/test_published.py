from dataclasses import replace

import numpy as np
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import TiltSeries
from aet_port.core.errors import InputError
from aet_port.refinement.projector import make_projector
from aet_port.refinement.published import SCHEDULES, prepare_series, refine_published, schedule_for
from tests.refinement.golden_series import SINGLE, golden_series, number

PLACE = 5e-6  # angstrom; the reference's single precision


def of_case(case, species):
    series = TiltSeries(case.images, case.case["in_angles"], number(case.case, "Res"))
    symbols = [species[k] for k in case.types]
    return series, AtomicModel.from_positions(case.positions, symbols, tag=np.arange(len(symbols)))


def test_glass_schedule_golden():
    case = golden_series("mg__Main_position_refinement.loop__two_rounds")
    series, model = of_case(case, ["Ni", "Rh", "Pt"])
    found = refine_published(series, model, "glass", rounds=2, threads=1)
    expected = case.case["out_model_refined"].T
    assert np.abs(expected - case.positions).max() > 0.2
    np.testing.assert_allclose(found.model.positions, expected, rtol=0, atol=PLACE)
    errors = case.case["out_errR"].ravel()
    np.testing.assert_allclose(found.rounds[-1].position_errors, errors, rtol=SINGLE)
    heights, b_factors = case.case["out_para0"]
    # An optimum is known to the root of the tolerance on the residual.
    np.testing.assert_allclose(list(found.heights.values()), heights, rtol=2e-5)
    np.testing.assert_allclose(list(found.b_factors.values()), b_factors, rtol=2e-5)
    assert list(found.heights) == ["Ni", "Rh", "Pt"]
    assert [len(r.thermal_errors) for r in found.rounds] == [10, 10]
    assert found.warnings == ()
    # The model given is as it was, its arrays go with the refined one.
    np.testing.assert_array_equal(model.positions, case.positions)
    np.testing.assert_array_equal(found.model.atoms.arrays["tag"], np.arange(16))


def test_film_schedule_golden():
    case = golden_series("am__Main_position_refinement_Pd1.loop__one_round")
    series, model = of_case(case, ["Pd"])
    schedule = replace(SCHEDULES["pd1"], position_steps=5)
    found = refine_published(series, model, schedule, rounds=1, threads=1)
    expected = case.case["out_model_refined"].T
    np.testing.assert_allclose(found.model.positions, expected, rtol=0, atol=PLACE)
    height, b_factor = case.case["out_para0"].ravel()
    assert found.heights["Pd"] == pytest.approx(height, rel=SINGLE)
    assert found.b_factors["Pd"] == pytest.approx(b_factor, rel=SINGLE)
    errors = case.case["out_errR"].ravel()
    np.testing.assert_allclose(found.rounds[0].position_errors, errors, rtol=SINGLE)
    least = case.case["out_err_arr2"].min()
    assert found.rounds[0].fit_error == pytest.approx(least, rel=SINGLE)


def test_schedules_are_those_of_the_scripts():
    film = {name: SCHEDULES[name] for name in ("ta-film", "pd1", "pd2")}
    steps = {n: (s.rounds, s.thermal_steps, s.position_steps) for n, s in film.items()}
    assert steps == {"ta-film": (2, 100, 1000), "pd1": (2, 10, 100), "pd2": (3, 10, 100)}
    assert [s.position_step for s in film.values()] == [1.0, 1.0, 0.2]


def test_schedules_of_other_species():
    assert schedule_for(["Ta"]) is SCHEDULES["pd1"]
    two = schedule_for(["Cu", "Zr"])
    assert two.heights == (1.0, 40 / 29)
    assert two.lower == ((1.0, 20 / 29), (3.0, 3.0))
    assert two.upper == ((1.0, 80 / 29), (15.0, 15.0))
    case = golden_series("am__Cal_Bproj_2type__two_types")
    series, model = of_case(case, ["Cu", "Zr"])
    sight = make_projector(series.angles, series.pixel_size, series.detector, ["Cu", "Zr"])
    heights, b_factors = np.array([2.0, 3.0])[case.types], np.array([7.0, 8.0])[case.types]
    images = sight.images(model.positions, heights, b_factors)
    found = refine_published(replace(series, images=images), model, rounds=1, threads=1)
    # The start is the truth, so only the fit of heights and B' has something to find.
    assert found.heights == pytest.approx({"Cu": 2.0, "Zr": 3.0}, rel=1e-5)
    assert found.b_factors == pytest.approx({"Cu": 7.0, "Zr": 8.0}, rel=1e-5)
    np.testing.assert_allclose(found.model.positions, model.positions, rtol=0, atol=1e-5)


def test_bounds_are_named_by_species_and_round():
    case = golden_series("mg__Main_position_refinement.loop__two_rounds")
    series, model = of_case(case, ["Ni", "Rh", "Pt"])
    tight = replace(
        SCHEDULES["glass"],
        thermal_steps=1,
        position_steps=1,
        upper=((1.0, 2.0, 3.0), (15.0, 15.0, 7.0)),
    )
    found = refine_published(series, model, tight, rounds=2, threads=1)
    assert found.warnings == (
        "round 1: the B' of Pt is at its upper bound, 7",
        "round 2: the B' of Pt is at its upper bound, 7",
    )


@pytest.mark.parametrize("shape", [(8, 6), (7, 6), (7, 5)])
def test_prepared_series(shape):
    images = np.zeros((2, *shape), dtype=np.float32)
    centre = tuple(n // 2 for n in shape)
    images[(slice(None), *centre)] = 3.0
    images[:, 0, 0] = -1.0
    series = TiltSeries(images, [[0, 10, 0], [0, 20, 0]], 0.4)
    for odd in (False, True):
        found = prepare_series(series, 10, odd)
        assert found.images.dtype == np.float64
        sizes = [n - (odd and n % 2 == 0) + 10 for n in shape]
        assert found.detector == tuple(sizes)
        assert found.images[0, sizes[0] // 2, sizes[1] // 2] == 3
        assert found.images.sum() == 6
    with pytest.raises(InputError, match="padding"):
        prepare_series(series, -1)


def test_long_work_is_reported(capsys):
    case = golden_series("am__Main_position_refinement_Pd1.loop__one_round")
    series, model = of_case(case, ["Pd"])
    schedule = replace(SCHEDULES["pd1"], thermal_steps=2, position_steps=3)
    refine_published(series, model, schedule, rounds=1, threads=1, show_progress=True)
    lines = capsys.readouterr().err
    for line in ("scan of B': 82/82", "H and B': 2/2 R1 0.1", "positions: 3/3 R1 0.1"):
        assert line in lines


def test_bad_input_is_named():
    case = golden_series("mg__Main_position_refinement.loop__two_rounds")
    series, model = of_case(case, ["Ni", "Rh", "Pt"])
    with pytest.raises(InputError, match="schedule: found 'best'; expected one of glass"):
        refine_published(series, model, "best")
    with pytest.raises(InputError, match="found 3 species"):
        refine_published(series, model, "pd1")
    with pytest.raises(InputError, match="rounds"):
        refine_published(series, model, "glass", rounds=0)
    far = AtomicModel.from_positions(model.positions + 50.0, model.species)
    with pytest.raises(InputError, match="16 of 16 atoms"):
        refine_published(series, far, "glass")
