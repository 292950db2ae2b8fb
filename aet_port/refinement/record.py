"""Heights, B factors and R factors of a refinement, as numbers and as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aet_port.core.data import TiltSeries
from aet_port.core.files import write_whole
from aet_port.refinement.forward import Forward
from aet_port.refinement.joint import Refinement
from aet_port.refinement.r_factors import CrossValidation, agreement
from aet_port.refinement.settings import DEFAULTS
from aet_port.refinement.verdict import judge_refinement

OVERFITTING = "moving the atoms made the images held out worse: overfitting"


def refinement_record(
    series: TiltSeries,
    done: Refinement,
    crossed: CrossValidation | None = None,
    max_at_bound: float = DEFAULTS.max_at_bound,
) -> dict[str, Any]:
    """Results of a refinement for a table or JSON.

    Parameters
    ----------
    series
        The projections refined against.
    done
        The refinement.
    crossed
        R factors of images left out of the fit, if they were computed.
    max_at_bound
        As in :func:`aet_port.refinement.verdict.judge_refinement`.

    Returns
    -------
    ``r1_start`` and ``r1`` (means over the images), ``r1_global`` (one scale for all images),
    ``heights`` and ``b_factors`` (square angstrom) by symbol, ``shear_x`` and ``shear_y`` of the
    scan remaining in the images (zero if not refined), ``evaluations`` of the gradient,
    ``converged``, ``warnings``, ``at_bound`` (fraction of the atoms) and ``objections`` of
    :func:`aet_port.refinement.verdict.judge_refinement`; with ``crossed`` also ``r_work``,
    ``r_free_start``, ``r_free``.
    """
    forward = Forward(done.model.species, series.angles, series.pixel_size, series.detector)
    overall = agreement(forward.project(done.parameters), series.images)
    verdict = judge_refinement(done, crossed, max_at_bound)
    record: dict[str, Any] = {
        "r1_start": float(done.history[0, 2]),
        "r1": float(done.r1.mean()),
        "r1_global": overall.r1_global,
        "heights": done.heights,
        "b_factors": done.b_factors,
        "shear_x": done.distortion.shear_x,
        "shear_y": done.distortion.shear_y,
        "evaluations": done.evaluations,
        "converged": done.converged,
        "warnings": list(done.warnings),
        "at_bound": verdict.at_bound,
        "objections": list(verdict.objections),
    }
    if crossed is not None:
        record |= {
            "r_work": float(crossed.r_work.mean()),
            "r_free_start": float(crossed.r_free_start.mean()),
            "r_free": float(crossed.r_free.mean()),
        }
        if crossed.overfits:
            record["warnings"].append(OVERFITTING)
    return record


def write_refinement(
    path: str | Path, result: Refinement, crossed: CrossValidation | None = None
) -> None:
    """Store heights, B factors, image parameters, shears and R factors beside a model (.npz).

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    found = result.parameters
    arrays: dict[str, Any] = {
        "species": np.array(result.kinds),
        "heights": found.heights,
        "b_factors": found.b_factors,
        "shifts": found.shifts,
        "scales": found.scales,
        "offsets": found.offsets,
        "shears": found.shears,
        "r1": result.r1,
        "history": result.history,
    }
    if crossed is not None:
        arrays |= {
            "fold": crossed.fold,
            "r_free": crossed.r_free,
            "r_free_start": crossed.r_free_start,
        }
    write_whole(path, lambda partial: np.savez(partial, **arrays))
