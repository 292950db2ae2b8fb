"""MATLAB files: versions, objects, orientation, and files that are not what they should be."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aet_port.core.errors import DataFileError, InputError
from aet_port.io import mat_files, matlab


def write_v73(path: Path, groups: dict) -> Path:
    """A version 7.3 file as MATLAB lays it out: user block, transposed arrays, class attributes."""

    def put(parent: h5py.Group, name: str, value: object) -> None:
        if isinstance(value, dict):
            group = parent.create_group(name)
            group.attrs["MATLAB_class"] = np.bytes_("struct")
            for key, item in value.items():
                put(group, key, item)
            return
        if isinstance(value, str):
            codes = np.array([[ord(letter)] for letter in value], dtype=np.uint16)
            item = parent.create_dataset(name, data=codes)
            item.attrs["MATLAB_class"] = np.bytes_("char")
            item.attrs["MATLAB_int_decode"] = np.int32(2)
            return
        array = np.asarray(value)
        kind = {"float32": "single", "float64": "double", "bool": "logical"}[array.dtype.name]
        stored = array.astype(np.uint8) if kind == "logical" else array
        item = parent.create_dataset(name, data=stored.T)
        item.attrs["MATLAB_class"] = np.bytes_(kind)
        if kind == "logical":
            item.attrs["MATLAB_int_decode"] = np.int32(1)

    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in groups.items():
            put(file, name, value)
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM"
    with open(path, "r+b") as handle:
        handle.write(header)
    return path


@pytest.fixture
def stack() -> np.ndarray:
    """Images (nx, ny, n) = (3, 4, 5) in MATLAB's orientation; the value tells its place."""
    x, y, n = np.meshgrid(range(3), range(4), range(5), indexing="ij")
    return (100.0 * n + 10 * x + y).astype(np.float32)


@pytest.mark.parametrize("version", ["5", "7", "7.3"])
def test_images_are_turned_once_in_every_version(tmp_path, stack, version):
    path = tmp_path / "projections.mat"
    if version == "7.3":
        write_v73(path, {"Projs": stack})
    else:
        scipy.io.savemat(path, {"Projs": stack}, do_compression=version == "7")
    images = matlab.read_images(path)
    assert images.shape == (5, 3, 4)
    assert images.dtype == np.float32
    assert images.flags.c_contiguous
    assert images[4, 2, 3] == 423  # image 4, x = 2, y = 3


def test_single_image_is_taken_when_named(tmp_path):
    path = tmp_path / "one.mat"
    scipy.io.savemat(path, {"Projs": np.arange(12.0).reshape(3, 4)})
    assert matlab.read_images(path, "Projs").shape == (1, 3, 4)
    with pytest.raises(DataFileError, match=r"Projs 3x4.*name the variable"):
        matlab.read_images(path)


def test_v73_structures_text_and_logicals(tmp_path):
    mask = np.zeros((2, 3, 4), dtype=bool)
    mask[1, 2, 3] = True
    path = write_v73(
        tmp_path / "all.mat",
        {"para": {"CropCen": np.ones((2, 3)), "title": "film"}, "mask": mask, "word": "single"},
    )
    found = matlab.read_variables(path)
    assert found["word"] == "single"
    assert found["para"]["title"] == "film"
    assert found["para"]["CropCen"].shape == (2, 3)
    assert found["mask"].dtype == bool
    np.testing.assert_array_equal(found["mask"], mask)
    np.testing.assert_array_equal(matlab.read_volume_array(path), mask)


def test_v5_structures_cells_text_and_logicals(tmp_path):
    path = tmp_path / "all.mat"
    cells = np.empty((1, 2), dtype=object)
    cells[0, 0], cells[0, 1] = np.arange(3.0), "b"
    rows = np.array([[(1.0,)], [(2.0,)]], dtype=[("a", object)])
    scipy.io.savemat(
        path,
        {"s": {"inner": {"x": np.eye(2)}, "w": "text"}, "c": cells, "l": np.eye(2) > 0, "r": rows},
    )
    found = matlab.read_variables(path)
    assert found["s"]["w"] == "text"
    np.testing.assert_array_equal(found["s"]["inner"]["x"], np.eye(2))
    np.testing.assert_array_equal(found["c"][0, 0], [[0, 1, 2]])
    assert found["c"][0, 1] == "b"
    assert found["l"].dtype == bool
    assert [row["a"].item() for row in found["r"].reshape(-1)] == [1, 2]
    np.testing.assert_array_equal(matlab.read_array(path, "s.inner.x"), np.eye(2))
    assert list(matlab.read_variables(path, ["l"])) == ["l"]


def test_big_endian_file_comes_in_native_order(tmp_path):
    # Hand-made version 5 file of one double 2 x 2 written on a big-endian machine.
    numbers = np.array([1.0, 2, 3, 4], dtype=">f8").tobytes()
    parts = (
        np.array([6, 8, 6, 0], dtype=">u4").tobytes()
        + np.array([5, 8, 2, 2], dtype=">u4").tobytes()
        + np.array([1, 1], dtype=">u4").tobytes()
        + b"a".ljust(8, b"\0")
        + np.array([9, 32], dtype=">u4").tobytes()
        + numbers
    )
    header = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + b"\x01\x00MI"
    path = tmp_path / "old.mat"
    path.write_bytes(header + np.array([14, len(parts)], dtype=">u4").tobytes() + parts)
    array = matlab.read_array(path)
    assert array.dtype == np.dtype("=f8")
    np.testing.assert_array_equal(array, [[1, 3], [2, 4]])


def test_wrong_and_ambiguous_variables_are_named(tmp_path, stack):
    path = tmp_path / "two.mat"
    scipy.io.savemat(path, {"a": stack, "b": stack, "angles": np.ones((5, 3)), "n": 5})
    with pytest.raises(DataFileError, match=r"no variable 'Projs'.*a 3x4x5, b 3x4x5.*angles 5x3"):
        matlab.read_images(path, "Projs")
    with pytest.raises(DataFileError, match=r"2 that fit.*name the variable"):
        matlab.read_images(path)
    with pytest.raises(DataFileError, match=r"shape \(3, 4, 5\)"):
        matlab.read_positions(path, "a")
    assert matlab.read_angles(path).shape == (5, 3)
    assert matlab.read_images(path, "b").shape == (5, 3, 4)
    with pytest.raises(DataFileError, match=r"3 that fit.*name the variable"):
        matlab.read_array(path)
    scipy.io.savemat(path, {"angles": np.ones((5, 3)), "n": 5})
    assert matlab.read_array(path).shape == (5, 3)  # the scalar does not compete


def test_numbers_must_be_real(tmp_path):
    path = tmp_path / "complex.mat"
    scipy.io.savemat(path, {"a": np.full((2, 2, 2), 1 + 1j)})
    with pytest.raises(DataFileError, match=r"complex128.*real numbers"):
        matlab.read_volume_array(path)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_angles_keep_their_precision_and_lists_become_theta(tmp_path, dtype):
    table = np.arange(15).reshape(5, 3).astype(dtype)
    for shape in [(5, 1), (1, 5)]:
        scipy.io.savemat(tmp_path / "list.mat", {"ang": table[:, 1].reshape(shape)})
        theta = matlab.read_angles(tmp_path / "list.mat")
        assert theta.dtype == dtype
        np.testing.assert_array_equal(theta[:, 1], table[:, 1])
        assert not theta[:, [0, 2]].any()
    scipy.io.savemat(tmp_path / "angles.mat", {"ang": table})
    assert matlab.read_angles(tmp_path / "angles.mat").dtype == dtype
    np.testing.assert_array_equal(matlab.read_angles(tmp_path / "angles.mat"), table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.ones((3, 5)), "transpose"),
        (np.ones((5, 2)), "one row"),
        (np.full((5, 3), np.nan), "NaN or infinity in row 0"),
        (np.ones((5, 3)) * 1j, "real numbers"),
    ],
)
def test_wrong_angles_are_refused(tmp_path, table, message):
    path = tmp_path / "angles.mat"
    scipy.io.savemat(path, {"ang": table})
    with pytest.raises(DataFileError, match=message) as caught:
        matlab.read_angles(path, "ang")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_positions_and_per_atom_numbers(tmp_path, dtype):
    path = tmp_path / "model.mat"
    model = np.arange(12).reshape(3, 4).astype(dtype)
    scipy.io.savemat(path, {"model": model, "order": np.arange(4.0).reshape(1, 4)})
    positions = matlab.read_positions(path)
    assert positions.dtype == dtype
    np.testing.assert_array_equal(positions, model.T)
    np.testing.assert_array_equal(matlab.read_per_atom(path), np.arange(4.0))
    scipy.io.savemat(path, {"TotPosArr": model.T})  # the film paper's peaks are N x 3
    np.testing.assert_array_equal(matlab.read_positions(path), model.T)


def test_volume_prefers_the_reconstruction(tmp_path):
    path = tmp_path / "result.mat"
    volume = np.arange(24.0).reshape(2, 3, 4)
    obj = {"reconstruction": volume, "InputProjections": np.zeros((2, 3, 5))}
    scipy.io.savemat(path, {"obj": obj, "Projs": np.zeros((2, 3, 5))})
    np.testing.assert_array_equal(matlab.read_volume_array(path), volume)
    np.testing.assert_array_equal(matlab.read_volume_array(path, "obj"), volume)
    assert matlab.read_images(path).shape == (5, 2, 3)


def test_sub_area_table(tmp_path):
    path = tmp_path / "alignPara.mat"
    centres = np.arange(6.0).reshape(2, 3)
    scipy.io.savemat(path, {"CropCen": centres, "CropHalf": centres + 1})
    table = matlab.read_sub_area_table(path)
    np.testing.assert_array_equal(table.centres, centres)
    np.testing.assert_array_equal(table.half_widths, centres + 1)
    scipy.io.savemat(path, {"CropCen": centres, "CropHalf": centres[:1]})
    with pytest.raises(DataFileError, match=r"CropCen \(2, 3\) and CropHalf \(1, 3\)"):
        matlab.read_sub_area_table(path)
    scipy.io.savemat(path, {"CropCen": centres})
    with pytest.raises(DataFileError, match="CropHalf, n x 3"):
        matlab.read_sub_area_table(path)


@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_files_are_refused_at_every_length(tmp_path, compressed):
    path = tmp_path / "whole.mat"
    noise = np.random.default_rng(1).normal(size=(4, 5, 6))
    scipy.io.savemat(path, {"Projs": noise, "w": {"a": "text"}}, do_compression=compressed)
    whole = path.read_bytes()
    half = tmp_path / "half.mat"
    first_variable = 128 + 8 + int(np.frombuffer(whole[132:136], dtype="<u4")[0])
    for length in [*range(0, len(whole), 13), len(whole) - 1]:
        half.write_bytes(whole[:length])
        if length in (128, first_variable):
            continue  # a whole file of fewer variables
        with pytest.raises(DataFileError) as caught:
            matlab.read_variables(half)
        assert "\n" not in str(caught.value)
        assert "Traceback" not in str(caught.value)


def test_truncated_v73_is_refused(tmp_path):
    path = write_v73(tmp_path / "whole.mat", {"Projs": np.ones((40, 50, 6))})
    path.write_bytes(path.read_bytes()[:40000])
    with pytest.raises(DataFileError, match="unreadable contents"):
        matlab.read_images(path)


@pytest.mark.parametrize("contents", [b"", b"\x00" * 4096, b"hello", b"\x89PNG\r\n" * 100])
def test_foreign_files_are_refused(tmp_path, contents):
    path = tmp_path / "foreign.mat"
    path.write_bytes(contents)
    with pytest.raises(DataFileError, match="no MATLAB header"):
        matlab.read_variables(path)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataFileError, match="no such file"):
        matlab.read_images(tmp_path / "none.mat")
    with pytest.raises(DataFileError, match="a folder"):
        matlab.read_images(tmp_path)


def test_a_variable_stored_twice_is_refused(tmp_path):
    """None of the two must vanish."""
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"a": np.eye(2)})
    whole = path.read_bytes()
    body = whole[128:]
    path.write_bytes(whole + body)  # the same variable twice; the first would be lost
    with pytest.raises(DataFileError, match=r"a \(stored 2 times\)"):
        matlab.read_array(path)


@settings(max_examples=50)  # files take their time on a busy machine
@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.uint16, np.int32, np.bool_]),
        hnp.array_shapes(min_dims=3, max_dims=3, max_side=5),
    )
)
def test_images_round_trip(tmp_path_factory, images):
    path = tmp_path_factory.mktemp("io") / "images.mat"
    matlab.write_images(path, images)
    again = matlab.read_images(path, "projections")
    assert again.dtype == images.dtype
    np.testing.assert_array_equal(again, images)
    stored = scipy.io.loadmat(path)["projections"]
    assert stored.shape == (*images.shape[1:], len(images))
    np.testing.assert_array_equal(stored[:, :, -1], images[-1])


def test_written_files_are_equal_byte_for_byte_and_whole(tmp_path, monkeypatch):
    volume = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    first = matlab.write_volume(tmp_path / "a.mat", volume, note="text", step=0.5)
    monkeypatch.setattr("time.asctime", lambda *_: "another time")
    second = matlab.write_volume(tmp_path / "b.mat", volume, note="text", step=0.5)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[:19] == b"MATLAB 5.0 MAT-file"
    np.testing.assert_array_equal(matlab.read_volume_array(first), volume)
    assert matlab.read_variables(first)["note"] == "text"
    matlab.write_positions(tmp_path / "m.mat", np.arange(6.0).reshape(2, 3))
    assert scipy.io.loadmat(tmp_path / "m.mat")["model"].shape == (3, 2)


def test_large_variables_go_to_v73(tmp_path, monkeypatch):
    monkeypatch.setattr(mat_files, "V7_LIMIT", 1000)
    volume = np.random.default_rng(0).normal(size=(9, 10, 11)).astype(np.float32)
    paths = [matlab.write_volume(tmp_path / name, volume, size=2.0) for name in ("a.mat", "b.mat")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes()[:19] == b"MATLAB 7.3 MAT-file"
    with h5py.File(paths[0]) as file:
        assert file["reconstruction"].shape == (11, 10, 9)
    again = matlab.read_volume_array(paths[0])
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again, volume)


@pytest.mark.parametrize(
    "variables", [{"1a": 1}, {"_a": 1}, {"a" * 64: 1}, {"a": None}, {"a": object()}]
)
def test_what_matlab_cannot_hold_is_refused(tmp_path, variables):
    with pytest.raises(InputError):
        matlab.write_mat(tmp_path / "a.mat", variables)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.reference
def test_saved_reconstruction_object(reference):
    path = reference("AET-MetallicGlass", "2_RESIRE_package", "output", "sample_amorphous_res.mat")
    volume = matlab.read_volume_array(path)
    assert volume.shape == (64, 64, 64)
    assert volume.dtype == np.float32
    obj = matlab.read_variables(path)["obj"]
    assert obj["Rarr_record"].shape == (41, 10)
    assert obj["dtype"] == "single"
    np.testing.assert_array_equal(obj["reconstruction"], volume)
    assert matlab.read_array(path, "obj.errR").item() == pytest.approx(0.01104848, abs=1e-8)
    truth = reference(
        "AET-MetallicGlass", "2_RESIRE_package", "output", "ground_truth_amorphous_vol.mat"
    )
    # The published correlation; a wrong orientation gives less than 0.5.
    assert np.corrcoef(volume.ravel(), matlab.read_volume_array(truth).ravel())[0, 1] > 0.97


@pytest.mark.reference
def test_array_of_saved_objects(reference):
    path = reference(
        "AET-MetallicGlass", "8_Data_analysis_mro", "output", "mro_list_amorphous_region_075.mat"
    )
    found = matlab.read_variables(path)
    assert found["network_grid"].shape == (1, 427)
    first = found["network_grid"][0, 0]
    assert first["grid_pts"].shape == (23, 7)
    assert found["network_arr"][0, 0].shape == (23, 1)


@pytest.mark.reference
def test_ta_film_files(reference):
    film = ("AET-AmorphousMaterials", "1_Measured_data", "Ta_film")
    sub = "Sub_area_projections_for_sAET"
    table = matlab.read_sub_area_table(reference(*film, sub, "alignPara.mat"))
    assert table.centres.shape == table.half_widths.shape == (65, 3)
    images = matlab.read_images(reference(*film, sub, "Projections_area17.mat"))
    assert images.shape == (46, 151, 77)
    assert (2 * table.half_widths[16, :2] + 1).tolist() == [151, 77]
    angles = matlab.read_angles(reference(*film, "angles.mat"))
    assert angles.shape == (46, 3)
    assert angles.dtype == np.float32
    out = (
        "AET-AmorphousMaterials",
        "2_RESIRE_package",
        "Output",
        "Ta_film_sub_area_reconstruction",
    )
    assert matlab.read_volume_array(reference(*out, "ReconObj_sub17.mat")).shape == (151, 77, 151)
    motifs = ("AET-AmorphousMaterials", "7_Data_analysis", "Input", "Ta_film")
    found = matlab.read_variables(reference(*motifs, "Polytetrahedral_motifs_delta_0.255.mat"))
    assert found["shp"]["Points"].shape == (8284, 3)
    assert found["data"]["model"].shape == (3, 8284)
