"""``aet score``: a model judged by the truth."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aet_port.cli.options import Figures, Json, settings_options
from aet_port.cli.two_models import AS_THEY_ARE, PairReading, pair_options, print_species
from aet_port.core.console import print_json, print_rows
from aet_port.core.files import check_target
from aet_port.core.terminal import print_note
from aet_port.validation.settings import ScoreSettings

if TYPE_CHECKING:
    from aet_port.validation.calibration import Calibration
    from aet_port.validation.evaluation import Evaluation

Rows = list[tuple[str, str]]


@settings_options()
@pair_options
def score_command(
    model: Annotated[Path, typer.Argument(help="Model: .xyz, .extxyz, .csv, .mat or others.")],
    truth: Annotated[Path, typer.Argument(help="True model.")],
    settings: ScoreSettings,
    readings: PairReading = AS_THEY_ARE,
    csv: Annotated[
        Path | None, typer.Option(help="Also write a table of the model's atoms, .csv.")
    ] = None,
    figures: Figures = None,
    as_json: Json = False,
) -> None:
    """Judge a model by the truth: atoms, species, errors, and whether its uncertainties are right.

    Besides recall, precision, species and RMSD, it compares the stated error bars and probabilities
    with the truth, and the recall with that of random packings. `aet compare-models` compares any
    two models.
    """
    from aet_port.validation.evaluation import evaluate

    if figures is not None:
        check_target(figures / "z_scores.png", (".png",))
    if csv is not None:
        check_target(csv, (".csv",))
    found = evaluate(*readings.read(model, truth), settings)
    facts = found.plain()
    if csv is not None:
        from aet_port.io.models.atom_tables import write_rows

        facts["csv"] = str(write_rows(csv, *found.atom_rows()))
    if figures is not None:
        from aet_port.figures.calibration import write_calibration_figures
        from aet_port.figures.precision import write_precision_figures

        written = write_precision_figures(figures, found.precision)
        written += write_calibration_figures(figures, found.calibration)
        facts["figures"] = [str(path) for path in written]
    if as_json:
        print_json(facts)
        return
    _print(found)
    for text in found.warnings:
        print_note(f"aet: warning: {text}")


def _print(found: Evaluation) -> None:
    precision, matching = found.precision, found.precision.matching
    rows: Rows = [
        ("atoms, true and found", f"{len(found.truth)}, {len(found.found)}"),
        ("pairs; missed, spurious", f"{matching.matched}; {len(matching.missed)}, "
         f"{len(matching.spurious)}"),
        ("recall", f"{100 * precision.recall:.2f} %"),
        ("precision", f"{100 * precision.precision:.2f} %"),
        ("RMSD", f"{precision.rmsd_pm:.1f} pm"),
    ]  # fmt: skip
    if found.has_species:
        rows.insert(4, ("right species, of the pairs", f"{100 * precision.species_fraction:.2f} %"))
    if found.null is not None:
        null = found.null
        rows += [
            (
                f"recall of {len(null.packings)} random packings",
                f"{100 * null.packings.mean():.1f} %, at most {100 * null.packings.max():.1f} %",
            ),
            (
                "  as good; model above mean",
                f"{null.as_good}; {null.deviations:.1f} standard deviations",
            ),
        ]
    if found.frame is not None:
        frame = found.frame
        rows += [
            ("axes x, y, z of the model", f"{', '.join(frame.axes)} of the truth"),
            ("  handedness", "MIRRORED" if frame.mirrored else "that of the truth"),
            ("  further rotation", f"{frame.angle:.2f} degrees"),
        ]
    print_rows(("", ""), rows, "aet score")
    if found.has_species:
        facts = precision.summary()
        print_species(precision, facts["species"], facts["confusion"])
    print_rows(("uncertainties", ""), calibration_rows(found.calibration), "calibration")
    bins = _bins(found.calibration)
    if bins:
        heads = ("", "claimed", "observed", "95 % interval", "atoms")
        print_rows(heads, bins, "reliability of probabilities")
    if found.calibration.positions is not None:
        print_rows(("|z|", "x", "y", "z", "normal"), _histogram(found.calibration), "z-scores")


def calibration_rows(calibration: Calibration) -> Rows:
    """The calibration as rows of a table, with what is missing and why."""
    rows: Rows = []
    scores = calibration.positions
    if scores is None:
        rows.append(("positions", f"not stated: {calibration.missing['positions']}"))
    else:
        rms = [f"{a:.2f} +- {b:.2f}" for a, b in zip(scores.rms, scores.rms_error, strict=True)]
        rows += [
            ("rms of z: x, y, z (1 if right)", ", ".join(rms)),
            ("  by the median", ", ".join(f"{one:.2f}" for one in scores.robust)),
            ("  ordinary pairs; left out", f"{len(scores.z)}; {scores.left_out}"),
            ("  beyond 4 standard errors", f"{scores.far}"),
        ]
        for level in (0.5, 0.68, 0.95):
            share, low, high = scores.coverage(level)
            text = f"{100 * share:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
            rows.append((f"  inside {100 * level:.0f} % ellipsoids", text))
    for name, curve, wrong in (
        ("existence", calibration.existence, "spurious atoms"),
        ("species", calibration.species, "wrong species"),
    ):
        if curve is None:
            rows.append((name, f"not stated: {calibration.missing[name]}"))
            continue
        low, high = curve.wrong_interval
        rows += [
            (
                f"{name}: expected calibration error",
                f"{curve.expected_error:.4f} ({curve.chance:.4f} by chance alone)",
            ),
            (
                f"  {wrong}, claimed and observed",
                f"{100 * curve.wrong_claimed:.2f} %, {100 * curve.wrong_observed:.2f} %"
                f" ({100 * low:.2f} to {100 * high:.2f})",
            ),
            ("  atoms", f"{int(curve.atoms.sum())}"),
        ]
    return rows


def _bins(calibration: Calibration) -> list[tuple[str, ...]]:
    return [
        (
            name if k == 0 else "",
            f"{curve.claimed[k]:.4f}",
            f"{curve.observed[k]:.4f}",
            f"{curve.low[k]:.4f} to {curve.high[k]:.4f}",
            f"{curve.atoms[k]}",
        )
        for name, curve in (("existence", calibration.existence), ("species", calibration.species))
        if curve is not None
        for k in range(len(curve.atoms))
    ]


def _histogram(calibration: Calibration) -> list[tuple[str, ...]]:
    """Percentage of z-scores by size, beside that of a normal distribution."""
    import numpy as np
    from scipy.special import erf

    scores = calibration.positions
    assert scores is not None
    edges = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, np.inf]
    counts = [np.histogram(np.abs(scores.z[:, k]), edges)[0] for k in range(3)]
    normal = np.diff(erf(np.array(edges) / np.sqrt(2)))
    return [
        (
            f"{low:g} to {high:g}" if np.isfinite(high) else f"above {low:g}",
            *(f"{100 * one[k] / len(scores.z):.1f} %" for one in counts),
            f"{100 * normal[k]:.2f} %" if normal[k] < 0.01 else f"{100 * normal[k]:.1f} %",
        )
        for k, (low, high) in enumerate(pairwise(edges))
    ]
