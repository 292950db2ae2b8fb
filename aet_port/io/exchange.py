"""Tilt series and volumes as objects of HyperSpy and xarray, in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from aet_port.core.arguments import checked
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import InputError, MissingDependencyError
from aet_port.io.hyperspy_files import series_signal
from aet_port.io.other_formats import series_of
from aet_port.io.rosettasciio_files import OpenedSignal, Signal
from aet_port.io.signal_notes import SignalNotes


@checked
def to_hyperspy(series: TiltSeries, horizontal_axis: bool = False) -> Any:
    """Make a HyperSpy signal of a tilt series.

    Parameters
    ----------
    series
        The tilt series.
    horizontal_axis
        Turn the images by 90 degrees so that the tilt axis, vertical in this package, is
        horizontal, as ETSpy expects it: ``TomoStack(signal, tilts=series.angles[:, 1])``. Its
        rotation centre is (n - 1) / 2, that of this package n // 2.

    Returns
    -------
    A ``hyperspy.api.signals.Signal2D`` (tilt | x, y) with lengths in nm and, if their step is
    constant, the angles theta on its first axis. ``metadata.Tomography.tilts`` has theta; saved as
    ``.hspy`` and read by this package, it is the same series again.

    Raises
    ------
    InputError
        For metadata that JSON cannot hold.
    MissingDependencyError
        If HyperSpy is not installed.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port as aet
    >>> series = aet.TiltSeries(np.ones((3, 32, 24)), [-30, 0, 30], pixel_size=0.35)
    >>> signal = series.to_hyperspy()
    >>> signal.axes_manager.signal_shape, signal.axes_manager["Projections"].scale
    ((32, 24), 30.0)
    """
    try:
        from hyperspy.api import signals
    except ImportError as error:
        raise MissingDependencyError("TiltSeries.to_hyperspy", "formats") from error
    parts = series_signal(series)
    if horizontal_axis:
        tilt, y, x = parts["axes"]
        # Clockwise, so that ETSpy's z is that of this package.
        parts["data"] = np.ascontiguousarray(np.rot90(parts["data"], -1, axes=(1, 2)))
        parts["axes"] = [tilt, y | {"size": x["size"]}, x | {"size": y["size"]}]
        parts["metadata"]["Tomography"]["tiltaxis"] = 90
    return signals.Signal2D(parts["data"], axes=parts["axes"], metadata=parts["metadata"])


@checked
def from_hyperspy(
    signal: Any, angles: ArrayLike | None = None, pixel_size: float | None = None
) -> TiltSeries:
    """Make a tilt series of a HyperSpy signal or of ETSpy's TomoStack.

    Parameters
    ----------
    signal
        A ``Signal2D`` with one navigation axis, in degrees or named tilt; or a ``TomoStack``, whose
        images are turned by 90 degrees, because its tilt axis is horizontal.
    angles
        Degrees, (n,) or (n, 3); replace those of the signal.
    pixel_size
        Angstrom; replaces that of the axes.

    Returns
    -------
    The tilt series.

    Raises
    ------
    InputError
        If the signal is not a stack of images, or angles or pixel size are neither in it nor given.
    MissingDependencyError
        If RosettaSciIO is not installed.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port as aet
    >>> from aet_port.io import from_hyperspy
    >>> series = aet.TiltSeries(np.ones((3, 32, 24)), [-30, 0, 30], pixel_size=0.35)
    >>> from_hyperspy(series.to_hyperspy()).angles[:, 1]
    array([-30.,   0.,  30.])
    """
    metadata = signal.metadata.as_dictionary()
    if hasattr(signal, "tilts"):  # a TomoStack keeps them apart until it is saved
        tomography = metadata.setdefault("Tomography", {})
        tomography["tilts"] = np.asarray(signal.tilts.data)
    data = signal.data if isinstance(signal.data, np.ndarray) else signal.data.compute()
    axes = signal.axes_manager.as_dictionary()
    listed = [axes[f"axis-{index}"] for index in range(data.ndim)]
    name = str(metadata.get("General", {}).get("title") or "signal")
    notes = SignalNotes.of({"metadata": metadata})
    opened = OpenedSignal.of(Path(name), Signal(name, data, listed, notes))
    found = series_of(opened, pixel_size is None, angles is None)
    table = found.angles if angles is None else np.asarray(angles)
    size = found.pixel_size if pixel_size is None else pixel_size
    if table is None or size is None:
        missing = "angles" if table is None else "pixel_size"
        raise InputError(f"{name}: {missing}", "none in the signal", f"{missing}=...")
    return TiltSeries(found.images, table, size, found.name, found.metadata)


@checked
def to_xarray(volume: Volume) -> Any:
    """Make an xarray DataArray of a volume, with the positions of its voxels.

    Parameters
    ----------
    volume
        The volume.

    Returns
    -------
    An ``xarray.DataArray`` with the dimensions x, y, z, whose coordinates are in angstrom, and the
    attribute ``voxel_size_angstrom``. The array is not copied.

    Raises
    ------
    MissingDependencyError
        If xarray is not installed.

    Notes
    -----
    MATLAB: none

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port as aet
    >>> volume = aet.Volume(np.zeros((9, 9, 7)), voxel_size=0.5)
    >>> data = volume.to_xarray()
    >>> data.sizes["z"], float(data.z[0])
    (7, -1.5)
    """
    try:
        from xarray import DataArray
    except ImportError as error:
        raise MissingDependencyError("Volume.to_xarray", "formats") from error
    origin = np.asarray(volume.origin, dtype=np.float64)
    coordinates = {
        axis: ((axis,), origin[index] + volume.voxel_size * np.arange(size), {"units": "angstrom"})
        for index, (axis, size) in enumerate(zip("xyz", volume.shape, strict=True))
    }
    return DataArray(
        volume.array,
        coords=coordinates,
        dims=("x", "y", "z"),
        name=volume.name,
        attrs={"voxel_size_angstrom": volume.voxel_size},
    )
