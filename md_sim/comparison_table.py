"""Structures as lines of a table, and as plain values."""

from __future__ import annotations

from typing import Any

import numpy as np

from aet_port.structure.polytetrahedral.bipyramids import FOLDS
from aet_port.structure.polytetrahedral.sharing import SITES
from md_sim.comparison_measures import Measured

NAMES = {
    3: "triplets",
    4: "quadrilateral",
    5: "pentagonal",
    6: "hexagonal",
    7: "heptagonal",
    8: "octagonal",
}
LARGEST = 5  # networks shown
_SITES = range(1, SITES + 1)


def column(one: Measured) -> dict[str, str]:
    """What a table shows of one structure, by the name of its row."""
    fractions = zip(FOLDS, one.fractions, strict=True)
    largest = [*map(str, one.networks[:LARGEST]), *[""] * LARGEST]
    return {
        "atoms": f"{one.n_atoms}",
        "cut-off (angstrom)": f"{one.cutoff:.2f}",
        "first peak (angstrom)": f"{one.first_peak:.3f}",
        **{f"{NAMES[fold]} (%)": _percent(share) for fold, share in fractions},
        "tetrahedra in 5-fold (%)": _percent(one.pentagonal_population),
        "pentagonal per atom": f"{len(one.theta) / one.n_atoms:.2f}",
        "mean theta (degrees)": f"{one.mean_theta:.2f}",
        **{f"{n} of {SITES} sites (%)": _percent(one.site_fractions[n - 1]) for n in _SITES},
        "networks": f"{len(one.networks)}",
        **{f"network {n + 1} (motifs)": largest[n] for n in range(LARGEST)},
        "share in network 1 (%)": _percent(one.share_in_largest),
        "network 1 spans": "yes" if one.spanning else "no",
        "vertex-sharing (%)": _percent(one.vertex_sharing),
        "edge-sharing (%)": _percent(one.edge_sharing),
    }


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if np.isfinite(share) else ""


def plain(one: Measured) -> dict[str, Any]:
    """One structure as plain values."""
    size, number = np.unique(one.networks, return_counts=True)
    return {
        "model_id": one.model_id,
        "name": one.name,
        "analysis": one.analysis,
        "atoms": one.n_atoms,
        "cutoff": one.cutoff,
        "delta": one.delta,
        "first_peak": one.first_peak,
        "normalized_pdf": one.normalized_pdf().tolist(),
        "motifs": {str(f): int(n) for f, n in zip(FOLDS, one.motifs, strict=True)},
        "motif_fractions": {str(f): float(x) for f, x in zip(FOLDS, one.fractions, strict=True)},
        "populations": {str(f): float(x) for f, x in zip(FOLDS, one.populations, strict=True)},
        "mean_theta": one.mean_theta,
        "icosahedral_sites": one.sites.tolist(),
        "icosahedral_site_fractions": one.site_fractions.tolist(),
        "network_sizes": {str(s): int(n) for s, n in zip(size, number, strict=True)},
        "largest_networks": one.networks[:LARGEST].tolist(),
        "share_in_largest": one.share_in_largest,
        "spanning": one.spanning,
        "longest_network": one.length,
        "vertex_sharing": one.vertex_sharing,
        "edge_sharing": one.edge_sharing,
    }
