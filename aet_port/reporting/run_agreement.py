"""R factors and convergence of a run, for its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aet_port.core.data import TiltSeries
from aet_port.core.records import parsing, read_json
from aet_port.reporting.content import Convergence, Fact
from aet_port.reporting.projections import MODEL_IMAGES, Compared
from aet_port.workflow.config import RunConfig
from aet_port.workflow.model_stages import refused_because
from aet_port.workflow.review_stage import detection_record
from aet_port.workflow.run_folder import VOLUMES, RunFolder, areas_of
from aet_port.workflow.volume_stages import (
    read_r_factors,
    reconstruction_warnings,
    trace_warnings,
)


def _history(
    config: RunConfig, place: RunFolder
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """R1 by iteration, averaged over projections and sub-areas; that of the last by projection."""
    areas = areas_of(config)
    if not all(place.path(VOLUMES, area).exists() for area in areas):
        return None
    curves = [read_r_factors(place, area) for area in areas]
    return np.mean([table.mean(axis=1) for table in curves], axis=0), curves[0][-1]


def convergence_of(
    config: RunConfig, place: RunFolder, series: TiltSeries | None, measured: Compared | None
) -> Convergence | None:
    """R1 by iteration and by tilt; None if nothing was reconstructed.

    Parameters
    ----------
    config, place
        The run.
    series, measured
        Its projections, and what was calculated for them; None where they can't be read.
    """
    # Sub-areas searched in counts have volumes to look at too, without iterations.
    found = None if config.from_counts else _history(config, place)
    if found is None:
        return None
    history, last = found
    if series is None or measured is None:
        return Convergence(history, np.zeros(0), {})
    curves = {"reconstruction": last}
    if measured.r1 is not None and measured.name == MODEL_IMAGES:
        curves[measured.name] = measured.r1
    return Convergence(history, measured.shown.tilt, curves)


def agreement_of(
    config: RunConfig, place: RunFolder, refined: Mapping[str, Any] | None
) -> list[Fact]:
    """How well volume and model agree with the projections, row by row.

    Parameters
    ----------
    config, place
        The run.
    refined
        Record of its refinement, if there was one.
    """
    if config.from_counts:
        return _found_in_counts(place)
    found = _history(config, place)
    if found is None:
        return []
    history, _ = found
    rows: list[Fact] = [
        ("R1 of the reconstruction, last iteration", f"{100 * history[-1]:.2f} %"),
        ("iterations", len(history)),
        *(("warning", text) for text in reconstruction_warnings(config, place)),
        *(("warning", text) for text in trace_warnings(config, place)),
    ]
    if refined is None:
        word = "not requested" if config.refine is None else "missing"
        return [*rows, ("refinement", word)]
    names = {
        "r1_start": "R1 of the traced model",
        "r1": "R1 of the refined model, mean over projections",
        "r1_global": "R1 of the refined model, one scale for all",
        "r_work": "R-work",
        "r_free_start": "R-free before the refinement",
        "r_free": "R-free",
    }
    rows += [
        (words, f"{100 * refined[key]:.2f} %") for key, words in names.items() if key in refined
    ]
    rows += [
        ("heights H", refined["heights"]),
        ("B factors (Å²)", refined["b_factors"]),
        ("gradient evaluations", refined["evaluations"]),
        ("converged", refined["converged"]),
    ]
    if "at_bound" in refined:  # not in runs of earlier versions
        rows.append(("atoms at their largest displacement", f"{100 * refined['at_bound']:.1f} %"))
    refusal = refused_because(config, place)
    if refusal is not None:
        rows.append(("final model", refusal))
    return rows + [("warning", text) for text in refined["warnings"]]


def _found_in_counts(place: RunFolder) -> list[Fact]:
    """What was fitted with the atoms."""
    path = detection_record(place)
    if not path.exists():
        return []
    found = read_json(path)
    with parsing(path, "record", "the record that the run wrote"):
        noise, probe = found["noise"], found["probe"]
        rows: list[Fact] = [
            ("R1 of the model, mean over projections", f"{100 * found['r1']:.2f} %"),
            ("deviance per pixel", f"{found['deviance_per_pixel']:.4f}"),
            ("rounds", len(found["rounds"])),
            ("expected error of a position (pm)", found["expected_position_error_pm"]),
            ("expected atoms of wrong species", found["expected_wrong_species"]),
            ("heights (electrons)", found["heights_electrons"]),
            ("electrons per unit of the images", noise["counts_per_unit"] or "constant noise"),
            ("background (electrons per pixel)", noise["background_electrons"]),
            ("probe: B of the narrow Gaussian (Å²)", probe["narrow"]),
        ]
        if "r_free" in found:
            rows.insert(
                1, ("R-free, images left out of the search", f"{100 * found['r_free']:.2f} %")
            )
        rows += [
            (
                "atoms in the overlap of sub-areas {} and {}".format(*one["areas"]),
                f"{one['common']} found in both, {one['alone']} in one of them",
            )
            for one in found.get("overlaps", ())
        ]
        return rows + [("warning", text) for text in found["warnings"]]
