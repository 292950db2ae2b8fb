"""Images into the aligned frame in one go, masks of that frame back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from aet_port.core.errors import InputError
from aet_port.core.image_rotation import turn_images
from aet_port.core.image_shift import shift_images
from aet_port.core.scan_distortion import ScanDistortion, correct_scan_distortion
from aet_port.preprocessing.placement import Placement

SHIFTS = np.array([[3.4, -2.2], [-6.0, 5.5]])
PLACE = Placement(ScanDistortion(0.03, -0.02, 1.01), 7.0, SHIFTS)


def blobs() -> np.ndarray:
    images = np.zeros((2, 61, 54))
    images[0, 38, 20] = images[0, 25, 30] = images[1, 20, 33] = 1
    return np.stack([ndimage.gaussian_filter(image, 3) for image in images])


def test_same_as_the_steps_one_by_one() -> None:
    images = blobs()
    turned = turn_images(correct_scan_distortion(images, PLACE.distortion), PLACE.axis)
    np.testing.assert_array_equal(PLACE.apply(images), shift_images(turned, SHIFTS))


def test_masks_go_back_to_where_the_images_came_from() -> None:
    images = blobs()
    height = images.max() / 3
    back = PLACE.masks_back(PLACE.apply(images) > height)
    # Nearest pixels: only those on the outline may differ.
    for mask, image in zip(back, images, strict=True):
        true = image > height
        ring = ndimage.binary_dilation(true) ^ ndimage.binary_erosion(true)
        assert true.sum() > 30
        assert not ((mask ^ true) & ~ring).any()


def test_nothing_done_leaves_masks_alone() -> None:
    masks = blobs() > 0.001
    still = Placement(ScanDistortion(), 0.0, np.zeros((2, 2)))
    np.testing.assert_array_equal(still.masks_back(masks), masks)


@pytest.mark.parametrize("shape", [(3, 61, 54), (61, 54)])
def test_refuses_other_numbers_of_masks(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"masks: found shape .* expected shape \(2, nx, ny\)"):
        PLACE.masks_back(np.zeros(shape, dtype=bool))
