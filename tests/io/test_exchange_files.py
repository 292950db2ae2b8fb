"""Series and volumes in .hspy, .zspy and OME-Zarr: lossless, and right after others' edits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aet_port import TiltSeries, Volume
from aet_port.core.errors import DataFileError, InputError, MissingDependencyError, OutputError
from aet_port.core.files import check_target, is_data_file, sha256
from aet_port.io import (
    from_hyperspy,
    read_foreign_series,
    read_frames,
    read_ome_zarr_series,
    read_ome_zarr_volume,
    read_tilt_series,
    read_volume,
    write_hyperspy,
    write_ome_zarr,
    write_tilt_series,
    write_volume,
)
from aet_port.io.exchange_record import constant_step
from aet_port.io.other_formats import ForeignSeries

pytest.importorskip("zarr", reason="zarr is not installed: aet-port[formats]")
pytest.importorskip("rsciio", reason="RosettaSciIO is not installed: aet-port[formats]")

SUFFIXES = [".hspy", ".zspy", ".ome.zarr"]
numbers = {"allow_nan": False, "allow_infinity": False}


def write_series(path: Path, series: TiltSeries) -> Path:
    return (write_ome_zarr if path.suffix == ".zarr" else write_hyperspy)(path, series)


def read_series(path: Path) -> ForeignSeries:
    return (read_ome_zarr_series if path.suffix == ".zarr" else read_foreign_series)(path)


def test_shapes_of_the_axes_are_told_apart(tmp_path):
    """x, y and tilt have different lengths, so that no transposition is overlooked."""
    images = np.arange(1.0, 5 * 7 * 8 + 1).reshape(5, 7, 8)
    series = TiltSeries(images, [-20, -10, 0, 10, 20], 0.35)
    for suffix in SUFFIXES:
        again = read_series(write_series(tmp_path / f"s{suffix}", series))
        np.testing.assert_array_equal(again.images, images)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(),
    kind=st.sampled_from([np.float32, np.float64]),
    angle_kind=st.sampled_from([np.float32, np.float64]),
    size=st.floats(0.01, 100),
    name=st.text(
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="."), max_size=12
    ),
)
def test_tilt_series_is_kept_to_the_bit(
    tmp_path_factory, suffix, data, kind, angle_kind, size, name
):
    shape = data.draw(hnp.array_shapes(min_dims=3, max_dims=3, max_side=5))
    images = data.draw(hnp.arrays(kind, shape, elements=st.floats(-1e6, 1e6, width=32)))
    images[:, 0, 0] = 1  # an image of zeros is no projection
    angles = data.draw(
        hnp.arrays(angle_kind, (shape[0], 3), elements=st.floats(-180, 180, width=32))
    )
    notes = {"voltage_kv": 200, "list": [1, 2.5, None], "text": "µm"}
    series = TiltSeries(images, angles, size, name, notes)
    path = tmp_path_factory.mktemp("io") / f"series{suffix}"
    again = read_series(write_series(path, series))
    assert again.images.dtype == kind
    assert again.images.tobytes() == series.images.tobytes()
    assert again.angles is not None
    assert again.angles.dtype == angle_kind
    np.testing.assert_array_equal(again.angles, angles)
    assert (again.pixel_size, again.name, again.metadata) == (size, name, notes)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    array=st.sampled_from([np.float32, np.float64]).flatmap(
        lambda kind: hnp.arrays(
            kind,
            hnp.array_shapes(min_dims=3, max_dims=3, max_side=5),
            elements=st.floats(-1e6, 1e6, width=32),
        )
    ),
    size=st.floats(0.01, 100),
    origin=st.none() | st.lists(st.floats(-1e3, 1e3, **numbers), min_size=3, max_size=3),
)
def test_volume_is_kept_to_the_bit(tmp_path_factory, suffix, array, size, origin):
    volume = Volume(array, size, origin, name="a / volume")
    path = tmp_path_factory.mktemp("io") / f"volume{suffix}"
    again = read_volume(write_volume(path, volume))
    assert again.array.dtype == array.dtype
    assert again.array.tobytes() == np.ascontiguousarray(array).tobytes()
    assert (again.voxel_size, again.name) == (size, "a / volume")
    np.testing.assert_array_equal(again.origin, volume.origin)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ["C:\\data\\a", "0\\0", "a/b", ".", "..", "v1.2"])
def test_names_that_look_like_paths(tmp_path, suffix, name):
    series = TiltSeries(np.ones((3, 4, 5), np.float32), [-1.0, 0, 2], 0.5, name)
    assert read_series(write_series(tmp_path / f"s{suffix}", series)).name == name


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_series_and_volume_are_not_taken_for_each_other(tmp_path, suffix):
    ones = np.ones((3, 4, 5), np.float32)
    series = write_series(tmp_path / f"s{suffix}", TiltSeries(ones, [-1.0, 0, 2], 0.5))
    volume = write_volume(tmp_path / f"v{suffix}", Volume(ones, 0.5))
    with pytest.raises(DataFileError, match="a tilt series"):
        read_volume(series)
    with pytest.raises(DataFileError, match="a volume"):
        read_series(volume)


@pytest.mark.parametrize("suffix", [".hspy", ".ome.zarr"])
def test_equal_data_give_equal_files(tmp_path, suffix):
    volume = Volume(np.random.default_rng(0).random((4, 5, 6)), 0.5)
    one, two = (write_volume(tmp_path / name / f"v{suffix}", volume) for name in "ab")
    files = [sorted(p for p in place.rglob("*") if p.is_file()) or [place] for place in (one, two)]
    assert [p.name for p in files[0]] == [p.name for p in files[1]]
    for a, b in zip(*files, strict=True):
        assert a.read_bytes() == b.read_bytes()


@pytest.mark.parametrize("theta", [[2e-20, 0, 0], [5.0, 5, 5], [7.0], [3.0, -3], [1e-4, 2e-4]])
def test_angles_that_can_hardly_be_told_apart(tmp_path, theta):
    angles = np.zeros((len(theta), 3))
    angles[:, 1], angles[:, 2] = theta, np.arange(len(theta))
    series = TiltSeries(np.ones((len(theta), 2, 3)), angles, 0.35)
    for suffix in (".hspy", ".ome.zarr"):
        again = read_series(write_series(tmp_path / f"s{suffix}", series))
        np.testing.assert_array_equal(again.angles, angles)


def test_constant_step():
    assert constant_step(np.array([-60.0, -58, -56])) == 2
    assert constant_step(np.array([3.0])) == 1
    assert constant_step(np.array([1.0, 1.0])) is None
    assert constant_step(np.array([-60.0, -58, -55.9])) is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_file_is_a_tilt_series(tmp_path, suffix):
    """Written and read by the functions of all formats, also through the angles of several axes."""
    angles = np.stack([[1.0, 2, 3], [-20.0, 0, 25], [0.5, 0, 0]], axis=1)
    path = tmp_path / f"s{suffix}"
    series = TiltSeries(np.random.default_rng(0).random((3, 5, 6)), angles, 0.35, "own name")
    assert write_tilt_series(path, path, series) == (path, path)
    again = read_tilt_series(path)
    np.testing.assert_array_equal(again.images, series.images)
    np.testing.assert_array_equal(again.angles, angles)
    assert (again.pixel_size, again.name) == (0.35, "own name")
    with pytest.warns(UserWarning, match="0.4"):
        assert read_tilt_series(path, pixel_size=0.4).pixel_size == 0.4
    with pytest.raises(DataFileError, match="phi or psi"):
        read_frames(path)
    theta = TiltSeries(series.images, angles[:, 1], 0.35)
    write_tilt_series(path, path, theta)
    frames = read_frames(path)
    np.testing.assert_array_equal(frames.tilt_angles(), angles[:, 1])
    np.testing.assert_array_equal(frames.stack(), series.images)
    np.savetxt(tmp_path / "a.tlt", [-1.5, 2, 3])
    with pytest.warns(UserWarning, match="angles"):
        given_angles = read_tilt_series(path, tmp_path / "a.tlt")
    np.testing.assert_array_equal(given_angles.angles[:, 1], [-1.5, 2, 3])


# Other programs.


@pytest.fixture(params=[[-20.0, -10, 0, 10, 20], [-20.0, -9.5, 0.25, 10, 21]])
def series(request) -> TiltSeries:
    images = np.random.default_rng(0).poisson(9.0, (5, 6, 7)).astype(np.float32)
    return TiltSeries(images, request.param, 0.347, name="particle")


def test_hyperspy_edits(tmp_path, series):
    """Cropped, reversed, binned or recalibrated and saved again by HyperSpy."""
    hs = pytest.importorskip("hyperspy.api")
    loaded = hs.load(str(write_hyperspy(tmp_path / "s.hspy", series)))

    def saved(signal) -> ForeignSeries:
        signal.save(str(tmp_path / "edited.hspy"), overwrite=True)
        return read_foreign_series(tmp_path / "edited.hspy")

    same = saved(loaded)
    np.testing.assert_array_equal(same.angles, series.angles)
    assert (same.pixel_size, same.name) == (series.pixel_size, "particle")
    cropped = saved(loaded.inav[1:4].isig[1:, :4])
    np.testing.assert_array_equal(cropped.images, series.images[1:4, 1:, :4])
    np.testing.assert_array_equal(cropped.angles, series.angles[1:4])
    turned = saved(loaded.inav[::-1])
    np.testing.assert_array_equal(turned.images, series.images[::-1])
    np.testing.assert_array_equal(turned.angles, series.angles[::-1])
    one = saved(loaded.inav[3:4])
    np.testing.assert_array_equal(one.angles, series.angles[3:4])
    binned = saved(loaded.rebin(scale=(1, 2, 2)))
    assert binned.pixel_size == pytest.approx(2 * series.pixel_size, rel=1e-12)
    first = loaded.axes_manager[0]
    first.units, first.scale, first.offset = "degrees", 3.0, -6.0
    if constant_step(series.angles[:, 1]) is None:  # the axis counted the images before
        with pytest.raises(DataFileError, match="another program changed"):
            saved(loaded)
    else:
        np.testing.assert_array_equal(saved(loaded).angles[:, 1], [-6, -3, 0, 3, 6])


def test_hyperspy_edits_of_several_axes_are_refused(tmp_path):
    """Psi and phi of the images can no longer be known."""
    hs = pytest.importorskip("hyperspy.api")
    angles = np.stack([np.ones(5), np.linspace(-20, 20, 5), np.zeros(5)], axis=1)
    loaded = hs.load(
        str(write_hyperspy(tmp_path / "s.hspy", TiltSeries(np.ones((5, 6, 7)), angles, 0.347)))
    )
    loaded.axes_manager[0].scale = 3.0
    loaded.save(str(tmp_path / "edited.hspy"))
    with pytest.raises(DataFileError, match="--angles"):
        read_foreign_series(tmp_path / "edited.hspy")
    assert read_foreign_series(tmp_path / "edited.hspy", need_angles=False).angles is None


@pytest.mark.parametrize("horizontal", [False, True])
def test_signal_in_memory_and_back(tmp_path, series, horizontal):
    pytest.importorskip("hyperspy.api")
    signal = series.to_hyperspy(horizontal_axis=horizontal)
    again = from_hyperspy(signal)
    np.testing.assert_array_equal(again.images, series.images)
    np.testing.assert_array_equal(again.angles, series.angles)
    assert (again.pixel_size, again.name) == (series.pixel_size, series.name)
    if horizontal:
        # Clockwise on the screen.
        stored = np.rot90(series.images.transpose(0, 2, 1), -1, axes=(1, 2))
        np.testing.assert_array_equal(signal.data, stored)
        signal.save(str(tmp_path / "turned.hspy"))
        read = read_foreign_series(tmp_path / "turned.hspy")
        np.testing.assert_array_equal(read.images, series.images)


def test_signal_without_angles_or_size():
    hs = pytest.importorskip("hyperspy.api")
    signal = hs.signals.Signal2D(np.ones((3, 4, 5)))
    with pytest.raises(InputError, match="angles"):
        from_hyperspy(signal, pixel_size=0.5)
    with pytest.raises(InputError, match="pixel_size"):
        from_hyperspy(signal, angles=[-1, 0, 1])
    series = from_hyperspy(signal, angles=[-1, 0, 1], pixel_size=0.5)
    assert series.images.shape == (3, 5, 4)


def test_tomostack_in_and_out(tmp_path, series):
    pytest.importorskip("etspy", reason="ETSpy is not installed")
    import etspy.api
    from etspy.base import TomoStack

    written = write_hyperspy(tmp_path / "s.hspy", series)
    stack = etspy.api.load(written)
    np.testing.assert_array_equal(stack.tilts.data[:, 0], series.angles[:, 1])
    np.testing.assert_array_equal(stack.data, series.images.transpose(0, 2, 1))
    stack.save(str(tmp_path / "etspy.hspy"))
    again = read_foreign_series(tmp_path / "etspy.hspy")
    np.testing.assert_array_equal(again.images, series.images)
    np.testing.assert_array_equal(again.angles, series.angles)
    made = TomoStack(series.images.transpose(0, 2, 1).copy(), tilts=series.angles[:, 1])
    turned = np.rot90(made.data, axes=(1, 2)).transpose(0, 2, 1)
    np.testing.assert_array_equal(from_hyperspy(made, pixel_size=0.3).images, turned)
    made.save(str(tmp_path / "made.hspy"))
    read = read_foreign_series(tmp_path / "made.hspy")
    np.testing.assert_array_equal(read.images, turned)
    np.testing.assert_array_equal(read.angles[:, 1], series.angles[:, 1])


@pytest.mark.slow
def test_etspy_reconstructs_the_same_volume():
    """The turn that to_hyperspy makes for ETSpy is the right one of two: z is not mirrored."""
    pytest.importorskip("etspy", reason="ETSpy is not installed")
    from etspy.base import TomoStack

    from aet_port import AtomicModel
    from aet_port.simulation import simulate_tilt_series

    places = np.array([[7, 3, 0], [0, -8, 6], [-6, 5, -9], [3, 10, 4.0], [-3, -2, 9]])
    model = AtomicModel.from_positions(places, ["Pt", "Au", "Pd", "Ag", "Pt"])
    theta = np.arange(-90.0, 90, 4)
    angles = np.stack([0 * theta, theta, 0 * theta], axis=1)
    series = simulate_tilt_series(model, angles, 0.8, (51, 41), dose=None, b_factor=60.0)
    ours = series.reconstruct(iterations=30).volume.array
    stack = TomoStack(series.to_hyperspy(horizontal_axis=True), tilts=theta)
    theirs = stack.reconstruct("FBP", cuda=False, show_progressbar=False).data  # x, z, y there
    turned = theirs.transpose(1, 2, 0)  # z, row, column
    upright = np.rot90(turned, axes=(1, 2)).transpose(2, 1, 0)
    # Filtered back-projection against 30 iterations; mirrored along z it is 0.28.
    assert np.corrcoef(upright.ravel(), ours.ravel())[0, 1] > 0.99


def test_volume_as_xarray():
    pytest.importorskip("xarray")
    volume = Volume(np.random.default_rng(0).random((3, 4, 5)), 0.5, [1.0, -2, 3], name="v")
    data = volume.to_xarray()
    assert data.dims == ("x", "y", "z")
    picked = data.sel(x=2.0, y=-1.5, z=4.0, method="nearest")
    i, j, k = np.rint(volume.to_voxels([[2.0, -1.5, 4.0]])[0]).astype(int)
    assert float(picked) == volume.array[i, j, k]
    assert np.shares_memory(data.values, volume.array)


# OME-Zarr.


def ngff(folder: Path) -> dict:
    return json.loads((folder / ".zattrs").read_text())["multiscales"][0]


def test_ome_zarr_metadata(tmp_path):
    """As NGFF 0.4 defines them; the transformation takes array indices to positions."""
    volume = Volume(np.ones((3, 4, 5), np.float32), 0.5, [1.0, -2, 3])
    scales = ngff(write_volume(tmp_path / "v.ome.zarr", volume))
    assert scales["version"] == "0.4"
    assert [one["name"] for one in scales["axes"]] == ["z", "y", "x"]
    assert {one["unit"] for one in scales["axes"]} == {"angstrom"}
    scale, shift = scales["datasets"][0]["coordinateTransformations"]
    place = np.array([4, 2, 1]) * scale["scale"] + shift["translation"]  # index z, y, x
    np.testing.assert_array_equal(place[::-1], volume.to_positions([[1, 2, 4]])[0])
    series = TiltSeries(np.ones((3, 4, 5)), [-10.0, 0, 10], 0.5)
    scales = ngff(write_ome_zarr(tmp_path / "s.ome.zarr", series))
    scale, shift = scales["datasets"][0]["coordinateTransformations"]
    assert scales["axes"][0] == {"name": "tilt", "type": "tilt", "unit": "degree"}
    # The second image; pixel (n // 2, n // 2) is on the rotation centre.
    place = np.array([1, 2, 2]) * scale["scale"] + shift["translation"]
    np.testing.assert_array_equal(place, [0, 0, 0])


def test_ome_zarr_is_valid_for_others(tmp_path):
    models = pytest.importorskip("ome_zarr_models.v04", reason="ome-zarr-models is not installed")
    import zarr

    series = TiltSeries(np.ones((3, 4, 5)), [-10.0, 0, 10], 0.5)
    for path in (
        write_ome_zarr(tmp_path / "s.ome.zarr", series),
        write_volume(tmp_path / "v.ome.zarr", Volume(np.ones((3, 4, 5)), 0.5)),
    ):
        models.Image.from_zarr(zarr.open_group(str(path), mode="r"))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_of_others(tmp_path, version):
    """With time and channel, several resolutions, micrometres, and no record of ours."""
    import zarr

    array = np.random.default_rng(0).integers(0, 99, (1, 1, 5, 4, 3), dtype=np.uint16)
    form = 2 if version == "0.4" else 3
    group = zarr.open_group(str(tmp_path / "v.ome.zarr"), mode="w", zarr_format=form)
    group.create_array("full", shape=array.shape, dtype=array.dtype)[...] = array
    group.create_array("half", shape=(1, 1, 2, 2, 1), dtype=array.dtype)[...] = 1
    steps = [{"type": "scale", "scale": [1, 1, 0.001, 0.001, 0.001]}]
    scales = {
        "axes": [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
        + [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"],
        "datasets": [
            {"path": "full", "coordinateTransformations": steps},
            {"path": "half", "coordinateTransformations": steps},
        ],
        "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 0.5, 0.5, 0.5]}],
    }
    notes = {"multiscales": [scales | {"version": "0.4"}]}
    group.attrs.update(notes if version == "0.4" else {"ome": notes | {"version": "0.5"}})
    volume = read_volume(tmp_path / "v.ome.zarr")
    np.testing.assert_array_equal(volume.array, array[0, 0].transpose())
    assert volume.voxel_size == pytest.approx(5, rel=1e-12)
    assert read_ome_zarr_volume(tmp_path / "v.ome.zarr").array.dtype == np.uint16


def test_ome_zarr_that_promises_too_much(tmp_path):
    path = write_volume(tmp_path / "v.ome.zarr", Volume(np.ones((3, 4, 5)), 0.5))
    header = json.loads((path / "0" / ".zarray").read_text())
    (path / "0" / ".zarray").write_text(json.dumps(header | {"shape": [10**4] * 3}))
    with pytest.raises(DataFileError, match=r"10000 x 10000 x 10000 values \(8 TB\)"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".zspy", ".ome.zarr"])
def test_missing_pieces_of_a_folder(tmp_path, suffix):
    path = write_volume(tmp_path / f"v{suffix}", Volume(np.ones((3, 4, 5)), 0.5))
    for part in [p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".")]:
        part.unlink()
    if suffix == ".ome.zarr":
        with pytest.raises(DataFileError, match="without values"):
            read_volume(path)
    for mark in [*path.rglob(".zattrs"), *path.rglob(".zarray")]:
        mark.write_text("{")
    with pytest.raises(DataFileError) as error:
        read_volume(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["none.ome.zarr", "folder.ome.zarr"])
def test_no_ome_zarr(tmp_path, name):
    (tmp_path / "folder.ome.zarr").mkdir()
    with pytest.raises(DataFileError, match=r"expected an OME-Zarr folder"):
        read_volume(tmp_path / name)


# Places.


@pytest.mark.parametrize("suffix", [".zspy", ".ome.zarr"])
def test_only_a_folder_of_the_kind_is_replaced(tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    check_target(path, (path.suffix,))
    write_volume(path, Volume(np.ones((3, 4, 5)), 0.5))
    write_volume(path, Volume(2 * np.ones((4, 4, 4)), 0.5))
    check_target(path, (path.suffix,))
    assert is_data_file(path)
    assert not is_data_file(tmp_path)
    assert read_volume(path).array.max() == 2
    assert read_volume(path).shape == (4, 4, 4)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    other = tmp_path / f"mine{suffix}"
    other.mkdir()
    (other / "notes.txt").write_text("keep")
    with pytest.raises(OutputError, match="something else"):
        write_volume(other, Volume(np.ones((3, 4, 5)), 0.5))
    assert (other / "notes.txt").read_text() == "keep"


def test_hash_of_a_folder_is_that_of_its_files(tmp_path):
    one, two, other = (tmp_path / f"{name}.ome.zarr" for name in "abc")
    for path, value in ((one, 1), (two, 1), (other, 2)):
        write_volume(path, Volume(np.full((3, 4, 5), value), 0.5))
    assert sha256(one) == sha256(two) != sha256(other)
    (two / "0" / "0").rename(two / "0" / "7")
    assert sha256(one) != sha256(two)


def test_failed_writing_keeps_the_old_folder(tmp_path, monkeypatch):
    path = write_volume(tmp_path / "v.ome.zarr", Volume(np.ones((3, 4, 5)), 0.5))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aet_port.io.ome_zarr.zarr_array", full)
    with pytest.raises(OutputError, match="No space left"):
        write_volume(path, Volume(2 * np.ones((3, 4, 5)), 0.5))
    monkeypatch.undo()
    assert read_volume(path).array.max() == 1
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_wrong_suffix_and_missing_library(tmp_path, monkeypatch):
    volume = Volume(np.ones((3, 4, 5)), 0.5)
    with pytest.raises(InputError, match=r"\.hspy or \.zspy"):
        write_hyperspy(tmp_path / "v.h5", volume)
    with pytest.raises(InputError, match=r"\.ome\.zarr"):
        write_ome_zarr(tmp_path / "v.h5", volume)
    path = write_ome_zarr(tmp_path / "v.ome.zarr", volume)
    monkeypatch.setitem(__import__("sys").modules, "zarr", None)
    for act in (
        lambda: write_volume(tmp_path / "w.zspy", volume),
        lambda: write_volume(tmp_path / "w.ome.zarr", volume),
        lambda: read_volume(path),
    ):
        with pytest.raises(MissingDependencyError, match=r"aet-port\[formats\]"):
            act()
    write_volume(tmp_path / "w.hspy", volume)  # needs no more than h5py


@pytest.mark.parametrize("method", ["lzw", "zstd"])
def test_compressed_tiff(tmp_path, monkeypatch, method):
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs")
    array = np.random.default_rng(0).integers(0, 9, (3, 4, 5), dtype=np.uint16)
    path = tmp_path / "v.tif"
    tifffile.imwrite(path, array, compression=method, photometric="minisblack")
    np.testing.assert_array_equal(read_volume(path, 0.5).array, array.transpose())
