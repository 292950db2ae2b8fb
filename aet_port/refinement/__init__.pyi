from .forward import Forward
from .joint import Refinement, refine
from .positions import (
    AtomFit,
    PositionFit,
    descend_atoms,
    descend_positions,
)
from .projections import (
    gaussian_volume,
    relative_error,
    scaled_projections,
)
from .projector import (
    Projector,
    form_factor,
    make_projector,
)
from .published import (
    SCHEDULES,
    PublishedRefinement,
    Schedule,
    prepare_series,
    refine_published,
    schedule_for,
)
from .r_factors import cross_validate
from .residual_maps import ResidualMap, residual_map
from .thermal import (
    BScan,
    ThermalFit,
    descend_heights,
    descend_thermal,
    scan_b,
)
from .thermal_fit import fit_thermal
from .verdict import Verdict, judge_refinement

__all__ = [
    "SCHEDULES",
    "AtomFit",
    "BScan",
    "Forward",
    "PositionFit",
    "Projector",
    "PublishedRefinement",
    "Refinement",
    "ResidualMap",
    "Schedule",
    "ThermalFit",
    "Verdict",
    "cross_validate",
    "descend_atoms",
    "descend_heights",
    "descend_positions",
    "descend_thermal",
    "fit_thermal",
    "form_factor",
    "gaussian_volume",
    "judge_refinement",
    "make_projector",
    "prepare_series",
    "refine",
    "refine_published",
    "relative_error",
    "residual_map",
    "scaled_projections",
    "scan_b",
    "schedule_for",
]
