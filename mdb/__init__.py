"""Materials data bank: atomic models and their structure in DuckDB."""

from mdb.bank import Bank
from mdb.deposit import Deposit, Provenance, Reconstruction, deposit
from mdb.errors import BankError

__all__ = ["Bank", "BankError", "Deposit", "Provenance", "Reconstruction", "deposit"]
