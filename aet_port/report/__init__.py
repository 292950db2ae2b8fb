"""One self-contained HTML page of a run or of an entry of the bank; see :mod:`.build`."""
