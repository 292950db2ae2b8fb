"""How images of the detector became aligned ones: by distortion, turn and shift, both ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from aet_port.core.errors import InputError
from aet_port.core.geometry import centre
from aet_port.core.image_shift import shift_images
from aet_port.core.scan_distortion import ScanDistortion, correct_scan_distortion
from aet_port.preprocessing.tilt_axis import turn_images


@dataclass(frozen=True, eq=False)
class Placement:
    """What is done to the images of a series once they are averaged and denoised.

    Scan distortion ``A`` taken out, the tilt axis turned to y by ``M``, each image moved by its
    shift ``s``: with coordinates from the centre the aligned image shows at ``u`` what the given
    one shows at ``A M (u - s)``.

    Parameters
    ----------
    distortion
        Of all images.
    axis
        Degrees from y towards x, of :func:`~.tilt_axis.turn_images`.
    shifts
        Shape (n, 2), pixels.
    """

    distortion: ScanDistortion
    axis: float
    shifts: NDArray[np.float64]

    def apply(self, images: ArrayLike) -> NDArray[np.float64]:
        """Images (n, nx, ny) aligned; their edges are mirrored where something comes in."""
        turned = turn_images(correct_scan_distortion(images, self.distortion), self.axis)
        return shift_images(turned, self.shifts)

    def masks_back(self, masks: ArrayLike) -> NDArray[np.bool_]:
        """Masks of the aligned images as masks of the given ones.

        Parameters
        ----------
        masks
            Shape (n, nx, ny).

        Raises
        ------
        InputError
            For as many masks as there are no shifts.
        """
        flags = np.asarray(masks, dtype=bool)
        if flags.ndim != 3 or len(flags) != len(self.shifts):
            raise InputError("masks", f"shape {flags.shape}", f"shape ({len(self.shifts)}, nx, ny)")
        c, s = np.cos(np.radians(self.axis)), np.sin(np.radians(self.axis))
        matrix = np.linalg.inv(self.distortion.matrix @ np.array([[c, s], [-s, c]]))
        centre = np.array(flags.shape[1:]) // 2
        offset = centre - matrix @ centre
        back = [
            ndimage.affine_transform(mask.astype(np.uint8), matrix, offset + shift, order=0)
            for mask, shift in zip(flags, self.shifts, strict=True)
        ]
        return np.stack(back).astype(bool)


def crop_images(images: NDArray, shape: tuple[int, int] | None) -> NDArray:
    """The middle of each image, with the rotation centre on its own pixel ``n // 2``.

    Parameters
    ----------
    images
        Shape (n, nx, ny).
    shape
        Pixels to keep along x and y; a side larger than the image stays as it is. None keeps all.

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
