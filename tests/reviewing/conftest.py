"""A model in its volume with one atom too many, one missing, one displaced and one mislabelled."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import uvicorn

from aet_port.core.atomic_model import AtomicModel
from aet_port.core.data import Volume
from aet_port.reviewing.opening import open_files
from aet_port.reviewing.server import Gate, free_socket, make_app
from aet_port.reviewing.session import Session

SIZE, SIDE, SPREAD = 0.4, 48, 0.45  # angstrom, voxels, angstrom
MISSING, SPURIOUS, DISPLACED, MISLABELLED = 31, 124, 62, 12


@dataclass(frozen=True)
class Sample:
    """True atoms, the model with faults, and the volume of the true ones."""

    truth: AtomicModel
    model: AtomicModel
    volume: Volume


@pytest.fixture(scope="session")
def sample() -> Sample:
    rng = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(*[np.arange(-2.0, 3.0)] * 3, indexing="ij"), -1).reshape(-1, 3)
    places = 2.9 * grid + rng.uniform(-0.15, 0.15, (125, 3))
    kinds = np.where(np.arange(125) % 2, "Pt", "Fe")
    heights = np.where(kinds == "Pt", 1.0, 0.6)
    axis = (np.arange(SIDE) - SIDE // 2) * SIZE
    volume = rng.normal(0, 0.01, (SIDE,) * 3)
    for place, height in zip(places, heights, strict=True):
        x, y, z = (np.exp(-((axis - one) ** 2) / (2 * SPREAD**2)) for one in place)
        volume += height * x[:, None, None] * y[None, :, None] * z[None, None, :]
    found, symbols = places.copy(), kinds.copy()
    found[DISPLACED] += [0.3, 0.2, 0.0]
    symbols[MISLABELLED] = "Pt"
    # One between two others, in place of the last: numbers below the missing one stay.
    found = np.delete(found, MISSING, axis=0)
    symbols = np.delete(symbols, MISSING)
    ghost = 0.5 * (places[60] + places[61]) + [0.0, 1.4, 0.2]
    found, symbols = np.vstack([found, [ghost]]), np.append(symbols, "Fe")
    return Sample(
        AtomicModel.from_positions(places, kinds.tolist(), name="truth"),
        AtomicModel.from_positions(found, symbols.tolist(), name="found"),
        Volume(volume.astype(np.float32), SIZE, name="volume"),
    )


@pytest.fixture
def session(sample: Sample, tmp_path: Path) -> Session:
    return opened(sample, tmp_path / "edits.csv")


def opened(sample: Sample, edits: Path | None) -> Session:
    """The sample under review, its leftovers found."""
    found = open_files(
        sample.volume, sample.model, edits=edits, species=("Fe", "Pt"), author="A. Reader"
    )
    thread = found.start()
    if thread is not None:
        thread.join()
    assert found.leftover_state["state"] == "ready", found.leftover_state
    return found


@dataclass(frozen=True)
class Served:
    """A session served on this machine."""

    session: Session
    gate: Gate


class Quiet(uvicorn.Server):
    def capture_signals(self):
        from contextlib import nullcontext

        return nullcontext()


def serving(session: Session) -> Iterator[Served]:
    listening: socket.socket = free_socket(0)
    gate = Gate(listening.getsockname()[1])
    config = uvicorn.Config(make_app(session, gate), log_level="error", lifespan="off", ws="none")
    server = Quiet(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Served(session, gate)
    server.should_exit = True
    thread.join()
    listening.close()


@pytest.fixture
def served(session: Session) -> Iterator[Served]:
    yield from serving(session)
