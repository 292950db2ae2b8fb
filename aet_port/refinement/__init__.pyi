from .forward import Forward as Forward
from .joint import Refinement as Refinement
from .joint import refine as refine
from .positions import (
    AtomFit as AtomFit,
)
from .positions import (
    PositionFit as PositionFit,
)
from .positions import (
    descend_atoms as descend_atoms,
)
from .positions import (
    descend_positions as descend_positions,
)
from .projections import (
    gaussian_volume as gaussian_volume,
)
from .projections import (
    relative_error as relative_error,
)
from .projections import (
    scaled_projections as scaled_projections,
)
from .projector import (
    Projector as Projector,
)
from .projector import (
    form_factor as form_factor,
)
from .projector import (
    make_projector as make_projector,
)
from .published import (
    SCHEDULES as SCHEDULES,
)
from .published import (
    PublishedRefinement as PublishedRefinement,
)
from .published import (
    Schedule as Schedule,
)
from .published import (
    prepare_series as prepare_series,
)
from .published import (
    refine_published as refine_published,
)
from .published import (
    schedule_for as schedule_for,
)
from .r_factors import cross_validate as cross_validate
from .thermal import (
    BScan as BScan,
)
from .thermal import (
    ThermalFit as ThermalFit,
)
from .thermal import (
    descend_heights as descend_heights,
)
from .thermal import (
    descend_thermal as descend_thermal,
)
from .thermal import (
    scan_b as scan_b,
)
from .thermal_fit import fit_thermal as fit_thermal

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
