"""All figures of the two papers that can be computed from their public data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aet_port.core.errors import DataFileError
from aet_port.core.progress import progress_bar as show_progress
from aet_port.validation.published_acquisition import film_acquisition, glass_acquisition
from aet_port.validation.published_chain import (
    film_reconstruction,
    film_tracing,
    glass_reconstruction,
    round_trip,
)
from aet_port.validation.published_models import KEYS, POOLED, SAMPLE_GLASS, Find
from aet_port.validation.published_mro import deposited_mro, searched_mro
from aet_port.validation.published_order import Cells, film_order, glass_order, pooled_order
from aet_port.validation.published_packing import Packed, film_packing, pooled_packing
from aet_port.validation.published_table import Computed

Rows = Iterable[tuple[str, Computed]]


@dataclass
class Figures:
    """Computed figures, and the files missing for others.

    Attributes
    ----------
    computed
        Computed figures by the ids of the published ones.
    missing
        Missing files by sample.
    """

    computed: dict[str, Computed] = field(default_factory=dict)
    missing: dict[str, list[Path]] = field(default_factory=dict)

    def add(self, sample: str, rows: Rows) -> None:
        """Add rows up to the first that needs a missing file; a wrong file is an error.

        Raises
        ------
        DataFileError
            For a file that exists but holds something else.
        """
        try:
            for name, one in rows:
                self.computed[name] = one
        except DataFileError as error:
            if error.path.exists():
                raise
            told = self.missing.setdefault(sample, [])
            if error.path not in told:
                told.append(error.path)

    def reasons(self) -> dict[str, str]:
        """Reasons for missing figures, by sample."""
        return {
            sample: f"no such file: {', '.join(map(str, paths))}; `aet reference fetch` downloads "
            "the published data, `aet reference fetch --golden-from CLONE` gets golden outputs"
            for sample, paths in self.missing.items()
        }


def published_figures(
    find: Find,
    golden: Callable[[str], Path],
    samples: Sequence[str],
    *,
    exact: bool = False,
    progress: bool = False,
) -> Figures:
    """Compute figures by the ids of the published ones.

    Figures that need a missing file are left out, and the file is named in the result.

    Parameters
    ----------
    find
        Path of a file of the public data by its parts.
    golden
        Path of a golden file by its name.
    samples
        Samples of the published figures.
    exact
        Whether to include figures that take a minute or more: all directions of the shells, the
        search for medium-range order, reconstruction of the Ta film's first sub-area, tracing of
        all of them.
    progress
        Whether to report progress on standard error.

    Raises
    ------
    DataFileError
        If there are no public data, or one of the files has unexpected contents.
    """
    find()  # without any data there is nothing to compare
    result = Figures()
    steps = list(_steps(find, golden, samples, exact, progress))
    with show_progress("published figures", len(steps), progress) as reporter:
        for sample, name, rows in steps:
            result.add(sample, rows)
            reporter.advance(note=f"{sample}, {name}")
    # Samples needed only for the pooled figures were not requested.
    wanted = {KEYS[name] for name in KEYS if name not in samples}
    result.computed = {
        name: one for name, one in result.computed.items() if name.split(".")[0] not in wanted
    }
    return result


def _steps(
    find: Find, golden: Callable[[str], Path], samples: Sequence[str], exact: bool, progress: bool
) -> Iterator[tuple[str, str, Rows]]:
    """Sample, name and rows of each step; rows are computed as they are taken."""
    if SAMPLE_GLASS in samples:
        glass: list[tuple[str, Rows]] = [
            ("acquisition", glass_acquisition(find)),
            ("order", glass_order(find, golden, exact)),
            ("medium-range order", deposited_mro(find, golden)),
            ("multislice round trip", round_trip(find)),
            ("RESIRE", glass_reconstruction(find)),
        ]
        if exact:
            glass.append(("search for networks", searched_mro(find, progress=progress)))
        for name, rows in glass:
            yield SAMPLE_GLASS, name, rows
    cells: list[Cells] = []
    packed: list[Packed] = []
    for sample in KEYS:
        if sample in samples or POOLED in samples:
            yield sample, "order", film_order(find, sample, cells)
            yield sample, "packing", film_packing(find, sample, packed)
        if sample in samples:
            yield sample, "acquisition", film_acquisition(find, sample)
    if "Ta_film" in samples:
        yield "Ta_film", "tracing", film_tracing(find, exact=exact)
        if exact:
            yield "Ta_film", "RESIRE", film_reconstruction(find, progress=progress)
    if POOLED in samples:
        yield POOLED, "together", _pooled(cells, packed)


def _pooled(cells: list[Cells], packed: list[Packed]) -> Iterator[tuple[str, Computed]]:
    """Figures of the film samples together; judged only if all are available."""
    if len(cells) != len(packed) or not packed:
        return
    names = tuple(one.name for one in packed)
    of = () if len(names) == len(KEYS) else names
    yield from pooled_order(cells, of)
    yield from pooled_packing(packed, of)
