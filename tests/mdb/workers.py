"""Processes that deposit into and read a bank, forked from one that has imported everything."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from aet_port.core.atomic_model import AtomicModel
from aet_port.structure import StructureResult
from mdb import Bank, Reconstruction, deposit
from mdb.value_rules import rules
from tests.mdb.samples import shifted

Sample = tuple[AtomicModel, StructureResult]

pa.table({"first": [0]})  # with its first table Arrow imports pandas, where it is installed

# One statement, so that it sees one state of the bank: its models, and the rules that they break.
LOOK = "SELECT (SELECT count(*) FROM model) AS models, list(broken) AS broken FROM ({})".format(
    " UNION ALL ".join(
        f"SELECT '{rule.name}' AS broken WHERE EXISTS (FROM ({rule.broken}))"
        for rule in rules({})
        if rule.name.startswith(("counts", "numbering: atom", "whole"))
    )
)


def forks() -> ForkServerContext:
    """Processes that start in no time: the one that they are forked from has no other thread."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(Path(__file__).resolve().parents[2])
        patch.setenv("OPENBLAS_NUM_THREADS", "1")
        ensure_running()
    return context


@contextmanager
def started(
    context: ForkServerContext, target: Any, *args: Any
) -> Iterator[tuple[BaseProcess, Connection]]:
    """A process running ``target(connection, *args)``, killed in the end, and our end of it."""
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *args))
    process.start()
    theirs.close()
    try:
        yield process, ours
    finally:
        process.kill()
        process.join()
        ours.close()


def named(sample: Sample, name: str) -> Sample:
    """Another model of that name, which is a number, and its analysis."""
    model, analysis = shifted(*sample, float(name))
    return AtomicModel(model.atoms, name=name), analysis


def deposit_named(bank: Bank, sample: Sample, name: str) -> None:
    """Deposit a model of that name with an analysis and a reconstruction."""
    model, analysis = named(sample, name)
    deposit(bank, model, analysis=analysis, reconstruction=Reconstruction(name))


def deposit_until_killed(say: Connection, path: Path, sample: Sample, names: list[str]) -> None:
    """Deposit models in one opening and tell of every step; never ends by itself."""
    say.send(("start", ""))
    with Bank(path) as bank:
        say.send(("open", ""))
        for name in names:
            with bank.transaction():
                deposit_named(bank, sample, name)
                say.send(("commit", name))
            say.send(("done", name))
        say.send(("close", ""))
    while True:
        signal.pause()


def deposit_one_by_one(say: Connection, path: Path, sample: Sample, names: Sequence[str]) -> None:
    """Deposit models, each in an opening of its own, and tell of each; until told to stop."""
    for name in names:
        if say.poll():
            break
        with Bank(path, wait=60) as bank:
            deposit_named(bank, sample, name)
        say.send(name)
    say.send(None)


def hold(say: Connection, path: Path, sample: Sample, name: str) -> None:
    """Deposit a model and keep the bank open until told to go on."""
    say.send("start")
    with Bank(path) as bank:
        deposit_named(bank, sample, name)
        say.send("held")
        say.recv()
    say.send("left")


def look_until_told(say: Connection, path: Path) -> None:
    """Tell again and again what is seen of a bank, until told to stop."""
    with Bank(path, read_only=True, wait=60) as bank:
        while not say.poll():
            say.send(bank.sql(LOOK).to_pylist()[0])
    say.send(None)
