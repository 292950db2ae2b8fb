"""Scan distortion from low-magnification images of particles at several tilts or scan rotations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.geometry import euler_rotations
from aet_port.core.records import parsing, read_record, write_json
from aet_port.core.scan_distortion import LARGEST, ScanDistortion, UnsettledShear
from aet_port.preprocessing.fiducials import Fit, find_particles, follow
from aet_port.preprocessing.noise import check_images

TURNED = 5.0  # degrees of in-plane rotation from which the scale along y can be told
UNSETTLED = 0.02  # standard error of a shear or scale above which it says nothing
CALIBRATION = "a file of aet calibrate-scan"


@dataclass(frozen=True, repr=False)
class ScanCalibration(Shown):
    """Scan distortion found from particles, with standard errors.

    Attributes
    ----------
    distortion
        The distortion; its scale is one where the images don't tell it.
    errors
        Standard errors of ``shear_x``, ``shear_y`` and ``scale``; zero for what was not fitted.
    positions
        Shape (n, 3), pixels: the particles that were followed, relative to their mean.
    residual
        Root mean square distance of the measured positions from the fitted ones along one axis,
        pixels.
    measured
        Number of measured positions.
    """

    distortion: ScanDistortion
    errors: NDArray[np.float64]
    positions: NDArray[np.float64]
    residual: float
    measured: int

    def _facts(self) -> dict[str, object]:
        names = ("shear_x", "shear_y", "scale")
        values = {
            name: f"{getattr(self.distortion, name):.5f} +- {error:.5f}"
            for name, error in zip(names, self.errors, strict=True)
        }
        return {"particles": len(self.positions), **values, "residual": f"{self.residual:.3g} px"}


@checked
def calibrate_scan(images: ArrayLike, angles: ArrayLike) -> ScanCalibration:
    """Estimate the scan distortion from images of the same particles in several orientations.

    A particle at ``P_j`` appears in image k at ``A (R_k P_j)[:2] + t_k`` from the centre, where
    ``A = [[1, shear_x], [shear_y, scale]]`` is the distortion
    (:class:`aet_port.core.scan_distortion.ScanDistortion`), ``R_k`` the rotation of the sample
    and ``t_k`` the displacement of the image. Particles are located in every image
    (:func:`find_particles`) and followed by the positions that this predicts, at first for a flat
    sample; distortion, places and displacements are fitted by least squares (Gauss-Newton), and
    the particles followed again with what was found. Tilts about y tell both shears. The scale
    shows only between images turned in their plane (phi, by the holder or by the rotation of the
    scan), and stays at one without them.

    Parameters
    ----------
    images
        Shape (n, nx, ny), n >= 3: bright particles, most of them in every image.
    angles
        Shape (n, 3), degrees: phi, theta, psi; or (n,), tilts about y.

    Raises
    ------
    InputError
        For wrong shapes, orientations less than 20 degrees apart, images with fewer than four
        particles or in which those of the first can't be found again.
    UnsettledShear
        If a standard error is above 0.02, or the distortion above 0.2.

    Notes
    -----
    MATLAB: none; the papers' Methods describe the use of such images.

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port.preprocessing as pre
    >>> rng = np.random.default_rng(0)
    >>> places = rng.uniform(-80, 80, (12, 2))
    >>> x, y = np.mgrid[:256, :256] - 128
    >>> images = []
    >>> for theta in (0, 20, 40):
    ...     u, v = np.cos(np.radians(theta)) * places[:, 0], places[:, 1]
    ...     v = v + 0.01 * u  # shear_y
    ...     spots = [np.exp(-((x - a) ** 2 + (y - b) ** 2) / 18) for a, b in zip(u, v)]
    ...     images.append(np.sum(spots, axis=0))
    >>> found = pre.calibrate_scan(np.array(images), [0, 20, 40])
    >>> round(found.distortion.shear_y, 3), round(found.distortion.shear_x, 3)
    (0.01, 0.0)
    """
    stack = check_images(images)
    table = np.asarray(angles, dtype=np.float64)
    if table.shape == (len(stack),):
        table = np.stack([np.zeros_like(table), table, np.zeros_like(table)], axis=1)
    if table.shape != (len(stack), 3) or not np.isfinite(table).all():
        raise InputError("angles", f"shape {np.shape(angles)}", f"{len(stack)} tilts or rows of 3")
    turned, tilted = np.ptp(table[:, 0]) >= TURNED, np.ptp(table[:, 1]) >= 20
    if len(stack) < 3 or not (tilted or np.ptp(table[:, 0]) >= 20):
        few = f"{len(stack)} images over {np.ptp(table[:, 1]):.3g} degrees"
        raise InputError("angles", few, "three images or more, over 20 degrees of theta or phi")
    rotations = euler_rotations(table)
    centre = np.array(stack.shape[1:]) // 2
    spots = [find_particles(image) - centre for image in stack]
    fit = Fit(rotations, (True, True, bool(turned)))
    found = follow(spots, fit)
    if np.abs(fit.values - [0, 0, 1]).max() > LARGEST or fit.errors.max() > UNSETTLED:
        shown = ", ".join(
            f"{v:.3g} +- {e:.2g}" for v, e in zip(fit.values, fit.errors, strict=True)
        )
        raise UnsettledShear("images", f"shear_x, shear_y, scale of {shown}", "more tilts or turns")
    distortion = ScanDistortion(*(float(value) for value in fit.values))
    places = found - found.mean(axis=0)
    return ScanCalibration(distortion, fit.errors, places, fit.residual, fit.measured)


def write_calibration(path: str | Path, distortion: ScanDistortion, **facts: object) -> None:
    """Write a distortion as JSON, with further facts for people."""
    values = {name: getattr(distortion, name) for name in ("shear_x", "shear_y", "scale")}
    write_json(path, {**values, **facts}, sort_keys=False)


def read_calibration(path: str | Path) -> ScanDistortion:
    """Read a distortion that :func:`write_calibration` wrote.

    Raises
    ------
    DataFileError
        If the file is missing, damaged, or holds something else.
    """
    record = read_record(path, "shear_x", "shear_y", "scale", expected=CALIBRATION)
    with parsing(path, "scan distortion", CALIBRATION):
        return ScanDistortion(*(float(record[name]) for name in ("shear_x", "shear_y", "scale")))
