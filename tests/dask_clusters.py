"""Dask clusters for tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def local_cluster(threads: int, workers: int = 2, processes: bool = False) -> Iterator[str]:
    """Address of a scheduler whose workers are threads of this process, or processes.

    Nothing is collected while it starts: a client that once got no answer would close itself then,
    and wait for a lock which the start holds.
    """
    distributed = pytest.importorskip("distributed")
    collecting = gc.isenabled()
    gc.disable()
    try:
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=processes,
            dashboard_address=":0",
        )
    finally:
        if collecting:
            gc.enable()
    with cluster:
        yield cluster.scheduler_address
