"""Pixel size, tilt angle and voltage in the tags of TIFF files of microscopes and their programs.

Each program has its own place: tags of DigitalMicrograph (65009, also written by HyperSpy), TVIPS
(37706, nanometres), FEI (34680, 34682, metres), Zeiss (34118, metres, for an image of 1024
columns), Olympus SIS (33560, metres), JEOL (XML in the description, size on the camera and
magnification), OME (XML), ImageJ (resolution and unit in the description). The resolution in pixels
per inch or centimetre is that of a printer or screen in most files; it is believed below 0.1
micrometre.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.io.statements import Stated, stated
from aet_port.io.tiff_pages import TiffContents
from aet_port.io.units import angstrom, degrees, square_size

_INCH, _CENTIMETRE = 0.0254, 0.01  # metres
_UNITS = {2: _INCH, 3: _CENTIMETRE}  # by the tag ResolutionUnit
_BELIEVED = 1e-7  # metres; below it a resolution was written by a microscope
_X, _Y, _UNIT, _MAKE = 282, 283, 296, 271
_ZEISS_COLUMNS = 1024  # columns of the image to which Zeiss's pixel size refers
_DIFFRACTION = 3  # TemMode of TVIPS
_OME_SIZE = re.compile(r"<(?:\w+:)?Pixels\b([^>]*)>")


@dataclass
class Calibration:
    """What tags state: sources of the pixel size and angles, and metadata common to all formats."""

    sizes: list[Stated[float]] = field(default_factory=list)
    angles: list[Stated[NDArray[np.float64]]] = field(default_factory=list)
    metadata: dict[str, float] = field(default_factory=dict)

    def side(self, source: str, file: Path, x: Any, y: Any, unit: str | None) -> None:
        """State a pixel of lengths x and y, if both are numbers."""
        sides = [number(x), number(y)]
        if all(side is not None for side in sides):
            lengths = [(side or 0.0, unit) for side in sides]
            self.sizes += stated(source, lambda: square_size(file, lengths))

    def angle(self, source: str, file: Path, value: Any, unit: str) -> None:
        """State a tilt angle, if it is a number."""
        tilt = number(value)
        if tilt is not None:
            self.angles += stated(source, lambda: degrees(file, [tilt], unit))

    def volts(self, value: Any) -> None:
        """State the accelerating voltage in volt, if it is a number above zero."""
        voltage = number(value)
        if voltage:
            self.metadata["voltage_kv"] = voltage / 1e3


def number(value: Any) -> float | None:
    """A finite number, also written as text; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if np.isfinite(found) else None


def tiff_calibration(file: Path, contents: TiffContents) -> Calibration:
    """What the tags of a TIFF file state, the most reliable source first.

    Parameters
    ----------
    file
        The file, named in errors.
    contents
        Its pages and tags.
    """
    found = Calibration()
    for source in (_gatan, _tvips, _fei, _zeiss, _sis, _jeol, _ome, _imagej):
        source(file, contents, found)
    if not found.sizes:
        _resolution(file, contents, found)
    return found


def _gatan(file: Path, contents: TiffContents, found: Calibration) -> None:
    tags = contents.tags
    unit = tags.get(65003)
    if 65009 in tags and tags.get(65004, unit) == unit:
        word = unit.decode("latin-1") if isinstance(unit, bytes) else str(unit or "")
        found.side(
            "tags of DigitalMicrograph", file, tags[65009], tags.get(65010, tags[65009]), word
        )


def _tvips(file: Path, contents: TiffContents, found: Calibration) -> None:
    notes = _notes(contents, "tvips_metadata")
    if notes.get("TemMode") != _DIFFRACTION:
        found.side("TVIPS tag", file, notes.get("PixelSizeX"), notes.get("PixelSizeY"), "nm")
    volts, stage = notes.get("TemHighTension"), notes.get("TemStagePosition")
    found.volts(volts)
    if volts and isinstance(stage, list) and len(stage) > 3:  # else no microscope was connected
        found.angle("TVIPS tag", file, stage[3], "deg")


def _fei(file: Path, contents: TiffContents, found: Calibration) -> None:
    notes = _notes(contents, "fei_metadata")
    scan, beam = _notes(notes, "Scan"), _notes(notes, "Beam")
    found.side("FEI tag", file, scan.get("PixelWidth"), scan.get("PixelHeight"), "m")
    found.volts(beam.get("HV"))
    dwell = number(scan.get("Dwelltime", scan.get("Dwell")))
    if dwell:
        found.metadata["dwell_time_us"] = dwell * 1e6


def _zeiss(file: Path, contents: TiffContents, found: Calibration) -> None:
    notes = _notes(contents, "sem_metadata")
    primary = notes.get("")
    width = contents.sections.array.shape[-1]
    if isinstance(primary, list) and len(primary) > 3:
        size = (number(primary[3]) or 0.0) * _ZEISS_COLUMNS / width
        found.side("Zeiss tag", file, size, size, "m")
    else:
        for key in ("ap_image_pixel_size", "ap_pixel_size"):
            entry = notes.get(key)
            if isinstance(entry, list) and len(entry) == 3:
                found.side("Zeiss tag", file, entry[1], entry[1], str(entry[2]))
                break
    kilovolt = notes.get("ap_actualkv")
    if isinstance(kilovolt, list) and len(kilovolt) == 3 and number(kilovolt[1]):
        found.metadata["voltage_kv"] = number(kilovolt[1]) or 0.0


def _sis(file: Path, contents: TiffContents, found: Calibration) -> None:
    notes = _notes(contents, "sis_metadata")
    found.side("Olympus SIS tag", file, notes.get("pixelsizex"), notes.get("pixelsizey"), "m")


def _jeol(file: Path, contents: TiffContents, found: Calibration) -> None:
    if not str(contents.tags.get(_MAKE, "")).startswith("JEOL"):
        return
    try:
        tree = ET.fromstring(contents.description.strip(" \r\n\t\x00\x01"))
    except ET.ParseError:
        return

    def entry(path: str) -> str | None:
        nodes = [tree.find(path), tree.find(f"*/{path}")]
        return next((node.text for node in nodes if node is not None), None)

    magnification = number(entry("ImageFormingSystem/SelectorValue"))
    camera = _pixel(contents)
    mode = entry("Eos/EosMode"), entry("ImageFormingSystem/ModeString")
    # In STEM and diffraction the tags do not say the size of a pixel.
    if mode == ("eosTEM", "MAG") and magnification and camera is not None:
        x, y = (length / magnification for length in camera)
        found.side("JEOL tags", file, x, y, "m")
    found.angle("JEOL tags", file, entry("GonioStage/StagePosition/TX"), "deg")
    found.volts(entry("ElectronGun/AccelerationVoltage"))


def _ome(file: Path, contents: TiffContents, found: Calibration) -> None:
    text = contents.notes.get("ome_metadata")
    pixels = _OME_SIZE.search(text) if isinstance(text, str) else None
    if pixels is None:
        return
    entries = dict(re.findall(r'(\w+)="([^"]*)"', pixels[1]))
    size_x, size_y = entries.get("PhysicalSizeX"), entries.get("PhysicalSizeY")
    unit = entries.get("PhysicalSizeXUnit", "µm")
    if entries.get("PhysicalSizeYUnit", "µm") == unit:
        found.side("OME metadata", file, size_x, size_y or size_x, unit)


def _imagej(file: Path, contents: TiffContents, found: Calibration) -> None:
    notes = _notes(contents, "imagej_metadata")
    unit = str(notes.get("unit", "")).replace("\\u00B5", "µ").replace("\\u00C5", "Å")
    sides = _ratios(contents)
    if sides is not None and unit.lower() not in ("", "inch", "cm", "pixel"):
        found.side("tags of ImageJ", file, sides[0], sides[1], unit)


def _resolution(file: Path, contents: TiffContents, found: Calibration) -> None:
    pixel = _pixel(contents)
    if pixel is None:
        return
    size = angstrom(file, pixel[0], "m")
    if size is not None and np.isclose(*pixel, rtol=1e-3):
        found.sizes.append(Stated("resolution tags", size, certain=pixel[0] < _BELIEVED))


def _notes(contents: TiffContents | dict[str, Any], key: str) -> dict[str, Any]:
    notes = contents.notes if isinstance(contents, TiffContents) else contents
    value = notes.get(key)
    return value if isinstance(value, dict) else {}


def _ratios(contents: TiffContents) -> tuple[float, float] | None:
    """Lengths of a pixel in units of the resolution, x and y; None without a resolution."""
    sides = []
    for code in (_X, _Y):
        ratio = contents.tags.get(code, contents.tags.get(_X))
        if not isinstance(ratio, tuple) or len(ratio) != 2 or not ratio[0] or not ratio[1]:
            return None
        sides.append(ratio[1] / ratio[0])
    return sides[0], sides[1]


def _pixel(contents: TiffContents) -> tuple[float, float] | None:
    """Lengths of a pixel in metres by the resolution and its unit."""
    sides = _ratios(contents)
    unit = contents.tags.get(_UNIT, 2)
    metres = _UNITS.get(int(unit)) if isinstance(unit, int) else None
    return None if sides is None or metres is None else (sides[0] * metres, sides[1] * metres)
