"""One HTML page of a run or of a model of the bank."""
