"""What a comparison of structures looks at, read from analyses in a bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aet_port.core.display import Shown, angstrom
from aet_port.structure.polytetrahedral.bipyramids import FOLDS
from aet_port.structure.polytetrahedral.sharing import SITES
from md_sim.pdf_scaling import first_peak, normalized_pdf
from mdb import Bank

PENTAGONAL = 5

_HEAD = """
SELECT analysis_id, model_id, model.name, cutoff, delta, n_atoms,
    (parameters->>'alpha')::DOUBLE / cutoff AS alpha
FROM analysis JOIN model USING (model_id) WHERE analysis_id IN (SELECT unnest($chosen))
"""
_MOTIFS = """
SELECT analysis_id, fold, count(*) AS number FROM motif
WHERE analysis_id IN (SELECT unnest($chosen)) GROUP BY ALL
"""
_POPULATIONS = """
SELECT analysis_id, fold, population AS number FROM packing JOIN analysis USING (analysis_id, delta)
WHERE analysis_id IN (SELECT unnest($chosen))
"""
_SHAPES = """
SELECT analysis_id, theta, amorphous FROM bipyramid
WHERE analysis_id IN (SELECT unnest($chosen)) ORDER BY analysis_id, motif
"""
# A bipyramid whose two caps both cap nothing else is one site, not two, as in icosahedral_filling.
_FILLING = """
WITH capped AS (
    SELECT * FROM partial_icosahedron WHERE analysis_id IN (SELECT unnest($chosen))
),
single AS (SELECT analysis_id, atom FROM capped WHERE sites = 1),
lone AS (
    SELECT motif.analysis_id, count(*) AS doubled FROM motif
    JOIN bipyramid USING (analysis_id, motif)
    JOIN single AS one ON one.analysis_id = motif.analysis_id AND one.atom = cap_1
    JOIN single AS two ON two.analysis_id = motif.analysis_id AND two.atom = cap_2
    WHERE amorphous GROUP BY ALL
)
SELECT analysis_id, sites,
    count(*) - coalesce(any_value(doubled) FILTER (sites = 1), 0) AS number
FROM capped LEFT JOIN lone USING (analysis_id) GROUP BY analysis_id, sites
"""
_NETWORKS = """
SELECT analysis_id, size, length, spanning FROM network
WHERE fold = 5 AND analysis_id IN (SELECT unnest($chosen)) ORDER BY analysis_id, size DESC, network
"""
_SHARING = """
WITH joined AS (
    SELECT DISTINCT analysis_id, contact, unnest([motif_1, motif_2]) AS motif
    FROM motif_contact WHERE analysis_id IN (SELECT unnest($chosen))
)
SELECT analysis_id, contact, count(*) AS number FROM joined GROUP BY ALL
"""
_PDF = """
SELECT analysis_id, r, g FROM pdf
WHERE analysis_id IN (SELECT unnest($chosen)) ORDER BY analysis_id, r
"""


@dataclass(frozen=True, repr=False)
class Measured(Shown):
    """One analysis of one model, as far as structures are compared.

    Attributes
    ----------
    analysis, model_id, name, n_atoms
        Its number, and of which model.
    cutoff, delta, alpha
        Longest edge of a tetrahedron (angstrom), largest distortion, and largest circumsphere in
        units of the cut-off.
    r, g
        Shape (n,): pair distribution of all atoms, angstrom.
    motifs
        Shape (6,): motifs of 3 to 8 tetrahedra, crystalline ones included.
    populations
        Shape (6,): share of the amorphous tetrahedra that take part in one; NaN if unknown.
    theta, amorphous
        Shape (m,): tilt of the capping bond of each pentagonal bipyramid, degrees, and whether it
        is amorphous.
    sites
        Shape (12,) or longer: icosahedral sites by n = 1, 2, .. filled.
    networks
        Shape (k,): sizes of the pentagonal bipyramid networks, descending.
    length
        Longest distance in a network that doesn't span the cell, angstrom; NaN without one.
    spanning
        Whether the largest network spans a periodic cell.
    vertex_sharing, edge_sharing
        Fraction of the amorphous pentagonal bipyramids that share one vertex of their skeleton, or
        an edge of it, with another; NaN of nothing.
    """

    analysis: int
    model_id: str
    name: str
    n_atoms: int
    cutoff: float
    delta: float
    alpha: float
    r: NDArray[np.float64]
    g: NDArray[np.float64]
    motifs: NDArray[np.int64]
    populations: NDArray[np.float64]
    theta: NDArray[np.float64]
    amorphous: NDArray[np.bool_]
    sites: NDArray[np.int64]
    networks: NDArray[np.int64]
    length: float
    spanning: bool
    vertex_sharing: float
    edge_sharing: float

    def _facts(self) -> dict[str, object]:
        return {
            "model": self.model_id,
            "analysis": self.analysis,
            "atoms": self.n_atoms,
            "cut-off": angstrom(self.cutoff),
            "motifs": int(self.motifs.sum()),
        }

    @property
    def fractions(self) -> NDArray[np.float64]:
        """Shape (6,): share of each fold in all motifs; NaN of nothing."""
        return _shares(self.motifs)

    @property
    def pentagonal(self) -> float:
        """Share of the pentagonal bipyramids in all motifs."""
        return float(self.fractions[FOLDS.index(PENTAGONAL)])

    @property
    def pentagonal_population(self) -> float:
        """Share of the amorphous tetrahedra that take part in a pentagonal bipyramid."""
        return float(self.populations[FOLDS.index(PENTAGONAL)])

    @property
    def mean_theta(self) -> float:
        """Mean tilt of all pentagonal bipyramids, degrees; NaN without any."""
        return float(self.theta.mean()) if len(self.theta) else float("nan")

    @property
    def site_fractions(self) -> NDArray[np.float64]:
        """Icosahedral sites by n filled, over their number; NaN of nothing."""
        return _shares(self.sites)

    @property
    def mean_sites(self) -> float:
        """Mean number of sites filled of the partial icosahedra; NaN without any."""
        return float(self.site_fractions @ np.arange(1, len(self.sites) + 1))

    @property
    def share_in_largest(self) -> float:
        """Share of the pentagonal bipyramids that the largest network holds; NaN of nothing."""
        return float(self.networks[0] / self.networks.sum()) if len(self.networks) else float("nan")

    @property
    def first_peak(self) -> float:
        """Place of the first peak of g, angstrom (:func:`md_sim.pdf_scaling.first_peak`)."""
        return first_peak(self.r, self.g, self.cutoff)

    def normalized_pdf(self) -> NDArray[np.float64]:
        """g against r over the first peak (:func:`md_sim.pdf_scaling.normalized_pdf`)."""
        return normalized_pdf(self.r, self.g, self.first_peak)


def read_measured(bank: Bank, analyses: Sequence[int]) -> list[Measured]:
    """What a bank holds of some analyses that passed, in the order given.

    Raises
    ------
    BankError
        If the bank can't be read.
    """
    with bank.held():
        heads = {row["analysis_id"]: row for row in _ask(bank, _HEAD, analyses).to_pylist()}
        tables = {
            name: _split(_ask(bank, sql, analyses))
            for name, sql in {
                "motifs": _MOTIFS,
                "populations": _POPULATIONS,
                "shapes": _SHAPES,
                "filling": _FILLING,
                "networks": _NETWORKS,
                "sharing": _SHARING,
                "pdf": _PDF,
            }.items()
        }
    return [
        _measured(heads[number], {name: table.get(number, {}) for name, table in tables.items()})
        for number in analyses
    ]


def _shares(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    total = numbers.sum()
    return numbers / total if total else np.full(len(numbers), np.nan)


def _ask(bank: Bank, sql: str, analyses: Sequence[int]) -> pa.Table:
    return bank.sql(sql, {"chosen": [int(number) for number in analyses]})


def _split(table: pa.Table) -> dict[int, dict[str, NDArray[Any]]]:
    """Columns of the rows of each analysis."""
    columns = {name: table[name].to_numpy() for name in table.column_names}
    owner = columns.pop("analysis_id")
    order = np.argsort(owner, kind="stable")
    numbers, starts = np.unique(owner[order], return_index=True)
    pieces = np.split(order, starts[1:])
    return {
        int(number): {name: column[piece] for name, column in columns.items()}
        for number, piece in zip(numbers, pieces, strict=True)
    }


def _measured(head: dict[str, Any], tables: dict[str, dict[str, NDArray[Any]]]) -> Measured:
    motifs, populations = np.zeros(len(FOLDS), np.int64), np.full(len(FOLDS), np.nan)
    for target, name in ((motifs, "motifs"), (populations, "populations")):
        if tables[name]:
            target[tables[name]["fold"].astype(int) - FOLDS[0]] = tables[name]["number"]
    filling, networks, shapes = tables["filling"], tables["networks"], tables["shapes"]
    sites = np.zeros(max(SITES, int(filling["sites"].max()) if filling else 0), np.int64)
    if filling:
        sites[filling["sites"].astype(int) - 1] = filling["number"]
    amorphous = shapes["amorphous"].astype(bool) if shapes else np.zeros(0, bool)
    of = int(amorphous.sum())
    joined = dict(zip(*tables["sharing"].values(), strict=True)) if tables["sharing"] else {}
    length = networks["length"].astype(np.float64) if networks else np.zeros(0)
    return Measured(
        analysis=head["analysis_id"],
        model_id=head["model_id"],
        name=head["name"],
        n_atoms=head["n_atoms"],
        cutoff=head["cutoff"],
        delta=head["delta"],
        alpha=head["alpha"],
        r=tables["pdf"]["r"],
        g=tables["pdf"]["g"],
        motifs=motifs,
        populations=populations,
        theta=shapes["theta"] if shapes else np.zeros(0),
        amorphous=amorphous,
        sites=sites,
        networks=networks["size"].astype(np.int64) if networks else np.zeros(0, np.int64),
        length=float(np.nanmax(length)) if np.isfinite(length).any() else float("nan"),
        spanning=bool(networks["spanning"][0]) if networks else False,
        vertex_sharing=float(joined.get("vertex", 0) / of) if of else float("nan"),
        edge_sharing=float(joined.get("edge", 0) / of) if of else float("nan"),
    )
