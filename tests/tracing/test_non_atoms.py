import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.tracing.intensities import sphere_values
from aet_port.tracing.non_atoms import (
    ATOM,
    NON_ATOM,
    in_support,
    inside_volume,
    remove_non_atoms,
    select_atoms,
    select_by_supports,
    two_classes,
)
from aet_port.tracing.support import erode


def golden_case(golden, sample):
    case = golden(f"am__Main_remove_non_atom_peak_{sample}.kmean__cluster115")
    film = golden("am__My_obtain_tight_support_ver1__cluster54x52x50")
    return case, film["in_RECvol"], film["out_support"]


@pytest.mark.parametrize("quirks", [False, True])
@pytest.mark.parametrize(("sample", "inner", "outer"), [("Ta", 4, 7), ("Pd1", 7, 4)])
def test_labels_golden(golden, sample, inner, outer, quirks):
    case, volume, _ = golden_case(golden, sample)
    positions = case["out_merged_model" if sample == "Ta" else "in_atom_pos_pixel"].T - 1
    sums = sphere_values(volume, positions, outer, "linear").sum(axis=1)
    values = sphere_values(volume, positions, inner, "cubic")
    labels, rounds = two_classes(values, sums, case["out_gauss_p"], quirks)
    assert np.array_equal(labels, case["out_labels_before_support"].ravel())
    assert rounds == case["out_iterations"].item()


def test_film_golden(golden):
    case, volume, _ = golden_case(golden, "Ta")
    found = remove_non_atoms(
        volume,
        case["in_atom_pos_pixel"].T - 1,
        support=case["in_tight_support"],
        reference_quirks=True,
    )
    np.testing.assert_allclose(found.candidates + 1, case["out_merged_model"].T, rtol=1e-14)
    np.testing.assert_allclose(found.atoms + 1, case["out_curr_model"].T, rtol=1e-14)
    assert np.array_equal(found.labels[found.is_atom], case["out_labels"].ravel())


def test_particle_golden(golden):
    case, volume, support = golden_case(golden, "Pd1")
    positions = case["in_atom_pos_pixel"].T - 1
    options = {"merge_distance": 0, "class_thirds": 7, "histogram_thirds": 4, "rule": "either"}
    found = remove_non_atoms(volume, positions, support=support, reference_quirks=True, **options)
    np.testing.assert_allclose(found.atoms + 1, case["out_curr_model"].T, rtol=1e-14)
    # Here the corrected computation agrees.
    right = remove_non_atoms(volume, positions, support=support, **options)
    assert np.array_equal(right.is_atom, found.is_atom)


def test_default_keeps_labelled_atoms_inside(golden):
    case, volume, support = golden_case(golden, "Ta")
    positions = case["in_atom_pos_pixel"].T - 1
    free = remove_non_atoms(volume, positions)
    assert np.array_equal(free.is_atom, free.labels == ATOM)
    bound = remove_non_atoms(volume, positions, support=support)
    assert np.array_equal(
        bound.is_atom, (bound.labels == ATOM) & in_support(bound.candidates, support)
    )
    # The support's erosion as coded takes real atoms away.
    eroded = erode(case["in_tight_support"], 10)
    lost = (free.labels == ATOM) & ~in_support(free.candidates, eroded)
    assert lost.sum() > 0


def test_empty_place_stays_empty(rng):
    """A negative sum turns the reference's order round."""
    atoms = 10 + rng.random((50, 8))
    empty = rng.normal(-0.01, 0.02, (20, 8)) - 0.01
    values = np.concatenate([atoms, empty])
    sums = values.sum(axis=1)
    gaussians = [20, sums[50:].mean(), 1, 50, sums[:50].mean(), 10]
    labels, _ = two_classes(values, sums, gaussians)
    assert labels.tolist() == [ATOM] * 50 + [NON_ATOM] * 20
    coded, _ = two_classes(values, sums, gaussians, reference_quirks=True)
    negative = sums < 0
    assert negative[50:].any()
    assert np.array_equal(coded == ATOM, (labels == ATOM) | negative)


def test_gaussian_without_peaks(rng):
    values = np.concatenate([10 + rng.random((30, 5)), rng.random((30, 5))])
    sums = values.sum(axis=1)
    gaussians = [1, 30.0, 1.0, 1, 200.0, 1.0]  # no peak near either centre
    labels, _ = two_classes(values, sums, gaussians)
    assert labels.tolist() == [ATOM] * 30 + [NON_ATOM] * 30
    coded, _ = two_classes(values, sums, gaussians, reference_quirks=True)
    assert set(coded) == {NON_ATOM}


def test_labels_that_never_settle(rng):
    with pytest.raises(InputError, match="after 1 rounds"):
        two_classes(
            10 + rng.random((9, 5)), np.full(9, 50.0), [1, 1.0, 1.0, 1, 50.0, 1.0], max_iterations=1
        )


def test_rules():
    support = np.zeros((4, 4, 4), bool)
    support[1, 1, 1] = True
    positions = np.array([[1.4, 1, 1], [1.5, 1, 1], [0.5, 1, 1], [3.6, 1, 1]])
    assert in_support(positions, support).tolist() == [True, False, True, False]
    labels = np.array([2, 2, 1, 1], np.int8)
    expected = {
        "labels": [1, 1, 0, 0],
        "both": [1, 0, 0, 0],
        "either": [1, 1, 1, 0],
        "support": [1, 0, 1, 0],
    }
    for rule, atoms in expected.items():
        assert select_atoms(labels, positions, support, rule).tolist() == [bool(a) for a in atoms]


def test_border():
    positions = np.array([[0, 0, 0], [-0.1, 0, 0], [8, 3, 1], [8, 3.01, 1]])
    assert inside_volume(positions, (10, 5, 3)).tolist() == [True, False, True, False]


def test_supports_golden(golden):
    case = golden("mg__Main_polynomial_tracing.select__spheres")
    candidates, peaks = case["in_atom_pos_o"].T - 1, case["in_atom_pos_all"].T - 1
    tight, loose = case["in_tight_support1"], case["in_tight_support2"]
    found = select_by_supports(candidates, peaks, tight, loose)
    assert np.array_equal(found + 1, case["out_ind_arr2"].ravel())
    assert np.array_equal(peaks[found] + 1, case["out_temp_pos_arr2"].T)
    simulated = golden("mg__post_initC_MG_multislice.select__spheres")
    found = select_by_supports(candidates, peaks, tight, tight)
    np.testing.assert_allclose(peaks[found] + 1, simulated["out_temp_pos_arr2"].T, rtol=1e-14)


def test_no_candidates(golden):
    case = golden("mg__Main_polynomial_tracing.select__spheres")
    peaks = case["in_atom_pos_all"].T - 1
    loose = case["in_tight_support2"]
    found = select_by_supports(np.zeros((0, 3)), peaks, loose, loose)
    assert np.array_equal(found, np.flatnonzero(in_support(peaks, loose)))


def test_bad_input():
    volume = np.ones((6, 6, 6))
    inside = np.full((3, 3), 2.0)
    with pytest.raises(InputError, match="support: found shape"):
        remove_non_atoms(volume, inside, support=np.ones((5, 6, 6)))
    with pytest.raises(InputError, match="no peak inside"):
        remove_non_atoms(volume, inside + 20)
    with pytest.raises(InputError, match="support: found none"):
        select_atoms(np.array([1, 2, 2]), inside, None, "both")
    with pytest.raises(InputError, match="rule"):
        select_atoms(np.array([1, 2, 2]), inside, volume, "all")
    with pytest.raises(InputError, match="values"):
        two_classes(np.ones((3, 4)), np.ones(2), np.ones(6))
