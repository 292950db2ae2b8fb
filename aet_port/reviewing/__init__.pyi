from .notebook import review
from .opening import open_files
from .opening_runs import open_bank_entry, open_run_folder
from .session import Session

__all__ = ["Session", "open_bank_entry", "open_files", "open_run_folder", "review"]
