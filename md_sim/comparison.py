"""An experiment beside a quench: both in one bank, measured by the same analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.arguments import checked
from aet_port.core.display import Shown
from md_sim.comparison_choice import experiment_analysis, newest_run, snapshot_analyses
from md_sim.comparison_measures import Measured, read_measured
from md_sim.comparison_table import column, plain
from md_sim.likeness import Likeness, like_by_distance, like_by_value
from md_sim.pdf_scaling import normalized_distances
from mdb import Bank

# Measures with one value, by name: which temperature has the experiment's.
SCALARS: dict[str, Callable[[Measured], float]] = {
    "pentagonal motifs of all": lambda one: one.pentagonal,
    "tetrahedra in pentagonal bipyramids": lambda one: one.pentagonal_population,
    "mean theta": lambda one: one.mean_theta,
    "mean sites of partial icosahedra": lambda one: one.mean_sites,
    "share in the largest network": lambda one: one.share_in_largest,
    "vertex-sharing bipyramids": lambda one: one.vertex_sharing,
    "edge-sharing bipyramids": lambda one: one.edge_sharing,
}


@dataclass(frozen=True, repr=False)
class Point(Shown):
    """A snapshot of the quench beside the experiment.

    Attributes
    ----------
    temperature, step
        Kelvin, and time step.
    found
        Its structure.
    pdf_distance, motif_distance
        From the experiment, as the named queries ``nearest-by-pdf`` and ``nearest-by-motifs``
        define them; NaN where they don't.
    """

    temperature: float
    step: int
    found: Measured
    pdf_distance: float
    motif_distance: float

    def _facts(self) -> dict[str, object]:
        return {
            "model": self.found.model_id,
            "temperature": f"{self.temperature:g} K",
            "PDF distance": self.pdf_distance,
            "motif distance": self.motif_distance,
        }


@dataclass(frozen=True, repr=False)
class Comparison(Shown):
    """An experimental model beside every snapshot of a run.

    Attributes
    ----------
    run, run_name
        Number and name of the run in the bank.
    experiment
        Structure of the experimental model.
    points
        The snapshots, by ascending temperature.
    likeness
        By each measure, at which temperature the quench is most like the experiment.
    left_out
        Snapshots without an analysis that passed, and why.

    Examples
    --------
    A particle beside two boxes that stand in for the snapshots of a quench:

    >>> from ase.lattice.cubic import FaceCenteredCubic
    >>> import pyarrow as pa
    >>> import aet_port as aet
    >>> import md_sim
    >>> import mdb
    >>> from aet_port.simulation import amorphous_particle
    >>> particle = amorphous_particle(100, "Ta")
    >>> run = mdb.MdRun("quench", "Ta", "none", "none", {}, 108, pa.table({"step": [0, 1]}))
    >>> with mdb.Bank("bank.duckdb") as bank:
    ...     experiment = mdb.deposit(bank, particle, analysis=particle.analyze(cutoff=4.1))
    ...     number = mdb.deposit_run(bank, run)
    ...     for step, temperature in enumerate([2000.0, 1000.0]):
    ...         box = FaceCenteredCubic("Ta", size=(3, 3, 3), latticeconstant=4.3, pbc=True)
    ...         box.rattle(temperature / 5000, seed=step)
    ...         found = aet.analyze(box, cutoff=4.1)
    ...         where = mdb.Snapshot(number, step, temperature)
    ...         _ = mdb.deposit(bank, box, kind="md_snapshot", analysis=found, snapshot=where)
    ...     result = md_sim.compare(bank, experiment.id)
    >>> result.experiment.n_atoms, result.temperatures
    (100, array([1000., 2000.]))
    >>> result.likeness_rows()[0][0]
    'pair distribution (distance)'
    """

    run: int
    run_name: str
    experiment: Measured
    points: tuple[Point, ...]
    likeness: tuple[Likeness, ...]
    left_out: dict[str, str]

    def _facts(self) -> dict[str, object]:
        return {
            "experiment": self.experiment.model_id,
            "run": f"{self.run} ({self.run_name})",
            "snapshots": len(self.points),
            "left out": len(self.left_out),
            "nearest pair distribution": self.likeness[0].words,
        }

    @property
    def temperatures(self) -> NDArray[np.float64]:
        """Shape (k,): of the snapshots, kelvin, ascending."""
        return np.array([point.temperature for point in self.points])

    def columns(self, points: Sequence[Point] | None = None) -> list[str]:
        """Headings of :meth:`rows`."""
        shown = self.points if points is None else points
        return ["", self.experiment.model_id, *(f"{one.temperature:.0f} K" for one in shown)]

    def rows(self, points: Sequence[Point] | None = None) -> list[list[str]]:
        """A row for each quantity: its name, the experiment's value, that of each snapshot.

        Parameters
        ----------
        points
            Some of the snapshots; all unless given.
        """
        shown = self.points if points is None else points
        columns = [column(one) for one in (self.experiment, *(point.found for point in shown))]
        return [
            ["PDF distance", "", *(_distance(point.pdf_distance) for point in shown)],
            ["motif distance", "", *(_distance(point.motif_distance) for point in shown)],
            *([name, *(values[name] for values in columns)] for name in columns[0]),
        ]

    def likeness_rows(self) -> list[list[str]]:
        """A row for each measure: its name, the experiment's value, the quench's nearest, where."""
        return [
            [
                one.measure,
                "" if one.experiment is None else f"{one.experiment:.3f}",
                f"{one.value:.3f}",
                one.words,
            ]
            for one in self.likeness
        ]

    def plain(self) -> dict[str, Any]:
        """Everything as plain values, the normalized pair distributions included."""
        return {
            "run": self.run,
            "run_name": self.run_name,
            "experiment": plain(self.experiment),
            "snapshots": [
                {
                    "temperature": one.temperature,
                    "step": one.step,
                    "pdf_distance": one.pdf_distance,
                    "motif_distance": one.motif_distance,
                    **plain(one.found),
                }
                for one in self.points
            ],
            "distances_over_first_peak": normalized_distances().tolist(),
            "likeness": [one.plain() for one in self.likeness],
            "left_out": self.left_out,
        }


@checked
def compare(
    bank: Bank, model_id: str, run: int | None = None, analysis: int | None = None
) -> Comparison:
    """One experimental model beside every analysed snapshot of a run; reads the bank only.

    Pair distributions are compared against r over the place of the first peak, which takes out the
    size of the atoms; which temperature has the nearest, as far as the curves of all snapshots go.
    Sizes of networks depend on how large the samples are.

    Parameters
    ----------
    bank
        An open bank.
    model_id
        The experiment, such as ``"TaXX00001"``.
    run
        Number of the run; the newest with analysed snapshots of the same species unless given.
    analysis
        Number of the experiment's analysis; its newest that passed unless given. Of each snapshot
        the newest with the polytetrahedral order counts.

    Returns
    -------
    Both structures beside each other, and at which temperature they are most alike.

    Raises
    ------
    InputError
        For a model or an analysis that the bank doesn't have, no such run, a run without analysed
        snapshots or of one temperature only, or analyses with another delta or alpha.
    BankError
        If the bank can't be read.

    Notes
    -----
    MATLAB: none; Fig. 6 of Yuan et al., Nature Materials 21, 95 (2022)

    Examples
    --------
    A particle beside two boxes that stand in for the snapshots of a quench:

    >>> from ase.lattice.cubic import FaceCenteredCubic
    >>> import pyarrow as pa
    >>> import aet_port as aet
    >>> import md_sim
    >>> import mdb
    >>> from aet_port.simulation import amorphous_particle
    >>> particle = amorphous_particle(100, "Ta")
    >>> run = mdb.MdRun("quench", "Ta", "none", "none", {}, 108, pa.table({"step": [0, 1]}))
    >>> with mdb.Bank("bank.duckdb") as bank:
    ...     experiment = mdb.deposit(bank, particle, analysis=particle.analyze(cutoff=4.1))
    ...     number = mdb.deposit_run(bank, run)
    ...     for step, temperature in enumerate([2000.0, 1000.0]):
    ...         box = FaceCenteredCubic("Ta", size=(3, 3, 3), latticeconstant=4.3, pbc=True)
    ...         box.rattle(temperature / 5000, seed=step)
    ...         found = aet.analyze(box, cutoff=4.1)
    ...         where = mdb.Snapshot(number, step, temperature)
    ...         _ = mdb.deposit(bank, box, kind="md_snapshot", analysis=found, snapshot=where)
    ...     result = md_sim.compare(bank, experiment.id)
    >>> result.columns()
    ['', 'TaXX00001', '1000 K', '2000 K']
    """
    with bank.held():
        number = experiment_analysis(bank, model_id, analysis)
        run = newest_run(bank, model_id) if run is None else run
        (experiment,) = read_measured(bank, [number])
        chosen, left_out = snapshot_analyses(bank, run, experiment)
        named = bank.sql("SELECT name FROM md_run WHERE md_run_id = $run", {"run": run})
        measured = read_measured(bank, [row["analysis_id"] for row in chosen])
        by_pdf = {
            row["model_id"]: row["distance"]
            for row in bank.query("nearest-by-pdf", model=model_id).to_pylist()
        }
        by_motifs = {
            row["analysis_id"]: row["distance"]
            for row in bank.query("nearest-by-motifs", model=model_id).to_pylist()
            if row["model_analysis"] == number
        }
    missing = float("nan")
    points = tuple(
        Point(
            row["temperature"],
            row["step"],
            found,
            by_pdf.get(found.model_id, missing),
            by_motifs.get(found.analysis, missing),
        )
        for row, found in zip(chosen, measured, strict=True)
    )
    return Comparison(
        run, named["name"][0].as_py(), experiment, points, _likeness(experiment, points), left_out
    )


def _likeness(experiment: Measured, points: Sequence[Point]) -> tuple[Likeness, ...]:
    t = [point.temperature for point in points]
    curves = np.array([point.found.normalized_pdf() for point in points])
    own = experiment.normalized_pdf()
    common = np.isfinite(own) & np.isfinite(curves).all(axis=0)
    root = np.sqrt(max(int(common.sum()), 1))  # the distance of curves is a root mean square
    fractions = [point.found.fractions for point in points]
    return (
        like_by_distance(
            "pair distribution (distance)", t, curves[:, common] / root, own[common] / root
        ),
        like_by_distance("motif fractions (distance)", t, fractions, experiment.fractions),
        *(
            like_by_value(name, t, [of(point.found) for point in points], of(experiment))
            for name, of in SCALARS.items()
        ),
    )


def _distance(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else ""
