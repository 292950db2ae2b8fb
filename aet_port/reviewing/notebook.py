"""The page of `aet review` in a notebook: Jupyter, VS Code or marimo."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import ase

from aet_port.core.arguments import checked
from aet_port.core.atomic_model import AtomicModel, as_model
from aet_port.core.data import TiltSeries, Volume
from aet_port.core.errors import InputError, MissingDependencyError
from aet_port.io import read_model
from aet_port.reviewing.api import answer
from aet_port.reviewing.opening import open_files
from aet_port.reviewing.opening_runs import open_run_folder
from aet_port.reviewing.session import Session


@checked
def review(
    volume: Volume | str | Path,
    model: AtomicModel | ase.Atoms | str | Path | None = None,
    *,
    series: TiltSeries | None = None,
    edits: str | Path | None = None,
    author: str = "",
) -> Any:
    """Look at every atom of a model in a notebook, and keep, remove, add, move or relabel it.

    The page is that of `aet review`, as an anywidget: click into it before using its keys.

    Parameters
    ----------
    volume
        A volume, its file, or a run folder, whose edits go to its ``edits.csv``.
    model
        The model in the frame of the volume, or its file; none for a run folder.
    series
        Images of the same sample, to compare with the atoms.
    edits
        File for the edits, .csv or .jsonl, which :func:`aet_port.tracing.replay_edits` applies;
        nothing can be changed without.
    author
        Your name, for this file.

    Returns
    -------
    The widget, which shows itself as the last line of a cell; ``widget.session.atoms()`` are
    positions and species as they are now.

    Raises
    ------
    MissingDependencyError
        Without the extra ``review``.
    InputError
        If there is no model, or it is not in the frame of the volume.
    DataFileError
        If a file can't be read, or holds edits of another model.

    Examples
    --------
    >>> import numpy as np
    >>> import aet_port as aet
    >>> model = aet.AtomicModel.from_positions([[0, 0, 0], [0, 0, 2.8]], "Ta")
    >>> volume = aet.Volume(np.random.default_rng(0).random((16, 16, 16)), voxel_size=0.5)
    >>> widget = aet.review(volume, model)  # doctest: +SKIP

    Notes
    -----
    MATLAB: none; the papers' atoms were looked at in figures of MATLAB
    """
    if model is None:
        if isinstance(volume, Volume) or not Path(volume).is_dir():
            raise InputError("model", "none", "a model, or the folder of a run alone")
        session = open_run_folder(volume, author=author)
    else:
        atoms = read_model(model) if isinstance(model, str | Path) else as_model(model)
        session = open_files(volume, atoms, edits=edits, series=series, author=author)
    return widget_of(session)


def widget_of(session: Session) -> Any:
    """A widget that shows a session; its messages are the questions and answers of the page.

    Raises
    ------
    MissingDependencyError
        Without the extra ``review``.
    """
    try:
        import anywidget
    except ImportError as error:
        raise MissingDependencyError("review in a notebook", "review") from error
    folder = files("aet_port.reviewing").joinpath("page")

    class ReviewWidget(anywidget.AnyWidget):
        """The page as a widget."""

        _esm = folder.joinpath("review.js").read_text(encoding="utf-8")
        _css = folder.joinpath("review.css").read_text(encoding="utf-8")

    made = ReviewWidget()
    made.session = session

    def asked(_: Any, message: Any, __: Any) -> None:
        request = message.get("request") if isinstance(message, dict) else None
        facts, data = answer(session, request)
        number = message.get("id") if isinstance(message, dict) else None
        made.send({"id": number, "answer": facts}, [data])

    made.on_msg(asked)
    session.start()
    return made
