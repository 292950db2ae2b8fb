"""A crop of the glass and its peaks, from files laid out as the public ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from aet_port.core.errors import DataFileError, InputError
from aet_port.validation.precision import score
from aet_port.validation.published_models import GLASS
from aet_port.validation.published_species import PEAKS, PIXEL, glass_crop, multislice_test

N = 200
Made = tuple[np.ndarray, np.ndarray, np.ndarray]
Find = Callable[..., Path]


@pytest.fixture
def data(tmp_path: Path) -> tuple[Find, Made]:
    """200 atoms: where they are, of which type, and their peaks, 0.2 angstrom away at most."""
    rng = np.random.default_rng(2)
    places = rng.uniform(-15, 15, (N, 3)) + np.array([3, -2, 1])
    types = rng.integers(1, 4, N)
    peaks = (places + rng.uniform(-0.1, 0.1, (N, 3))) / PIXEL + 161
    model = tmp_path / GLASS

    def write(name: str, **content: np.ndarray) -> None:
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        savemat(model / name, content)

    for folder in ("6_Final_coordinates", "7_Data_analysis_sro/input"):
        write(f"{folder}/final_atom_coord_inA.mat", final_atom_coord_inA=places.T)
        write(f"{folder}/final_atom_types.mat", final_atom_types=types[None].astype(np.uint8))
    write("/".join(PEAKS[1:]), traced_model_inPixel=peaks.T)
    return lambda *parts: tmp_path.joinpath(*parts), (places, types, peaks)


def test_atoms_of_the_crop_and_their_peaks(data: tuple[Find, Made]) -> None:
    find, (places, types, peaks) = data
    truth, found = glass_crop(find, 9.0)
    centred = places - places.mean(axis=0)
    inside = np.linalg.norm(centred, axis=1) <= 9.0
    assert 13 <= inside.sum() < N
    np.testing.assert_allclose(truth.positions, centred[inside], atol=1e-12)
    assert truth.species == [("Ni", "Pd", "Pt")[k - 1] for k in types[inside]]
    own = PIXEL * (peaks - peaks.mean(axis=0))
    np.testing.assert_allclose(found, own[inside], atol=1e-9)
    # Errors of +-0.1, and of the two means over all atoms.
    assert 0 < np.abs(found - truth.positions).max() < 0.12
    with pytest.raises(InputError, match=r"radius: found 0\.5, \d+ atoms; expected at least 13"):
        glass_crop(find, 0.5)


def test_lists_that_do_not_belong_together(data: tuple[Find, Made]) -> None:
    find, (_, _, peaks) = data
    path = find(*PEAKS)
    for other, message in (
        (peaks[:-1], "199 peaks of 200 atoms"),
        (peaks[::-1], r"a peak \d+(\.\d+)? angstrom from its atom"),
    ):
        savemat(path, {"traced_model_inPixel": other.T})
        with pytest.raises(DataFileError, match=message):
            glass_crop(find, 9.0)
    path.unlink()
    with pytest.raises(DataFileError):
        glass_crop(find, 9.0)


def test_models_of_the_multislice_test(data: tuple[Find, Made]) -> None:
    find, (places, types, _) = data
    folder = find(GLASS, "10_Multislice_AET_simulations", "3_posref")
    folder.mkdir(parents=True)
    kept, named = np.arange(N) >= 20, types.copy()
    named[-10:] = named[-10:] % 3 + 1  # ten with another species
    savemat(folder / "LocalC_MG_multislice_OriOri.mat", {"model_OriOri": places[kept].T})
    content = {"local_atomtype": named[kept][None].astype(np.uint8)}
    savemat(folder / "LocalC_MG_multislice_localtype.mat", content)
    found = score(*multislice_test(find))
    assert (found.matching.n_truth, found.matching.n_found) == (N, N - 20)
    assert found.right_species == N - 30
