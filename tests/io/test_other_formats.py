"""Files that RosettaSciIO and HyperSpy write, and our own readers against RosettaSciIO's."""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from aet_port.core.errors import DataFileError, MissingDependencyError
from aet_port.io import read_emd, read_foreign_series, read_other, read_ser, read_volume
from aet_port.io.hdf5_heaps import check_heaps
from aet_port.io.mrc_stacks import read_mrc_frames
from aet_port.io.rosettasciio_files import OTHER_SUFFIXES
from aet_port.io.tiff_stacks import read_tiff_frames

pytest.importorskip("rsciio", reason="RosettaSciIO is not installed: aet-port[formats]")

THETA = np.array([-20.0, -10.0, 0.0, 10.0, 20.0])
PIXEL = 0.35  # angstrom; in the files 0.035 nm
ROUNDED = 1e-6  # of single precision and of conversion between units
COUNTS = np.random.default_rng(0).integers(0, 200, (5, 8, 7), dtype=np.uint8)  # tilt, y, x


def axis(name: str, units: str, scale: float, offset: float, size: int, navigate: bool) -> dict:
    return {
        "_type": "UniformDataAxis",
        "name": name,
        "units": units,
        "scale": scale,
        "offset": offset,
        "size": size,
        "navigate": navigate,
        "is_binned": False,
    }


def tilt_axes(shape: tuple[int, ...]) -> list[dict]:
    n, ny, nx = shape
    return [
        axis("tilt", "degrees", 10.0, -20.0, n, True),
        axis("y", "nm", 0.035, 0.0, ny, False),
        axis("x", "nm", 0.035, 0.0, nx, False),
    ]


def signal(data: np.ndarray, axes: list[dict], **notes: Any) -> dict[str, Any]:
    """A signal as RosettaSciIO's writers take it."""
    for index, one in enumerate(axes):
        one["index_in_array"] = index
    return {
        "data": data.copy(),
        "axes": axes,
        "metadata": {"General": {"title": "series"}, "Signal": {"signal_type": ""}} | notes,
        "original_metadata": {},
        "tmp_parameters": {},
        "attributes": {"_lazy": False, "ragged": False},
        "package_info": {"package": "", "package_version": ""},
        "learning_results": {},
        "models": {},
    }


def written(path: Path, plugin: str, content: dict[str, Any], **options: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library about its own code
        importlib.import_module(f"rsciio.{plugin}").file_writer(str(path), content, **options)
    return path


MICROSCOPE = {
    "Acquisition_instrument": {"TEM": {"beam_energy": 200.0, "dwell_time": 4e-6}},
}


@pytest.mark.parametrize("plugin", ["hspy", "nexus", "ripple"])
def test_tilt_series_of_other_programs(tmp_path, plugin):
    """Pixels, pixel size, angles, voltage and dwell time, as far as the format has them."""
    suffix = {"hspy": ".hspy", "nexus": ".nxs", "ripple": ".rpl"}[plugin]
    content = signal(COUNTS, tilt_axes(COUNTS.shape), **MICROSCOPE)
    path = written(tmp_path / f"series{suffix}", plugin, content)
    raw = read_other(path)
    np.testing.assert_array_equal(raw.images, COUNTS.transpose(0, 2, 1))
    assert raw.images.dtype == np.uint8
    np.testing.assert_array_equal(raw.tilt_angles(), THETA)
    assert raw.pixel_size == pytest.approx(PIXEL, rel=ROUNDED)
    if plugin != "ripple":
        assert raw.metadata["voltage_kv"] == 200
        assert raw.metadata["dwell_time_us"] == pytest.approx(4, rel=1e-12)
    series = read_foreign_series(path)
    np.testing.assert_array_equal(series.angles, np.stack([0 * THETA, THETA, 0 * THETA], 1))


def test_zspy_of_hyperspy(tmp_path):
    """RosettaSciIO writes .zspy with Zarr 2 only; the layout is written here with Zarr 3."""
    zarr = pytest.importorskip("zarr")
    root = zarr.open_group(str(tmp_path / "series.zspy"), mode="w", zarr_format=2)
    root.attrs.update({"file_format": "ZSpy", "file_format_version": "3.3"})
    group = root.create_group("Experiments").create_group("series")
    group.create_array("data", shape=COUNTS.shape, dtype=COUNTS.dtype)[...] = COUNTS
    for index, one in enumerate(tilt_axes(COUNTS.shape)):
        group.create_group(f"axis-{index}").attrs.update(one)
    for name in ("metadata", "original_metadata"):
        group.create_group(name)
    raw = read_other(tmp_path / "series.zspy")
    np.testing.assert_array_equal(raw.images, COUNTS.transpose(0, 2, 1))
    np.testing.assert_array_equal(raw.tilt_angles(), THETA)
    assert raw.pixel_size == pytest.approx(PIXEL, rel=ROUNDED)


def test_blockfile_is_a_stack_without_lengths_of_the_sample(tmp_path):
    """It holds square 8-bit patterns in cm on the camera, and no angles."""
    pixels = COUNTS[:, :7, :7]
    axes = [
        axis("x", "nm", 1.0, 0.0, 5, True),
        axis("dy", "cm", 0.1, 0.0, 7, False),
        axis("dx", "cm", 0.1, 0.0, 7, False),
    ]
    path = written(tmp_path / "p.blo", "blockfile", signal(pixels, axes))
    raw = read_other(path)
    np.testing.assert_array_equal(raw.images, pixels.transpose(0, 2, 1))
    assert raw.pixel_size is None
    assert raw.tilt_angles() is None


def test_blockfile_of_a_scan_is_refused(tmp_path):
    axes = [
        axis("y", "nm", 1.0, 0.0, 2, True),
        axis("x", "nm", 1.0, 0.0, 3, True),
        axis("dy", "cm", 0.1, 0.0, 7, False),
        axis("dx", "cm", 0.1, 0.0, 7, False),
    ]
    pixels = np.zeros((2, 3, 7, 7), np.uint8)
    path = written(tmp_path / "p.blo", "blockfile", signal(pixels, axes), navigator=None)
    with pytest.raises(DataFileError, match="points of a scan"):
        read_other(path)


def test_truncated_blockfile_is_an_error(tmp_path):
    """RosettaSciIO fills it up with zeros."""
    axes = [
        axis("x", "nm", 1.0, 0.0, 5, True),
        axis("dy", "cm", 0.1, 0.0, 7, False),
        axis("dx", "cm", 0.1, 0.0, 7, False),
    ]
    content = signal(COUNTS[:, :7, :7], axes)
    path = written(tmp_path / "p.blo", "blockfile", content)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(DataFileError, match=r"p\.blo"):
        read_other(path)


def test_tvips_has_a_tilt_for_each_image(tmp_path):
    """Stage tilts are in the header of each frame, of which RosettaSciIO reads the first."""
    pixels = COUNTS.astype(np.uint16)
    axes = [axis("time", "s", 1.0, 0.0, 5, True), *tilt_axes(COUNTS.shape)[1:]]
    for one in axes[1:]:
        one["scale"] = 20.0  # whole nm, the pixels of the camera
    path = written(tmp_path / "movie_000.tvips", "tvips", signal(pixels, axes, **MICROSCOPE))
    assert read_other(path).tilt_angles() is None  # nobody set them
    header = np.fromfile(path, "<u4", count=13)
    record = int(header[12]) + 2 * 8 * 7
    content = bytearray(path.read_bytes())
    for index, tilt in enumerate(THETA):
        start = int(header[0]) + index * record + 40
        content[start : start + 4] = np.float32(tilt).tobytes()
    path.write_bytes(content)
    raw = read_other(path)
    np.testing.assert_array_equal(raw.images, pixels.transpose(0, 2, 1))
    np.testing.assert_array_equal(raw.tilt_angles(), THETA)
    assert raw.pixel_size is None
    assert raw.metadata["voltage_kv"] == 200


def test_prz_with_pickled_metadata_is_refused(tmp_path):
    """Without them RosettaSciIO does not know the order of the axes."""
    path = written(tmp_path / "s.prz", "pantarhei", signal(COUNTS, tilt_axes(COUNTS.shape)))
    with pytest.raises(DataFileError, match="for safety"):
        read_other(path)


@pytest.mark.parametrize("frames_first", [False, True])
def test_frames_beside_tilts(tmp_path, frames_first):
    data = np.random.default_rng(1).poisson(9.0, (5, 3, 8, 7)).astype(np.uint16)
    tilt, y, x = tilt_axes(COUNTS.shape)
    frame = axis("frame", "", 1.0, 0.0, 3, True)
    first = [frame, tilt] if frames_first else [tilt, frame]
    stored = data.transpose(1, 0, 2, 3) if frames_first else data
    path = written(tmp_path / "s.hspy", "hspy", signal(stored, [*first, y, x]))
    raw = read_other(path)
    assert raw.frames_per_tilt == [3] * 5
    np.testing.assert_array_equal(raw.images, data.reshape(15, 8, 7).transpose(0, 2, 1))
    np.testing.assert_array_equal(raw.tilt_angles(), THETA)
    with pytest.raises(DataFileError, match="preprocess"):
        read_foreign_series(path)


def test_stage_tilt_of_one_image_and_of_frames(tmp_path):
    """Not of a stack whose axis is not said to be one of frames: that may be the tilts."""
    stage = {"Acquisition_instrument": {"TEM": {"Stage": {"tilt_alpha": 12.5}}}}
    _, y, x = tilt_axes(COUNTS.shape)
    one = written(tmp_path / "one.hspy", "hspy", signal(COUNTS[0], [y, x], **stage))
    raw = read_other(one)
    assert raw.images.shape == (1, 7, 8)
    assert raw.tilt_angles() == [12.5]
    for name, units, angles, frames in (("frame", "", [12.5], [5]), ("", "", None, None)):
        axes = [axis(name, units, 1.0, 0.0, 5, True), *tilt_axes(COUNTS.shape)[1:]]
        path = written(tmp_path / f"s{name}.hspy", "hspy", signal(COUNTS, axes, **stage))
        raw = read_other(path)
        found = raw.tilt_angles()
        assert (None if found is None else found.tolist()) == angles
        assert raw.frames_per_tilt == frames


def test_angles_in_radians_and_on_an_axis_of_values(tmp_path):
    axes = tilt_axes(COUNTS.shape)
    axes[0] |= {"units": "rad", "scale": np.deg2rad(10), "offset": np.deg2rad(-20)}
    path = written(tmp_path / "r.hspy", "hspy", signal(COUNTS, axes))
    np.testing.assert_allclose(read_other(path).tilt_angles(), THETA, rtol=0, atol=1e-12)
    uneven = np.array([-20.0, -9.5, 0.25, 10.0, 21.0])
    axes = tilt_axes(COUNTS.shape)
    axes[0] = {"_type": "DataAxis", "name": "tilt", "units": "degrees", "axis": uneven}
    axes[0] |= {"navigate": True, "size": 5, "is_binned": False}
    path = written(tmp_path / "u.hspy", "hspy", signal(COUNTS, axes))
    np.testing.assert_array_equal(read_other(path).tilt_angles(), uneven)


def etspy_file(path: Path, tilts: np.ndarray | None, signal_type: str = "TomoStack") -> Path:
    """A file as ETSpy 1.3 saves a TomoStack: tilts as a signal among the metadata."""
    n = len(COUNTS)
    default = axis("Projections", "degrees", 1.0, 0.0, n, True)
    value = axis("Tilt values", "degrees", 1.0, 0.0, 1, False)
    tomography: dict[str, Any] = {"cropped": False, "tiltaxis": 0, "xshift": 0, "yshift": 0}
    if tilts is not None:
        inner = signal(tilts[:, np.newaxis], [dict(default), value])
        tomography["_sig_tilts"] = {key: inner[key] for key in ("data", "axes", "metadata")}
    content = signal(
        COUNTS,
        [default, *tilt_axes(COUNTS.shape)[1:]],
        Tomography={},
        Signal={"signal_type": signal_type},
    )
    written(path, "hspy", content)
    import h5py

    with h5py.File(path, "r+") as handle:
        group = handle["Experiments/series/metadata/Tomography"]
        for key, item in tomography.items():
            if key != "_sig_tilts":
                group.attrs[key] = item
                continue
            nested = group.create_group(key)
            nested.create_dataset("data", data=item["data"], chunks=item["data"].shape)
            for index, one in enumerate(item["axes"]):
                nested.create_group(f"axis-{index}").attrs.update(
                    {name: entry for name, entry in one.items() if entry is not None}
                )
            nested.create_group("metadata").create_group("General").attrs["title"] = ""
            nested.create_group("original_metadata")
    return path


def test_tomostack_of_etspy(tmp_path):
    """Its tilts win over the axis, and its tilt axis, horizontal, becomes the vertical one."""
    tilts = np.array([-31.0, -14.5, 1.0, 17.0, 30.0])
    path = etspy_file(tmp_path / "stack.hspy", tilts)
    raw = read_other(path)
    np.testing.assert_array_equal(raw.tilt_angles(), tilts)
    np.testing.assert_array_equal(raw.images, COUNTS.transpose(0, 2, 1))
    assert [item.value for item in raw.tilt_axes] == [-90]
    series = read_foreign_series(path)
    # Counterclockwise on the screen, where y points down, as NumPy's rot90 of (y, x).
    turned = np.rot90(COUNTS, axes=(1, 2))
    np.testing.assert_array_equal(series.images, turned.transpose(0, 2, 1))
    np.testing.assert_array_equal(series.angles[:, 1], tilts)
    assert series.metadata["tilt_axis_degrees"] == -90


@pytest.mark.parametrize("tilts", [None, np.zeros(5)])
def test_tomostack_whose_tilts_nobody_set(tmp_path, tilts):
    """ETSpy's axis then has the numbers of the images, in degrees."""
    assert read_other(etspy_file(tmp_path / "stack.hspy", tilts)).tilt_angles() is None


def test_several_signals_must_be_chosen(tmp_path):
    path = tmp_path / "several.hspy"
    for title in ("HAADF", "BF"):
        content = signal(COUNTS + (title == "BF"), tilt_axes(COUNTS.shape))
        content["metadata"]["General"]["title"] = title
        _append(path, content)
    spectrum = signal(np.ones(9), [axis("E", "eV", 1.0, 0.0, 9, False)])
    _append(path, spectrum)
    with pytest.raises(DataFileError, match=r"2 signals .*'HAADF' \(5 x 8 x 7\).*--image"):
        read_other(path)
    np.testing.assert_array_equal(read_other(path, image="BF").images[0], COUNTS[0].T + 1)
    listed = {str(number): read_other(path, image=number).images[0, 0, 0] for number in (0, 1)}
    assert sorted(listed.values()) == sorted([COUNTS[0, 0, 0], COUNTS[0, 0, 0] + 1])
    with pytest.raises(DataFileError, match="one that is 'DF'"):
        read_other(path, image="DF")
    with pytest.raises(DataFileError, match="spectra"):
        read_other(path, image="series")


def _append(path: Path, content: dict[str, Any]) -> None:
    """Add a signal to a .hspy file, which HyperSpy itself never does."""
    import h5py

    title = content["metadata"]["General"]["title"]
    part = written(path.with_name("part.hspy"), "hspy", content)
    with h5py.File(path, "a") as whole, h5py.File(part) as one:
        whole.attrs.update(dict(one.attrs))
        one.copy(f"Experiments/{title}", whole.require_group("Experiments"))


def test_one_image_among_spectra_needs_no_choice(tmp_path):
    path = tmp_path / "several.hspy"
    _append(path, signal(COUNTS, tilt_axes(COUNTS.shape)))
    other = signal(np.ones(9), [axis("E", "eV", 1.0, 0.0, 9, False)])
    other["metadata"]["General"]["title"] = "EELS"
    _append(path, other)
    raw = read_other(path)
    np.testing.assert_array_equal(raw.images, COUNTS.transpose(0, 2, 1))
    assert raw.metadata["other_signals"] == ["'EELS' (9)"]


def _one(name: str, units: str, scale: float = 0.035) -> Callable[[], tuple[np.ndarray, list]]:
    def make() -> tuple[np.ndarray, list]:
        return COUNTS, [
            axis("tilt", "degrees", 10.0, -20.0, 5, True),
            axis("y", units, 0.035, 0.0, 8, False),
            axis(name, units, scale, 0.0, 7, False),
        ]

    return make


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_one("kx", "1 / nm"), "diffraction patterns"),
        (_one("x", "mrad"), "diffraction patterns"),
        (_one("x", "nm", 0.045), "pixels of 0.45 x 0.35"),
        (lambda: (COUNTS.astype(complex), tilt_axes(COUNTS.shape)), "complex numbers"),
        (
            lambda: (COUNTS, [axis("z", "nm", 0.035, 0.0, 5, True), *tilt_axes((5, 8, 7))[1:]]),
            "a volume",
        ),
        (
            lambda: (COUNTS, [*(a | {"navigate": True} for a in tilt_axes((5, 8, 7))[:2]),
                              axis("E", "eV", 1.0, 0.0, 7, False)]),
            "spectra",
        ),
        (
            lambda: (np.zeros((5, 2, 8, 7)), [axis("a", "", 1.0, 0.0, 5, True),
                                              axis("b", "", 1.0, 0.0, 2, True),
                                              *tilt_axes((5, 8, 7))[1:]]),
            "one axis of tilts",
        ),
    ],
)  # fmt: skip
def test_what_is_no_series_of_images(tmp_path, make, message):
    path = written(tmp_path / "s.hspy", "hspy", signal(*make()))
    with pytest.raises(DataFileError, match=message) as error:
        read_other(path).pixel_size  # noqa: B018  (decided when it is needed)
    assert "\n" not in str(error.value)


def test_given_pixel_size_needs_no_possible_one(tmp_path):
    path = written(tmp_path / "s.hspy", "hspy", signal(*_one("x", "nm", 0.045)()))
    assert read_foreign_series(path, need_size=False).pixel_size is None


def test_volume_of_another_program(tmp_path):
    volume = np.random.default_rng(2).random((4, 8, 7)).astype(np.float32)  # z, y, x
    axes = [
        axis(name, "nm", 0.05, offset, size, name == "z")
        for name, offset, size in (("z", -0.1, 4), ("y", 0.2, 8), ("x", 0.3, 7))
    ]
    path = written(tmp_path / "v.hspy", "hspy", signal(volume, axes))
    read = read_volume(path)
    np.testing.assert_array_equal(read.array, volume.transpose())
    assert read.voxel_size == pytest.approx(0.5, rel=ROUNDED)
    np.testing.assert_allclose(read.origin, [3, 2, -1], rtol=ROUNDED)
    assert read.name == str(path)
    axes[0]["scale"] = 0.1
    path = written(tmp_path / "v.hspy", "hspy", signal(volume, axes))
    with pytest.raises(DataFileError, match="--pixel-size"):
        read_volume(path)
    assert read_volume(path, voxel_size=0.5).voxel_size == 0.5


def test_header_that_promises_too_much(tmp_path):
    """10^12 voxels are refused before they are allocated, also where chunks are missing."""
    import h5py

    axes = [axis(name, "nm", 0.05, 0.0, 10**4, name == "z") for name in "zyx"]
    path = tmp_path / "v.hspy"
    with h5py.File(path, "w") as handle:
        handle.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.3"})
        group = handle.create_group("Experiments/v")
        group.create_dataset("data", (10**4,) * 3, np.float32, chunks=(1, 100, 100), compression=1)
        group["data"][0, :100, :100] = 1
        for index, one in enumerate(axes):
            group.create_group(f"axis-{index}").attrs.update(one)
        for name in ("metadata", "original_metadata"):
            group.create_group(name)
    for read in (read_volume, read_other):
        with pytest.raises(DataFileError, match=r"10000 x 10000 x 10000 values \(4 TB\)"):
            read(path)
    axes = [axis("dy", "cm", 0.1, 0.0, 7, False), axis("dx", "cm", 0.1, 0.0, 7, False)]
    content = signal(COUNTS[:, :7, :7], [axis("x", "nm", 1.0, 0.0, 5, True), *axes])
    path = written(tmp_path / "p.blo", "blockfile", content)
    for place, found in ((20, "5 x 1 patterns of 65535 x 65535"), (26, "5 x 65535 patterns")):
        damaged = bytearray(path.read_bytes())
        damaged[place : place + 2] = b"\xff\xff"  # DP_SZ, NY
        (tmp_path / "q.blo").write_bytes(damaged)
        with pytest.raises(DataFileError, match=found):
            read_other(tmp_path / "q.blo")


def test_texts_that_promise_too_much(tmp_path):
    """The HDF5 library would allocate the 4 GB."""
    path = written(tmp_path / "s.hspy", "hspy", signal(COUNTS, tilt_axes(COUNTS.shape)))
    content = bytearray(path.read_bytes())
    place = content.index(b"GCOL")
    content[place + 8 : place + 16] = (4 * 10**9).to_bytes(8, "little")
    path.write_bytes(content)
    with pytest.raises(DataFileError, match=r"texts of 4 GB in a file of \d"):
        read_other(path)


@pytest.mark.parametrize("keep", [0, 10, 300, 0.5, 0.95])
def test_damaged_file_is_one_line(tmp_path, keep):
    path = written(tmp_path / "s.hspy", "hspy", signal(COUNTS, tilt_axes(COUNTS.shape)))
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if keep < 1 else int(keep)])
    with pytest.raises(DataFileError) as error:
        read_other(path)
    assert "\n" not in str(error.value)


def test_missing_file_and_unknown_type(tmp_path):
    with pytest.raises(DataFileError, match="no such file"):
        read_other(tmp_path / "none.hspy")
    (tmp_path / "x.docx").write_bytes(b"")
    with pytest.raises(DataFileError, match=r"type \.docx"):
        read_other(tmp_path / "x.docx")


def test_missing_library_names_the_extra(tmp_path, monkeypatch):
    path = tmp_path / "x.mib"
    path.write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "rsciio", None)
    with pytest.raises(MissingDependencyError, match=r"\.mib.*aet-port\[formats\]"):
        read_other(path)


def test_known_suffixes_are_those_of_the_library():
    plugins = pytest.importorskip("rsciio").IO_PLUGINS
    assert set(OTHER_SUFFIXES) <= {
        f".{word.lower()}" for one in plugins for word in one["file_extensions"]
    }


# Our own readers, which need no RosettaSciIO, against it.


def test_tiff_with_scale(tmp_path):
    path = written(tmp_path / "s.tif", "tiff", signal(COUNTS, tilt_axes(COUNTS.shape)))
    raw = read_tiff_frames(path)
    np.testing.assert_array_equal(raw.images, COUNTS.transpose(0, 2, 1))
    assert raw.pixel_size == pytest.approx(PIXEL, rel=ROUNDED)


def test_berkeley_emd(tmp_path):
    """Each axis has its two first values, as the format allows."""
    path = written(tmp_path / "s.emd", "emd", signal(COUNTS, tilt_axes(COUNTS.shape)))
    raw = read_emd(path)
    np.testing.assert_array_equal(raw.images, COUNTS.transpose(0, 2, 1))
    np.testing.assert_allclose(raw.tilt_angles(), THETA, rtol=0, atol=1e-12)
    assert raw.pixel_size == pytest.approx(PIXEL, rel=ROUNDED)


@pytest.mark.parametrize("names", [("", "", ""), ("tilt", "y", "x")])
@pytest.mark.parametrize("first", [0, 2])
def test_berkeley_emd_as_rosettasciio_reads_it(tmp_path, names, first):
    """Series and images, with or without names, by its own reader of its own files."""
    axes = [one | {"name": name} for one, name in zip(tilt_axes(COUNTS.shape), names, strict=True)]
    for one in axes if not names[0] else ():
        one["units"] = ""
    data = COUNTS if first == 0 else COUNTS[0]
    path = written(tmp_path / "s.emd", "emd", signal(data, axes if first == 0 else axes[1:]))
    theirs = np.asarray(_theirs("emd", path)["data"])
    np.testing.assert_array_equal(theirs, data)
    ours = read_emd(path).images
    np.testing.assert_array_equal(ours, theirs.reshape(-1, 8, 7).transpose(0, 2, 1))


def test_bytes_like_the_address_of_a_heap_are_no_references(tmp_path):
    """Zeros of these shapes were refused, by numbers in the index of the chunks."""
    for count in range(1, 12):
        data = np.zeros((5, count, 8, 7))
        axes = [axis(name, "", 1.0, 0.0, size, True) for name, size in (("a", 5), ("b", count))]
        axes += tilt_axes(COUNTS.shape)[1:]
        path = written(tmp_path / "s.hspy", "hspy", signal(data, axes))
        check_heaps(path)


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.uint16, np.float32])
def test_mrc_as_rosettasciio_reads_it(tmp_path, kind):
    with mrcfile.new(tmp_path / "s.mrc") as mrc:
        mrc.set_data(np.clip(COUNTS, 0, 100).astype(kind))
        mrc.set_image_stack()
        mrc.voxel_size = PIXEL
    theirs = _theirs("mrc", tmp_path / "s.mrc")
    ours = read_mrc_frames(tmp_path / "s.mrc")
    np.testing.assert_array_equal(ours.images, theirs["data"].transpose(0, 2, 1))
    assert ours.pixel_size == pytest.approx(10 * theirs["axes"][-1]["scale"], rel=ROUNDED)


def test_ser_as_rosettasciio_reads_it(tmp_path):
    from tests.io.test_ser import ser_bytes

    images = [np.ascontiguousarray(one.astype(np.uint16)) for one in COUNTS]
    (tmp_path / "s_1.ser").write_bytes(ser_bytes(images))
    theirs = _theirs("tia", tmp_path / "s_1.ser")
    ours = read_ser(tmp_path / "s_1.ser")
    np.testing.assert_array_equal(ours.images, np.asarray(theirs["data"]).transpose(0, 2, 1))
    assert theirs["axes"][-1]["units"] == "nm"
    assert ours.pixel_size == pytest.approx(10 * theirs["axes"][-1]["scale"], rel=1e-6)


def _theirs(plugin: str, path: Path) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"rsciio.{plugin}").file_reader(str(path))[0]


def test_hyperspy_reads_what_we_write(tmp_path):
    hs = pytest.importorskip("hyperspy.api")
    from aet_port import TiltSeries
    from aet_port.io import write_hyperspy

    series = TiltSeries(COUNTS.transpose(0, 2, 1), THETA, PIXEL, name="ours")
    for suffix in (".hspy", ".zspy"):
        loaded = hs.load(str(write_hyperspy(tmp_path / f"s{suffix}", series)))
        np.testing.assert_array_equal(loaded.data, COUNTS)
        assert loaded.metadata.General.title == "ours"
        tilt, x, y = (*loaded.axes_manager.navigation_axes, *loaded.axes_manager.signal_axes)
        np.testing.assert_array_equal(tilt.axis, THETA)
        assert (x.units, x.size, y.size) == ("nm", 7, 8)
        assert x.scale == pytest.approx(0.035, rel=1e-12)
        assert json.loads(bytes(loaded.metadata.aet_port.record))["name"] == "ours"
