"""The atoms of a run that somebody ought to look at, with the command that opens each of them."""

from __future__ import annotations

import shlex

import numpy as np

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.errors import AetError
from aet_port.io import read_model
from aet_port.reporting.content import Table
from aet_port.reviewing.table import DOUBTFUL, table_of
from aet_port.tracing.edit_replay import replayed
from aet_port.workflow.config import load_config
from aet_port.workflow.edit_log import applied_edits, unedited_model
from aet_port.workflow.run_folder import MODEL, RunFolder

MOST = 25  # rows; the page of `aet review` has all
HEADS = ("atom", "species", "x (Å)", "y (Å)", "z (Å)", "doubt", "to look at it")


def doubtful_atoms(place: RunFolder, model: AtomicModel | None) -> list[Table]:
    """Table of the most doubtful atoms by their own figures; empty if there are none.

    Parameters
    ----------
    place
        The run folder.
    model
        Its model; None if there is none.
    """
    if model is None or len(model) < 2:
        return []
    config = load_config(place.path("config.toml"))
    traced = None
    if not config.from_counts and place.path(MODEL).exists():
        start = read_model(place.path(MODEL)).positions
        traced = start if len(start) == len(model) else None
    found = table_of(model, traced, None)
    rows = [int(k) for k in np.argsort(-found.doubt, kind="stable")[:MOST]]
    rows = [k for k in rows if found.doubt[k] >= DOUBTFUL]
    if not rows:
        return []
    try:
        numbers = replayed(unedited_model(config, place), applied_edits(config, place)).numbers
    except AetError:  # edits that are not those of this model are told by `aet review`
        return []
    if len(numbers) != len(model):
        return []
    table = [
        (
            int(numbers[k]), model.species[k], *(f"{one:.2f}" for one in model.positions[k]),
            f"{found.doubt[k]:.2f}",
            f"aet review {shlex.quote(str(place.root))} --at {numbers[k]}",
        )
        for k in rows
    ]  # fmt: skip
    return [Table("Atoms to look at, most doubtful first", HEADS, table)]
