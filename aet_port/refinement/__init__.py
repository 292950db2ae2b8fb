"""From a classified model to a refined one: heights, B' and positions against the projections."""

from aet_port.refinement.agreement import cross_validate
from aet_port.refinement.forward import Forward
from aet_port.refinement.joint import Refinement, refine
from aet_port.refinement.positions import AtomFit, PositionFit, descend_atoms, descend_positions
from aet_port.refinement.projections import gaussian_volume, relative_error, scaled_projections
from aet_port.refinement.projector import Projector, form_factor, make_projector
from aet_port.refinement.published import (
    SCHEDULES,
    PublishedRefinement,
    Schedule,
    prepare_series,
    refine_published,
    schedule_for,
)
from aet_port.refinement.thermal import (
    BScan,
    ThermalFit,
    descend_heights,
    descend_thermal,
    scan_b,
)
from aet_port.refinement.thermal_fit import fit_thermal

__all__ = [
    "SCHEDULES",
    "AtomFit",
    "BScan",
    "Forward",
    "PositionFit",
    "Projector",
    "PublishedRefinement",
    "Refinement",
    "Schedule",
    "ThermalFit",
    "cross_validate",
    "descend_atoms",
    "descend_heights",
    "descend_positions",
    "descend_thermal",
    "fit_thermal",
    "form_factor",
    "gaussian_volume",
    "make_projector",
    "prepare_series",
    "refine",
    "refine_published",
    "relative_error",
    "scaled_projections",
    "scan_b",
    "schedule_for",
]
