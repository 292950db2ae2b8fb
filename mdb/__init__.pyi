from .bank import Bank
from .deposits import deposit, deposit_failure
from .errors import BankError, QueryTimeoutError
from .plausibility import Expected
from .query_settings import QuerySettings
from .records import (
    Deposit,
    Details,
    Edit,
    MdRun,
    Provenance,
    Reconstruction,
    Snapshot,
    SpeciesFit,
)
from .runs import deposit_run, deposit_validation

__all__ = [
    "Bank",
    "BankError",
    "Deposit",
    "Details",
    "Edit",
    "Expected",
    "MdRun",
    "Provenance",
    "QuerySettings",
    "QueryTimeoutError",
    "Reconstruction",
    "Snapshot",
    "SpeciesFit",
    "deposit",
    "deposit_failure",
    "deposit_run",
    "deposit_validation",
]
