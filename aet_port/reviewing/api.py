"""The questions that the page asks and their answers, whatever carries them there and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from aet_port.core.errors import AetError, InputError
from aet_port.core.records import without_nan
from aet_port.reviewing.grid import Grid
from aet_port.reviewing.log import Conflict, dealt_with
from aet_port.reviewing.session import Session
from aet_port.reviewing.table import DOUBTFUL

Answer = tuple[dict[str, Any], bytes]
COLUMNS = ("exists", "error", "height", "nearest", "moved", "doubt")
FIELDS = 0.5  # angstrom, voxels of the frame in which atoms are shown without a volume


def answer(session: Session, request: object) -> Answer:
    """Answer a question of the page.

    Parameters
    ----------
    session
        What the page shows.
    request
        A dictionary with ``ask`` and what that question needs.

    Returns
    -------
    A dictionary for JSON, with ``error`` if the question could not be answered, and ``conflict``
    if somebody else has changed the model; and binary data, often none.
    """
    try:
        if not isinstance(request, dict):
            raise InputError("request", type(request).__name__, "an object")
        ask = QUESTIONS.get(str(request.get("ask")))
        if ask is None:
            found = repr(request.get("ask"))[:60]
            raise InputError("request", found, f"one of {', '.join(QUESTIONS)}")
        with session.lock:
            facts, data = ask(session, request)
        return without_nan(facts), data
    except Conflict as error:
        with session.lock:
            return without_nan(_state(session, {})[0]) | {
                "conflict": True,
                "error": str(error),
            }, b""
    except AetError as error:
        return {"error": str(error)}, b""
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return {"error": f"request: found {type(error).__name__}: {error}"[:200]}, b""


def _open(session: Session, request: dict[str, Any]) -> Answer:
    grid = session.grid
    if grid is not None:
        volume = grid.volume
        frame = {
            "shape": list(volume.shape),
            "size": volume.voxel_size,
            "origin": volume.to_positions([[0, 0, 0]])[0].tolist(),
        }
    else:
        low, high = session.places.min(axis=0) - 3, session.places.max(axis=0) + 3
        shape = np.ceil((high - low) / FIELDS).astype(int) + 1
        frame = {"shape": shape.tolist(), "size": FIELDS, "origin": low.tolist()}
    images = session.images
    facts = {
        "title": session.title,
        "frame": frame,
        "volume": grid is not None,
        "species": list(session.species),
        "tilts": None if images is None else images.series.angles[:, 1].round(2).tolist(),
        "readOnly": session.read_only,
        "author": session.author,
        "hint": session.hint,
        "heightUnit": session.table.height_unit,
        "doubtful": DOUBTFUL,
        "at": session.at,
    }
    return facts | _state(session, {})[0], b""


def _state(session: Session, request: dict[str, Any]) -> Answer:
    log = session.log
    if log.changed_outside:
        log.reload()
    _, _, places = log.marks()
    return {
        "version": log.version,
        "stale": session.stale,
        "rank": session.rank,
        "overlay": session.overlay(),
        "places": np.flatnonzero(dealt_with(session.table.places, places)).tolist(),
        "canUndo": bool(log.standing),
        "canRedo": bool(log.undone),
        "changes": log.changes,
        "progress": session.progress(),
        "leftovers": dict(session.leftover_state),
        "atoms": int(sum(log.state.present)),
    }, b""


def _table(session: Session, request: dict[str, Any]) -> Answer:
    """Columns of single precision, one after the other; then those of the candidates."""
    table, n = session.table, len(session.numbers)
    symbols = sorted(set(session.kinds) | set(session.species))
    columns = [*session.places.T]
    for name in COLUMNS:
        values = np.full(n, np.nan)
        values[: len(session.shown)] = getattr(table, name)
        columns.append(values)
    kinds = np.array([symbols.index(one) for one in session.kinds], dtype=np.float32)
    parts = [session.numbers, kinds, *columns, *table.places.T, table.scores]
    facts = {
        "rank": session.rank,
        "atoms": n,
        "shown": len(session.shown),
        "candidates": len(table.scores),
        "symbols": symbols,
        "columns": ["number", "kind", "x", "y", "z", *COLUMNS],
    }
    return facts, b"".join(np.ascontiguousarray(one, dtype="<f4").tobytes() for one in parts)


def _slice(session: Session, request: dict[str, Any]) -> Answer:
    grid = _grid(session, request.get("map"))
    grey = grid.slice(str(request.get("plane")), _whole(request.get("index"), "index"))
    facts = {"rows": grey.shape[0], "columns": grey.shape[1]}
    return facts, grey.tobytes()


def _grid(session: Session, name: object) -> Grid:
    if name == "difference":
        if session.difference is None:
            raise InputError("map", "one that is not made yet", "the volume")
        return session.difference
    if session.grid is None:
        raise InputError("map", "no volume", "a run or a model with its volume")
    return session.grid


def _whole(value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(what, repr(value)[:60], "a whole number")
    return value


def _images(session: Session, request: dict[str, Any]) -> Answer:
    if session.images is None:
        raise InputError("images", "none", "a run whose images are at hand")
    place = session.checked_position(request.get("position"), snap=False)
    positions, kinds = session.atoms()
    number = _whole(request.get("number"), "image")
    facts, parts = session.images.around(number, place, positions, kinds, session.log.version)
    return facts, parts.tobytes()


def _act(session: Session, request: dict[str, Any]) -> Answer:
    before = len(session.log.state.present)
    edit = session.act(request)
    facts, data = _state(session, {})
    if edit.action == "add":
        facts["added"] = before
    return facts, data


QUESTIONS: dict[str, Callable[[Session, dict[str, Any]], Answer]] = {
    "open": _open,
    "state": _state,
    "table": _table,
    "slice": _slice,
    "images": _images,
    "act": _act,
}
