"""What is odd about a model that a command has read, said once on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aet_port.core.terminal import print_note

if TYPE_CHECKING:
    from aet_port.core.atomic_model import AtomicModel


def noted(model: AtomicModel) -> AtomicModel:
    """The same model, after a warning that names its stray atoms if it has any."""
    from aet_port.core.extents import stray_remark

    far = stray_remark(model.positions, model.atoms.numbers, periodic=bool(model.atoms.pbc.any()))
    if far is not None:
        print_note(f"aet: warning: {model.name}: {far}")
    return model
