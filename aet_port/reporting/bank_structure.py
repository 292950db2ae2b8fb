"""Content of a report on an analysis in a bank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from aet_port.reporting.content import TOP_INDICES, Bipyramids, Fact, Structure, VoidSpace, named
from aet_port.reporting.surroundings import read_surroundings
from aet_port.structure.draws import origin_of
from aet_port.structure.intervals import Interval, Intervals
from aet_port.structure.medium_range.order import REASON
from aet_port.structure.pairs.partial_pdf import ALL
from aet_port.structure.populations import ALL as ALL_ATOMS
from aet_port.structure.populations import CHOSEN, DESCRIPTION, DISORDERED
from aet_port.structure.populations import FEWEST as FEWEST_INNER
from aet_port.structure.rings.ring_statistics import RingRow
from aet_port.structure.short_range import FEWEST
from mdb.bank import Bank
from mdb.database import stored_record

_VORONOI = """
SELECT n3, n4, n5, n6, count(*) AS atoms, atoms / sum(count(*)) OVER () AS fraction
FROM voronoi JOIN atom_order USING (analysis_id, atom)
WHERE analysis_id = $analysis AND cn IS NOT NULL AND NOT surface
AND (NOT crystalline OR $with_crystalline)
GROUP BY ALL ORDER BY atoms DESC, n3, n4, n5, n6 LIMIT $most
"""
_VOLUMES = """
SELECT atom, CASE WHEN NOT surface AND cn IS NOT NULL THEN volume END AS volume
FROM voronoi WHERE analysis_id = $analysis
"""
_DISORDERED = """
SELECT count(*) FILTER (NOT crystalline AND NOT surface AND cn IS NOT NULL) AS inner_atoms,
    count(*) FILTER (crystalline) AS crystalline
FROM voronoi JOIN atom_order USING (analysis_id, atom) WHERE analysis_id = $analysis
"""
_BIPYRAMIDS = """
SELECT cap_1, cap_2, ring, network FROM motif
LEFT JOIN network_member USING (analysis_id, motif)
WHERE analysis_id = $analysis AND fold = 5 ORDER BY motif
"""
_NETWORKS = """
SELECT network, fold, size, atoms, CASE WHEN spanning THEN 'infinity'::DOUBLE ELSE length END AS far
FROM network WHERE analysis_id = $analysis ORDER BY fold, network
"""
_PARTIAL = """
SELECT group_1, group_2, r, g FROM partial_pdf WHERE analysis_id = $analysis
ORDER BY group_1 <> '*', group_1, group_2, r
"""
_ORDERS = """
SELECT solute, lattice, size, length, lattice_constant FROM mro
WHERE analysis_id = $analysis ORDER BY mro
"""


_RINGS = """
SELECT definition, size, rings, rings / $n_atoms, atoms / $n_atoms, smallest / $n_atoms,
    largest / $n_atoms
FROM ring WHERE analysis_id = $analysis
AND size <= (SELECT max(size) FROM ring AS r
    WHERE r.analysis_id = $analysis AND r.definition = ring.definition AND r.rings > 0)
ORDER BY definition, size
"""


def read_structure(bank: Bank, number: int, n_atoms: int) -> Structure:
    """Read the results of one analysis.

    Parameters
    ----------
    bank
        An open bank.
    number
        Number of an analysis that passed.
    n_atoms
        Number of atoms of its model.

    Raises
    ------
    BankError
        If the bank can't be read.
    """
    asked = {"analysis": number}
    facts = _facts(bank, number)
    parameters = _parameters(bank, asked)
    chosen = parameters.get("atoms")
    pdf = bank.sql("SELECT r, g FROM pdf WHERE analysis_id = $analysis ORDER BY r", asked)
    order = bank.sql(
        "SELECT atom, q4, q6, boo, crystalline FROM atom_order WHERE analysis_id = $analysis",
        asked,
    )
    parts: dict[str, Any] = {}
    if order.num_rows:
        for name in ("q4", "q6", "boo"):
            parts[name] = np.full(n_atoms, np.nan)
            parts[name][order["atom"].to_numpy()] = reals(order, name)
        sizes = bank.sql(_VOLUMES, asked)
        parts["volumes"] = np.full(n_atoms, np.nan)
        parts["volumes"][sizes["atom"].to_numpy()] = reals(sizes, "volume")
        population = _population(bank, asked, chosen)
        parts["order_of"] = DESCRIPTION[population]
        if population != CHOSEN:  # the bank doesn't say which atoms were chosen
            options = {"most": TOP_INDICES, "with_crystalline": population != DISORDERED}
            parts["voronoi"] = [
                (tuple(row[f"n{k}"] for k in (3, 4, 5, 6)), row["atoms"], row["fraction"])
                for row in bank.sql(_VORONOI, asked | options).to_pylist()
            ]
    partial = bank.sql(_PARTIAL, asked)
    if partial.num_rows:
        disordered = n_atoms - sum(order["crystalline"].to_pylist())
        usual = "disordered" if disordered >= FEWEST else "all"
        parts["partial"] = _partial(partial, f"{parameters.get('pdf_of', usual)} atoms")
    counts = bank.sql(
        "SELECT fold, count(*) AS number FROM motif WHERE analysis_id = $analysis GROUP BY 1",
        asked,
    ).to_pylist()
    known = {row["fold"]: row["number"] for row in counts}
    networks = bank.sql(_NETWORKS, asked)
    if "solute" in parameters and REASON not in parameters:
        rows = bank.sql(_ORDERS, asked).to_pylist()
        parts["orders"] = [tuple(row.values()) for row in rows]
    fold = networks["fold"].to_numpy()
    table = np.stack([reals(networks, name) for name in ("size", "atoms", "far")], axis=1)
    return Structure(
        facts,
        pdf=(reals(pdf, "r"), reals(pdf, "g")) if pdf.num_rows else None,
        motifs={one: known.get(one, 0) for one in range(3, 9)},
        motifs_reason=parameters.get("motifs_reason"),
        orders_reason=parameters.get(REASON),
        networks={int(one): table[fold == one] for one in np.unique(fold)},
        bipyramids=_bipyramids(bank, asked, networks),
        rings=_rings(bank, asked, n_atoms) if "rings" in parameters else None,
        voids=_voids(bank, asked),
        intervals=_intervals(bank, asked),
        surroundings=read_surroundings(bank, number),
        cutoff=next((float(value) for name, value in facts if name == "cut-off (Å)"), None),
        **parts,
    )


def _population(bank: Bank, asked: Mapping[str, Any], chosen: str | None) -> str:
    """Name of the population that statistics of cells are made of, as the analysis chose it."""
    if chosen is not None:
        return chosen
    (row,) = bank.sql(_DISORDERED, asked).to_pylist()
    few = row["crystalline"] and row["inner_atoms"] < FEWEST_INNER
    return ALL_ATOMS if few else DISORDERED


def _rings(bank: Bank, asked: Mapping[str, Any], n_atoms: int) -> list[RingRow]:
    rows = bank.sql(_RINGS, {**asked, "n_atoms": n_atoms})
    return list(zip(*(column.to_pylist() for column in rows.columns), strict=True))


def _voids(bank: Bank, asked: Mapping[str, Any]) -> VoidSpace | None:
    space = bank.sql("SELECT * FROM void_space WHERE analysis_id = $analysis", asked)
    if not space.num_rows:
        return None
    voids = bank.sql("SELECT radius FROM void WHERE analysis_id = $analysis ORDER BY void", asked)
    free, error = (float(reals(space, name)[0]) for name in ("free_fraction", "free_error"))
    return VoidSpace(space["measured_to"][0].as_py(), reals(voids, "radius"), free, error)


def _intervals(bank: Bank, asked: Mapping[str, Any]) -> Intervals | None:
    rows = bank.sql("SELECT * FROM resampled_value WHERE analysis_id = $analysis", asked)
    if not rows.num_rows:
        return None
    columns = {
        name: reals(rows, name).tolist()
        for name in ("value", "mean", "sd", "low", "high", "extrapolated")
    }
    found = [
        Interval(
            name=row["name"],
            unit=row["unit"],
            samples=row["samples"],
            **{name: values[k] for name, values in columns.items()},
        )
        for k, row in enumerate(rows.to_pylist())
    ]
    sigma = _parameters(bank, asked).get("sigma")
    first = rows.slice(0, 1).to_pylist()[0]
    return Intervals(tuple(found), first["drawn"], first["seed"], origin_of(sigma), sigma)


def _parameters(bank: Bank, asked: Mapping[str, Any]) -> dict[str, Any]:
    text = bank.sql("SELECT parameters FROM analysis WHERE analysis_id = $analysis", asked)
    return stored_record(bank.path, text["parameters"][0].as_py())


def _facts(bank: Bank, number: int) -> list[Fact]:
    head = bank.sql("SELECT * FROM analysis WHERE analysis_id = $id", {"id": number}).to_pylist()[0]
    measures = bank.sql(
        "SELECT name, value, unit FROM measure WHERE analysis_id = $id", {"id": number}
    )
    return [
        ("analysis", number),
        ("cut-off (Å)", head["cutoff"]),
        ("largest distortion", head["delta"]),
        ("tetrahedra", head["n_tetrahedra"]),
        *((named(row["name"], row["unit"]), row["value"]) for row in measures.to_pylist()),
    ]


def _partial(
    table: pa.Table, whole: str
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    first, second = table["group_1"].to_pylist(), table["group_2"].to_pylist()
    pairs = list(zip(first, second, strict=True))
    g, r = reals(table, "g"), reals(table, "r")
    size = len(table) // len(set(pairs))
    curves = {
        whole if (a, b) == ALL else f"{a}-{b}": g[k * size : (k + 1) * size]
        for k, (a, b) in enumerate(dict.fromkeys(pairs))
    }
    return r[:size], curves


def _bipyramids(bank: Bank, asked: Mapping[str, Any], networks: pa.Table) -> Bipyramids:
    rows = bank.sql(_BIPYRAMIDS, asked)
    caps = np.stack([rows[f"cap_{k}"].to_numpy() for k in (1, 2)], axis=1)
    rings = np.array(rows["ring"].to_pylist(), dtype=np.int64).reshape(-1, 5)
    # Networks of all folds are numbered consecutively; those of fold 5 begin here.
    five = networks["network"].to_numpy()[networks["fold"].to_numpy() == 5]
    first = int(five.min()) if len(five) else 0
    label = rows["network"].fill_null(first - 1).to_numpy() - first
    return Bipyramids(caps.astype(np.int64), rings, label.astype(np.int64))


def reals(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column as numbers; NULL is NaN."""
    return np.asarray(table[name].cast(pa.float64()).to_numpy(), dtype=np.float64)
