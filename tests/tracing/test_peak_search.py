import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.data import Volume
from aet_port.core.errors import CheckpointError, InputError, OutputError
from aet_port.tracing import peak_search as module
from aet_port.tracing.peak_search import trace
from aet_port.tracing.polynomial_fit import ORDERS

PADDING = 10  # zeros that the reference puts on each side of its fine volume
GOLDEN = {
    "am__Main_atom_tracing_Ta_film.trace__linear_exact_lsq": "linear",
    "am__Main_atom_tracing_Pd1_nanoparticle.trace__spline_exact_lsq": "spline",
    "mg__Main_polynomial_tracing.trace__spline_exact_lsq": "spline",
    "mg__Main_polynomial_tracing.trace__spline_noisy_exact_lsq": "spline",
    "mg__Main_polynomial_tracing.trace__spline_optim_default": "spline",
}


def number(case, name):
    return float(case[f"in_{name}"].item())


def rules(case):
    """Parameters of :func:`trace` from those of a golden case; its distance is in fine voxels."""
    assert number(case, "SearchRad") == 3
    return {
        "threshold": number(case, "Th"),
        "max_iterations": int(number(case, "MaxIter")),
        "settled_iterations": int(number(case, "CritIter")),
        "minimum_distance": number(case, "minDist") / 3,
    }


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(golden, name):
    case = golden(name)
    peaks = trace(
        Volume(case["in_Dsetvol"], 1.0), upsampling=GOLDEN[name], coefficients=True, **rules(case)
    )
    maxima = peaks.maxima + PADDING + 1
    assert np.array_equal(maxima, case["out_maxXYZ"])
    assert np.array_equal(peaks.flags, case["out_exitFlagArr"].ravel())
    # Both solve the least squares exactly, but for rounding; the last case used an iterative
    # solver with its usual tolerance (FACTS: 1e-5 in position).
    tolerance = 2e-5 if name.endswith("optim_default") else 2e-12
    np.testing.assert_allclose(peaks.shifts, case["out_PosArr"], rtol=0, atol=tolerance)
    np.testing.assert_allclose(peaks.coefficients, case["out_CoeffArr"].T, rtol=0, atol=tolerance)
    # In the reference a rejected peak has no position.
    total = np.where(peaks.good[:, None], maxima + peaks.shifts, 0)
    np.testing.assert_allclose(total, case["out_TotPosArr"], rtol=0, atol=tolerance)
    voxels = case["out_TotPosArr"][peaks.good] / 3 - 2  # 1-based
    np.testing.assert_allclose(peaks.accepted + 1, voxels, rtol=0, atol=tolerance)
    if "out_maxVals" in case:
        np.testing.assert_allclose(peaks.heights, case["out_maxVals"].ravel(), rtol=1e-13)


def test_golden_single_precision(golden):
    """The noise simulations interpolate in single precision, and compare distances afterwards."""
    case = golden("mg__Tracing_oversamplling.trace__single_spline_post_distance_check")
    volume = Volume(case["in_volume"].astype(np.float32), 1.0)
    peaks = trace(volume, upsampling="spline", coefficients=True, **rules(case))
    # Below this height (of 69 at most) single precision makes and loses maxima by its rounding.
    tall = peaks.heights > 1e-3
    maxima = peaks.maxima[tall] + PADDING + 1
    place = {tuple(m): n for n, m in enumerate(case["out_maxXYZ"].astype(int).tolist())}
    n = np.array([place[tuple(m)] for m in maxima.tolist()])
    assert len(n) >= 28
    assert np.array_equal(peaks.flags[tall], case["out_exitFlagArr"].ravel()[n])
    # Single rounding of a value of 69 is 4e-6, relative to a height of 1e-3 and more.
    np.testing.assert_allclose(peaks.shifts[tall], case["out_PosArr"][n], rtol=0, atol=2e-5)
    order = [np.flatnonzero((case["out_fitCoeff"][:, :3] == o).all(axis=1))[0] for o in ORDERS]
    np.testing.assert_allclose(
        peaks.coefficients[tall], case["out_CoeffArr"].T[n][:, order], rtol=0, atol=2e-4
    )


def matching(one, other, tolerance):
    """Both tables hold the same points, in some order."""
    assert one.shape == other.shape
    gaps = np.linalg.norm(one[:, None] - other[None], axis=2)
    assert (gaps.min(axis=0) < tolerance).all()
    assert (gaps.min(axis=1) < tolerance).all()


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**32),
    before=st.tuples(*[st.integers(0, 3)] * 3),
    after=st.tuples(*[st.integers(0, 3)] * 3),
)
def test_padding_moves_the_peaks(blobs, seed, before, after):
    volume = blobs(seed)
    peaks = trace(Volume(volume, 0.7))
    padded = trace(Volume(np.pad(volume, list(zip(before, after, strict=True))), 0.7))
    assert len(peaks.accepted) > 0
    assert np.array_equal(padded.flags, peaks.flags)
    np.testing.assert_allclose(padded.positions, peaks.positions + before, rtol=0, atol=1e-12)


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32), axis=st.integers(0, 2))
def test_flips_and_rotations(blobs, seed, axis):
    """The fine grid starts at its third point, but with zeros at the border that does not show."""
    volume = blobs(seed)
    accepted = trace(Volume(volume, 0.7)).accepted
    n = volume.shape[axis]
    flipped = accepted.copy()
    flipped[:, axis] = n - 1 - flipped[:, axis]
    matching(trace(Volume(np.flip(volume, axis), 0.7)).accepted, flipped, 1e-6)
    other = (axis + 1) % 3
    turned = accepted.copy()
    turned[:, axis] = volume.shape[other] - 1 - accepted[:, other]
    turned[:, other] = accepted[:, axis]
    matching(trace(Volume(np.rot90(volume, axes=(axis, other)), 0.7)).accepted, turned, 1e-6)


def test_single_gaussian_is_found():
    centre = np.array([9.3, 8.1, 10.4])
    grid = np.stack(np.meshgrid(*[np.arange(20)] * 3, indexing="ij"), axis=-1)
    volume = Volume(np.exp(-((grid - centre) ** 2).sum(axis=-1) / 4), 0.5)
    peaks = trace(volume, upsampling="spline", threshold=0.1)
    assert len(peaks.accepted) == 1
    # The ball of voxels stays about the maximum while the peak is beside it: a bias of 0.01 voxel.
    np.testing.assert_allclose(peaks.accepted[0], centre, atol=2e-2)
    np.testing.assert_allclose(
        volume.to_positions(peaks.accepted)[0], (centre - 10) * 0.5, atol=1e-2
    )


def test_no_peaks():
    peaks = trace(Volume(np.zeros((5, 5, 5)), 1.0))
    assert len(peaks) == 0
    assert peaks.accepted.shape == (0, 3)


def test_order_and_type_of_the_array_do_not_matter(rng, tmp_path):
    array = rng.random((9, 8, 7)).astype(np.float32)
    one = trace(Volume(array, 0.5)).save(tmp_path / "c.npz")
    two = trace(Volume(np.asfortranarray(array), 0.5)).save(tmp_path / "f.npz")
    assert one.read_bytes() == two.read_bytes()


@pytest.fixture
def volume(rng):
    return Volume(rng.random((12, 12, 12)).astype(np.float32), 0.3)


@pytest.mark.parametrize("coefficients", [False, True])
def test_resumes_to_the_same_bytes(volume, tmp_path, monkeypatch, coefficients):
    monkeypatch.setattr(module, "_CHUNK", 40)
    checkpoint = tmp_path / "trace.npz"
    whole = trace(volume, coefficients=coefficients)
    calls = []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return fit(*arguments)

    fit = module.fit_peaks
    monkeypatch.setattr(module, "fit_peaks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trace(volume, coefficients=coefficients, checkpoint=checkpoint)
    assert checkpoint.exists()
    calls.clear()
    calls.append(())
    calls.append(())
    calls.append(())  # no further interruption
    again = trace(volume, coefficients=coefficients, checkpoint=checkpoint)
    assert len(again) == len(whole) > 120
    assert len(calls) - 3 == -(-len(whole) // 40) - 2  # two chunks came from the checkpoint
    assert (
        whole.save(tmp_path / "a.npz").read_bytes() == again.save(tmp_path / "b.npz").read_bytes()
    )
    assert checkpoint.exists()  # the caller's to delete


CHILD = """
import sys, time
import numpy as np
from aet_port.core.data import Volume
import aet_port.tracing.peak_search as module
from pathlib import Path

module._CHUNK = 25
store = module._store
def slow_store(*arguments):
    store(*arguments)
    time.sleep(0.2)
module._store = slow_store
volume = Volume(np.random.default_rng(5).random((12, 12, 12)).astype(np.float32), 0.3)
module.trace(volume, checkpoint=Path(sys.argv[1]))
"""


def test_killed_run_is_resumed(tmp_path):
    checkpoint = tmp_path / "trace.npz"
    root = str(Path(module.__file__).resolve().parents[2])
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(checkpoint)], env={**os.environ, "PYTHONPATH": root}
    )
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    with np.load(checkpoint) as content:
        done = len(content["flags"])
    volume = Volume(np.random.default_rng(5).random((12, 12, 12)).astype(np.float32), 0.3)
    whole = trace(volume)
    assert 0 < done < len(whole)
    again = trace(volume, checkpoint=checkpoint)
    assert (
        whole.save(tmp_path / "a.npz").read_bytes() == again.save(tmp_path / "b.npz").read_bytes()
    )


def test_finished_checkpoint_is_only_read(volume, tmp_path, monkeypatch):
    checkpoint = tmp_path / "trace.npz"
    first = trace(volume, checkpoint=checkpoint)
    monkeypatch.setattr(module, "fit_peaks", None)
    again = trace(volume, checkpoint=checkpoint, minimum_distance=0.0)
    assert np.array_equal(again.shifts, first.shifts)
    assert (again.flags == 0).sum() > (first.flags == 0).sum()


def test_other_checkpoints_are_refused(volume, tmp_path):
    checkpoint = tmp_path / "trace.npz"
    trace(volume, checkpoint=checkpoint)
    kept = checkpoint.read_bytes()
    changed = volume.array.copy()
    changed[0, 0, 0] += 1e-6
    with pytest.raises(CheckpointError, match=r"trace\.npz.*another volume"):
        trace(Volume(changed, 0.3), checkpoint=checkpoint)
    for parameter in (
        {"threshold": 0.1},
        {"max_iterations": 13},
        {"max_peaks": 3},
        {"smoothing": 0.1},
        {"upsampling": "spline"},
        {"coefficients": True},
    ):
        with pytest.raises(CheckpointError, match="other parameters"):
            trace(volume, checkpoint=checkpoint, **parameter)
    assert checkpoint.read_bytes() == kept


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:300] + b"\0" * 50 + b[350:]]
)
def test_damaged_checkpoints_are_refused(volume, tmp_path, damage):
    checkpoint = tmp_path / "trace.npz"
    trace(volume, checkpoint=checkpoint)
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    with pytest.raises(CheckpointError, match=r"no readable arrays.*delete it"):
        trace(volume, checkpoint=checkpoint)


def test_full_disk(volume, tmp_path, monkeypatch):
    def full(*arguments, **content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.np, "savez", full)
    with pytest.raises(OutputError, match="No space left"):
        trace(volume, checkpoint=tmp_path / "trace.npz")
    assert list(tmp_path.iterdir()) == []


def test_progress_is_reported(volume, capsys):
    trace(volume, progress=True)
    assert "tracing" in capsys.readouterr().err


def test_bad_number_of_peaks(volume):
    with pytest.raises(InputError, match=r"max_peaks: found 0; expected .* between 1 and"):
        trace(volume, max_peaks=0)


def test_bad_distance(volume):
    with pytest.raises(InputError, match="minimum_distance"):
        trace(volume, minimum_distance=-1)
