"""Tables of commands: their forms, what never reaches the terminal, Ctrl-C and closed pipes."""

from __future__ import annotations

import ast
import csv
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import mdb
from aet_port.cli.app import COMMANDS
from aet_port.core.atomic_model import AtomicModel
from tests.cli.samples import Aet, Refused
from tests.cli.test_options import BY_NAME

ROOT = Path(__file__).resolve().parents[2]
MANY = "FROM range(400000000)"
JOINED = (
    "SELECT a.n_atoms, b.n_atoms, a.n_atoms + b.n_atoms AS total FROM model a, model b "
    "WHERE a.n_atoms = 2 AND b.n_atoms = 3"
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank whose name, and the names of whose models, hold markup and control characters."""
    path = tmp_path_factory.mktemp("tables") / "[/x]\x1b[31m.duckdb"
    with mdb.Bank(path) as opened:
        for n in (2, 3):
            places = [[2.5 * i, 0.0, 0.0] for i in range(n)]
            name = f"\x1b]0;owned\x07[/bold] {n}"
            model = AtomicModel.from_positions(places, "Cu", name=name)
            mdb.deposit(opened, model, kind="synthetic", sample=name)
    return path


def test_columns_of_one_name(bank: Path, aet: Aet, tmp_path: Path) -> None:
    words = ("mdb", "query", JOINED, "--bank", bank)
    text = aet(*words).out.splitlines()
    assert [line.split() for line in (text[0], text[2])] == [
        ["n_atoms", "n_atoms", "total"],
        ["2", "3", "5"],
    ]
    assert aet(*words, "--csv").out == "n_atoms,n_atoms,total\n2,3,5\n"
    assert json.loads(aet(*words, "--json").out) == [{"n_atoms": 2, "n_atoms_1": 3, "total": 5}]
    file = tmp_path / "t.parquet"
    facts = json.loads(aet(*words, "--parquet", file, "--json").out)
    assert facts == {"table": str(file), "rows": 1}
    assert pq.read_table(file).to_pylist() == [{"n_atoms": 2, "n_atoms_1": 3, "total": 5}]


def test_sums_are_numbers(bank: Path, aet: Aet) -> None:
    sql = (
        "SELECT sum(n_atoms) AS s, count(*) AS c, avg(n_atoms) AS a, 0.5 * n_atoms AS h "
        "FROM model GROUP BY n_atoms ORDER BY 1 LIMIT 1"
    )
    (row,) = json.loads(aet("mdb", "query", sql, "--bank", bank, "--json").out)
    assert row == {"s": 2, "c": 1, "a": 2.0, "h": 1.0}
    assert not any(isinstance(value, str) for value in row.values())


def test_many_rows_whole_in_a_pipe(bank: Path, aet: Aet) -> None:
    n = 20_000
    sql = f"SELECT range AS i, range / 7 AS x, repeat('y', 200) AS t FROM range({n})"
    lines = aet("mdb", "query", sql, "--bank", bank).out.splitlines()
    assert len(lines) == n + 2
    for i in (0, 1, 12345, n - 1):
        number, share, text = lines[i + 2].split()
        assert (int(number), len(text)) == (i, 200)
        assert float(share) == pytest.approx(i / 7, rel=5e-4)  # four digits


# Commands whose tables need no data, with the columns that they have at least.
TABLES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("mdb", "list"): ("model_id", "name", "n_atoms"),
    ("mdb", "show", "CuXX00001"): ("analysis_id", "status", "cutoff"),
    ("mdb", "query", "motif-fractions"): ("model_id",),
    ("mdb", "check"): ("name", "status", "found"),
    ("challenge", "list"): ("case", "atoms", "dose"),
    ("md", "potentials"): ("name", "lattice_constant"),
    ("reference", "functions"): ("repo", "status"),
}


@pytest.mark.parametrize("words", TABLES, ids=" ".join)
def test_forms(bank: Path, aet: Aet, tmp_path: Path, words: tuple[str, ...]) -> None:
    own = ("--bank", bank) if words[0] == "mdb" else ()
    text = aet(*words, *own)
    assert text.code == 0, text.err
    assert all(line.isprintable() for line in text.out.splitlines())
    made = aet(*words, *own, "--csv")
    assert (made.code, made.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(made.out)))
    heads = next(csv.reader(io.StringIO(made.out)))
    assert set(TABLES[words]) <= set(heads)
    file = tmp_path / "t.parquet"
    told = aet(*words, *own, "--parquet", file)
    assert str(file) in told.out
    stored = pq.read_table(file)
    assert stored.column_names == heads
    assert stored.num_rows == len(rows)
    for name in TABLES[words]:
        values = stored[name].to_pylist()
        assert [row[name] for row in rows] == ["" if one is None else str(one) for one in values]


def test_forms_that_exclude_each_other(bank: Path, refused: Refused, tmp_path: Path) -> None:
    words = ("mdb", "list", "--bank", bank, "--csv")
    refused(*words, "--json", parts=("--csv: found it beside --json", "one of them"))
    refused(*words, "--parquet", tmp_path / "a.parquet", parts=("beside --parquet",))
    refused(*words[:-1], "--parquet", tmp_path / "a.txt", parts=("a.txt", ".parquet"))


def _commands(table: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, entry in table.items():
        if isinstance(entry, dict):
            yield from ((f"{name} {inner}", module) for inner, module in _commands(entry))
        else:
            yield name, entry


def _called(tree: ast.AST) -> set[str]:
    """Names of the functions that are called."""
    calls = (one.func for one in ast.walk(tree) if isinstance(one, ast.Call))
    return {one.id for one in calls if isinstance(one, ast.Name)}


# Tables of a part of the result, whose rows are in a file of CSV already (`--csv FILE`).
OTHERS = {"plan", "score", "challenge score"}


def test_every_command_with_a_table_has_the_forms() -> None:
    forms = {"--json", "--csv", "--parquet"}
    with_forms = {name for name, one in BY_NAME.items() if forms <= set(one.options)}
    assert len(with_forms) >= 20
    for name, entry in _commands(COMMANDS):
        module, _, function = entry.partition(":")
        tree = ast.parse((ROOT / f"aet_port/cli/{module}.py").read_text(encoding="utf-8"))
        body = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function)
        if "print_rows" in _called(body) and name not in OTHERS:
            assert name in with_forms


def test_one_printer() -> None:
    """What names files and texts of users passes :mod:`aet_port.core.terminal`, not ``print``."""
    folders = ("aet_port/cli", "aet_port/workflow", "aet_port/core", "mdb", "md_sim")
    for module in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        if module.name in ("app.py", "lammps_loop.py"):  # the version; a pipe to `print_note`
            continue
        text = module.read_text(encoding="utf-8")
        assert "print" not in _called(ast.parse(text)), module
        assert "from rich" not in text or module.name == "progress.py", module


WORDS = [
    ("mdb", "list"),
    ("mdb", "show", "CuXX00001"),
    ("mdb", "check"),
    ("mdb", "init"),
    ("mdb", "query", "SELECT chr(27) || '[31mred' AS a, name AS \"[/b]\x07\" FROM model"),
    ("mdb", "query", "SELECT '\x1b[31m' +"),
    ("mdb", "show", "\x1b[31m"),
]


@pytest.mark.parametrize("words", WORDS, ids=lambda words: " ".join(map(ascii, words)))
def test_no_control_character_reaches_the_terminal(
    bank: Path, aet: Aet, words: tuple[str, ...]
) -> None:
    outcome = aet(*words, "--bank", bank)
    assert outcome.code in (0, 2)
    whole = outcome.out + outcome.err
    assert all(line.isprintable() for line in whole.split("\n"))
    assert "\\x1b" in whole
    if outcome.code == 0:
        assert "Traceback" not in outcome.err


INTERRUPTED = "aet: interrupted; run the same command again\n"


def test_ctrl_c_of_a_query(bank: Path) -> None:
    """One that gives no row; in a process of its own, as other libraries of tests see signals."""
    sql = "SELECT count(*) FROM range(10000000000000) a, range(100000) b"
    code = f"""
import os, signal, sys, threading, time
from aet_port.cli.entry import main
def press():
    while not any(one.name == "query" for one in threading.enumerate()):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=press, daemon=True).start()
sys.argv = ["aet", "mdb", "query", {sql!r}, "--bank", {str(bank)!r}]
sys.modules["__main__"].__file__ = "aet"  # else DuckDB takes -c for a session, and shows progress
main()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", INTERRUPTED)


def test_time_limit_of_a_query(bank: Path, aet: Aet) -> None:
    sql = "SELECT count(*) FROM range(10000000000000) a, range(100000) b"
    outcome = aet("mdb", "query", sql, "--bank", bank, "--timeout", "0.2")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.count("\n") == 1
    assert "no answer within 0.2 s" in outcome.err


def started(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "aet_port.cli.entry", *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("form", ["", "--json", "--csv"])
def test_rows_come_at_once_and_ctrl_c_ends_them(bank: Path, form: str) -> None:
    """400 million rows: the first is read before the last is made; then the pipe stays full."""
    with started("mdb", "query", MANY, "--bank", bank, *form.split()) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, INTERRUPTED)


@pytest.mark.parametrize("words", [("mdb", "query", MANY), ("mdb", "list")], ids=["long", "short"])
def test_a_closed_pipe_ends_quietly(bank: Path, words: tuple[str, ...]) -> None:
    with started(*words, "--bank", bank) as process:
        assert process.stdout is not None
        if words[1] == "query":
            assert process.stdout.readline().strip() == "range"
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
    assert (process.returncode, err) == (141, "")
