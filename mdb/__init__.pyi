from .bank import Bank as Bank
from .deposits import deposit as deposit
from .deposits import deposit_failure as deposit_failure
from .errors import BankError as BankError
from .records import (
    Deposit as Deposit,
)
from .records import (
    Details as Details,
)
from .records import (
    Edit as Edit,
)
from .records import (
    MdRun as MdRun,
)
from .records import (
    Provenance as Provenance,
)
from .records import (
    Reconstruction as Reconstruction,
)
from .records import (
    Snapshot as Snapshot,
)
from .records import (
    SpeciesFit as SpeciesFit,
)
from .runs import deposit_run as deposit_run
from .runs import deposit_validation as deposit_validation

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
