"""Ids and versions of models in a bank."""

from __future__ import annotations

import duckdb

from aet_port.core.errors import InputError
from mdb.entries import one
from mdb.ids import next_id, version_id


def stored_model(
    connection: duckdb.DuckDBPyConnection, content: str, letters: str
) -> tuple[str | None, int | None, str | None]:
    """What a bank has of a content and of the entries whose models begin with some letters.

    Returns
    -------
    Id and version of the newest version of any entry that has this content, or None twice; and the
    last of these entries, or None.
    """
    # One query: each takes DuckDB as long to plan as a table of some thousand rows to be written.
    return connection.execute(
        "SELECT max_by(model_id, version) FILTER (content_hash = $content), "
        "max(version) FILTER (content_hash = $content), "
        "max(entry_id) FILTER (starts_with(entry_id, $letters)) FROM model",
        {"content": content, "letters": letters},
    ).fetchall()[0]


def new_entry(connection: duckdb.DuckDBPyConnection, letters: str) -> str:
    """Id of the next entry whose models begin with these letters.

    Raises
    ------
    InputError
        If all numbers are taken.
    """
    last = one(
        connection, "SELECT max(entry_id) FROM model WHERE starts_with(entry_id, ?)", letters
    )
    return next_id(letters, last)


def next_version(
    connection: duckdb.DuckDBPyConnection, corrects: str, content: str
) -> tuple[str, str, int]:
    """Id, entry and version of a model that corrects another.

    Parameters
    ----------
    corrects
        Id of any version of the entry.
    content
        Content hash of the correction.

    Raises
    ------
    InputError
        If the bank has no such model, or has this content under another entry.
    """
    entry = one(connection, "SELECT entry_id FROM model WHERE model_id = ?", corrects)
    if entry is None:
        raise InputError("corrects", repr(corrects), "the id of a model in the bank")
    other = one(
        connection,
        "SELECT model_id FROM model WHERE content_hash = ? AND entry_id <> ?",
        content,
        entry,
    )
    if other is not None:
        raise InputError(f"model that corrects {corrects}", f"the atoms of {other}", "other atoms")
    number = int(one(connection, "SELECT max(version) + 1 FROM model WHERE entry_id = ?", entry))
    return version_id(entry, number), entry, number
