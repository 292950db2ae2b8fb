"""Banks read back from the Parquet that :mod:`mdb.parquet_export` wrote."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from aet_port.core.errors import DataFileError
from aet_port.core.files import partial_folder, sha256
from aet_port.core.progress import progress_bar
from aet_port.core.records import read_json
from mdb.bank import Bank
from mdb.database import create, make_folder, opened
from mdb.entries import (
    next_number,
    one,
    read_entry,
    sample_number,
    write_entry,
    write_model,
    write_rows,
)
from mdb.errors import BankError
from mdb.hashing import entry_digest
from mdb.ids import LETTERS, version_id
from mdb.invariants import KINDS
from mdb.parquet_export import FORMAT, MANIFEST, bank_hash
from mdb.schema import newest_version
from mdb.versions import new_entry

FIRST_EXPORTED = 5  # schema of the first version that wrote such folders
WANTED = f"a folder that `aet mdb export` wrote, with its {MANIFEST}"


@dataclass(frozen=True)
class Imported:
    """What came of importing a bank.

    Attributes
    ----------
    models
        Id in this bank of every model, by its id in the folder.
    new, known
        Entries (models, analyses, runs, comparisons) that were stored, and that were there.
    differing
        Models that were there with other details, which stay as they are.
    """

    models: dict[str, str]
    new: int
    known: int
    differing: tuple[str, ...]


def import_bank(path: str | Path, folder: str | Path, show_progress: bool = False) -> Imported:
    """Add everything of an exported bank to a bank, all of it or nothing.

    Models keep their ids where those are free. What the bank knows already, by content hash, is not
    stored again.

    Parameters
    ----------
    path
        Of the bank, which is made if there is none.
    folder
        That :func:`export_bank` wrote, now or with an older schema.

    Raises
    ------
    DataFileError
        If a file is missing, is not what was exported, or holds something else.
    BankError
        If the folder is of a newer schema, or the bank can't be written.
    """
    source = Path(folder)
    manifest = _read_manifest(source)
    target = Path(path)
    make_folder(target)
    with ExitStack() as held:
        try:
            room = held.enter_context(partial_folder(target))
        except OSError as error:
            raise BankError(target, f"can't be made ({error})", "choose another place") from error
        staged = room / "bank.duckdb"
        create(staged, manifest["schema"])
        _fill(staged, source, manifest, show_progress)
        with Bank(staged) as read, Bank(target) as bank:  # the staged one is brought up to date
            if bank_hash(read) != manifest.get("bank_hash"):
                raise DataFileError(source / MANIFEST, "another bank_hash", "that of the entries")
            return _merge(read, bank, source, show_progress)


def _read_manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if not file.is_file():
        raise DataFileError(folder, f"no {MANIFEST}", WANTED)
    manifest = read_json(file, WANTED)
    form = manifest.get("format") if isinstance(manifest, dict) else manifest
    if form != FORMAT:
        raise DataFileError(file, f"format {form!r}"[:200], repr(FORMAT))
    newest = newest_version()
    schema = manifest.get("schema")
    if not isinstance(schema, int) or schema < FIRST_EXPORTED:
        raise DataFileError(file, f"schema {schema!r}", f"{FIRST_EXPORTED} to {newest}")
    if not isinstance(manifest.get("files"), list):
        raise DataFileError(file, "no list of files", WANTED)
    if schema > newest:
        raise BankError(
            folder,
            f"made by a newer version (schema {schema}, this one knows {newest})",
            "update aet-port",
        )
    return manifest


def _fill(staged: Path, folder: Path, manifest: dict[str, Any], show_progress: bool) -> None:
    """Put the files of an export into an empty bank of the same schema."""
    files = manifest["files"]
    with progress_bar("read", len(files), show_progress) as reporter, opened(staged) as connection:
        columns = connection.execute(
            "SELECT table_name, list(column_name) FROM duckdb_columns() GROUP BY ALL"
        ).fetchall()
        known = {table: set(names) for table, names in columns}
        for entry in files:
            rows, table, key = _read(folder, entry, known)
            write_rows(connection, table, key, rows)
            reporter.advance(note=table)


def _read(
    folder: Path, entry: Any, known: dict[str, set[str]]
) -> tuple[pa.Table, str, dict[str, Any]]:
    """Rows, table and key of one file, all of it checked."""
    wanted = "file, table, key and sha256 of each file"
    if not isinstance(entry, dict) or not {"file", "table", "key", "sha256"} <= set(entry):
        raise DataFileError(folder / MANIFEST, f"entry {entry!r}"[:200], wanted)
    file, table, key = folder / str(entry["file"]), entry["table"], entry["key"]
    if not file.resolve().is_relative_to(folder.resolve()):
        raise DataFileError(folder / MANIFEST, f"file {entry['file']!r}", "files in the folder")
    if not file.is_file():
        raise DataFileError(file, "no such file", "the file that was exported")
    if sha256(file) != entry["sha256"]:
        raise DataFileError(
            file, "other bytes than were exported", f"those of SHA-256 {entry['sha256']}"
        )
    if table not in known or not isinstance(key, dict):
        raise DataFileError(folder / MANIFEST, f"table {table!r}"[:200], "a table of the bank")
    try:
        rows = pq.read_table(file, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise DataFileError(file, str(error), "Parquet") from error
    unknown = ({*rows.column_names, *key}) - known[table]
    if unknown:
        raise DataFileError(file, f"column {min(unknown)!r}"[:200], f"columns of {table}")
    return rows, table, key


def _merge(read: Bank, bank: Bank, folder: Path, show_progress: bool) -> Imported:
    """Copy every entry of one bank into another, in one transaction."""
    models: dict[str, str] = {}
    differing: list[str] = []
    new = total = 0
    heads = [(kind, key) for kind in KINDS for key in _keys(read, kind)]
    with (
        progress_bar("store", len(heads), show_progress) as reporter,
        read.transaction() as source,
        bank.transaction() as target,
    ):
        for kind, key in heads:
            tables = read_entry(source, kind, key)
            stated = one(
                source, "SELECT sha256 FROM checksum WHERE entry = ? AND id = ?", kind, str(key)
            )
            if stated is not None and stated != entry_digest(tables):
                raise DataFileError(folder, f"{kind} {key} with other rows", f"SHA-256 {stated}")
            if kind == "model":
                added, agrees = _add_model(source, target, key, tables, models)
                differing += [] if agrees else [models[key]]
            elif kind == "analysis":
                owner = one(source, "SELECT model_id FROM analysis WHERE analysis_id = ?", key)
                added = _add(target, kind, tables, {"model_id": models[owner]})
            else:
                added = _add(target, kind, tables, {})
            new, total = new + added, total + 1
            reporter.advance(note=kind)
    return Imported(models, new, total - new, tuple(differing))


def _keys(bank: Bank, kind: str) -> list[Any]:
    order = "version, model_id" if kind == "model" else f"{kind}_id"
    return bank.sql(f"SELECT {kind}_id AS id FROM {kind} ORDER BY {order}")["id"].to_pylist()


def _add(
    target: duckdb.DuckDBPyConnection,
    kind: str,
    tables: dict[str, pa.Table],
    keys: dict[str, Any],
) -> bool:
    """Store a run, an analysis or a comparison unless its content is known."""
    content = tables[kind]["content_hash"][0].as_py()
    if one(target, f"SELECT 1 FROM {kind} WHERE content_hash = ?", content) is not None:
        return False
    number = next_number(target, kind)
    if "sample" in tables:
        keys["sample_id"] = sample_number(target, tables["sample"]["name"][0].as_py())
    write_entry(target, kind, number, tables, {kind: {f"{kind}_id": number, **keys}})
    return True


def _add_model(
    source: duckdb.DuckDBPyConnection,
    target: duckdb.DuckDBPyConnection,
    key: str,
    tables: dict[str, pa.Table],
    models: dict[str, str],
) -> tuple[bool, bool]:
    """Store a version of a model unless it is known; and whether its details are those known."""
    head = tables["model"].to_pylist()[0]
    known = one(
        target,
        "SELECT model_id FROM model WHERE content_hash = ? AND version = ?",
        head["content_hash"],
        head["version"],
    )
    if known is not None:
        models[key] = known
        return False, _same_details(tables, read_entry(target, "model", known))
    entry = one(source, "SELECT entry_id FROM model WHERE model_id = ?", key)
    entry = models.get(entry, entry)
    if head["version"] == 1 and one(target, "SELECT 1 FROM model WHERE entry_id = ?", entry):
        entry = new_entry(target, key[:LETTERS])
    models[key] = version_id(entry, head["version"])
    if one(target, "SELECT 1 FROM model WHERE model_id = ?", models[key]):
        raise BankError(
            "target", f"{models[key]} is there with other content", "import into another bank"
        )
    run = None
    if tables["md_snapshot"].num_rows:
        content = tables["md_snapshot"]["run"][0].as_py()
        run = int(one(target, "SELECT md_run_id FROM md_run WHERE content_hash = ?", content))
    write_model(target, models[key], entry, tables, run)
    return True, True


def _same_details(given: dict[str, pa.Table], stored: dict[str, pa.Table]) -> bool:
    """Whether two entries say the same but for when and by what version they were deposited."""

    def what(tables: dict[str, pa.Table]) -> str:
        own = tables["model"].drop_columns(["deposited", "code_version"])
        return entry_digest({**tables, "model": own})

    return what(given) == what(stored)
