"""Transformation from detector images to aligned ones and back: distortion, rotation, shift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from aet_port.core.errors import InputError
from aet_port.core.geometry import centre
from aet_port.core.image_rotation import turn_images
from aet_port.core.image_shift import shift_images
from aet_port.core.scan_distortion import ScanDistortion, correct_scan_distortion


@dataclass(frozen=True, eq=False)
class Placement:
    """Transformation of the images of a series after averaging and denoising.

    Scan distortion ``A`` is corrected, the tilt axis rotated to y by ``M``, and each image moved by
    its shift ``s``: with coordinates from the centre, the aligned image at ``u`` equals the given
    one at ``A M (u - s)``.

    Parameters
    ----------
    distortion
        Scan distortion of all images.
    axis
        Tilt-axis angle in degrees from y towards x, see
        :func:`~aet_port.core.image_rotation.turn_images`.
    shifts
        Shape (n, 2), pixels.
    """

    distortion: ScanDistortion
    axis: float
    shifts: NDArray[np.float64]

    def apply(self, images: ArrayLike) -> NDArray[np.float64]:
        """Align images (n, nx, ny), with mirrored edges."""
        turned = turn_images(correct_scan_distortion(images, self.distortion), self.axis)
        return shift_images(turned, self.shifts)

    def masks_back(self, masks: ArrayLike) -> NDArray[np.bool_]:
        """Transform masks of the aligned images to masks of the given ones.

        Parameters
        ----------
        masks
            Shape (n, nx, ny).

        Raises
        ------
        InputError
            If the number of masks differs from that of shifts.
        """
        flags = np.asarray(masks, dtype=bool)
        if flags.ndim != 3 or len(flags) != len(self.shifts):
            raise InputError("masks", f"shape {flags.shape}", f"shape ({len(self.shifts)}, nx, ny)")
        c, s = np.cos(np.radians(self.axis)), np.sin(np.radians(self.axis))
        matrix = np.linalg.inv(self.distortion.matrix @ np.array([[c, s], [-s, c]]))
        # An odd number of quarter turns exchanges the sides.
        quarters = self.axis / 90
        odd = quarters == round(quarters) and round(quarters) % 2 == 1
        aligned = np.array(flags.shape[1:])
        given = aligned[::-1] if odd else aligned
        offset = aligned // 2 - matrix @ (given // 2)
        back = [
            ndimage.affine_transform(
                mask.astype(np.uint8), matrix, offset + shift, tuple(given), order=0
            )
            for mask, shift in zip(flags, self.shifts, strict=True)
        ]
        return np.stack(back).astype(bool)


def crop_images(images: NDArray, shape: tuple[int, int] | None) -> NDArray:
    """Crop images to their central part, with the rotation centre at pixel ``n // 2``.

    Parameters
    ----------
    images
        Shape (n, nx, ny).
    shape
        Number of pixels along x and y to keep, at most those of the image; None keeps all.

    Returns
    -------
    Shape (n, nx', ny'), a view.
    """
    if shape is None:
        return images
    parts = []
    for have, wanted in zip(images.shape[1:], shape, strict=True):
        size = min(have, wanted)
        start = int(centre(have) - centre(size))
        parts.append(slice(start, start + size))
    return images[:, parts[0], parts[1]]
