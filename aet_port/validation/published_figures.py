"""Everything of the two papers that can be computed from their public models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aet_port.validation.published_models import SAMPLE_GLASS, Find
from aet_port.validation.published_mro import mro_rows
from aet_port.validation.published_order import order_rows
from aet_port.validation.published_packing import packing_rows
from aet_port.validation.report import Computed


def published_figures(
    find: Find,
    golden: Callable[[str], Path],
    samples: Sequence[str],
    *,
    exact: bool = False,
    progress: bool = False,
) -> dict[str, Computed]:
    """Computed figures by the ids of the published ones.

    Parameters
    ----------
    find
        Path of a file of the public data by its parts.
    golden
        Path of a golden file by its name.
    samples
        Samples of the published figures.
    exact
        Also what takes a minute or more: all directions of the shells, medium-range order.
    progress
        Whether to report on standard error.

    Raises
    ------
    DataFileError
        If the public data are missing or hold something else.
    """
    result = order_rows(find, golden, samples, exact=exact, progress=progress)
    result |= packing_rows(find, samples)
    if exact and SAMPLE_GLASS in samples:
        result |= mro_rows(find, progress=progress)
    return result
