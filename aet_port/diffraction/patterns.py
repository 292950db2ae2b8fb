"""A diffraction pattern from its image to g(r): mask, rings, calibration, average, S(q)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

from aet_port.core import methods
from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from aet_port.core.errors import InputError
from aet_port.core.memory import check_memory
from aet_port.diffraction.beam_stops import beam_stop
from aet_port.diffraction.materials import estimated_density, shortest_distance
from aet_port.diffraction.radial import RadialProfile, radial_average
from aet_port.diffraction.ring_calibration import RingCalibration, calibrate_by_rings
from aet_port.diffraction.ring_geometry import (
    RingGeometry,
    centre_of_symmetry,
    find_rings,
    without_distortion,
)
from aet_port.diffraction.settings import DIFFRACTION, DiffractionSettings
from aet_port.structure.pairs.diffraction import FEWEST, DiffractionPdf, pdf_from_diffraction

SMALLEST = 32  # pixels on a side
SIGNIFICANT = 5.0  # standard errors of a distortion
VISIBLE = 0.1  # pixels by which it moves the outermost ring
HALF = 0.5  # of a ring that must be on the image
ROUNDS = 4  # of mask and centre, which depend on each other
SETTLED = 0.05  # pixels
DEGREE = 6
PER_PIXEL = 200.0  # bytes: image, radii, derivatives, Fourier transforms


@dataclass(frozen=True, repr=False)
class Diffraction(Shown):
    """What was found in a diffraction pattern.

    Attributes
    ----------
    image
        Shape (nx, ny).
    used
        Shape (nx, ny): which pixels count.
    geometry
        Centre and distortion of the rings.
    profile
        Radial average, over pixels.
    reciprocal_pixel
        Pixel size in 1/angstrom, as 1/d; None if it isn't known.
    calibration
        The rings of a known crystal that it rests on; None if it comes from elsewhere.
    pdf
        Structure factor and pair distribution; None without a composition.
    density, shortest
        Number density (atoms per cubic angstrom) and shortest distance (angstrom) used for them.
    """

    image: NDArray[np.float64]
    used: NDArray[np.bool_]
    geometry: RingGeometry
    profile: RadialProfile
    reciprocal_pixel: float | None
    calibration: RingCalibration | None = None
    pdf: DiffractionPdf | None = None
    density: float | None = None
    shortest: float | None = None

    plot = methods.plot_pattern
    """Show the pattern: :func:`aet_port.figures.scattering.plot_pattern`."""

    def _facts(self) -> dict[str, object]:
        x, y = self.geometry.centre
        facts: dict[str, object] = {
            "pixels": self.image.shape,
            "masked": f"{100 * (1 - self.used.mean()):.3g} %",
            "centre": f"{x:.2f}, {y:.2f}",
        }
        if self.reciprocal_pixel is not None:
            facts["q up to"] = f"{self.q[-1]:.4g} 1/angstrom"
        return facts

    @property
    def q(self) -> NDArray[np.float64]:
        """Scattering vector of each ring, 1/angstrom; without a pixel size, per pixel."""
        return 2 * np.pi * (self.reciprocal_pixel or 1.0) * self.profile.radius


@checked
def analyze_pattern(
    image: NDArray[np.float64],
    settings: DiffractionSettings = DIFFRACTION,
    *,
    mask: NDArray[np.bool_] | None = None,
    crystal: str | None = None,
    lattice: float | None = None,
) -> Diffraction:
    """Reduce a diffraction pattern to its radial average, structure factor and g(r).

    The beam stop is masked, the centre found by the symmetry of the pattern and, with an elliptical
    distortion if it is significant, refined on the rings
    (:func:`aet_port.diffraction.find_rings`); the average over the rings has an error from their
    scatter. With a composition and a pixel size, ``aet_port.structure.pdf_from_diffraction`` fits
    background and number of atoms and transforms to g(r).

    Parameters
    ----------
    image
        Shape (nx, ny): counts or anything in proportion to them; NaN where there is no pixel.
    settings
        See there; ``beam_stop`` is ``"auto"`` or ``"none"`` here.
    mask
        Shape (nx, ny): which pixels count; replaces the search for the beam stop.
    crystal
        Element whose crystal's rings give the pixel size.
    lattice
        Its lattice constant, angstrom; that of the element unless given.

    Returns
    -------
    Mask, rings, radial average and, with a composition, structure factor and g(r).

    Raises
    ------
    InputError
        For an image without rings, a composition without a pixel size, or a range of q that is too
        short.

    Notes
    -----
    MATLAB: none; the code for the diffraction data is not public

    Examples
    --------
    >>> import numpy as np
    >>> from aet_port.diffraction import RingGeometry, analyze_pattern
    >>> r = RingGeometry((70.0, 62.0)).radii((128, 128))
    >>> image = 1000 * np.exp(-(((r - 40) / 8) ** 2)) + 500 * np.exp(-r / 20)
    >>> found = analyze_pattern(image)
    >>> [round(one, 1) for one in found.geometry.centre]
    [70.0, 62.0]
    """
    if image.ndim != 2 or min(image.shape) < SMALLEST:
        found = f"shape {image.shape}"
        raise InputError("image", found, f"one image of at least {SMALLEST} pixels a side")
    check_memory("image", PER_PIXEL * image.size, "a smaller or binned image")
    counts = np.asarray(image, dtype=np.float64)
    if not np.isfinite(counts).any() or np.nanmax(counts) <= np.nanmin(counts):
        raise InputError("image", "the same value everywhere", "a diffraction pattern")
    used, geometry = _mask_and_rings(counts, settings, mask)
    counts = np.where(np.isfinite(counts), counts, 0.0)
    profile = radial_average(counts, used, geometry, settings.radial_step)
    calibration = None
    pixel = settings.reciprocal_pixel
    if crystal is not None:
        calibration = calibrate_by_rings(profile, crystal, lattice)
        pixel = calibration.pixel
    result = Diffraction(counts, used, geometry, profile, pixel, calibration)
    if settings.composition is None:
        return result
    if pixel is None:
        raise InputError(
            "reciprocal_pixel",
            "no pixel size of the pattern",
            "--reciprocal-pixel in 1/angstrom (as 1/d), or --crystal with known rings",
        )
    return _with_pdf(result, settings, settings.composition)


def _mask_and_rings(
    image: NDArray[np.float64], settings: DiffractionSettings, mask: NDArray[np.bool_] | None
) -> tuple[NDArray[np.bool_], RingGeometry]:
    """Which pixels count, and the rings; each is found with the other."""
    finite = np.isfinite(image)
    used = finite
    if mask is not None:
        if mask.shape != image.shape:
            raise InputError("beam_stop", f"a mask of {mask.shape}", f"pixels as {image.shape}")
        used = finite & mask
    filled = np.where(finite, image, 0.0)
    search = mask is None and settings.beam_stop == "auto"
    free = settings.centre is None
    centre = settings.centre or centre_of_symmetry(filled, used)
    geometry = RingGeometry((float(centre[0]), float(centre[1])))
    ellipse = settings.ellipse != "none"
    for turn in range(ROUNDS if search else 1):
        if search:
            used = finite & ~beam_stop(image, geometry)
        if free and turn == 0:
            geometry = RingGeometry(centre_of_symmetry(filled, used))
            used = finite & ~beam_stop(image, geometry) if search else used
        before = geometry.centre
        round_rings = find_rings(
            filled, used, without_distortion(geometry), fit_centre=free, fit_ellipse=False
        )
        geometry = round_rings
        if ellipse:
            geometry = find_rings(filled, used, round_rings, fit_centre=free)
        if np.hypot(*np.subtract(before, geometry.centre)) < SETTLED and turn:
            break
    if settings.ellipse == "auto":
        reach = float(geometry.radii(image.shape)[used].max())
        moved = reach * np.hypot(*geometry.distortion)
        if not (geometry.significance > SIGNIFICANT and moved > VISIBLE):
            geometry = round_rings
    return used, geometry


def _with_pdf(
    found: Diffraction, settings: DiffractionSettings, composition: dict[str, float]
) -> Diffraction:
    """The same with S(q) and g(r)."""
    unknown = [name for name in composition if not atomic_numbers.get(name, 0)]
    if unknown:
        raise InputError("composition", repr(unknown[0]), "chemical symbols, such as Cu=0.5,Zr=0.5")
    density, shortest = settings.density, settings.shortest
    if density is None:
        density = estimated_density(composition)
    if shortest is None:
        shortest = shortest_distance(composition)
    q, profile = found.q, found.profile
    kept = (q >= (settings.q_min or _first(found))) & (q <= (settings.q_max or np.inf))
    if settings.q_max is None:
        whole = np.flatnonzero(profile.covered >= HALF)
        kept &= q <= (q[whole[-1]] if len(whole) else 0.0)
    if kept.sum() < FEWEST:
        raise InputError(
            "q_min, q_max", f"{kept.sum()} rings between them", f"at least {FEWEST} rings"
        )
    most = int(shortest * q[kept][-1] / np.pi) - 2
    degree = settings.degree if settings.degree is not None else max(-1, min(DEGREE, most))
    pdf = pdf_from_diffraction(
        q[kept],
        profile.intensity[kept],
        composition,
        density,
        shortest,
        errors=profile.error[kept],
        degree=degree,
        window=settings.window,
        cycles=settings.cycles,
        r_max=settings.r_max,
        step=settings.r_step,
    )
    return Diffraction(
        found.image,
        found.used,
        found.geometry,
        profile,
        found.reciprocal_pixel,
        found.calibration,
        pdf,
        density,
        shortest,
    )


def _first(found: Diffraction) -> float:
    """Where the rings begin: beyond the beam stop or, without one, the tail of the direct beam."""
    profile = found.profile
    inner = np.flatnonzero(profile.covered >= HALF)
    start = int(inner[0]) if len(inner) else 0
    # From the middle outwards down the tail of the beam, if that is what is there.
    brightest = start + int(np.argmax(profile.intensity[start:]))
    if brightest - start <= 2:
        smooth = np.convolve(profile.intensity[start:], np.ones(5) / 5, "valid")
        rising = np.flatnonzero(np.diff(smooth) > 0)
        start += int(rising[0]) + 2 if len(rising) else 0
    return float(found.q[start])
