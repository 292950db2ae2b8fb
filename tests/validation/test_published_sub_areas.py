"""The published sub-areas of the Ta film: their place in the published model, and their images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aet_port.core.errors import InputError
from aet_port.io.matlab import read_array
from aet_port.validation.published_models import published_model
from aet_port.validation.published_sub_areas import SUB_AREAS, inside_sub_areas

pytestmark = pytest.mark.reference
Find = Callable[..., Path]


def test_published_atoms_in_the_field(reference: Find) -> None:
    places = published_model(reference, "Ta_film").positions
    counts = [inside_sub_areas(reference, places, margin).sum() for margin in (0.0, 2.0, 6.12)]
    assert counts == sorted(counts, reverse=True)
    # Sub-area 1 alone: CropCen 66, 31 from 1, CropHalf 65, 30, in voxels from the middle 201, 176.
    low, high = (np.array([one - 200.5, two - 175.5]) for one, two in ((0.5, 0.5), (131.5, 61.5)))
    voxels = places[:, :2] / 0.3216 + 0.5
    inside = ((voxels > low) & (voxels < high)).all(axis=1)
    assert np.array_equal(inside_sub_areas(reference, places, 0.0, [1]), inside)
    with pytest.raises(InputError, match="indices 0 to 64"):
        inside_sub_areas(reference, places, 0.0, [66])


def test_overlapping_sub_areas_are_cut_from_the_same_images(reference: Find) -> None:
    first, second = (
        read_array(reference(*SUB_AREAS, f"Projections_area{k}.mat"), "Proj_sub") for k in (1, 2)
    )
    # Their centres are 18 voxels apart along x; image 24 has no tilt. Values of up to 57,000 with
    # the rounding of a resampling in single precision.
    difference = np.abs(first[18:, :, 24] - second[:-18, :, 24])
    assert difference.max() < 1e-5 * first.max()
