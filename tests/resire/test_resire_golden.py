"""RESIRE against the outputs of the reference code on small synthetic inputs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import loadmat

from aet_port.core.data import TiltSeries
from aet_port.resire import reconstruct
from aet_port.resire.grid import make_grid
from aet_port.resire.literal import LiteralProjector
from matlab_reference import golden_path

FILM = [
    "am__RESIRE_reconstructor.reconstruct__FST_11x9_extended_dimz_is_dim1_single",
    "am__RESIRE_reconstructor.reconstruct__FST_12x10_dimz8_extended",
    "am__RESIRE_reconstructor.reconstruct__FST_13x12_dimz9",
    "am__RESIRE_reconstructor.reconstruct__FST_14x11_dimz_is_dim2_os_2_3_2p5",
    "am__RESIRE_reconstructor.reconstruct__FST_cube12_initialmodel_cropped",
    "am__RESIRE_reconstructor.reconstruct__FST_cube12_nopositivity",
    "am__RESIRE_reconstructor.reconstruct__FST_cube14_double",
    "am__RESIRE_reconstructor.reconstruct__FST_cube14_single",
    "am__RESIRE_reconstructor.reconstruct3D2D__Radon_12x8_dimz7_extended",
    "am__RESIRE_reconstructor.reconstruct3D2D__Radon_12x8_initialmodel_cropped",
    "am__RESIRE_reconstructor.reconstruct3D2D__Radon_12x8_mask",
    "am__RESIRE_reconstructor.reconstruct3D2D__Radon_13x8_single",
    "am__RESIRE_reconstructor.reconstruct3D2D__Radon_13x9_dimz10_nopositivity",
    "am__RESIRE_reconstructor.reconstruct3D2D__Radon_14x9",
]
GLASS = [
    "mg__RESIRE_Reconstructor.reconstruct__cube14_ZYZ_double",
    "mg__RESIRE_Reconstructor.reconstruct__cube14_initial_model_double",
    "mg__RESIRE_Reconstructor.reconstruct__cube14_os2p5_step1p5_double",
    "mg__RESIRE_Reconstructor.reconstruct__cube15_single",
    "mg__RESIRE_Reconstructor.reconstruct__cube16_double",
    "mg__RESIRE_Reconstructor.reconstruct__cube16_single",
]
# The reference's fftn of a double array is exact to 1e-15 of its largest value; sums over a few
# hundred samples and six iterations leave 1e-12. Its single-precision cases round the voxel
# coordinates and the volume to 6e-8 of their size in each iteration: 1e-5 of the maximum.
TOLERANCE = {"double": 1e-12, "single": 1e-5}


def _load(name: str) -> dict:
    raw = loadmat(golden_path(name + ".mat"))
    values = {k: v for k, v in raw.items() if not k.startswith("__")}
    return {k: v.item() if v.size == 1 and v.dtype.kind in "fU" else v for k, v in values.items()}


def _series(case: dict) -> TiltSeries:
    return TiltSeries(
        np.moveaxis(case["in_projections"], 2, 0), case["in_angles"].astype(float), 1.0
    )


def _iterations(case: dict) -> list[int]:
    wanted = {int(k.rsplit("it", 1)[1]) for k in case if k.startswith("out_rec_it")}
    return sorted(wanted) or [int(case["in_iterations"])]


def _options(case: dict, film: bool) -> dict:
    if not film:
        axes = (
            tuple(case[f"in_vector{i}"].ravel() for i in (1, 2, 3))
            if "in_vector1" in case
            else None
        )
        options = {
            "oversampling": case["in_oversamplingRatio"],
            "initial": case.get("in_initial_model"),
        }
        return options | ({"axes": axes} if axes else {})
    depth = case["in_obj_dimz"]
    detector = case["in_projections"].shape
    mask = case.get("in_Mask")
    return {
        "oversampling": [case[f"in_oversamplingRatio_{a}"] for a in "xyz"],
        "extended": bool(case["in_extenedobject"]),
        "n_z": {1: detector[0], 2: detector[1]}.get(depth, int(depth)),
        "positivity": bool(case["in_positivity"]),
        "projector": "radon" if case["in_method"] == "Radon" else "fourier-slice",
        "initial": case.get("in_InitialModel"),
        "mask": None if mask is None else np.moveaxis(mask, 2, 0),
    }


def _precision(case: dict) -> str:
    return str(case["in_dtype"])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", FILM + GLASS)
def test_reconstruction_equals_the_reference(name: str, threads: int) -> None:
    case = _load(name)
    tolerance = TOLERANCE[_precision(case)]
    for count in _iterations(case):
        result = reconstruct(
            _series(case),
            iterations=count,
            step=case["in_step_size"],
            precision=_precision(case),
            threads=threads,
            **_options(case, name in FILM),
        )
        expected = case.get(f"out_rec_it{count}", case.get("out_rec"))
        assert result.volume.array.shape == expected.shape
        assert np.abs(result.volume.array - expected).max() <= tolerance * np.abs(expected).max()
        for ours, key in ((result.r1, "out_Rarr_record"), (result.r2, "out_Rarr2_record")):
            if key in case:
                published = np.atleast_2d(case[key])
                recorded = max(_iterations(case)) // published.shape[1]
                every = int(case.get("in_monitorR_loopLength", recorded))
                columns = count // every
                np.testing.assert_allclose(
                    ours[every - 1 :: every].T, published[:, :columns], rtol=0, atol=tolerance
                )


@pytest.mark.parametrize(
    "name", [n for n in GLASS if "single" in n] + [n for n in FILM if "FST" in n and "single" in n]
)
def test_reference_rounding_on_single_cases(name: str) -> None:
    case = _load(name)
    film = name in FILM
    for count in _iterations(case):
        result = reconstruct(
            _series(case),
            iterations=count,
            step=case["in_step_size"],
            precision="reference-film" if film else "reference-glass",
            **_options(case, film),
        )
        expected = case.get(f"out_rec_it{count}", case.get("out_rec"))
        # Octave's matrix product may fuse multiplication and addition: single voxel coordinates
        # differ in the last bit, 6e-8 of up to 16 voxels.
        assert np.abs(result.volume.array - expected).max() <= 2e-6 * expected.max()


@pytest.mark.parametrize(
    "name",
    [
        "am__RESIRE_reconstructor.interp_pj_realspace__11x12_dimz2_extended",
        "am__RESIRE_reconstructor.interp_pj_realspace__12x9_dimz7_extended",
        "am__RESIRE_reconstructor.interp_pj_realspace__13x10_dimz1",
        "mg__RESIRE_Reconstructor.interp_pj_realspace__cube15_single",
        "mg__RESIRE_Reconstructor.interp_pj_realspace__cube16_double",
        "mg__RESIRE_Reconstructor.interp_pj_realspace__cube16_single",
    ],
)
def test_back_projected_measurement(name: str) -> None:
    case = _load(name)
    film = name.startswith("am")
    series = _series(case)
    depth = case.get("in_obj_dimz", 1.0)
    n_z = {1: series.detector[0], 2: series.detector[1]}.get(depth, int(depth))
    grid = make_grid(series.detector, series.angles, 3, bool(case.get("in_extended", 0)), n_z)
    if film:
        np.testing.assert_array_equal(grid.shape, case["out_dims"].ravel()[:3])
    dtype = np.float32 if _precision(case) == "single" else np.float64
    projector = LiteralProjector(grid, series.images, dtype, "film" if film else "glass")
    expected = case["out_sum_rot_pjs"]
    tolerance = 1e-12 if dtype == np.float64 else 2e-7  # two roundings of a sum of four terms
    assert np.abs(projector.constant - expected).max() <= tolerance * np.abs(expected).max()


def test_object_size_of_the_reference_default() -> None:
    case = _load("am__RESIRE_reconstructor.CheckPrepareData__default_extenedobject_char")
    n_x, n_y, _ = case["in_projections_size"].ravel().astype(int)
    # The class's default 'false' is a character array, which counts as true.
    grid = make_grid((n_x, n_y), case["in_angles"].astype(float), 3, extended=True)
    np.testing.assert_array_equal(
        np.concatenate([grid.shape, grid.padded]), case["out_dims"].ravel()
    )
