"""What surrounds the atoms in a report: structure types, strain, local chemical order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aet_port.structure.bonds.templates import CNA_STRUCTURES, NOT_ASKED, STRUCTURES
from aet_port.structure.structure_result import StructureResult
from mdb.bank import Bank

_STRAINS = """
SELECT ptm, count(*) AS atoms, unstrained_spacing, avg(strain_volume) AS volume,
    stddev_pop(strain_volume) AS sd, avg(strain_shear) AS shear
FROM structure_type JOIN structure_fraction AS f
ON structure_type.analysis_id = f.analysis_id AND f.method = 'ptm' AND f.structure = ptm
WHERE structure_type.analysis_id = $analysis AND unstrained_spacing IS NOT NULL
GROUP BY ptm, unstrained_spacing
"""
_LOCAL = """
WITH centre AS (
    SELECT atom, coalesce(type::VARCHAR, species) AS group_1,
        1 / count(*) OVER () AS part
    FROM atom WHERE model_id = (SELECT model_id FROM analysis WHERE analysis_id = $analysis)
), concentration AS (
    SELECT group_1 AS group_2, sum(part) AS c FROM centre GROUP BY ALL
), local AS (
    SELECT atom, group_2, warren_cowley, sum(neighbours) OVER (PARTITION BY atom) AS total
    FROM local_chemistry WHERE analysis_id = $analysis
)
SELECT group_1 || '-' || group_2 AS pair, count(*) AS atoms, avg(warren_cowley) AS mean,
    stddev_pop(warren_cowley) AS sd, sqrt(avg((1 - c) / c / total)) AS random_sd
FROM local JOIN centre USING (atom) JOIN concentration USING (group_2)
WHERE total > 0 GROUP BY group_1, group_2 ORDER BY group_1, group_2
"""


@dataclass(frozen=True)
class Surroundings:
    """What a report shows of them.

    Attributes
    ----------
    fractions
        Fraction of the atoms in each structure, by method (``"ptm"``, ``"cna"``) and structure;
        None if not determined.
    strains
        Lattice, atoms, spacing of the unstrained lattice (angstrom), mean and standard deviation of
        the volumetric strain, mean shear strain.
    reasons
        Why there are no fractions, or no strain of a lattice.
    local
        Pair of groups, atoms, mean and standard deviation of their local Warren-Cowley parameters,
        and the latter in a random mixture.
    """

    fractions: Mapping[str, Mapping[str, float]] | None = None
    strains: Sequence[tuple[Any, ...]] = ()
    reasons: Sequence[str] = (NOT_ASKED,)
    local: Sequence[tuple[Any, ...]] = field(default_factory=list)


def surroundings_of(found: StructureResult) -> Surroundings:
    """Those of an analysis.

    Parameters
    ----------
    found
        Result of :func:`aet_port.structure.analyze`.

    Notes
    -----
    MATLAB: none
    """
    local: list[tuple[Any, ...]] = []
    if found.local_chemistry is not None and len(found.local_chemistry.names) > 1:
        order = found.local_chemistry.summary()
        local = [(pair, *one.values()) for pair, one in order.items()]
    if found.types is None:
        return Surroundings(reasons=[str(found.templates_reason)], local=local)
    summary = found.types.summary()
    return Surroundings(
        found.types.fractions(),
        [(name, *one.values()) for name, one in summary["strain"].items()],
        [f"{name}: {why}" for name, why in summary["reasons"].items()],
        local,
    )


def read_surroundings(bank: Bank, number: int) -> Surroundings:
    """Those of an analysis in a bank.

    Parameters
    ----------
    bank
        An open bank.
    number
        Number of an analysis that passed.

    Raises
    ------
    BankError
        If the bank can't be read.

    Notes
    -----
    MATLAB: none
    """
    asked = {"analysis": number}
    local = [tuple(row.values()) for row in bank.sql(_LOCAL, asked).to_pylist()]
    rows = bank.sql(
        "SELECT * FROM structure_fraction WHERE analysis_id = $analysis", asked
    ).to_pylist()
    if not rows:
        return Surroundings(local=local)
    known = [row for row in rows if row["fraction"] is not None]
    if not known:
        return Surroundings(reasons=list(dict.fromkeys(row["reason"] for row in rows)), local=local)
    by_place = {(row["method"], row["structure"]): row for row in known}
    fractions = {
        method: {name: by_place[method, name]["fraction"] for name in names}
        for method, names in (("ptm", STRUCTURES), ("cna", CNA_STRUCTURES))
    }
    strains = [tuple(row.values()) for row in bank.sql(_STRAINS, asked).to_pylist()]
    reasons = [f"strain of {row['structure']}: {row['reason']}" for row in known if row["reason"]]
    strains.sort(key=lambda row: STRUCTURES.index(row[0]))
    return Surroundings(fractions, strains, reasons, local)
