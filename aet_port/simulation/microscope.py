"""Probe, detector and grid of a multislice simulation, checked before any work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from aet_port.core.errors import InputError
from aet_port.core.scattering import electron_wavelength

Parametrization = Literal["lobato", "kirkland"]

REACH = 4.0  # angstrom about an atom that are scanned; beyond lie 1.5 % of its scattering
# A grid carries angles up to lambda / (3 sampling): half the sampling frequency, of which the
# outer third is kept free of aliases. A little more, because the edge of that is faded out and
# PRISM rounds its number of points down.
ANTIALIAS = 3.2


def check_positive(name: str, value: float) -> None:
    """Refuse what is no finite number above zero."""
    if not (np.isfinite(value) and value > 0):
        raise InputError(name, f"{value!r}", "a number above zero")


@dataclass(frozen=True)
class Microscope:
    """Probe and detector of an ADF-STEM; by default corrected optics at 200 keV.

    Parameters
    ----------
    energy
        keV.
    semiangle
        Convergence semi-angle in mrad.
    inner, outer
        Angles of the annular detector in mrad. The default outer angle is not that of a real
        detector (about 190): the tenth of the signal beyond 100 mrad costs a grid of four times as
        many points, and changes the image by its scale alone (correlation 0.9996).
    defocus
        Angstrom: how far behind the rotation centre, along the beam, the probe is focused.
    spherical_aberration
        Third-order ``C_s`` in angstrom (1 mm is 1e7).
    """

    energy: float = 200.0
    semiangle: float = 25.0
    inner: float = 38.0
    outer: float = 100.0
    defocus: float = 0.0
    spherical_aberration: float = 0.0

    def __post_init__(self) -> None:
        for name in ("energy", "semiangle"):
            check_positive(name, getattr(self, name))
        for name in ("defocus", "spherical_aberration"):
            if not np.isfinite(getattr(self, name)):
                raise InputError(name, f"{getattr(self, name)!r}", "a finite length in angstrom")
        if not self.semiangle < self.inner < self.outer < np.inf:
            raise InputError(
                "detector",
                f"{self.inner!r} to {self.outer!r} mrad",
                f"semiangle ({self.semiangle:g}) < inner < outer: an annulus in the dark field",
            )


@dataclass(frozen=True)
class Numerics:
    """Grid and thermal motion of a multislice calculation.

    Parameters
    ----------
    slice_thickness
        Angstrom. For a particle of 40 Ta atoms 3 angstrom and 1 differ by 0.9 % rms.
    sampling
        Angstrom between points of the wave; unless given, the coarsest that carries the
        detector's outer angle, ``lambda / (3.2 outer)``.
    window
        Side in angstrom of the square in which a probe is kept (PRISM, Ophus, Adv. Struct. Chem.
        Imaging 3, 13 (2017)): the interpolation factor is the box over the window. It must hold
        the probe and what it scatters on its way through the sample; for the same particle 10
        angstrom and 13 differ by 1.8 % rms. None runs every probe through the whole box: exact,
        and many times as long.
    parametrization
        Of the atoms' potentials: ``"lobato"`` or ``"kirkland"``.
    phonons
        Frozen phonon configurations averaged for each image; 0 leaves the atoms where they are.
        With one, an atom stands elsewhere in every image; over a series that averages out.
    displacement
        Root mean square thermal displacement along one axis in angstrom.
    """

    slice_thickness: float = 3.0
    sampling: float | None = None
    window: float | None = 10.0
    parametrization: Parametrization = "lobato"
    phonons: int = 1
    displacement: float = 0.07

    def __post_init__(self) -> None:
        check_positive("slice_thickness", self.slice_thickness)
        if self.sampling is not None:
            check_positive("sampling", self.sampling)
        if self.window is not None and not 2 * REACH <= self.window < np.inf:
            raise InputError(
                "window", f"{self.window!r}", f"at least {2 * REACH:g} angstrom, or None"
            )
        if self.parametrization not in get_args(Parametrization):
            known = ", ".join(get_args(Parametrization))
            raise InputError("parametrization", f"{self.parametrization!r}", f"one of {known}")
        if not (isinstance(self.phonons, int) and self.phonons >= 0):
            raise InputError(
                "phonons", f"{self.phonons!r}", "a number of configurations, 0 for none"
            )
        if not 0 <= self.displacement < np.inf:
            raise InputError("displacement", f"{self.displacement!r}", "angstrom, zero or more")

    def grid(self, microscope: Microscope) -> float:
        """Sampling in angstrom for a microscope.

        Raises
        ------
        InputError
            If the given one cannot carry the detector's outer angle.
        """
        needed = electron_wavelength(microscope.energy) / (ANTIALIAS * microscope.outer * 1e-3)
        if self.sampling is None:
            return needed
        if self.sampling > needed:
            raise InputError(
                "sampling",
                f"{self.sampling:g} angstrom",
                f"at most {needed:.4f} for a detector up to {microscope.outer:g} mrad",
            )
        return self.sampling
