"""Materials data bank: atomic models and their structure in DuckDB."""

from mdb.bank import Bank
from mdb.deposit import deposit, deposit_failure
from mdb.errors import BankError
from mdb.records import (
    Deposit,
    Details,
    Edit,
    MdRun,
    Provenance,
    Reconstruction,
    Snapshot,
    SpeciesFit,
)
from mdb.runs import deposit_run, deposit_validation

__all__ = [
    "Bank",
    "BankError",
    "Deposit",
    "Details",
    "Edit",
    "MdRun",
    "Provenance",
    "Reconstruction",
    "Snapshot",
    "SpeciesFit",
    "deposit",
    "deposit_failure",
    "deposit_run",
    "deposit_validation",
]
