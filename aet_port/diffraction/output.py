"""Tables, mask and facts of an analysed diffraction pattern."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.files import write_whole
from aet_port.core.records import write_json
from aet_port.diffraction.patterns import Diffraction
from aet_port.diffraction.ring_calibration import RingCalibration

CUT, BEYOND = 0.5, 1.0  # S at the first q, and that q in 1/angstrom, of a first ring that is cut


def hidden_ring(found: Diffraction) -> str | None:
    """What to say if the beam stop seems to hide a part of the first ring."""
    pdf = found.pdf
    if pdf is None or not (pdf.s[0] > CUT and pdf.q[0] > BEYOND):
        return None
    return (
        f"S is {pdf.s[0]:.2g} already at the smallest q, {pdf.q[0]:.3g} 1/angstrom: a part of the "
        "first ring is hidden, without which heights of g(r) are wrong by some percent; give a "
        "smaller --q-min or a pattern whose beam stop ends before the ring"
    )


def diffraction_facts(found: Diffraction, rings: RingCalibration | None = None) -> dict[str, Any]:
    """What was found, by name.

    Parameters
    ----------
    found
        The analysed pattern.
    rings
        Calibration by another pattern, if any.
    """
    geometry, rings = found.geometry, found.calibration or rings
    facts: dict[str, Any] = {
        "shape": list(found.image.shape),
        "masked_fraction": float(1 - found.used.mean()),
        "centre": list(geometry.centre),
        "centre_error": list(geometry.errors[:2]),
        "axes_ratio": geometry.ratio,
    }
    if geometry.ratio > 1:
        facts["long_axis_degrees"] = geometry.angle
    if found.reciprocal_pixel is not None:
        facts["reciprocal_pixel"] = found.reciprocal_pixel
        facts["q_range"] = [float(found.q[0]), float(found.q[-1])]
    if rings is not None:
        facts["calibration"] = {"rings": len(rings.q), "error": rings.error}
    pdf = found.pdf
    if pdf is not None:
        # The end of the first shell: the range beyond which nothing is higher is not known here.
        near = (pdf.r > (found.shortest or 0.0)) & (pdf.r < 2.5 * (found.shortest or 0.0))
        top = int(np.argmax(np.where(near, pdf.g, -np.inf)))
        facts |= {
            "q_used": [float(pdf.q[0]), float(pdf.q[-1])],
            "density": found.density,
            "shortest": found.shortest,
            "atoms_in_units_of_intensity": pdf.scale,
            "first_peak": float(pdf.r[top]),
            "first_peak_height": float(pdf.g[top]),
            "first_peak_error": None if pdf.g_error is None else float(pdf.g_error[top]),
        }
    return facts


def write_tables(found: Diffraction, folder: str | Path) -> list[Path]:
    """Write intensity.csv, mask.npy and, with a composition, pdf.csv into a folder.

    Raises
    ------
    OutputError
        If a file can't be written.
    """
    target, profile, pdf = Path(folder), found.profile, found.pdf
    columns = {"radius_pixels": profile.radius}
    if found.reciprocal_pixel is not None:
        columns["q"] = found.q
    columns |= {
        "intensity": profile.intensity,
        "error": profile.error,
        "pixels": profile.pixels.astype(np.float64),
    }
    if pdf is not None:
        # Only rings that were used have a background and S.
        place = np.searchsorted(found.q, pdf.q)
        for name, values in (("background", pdf.background), ("s", pdf.s)):
            columns[name] = np.full(len(found.q), np.nan)
            columns[name][place] = values
    written = [_csv(target / "intensity.csv", columns)]
    if pdf is not None:
        table = {"r": pdf.r, "g": pdf.g, "reduced": pdf.reduced}
        if pdf.g_error is not None:
            table["g_error"] = pdf.g_error
        written.append(_csv(target / "pdf.csv", table))

    def fill(partial: Path) -> None:
        with partial.open("wb") as handle:
            np.save(handle, found.used)

    return [*written, write_whole(target / "mask.npy", fill)]


def write_diffraction(found: Diffraction, folder: str | Path, facts: Mapping[str, Any]) -> Path:
    """Write diffraction.json, the facts, into a folder.

    Raises
    ------
    OutputError
        If the file can't be written.
    """
    target = Path(folder) / "diffraction.json"
    write_json(target, dict(facts), sort_keys=False)
    return target


def _csv(path: Path, columns: Mapping[str, NDArray[np.float64]]) -> Path:
    """A table with a heading; empty cells for NaN."""
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    lines = [",".join("" if one != one else repr(one) for one in row) for row in rows]
    text = "\n".join([",".join(columns), *lines, ""])
    return write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))
