"""What stands beside the arrays in a MATLAB file, and which array is meant."""

from __future__ import annotations

import warnings
import zlib
from enum import Enum
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse

from aet_port.core.errors import DataFileError
from aet_port.io import mat_files, matlab, read_tilt_series, read_volume
from aet_port.io.mat_objects import _plain
from aet_port.io.mat_values import Unread
from tests.io.mat_elements_written import (
    CELL,
    DOUBLE,
    double,
    element,
    handle,
    matrix,
    numbers,
    opaque,
    structure,
    write_v5,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # mat-io sets options of pandas
    import matio
    from matio.utils.matclass import (
        MatlabContainerMap,
        MatlabEnumerationArray,
        MatlabOpaque,
        MatlabOpaqueArray,
    )

SCIPY_FILES = Path(scipy.io.matlab.__file__).parent / "tests" / "data"
TEXT = np.dtypes.StringDType()


@pytest.fixture
def stack() -> np.ndarray:
    """Images (nx, ny, n) = (3, 4, 5) in MATLAB's orientation; the value tells its place."""
    x, y, n = np.meshgrid(range(3), range(4), range(5), indexing="ij")
    return (100.0 * n + 10 * x + y).astype(np.float32)


def with_objects(path: Path, version: str, **variables: Any) -> Path:
    """A file with objects, written by mat-io."""
    matio.save_to_mat(path, variables, version=version)
    return path


@pytest.mark.parametrize("version", ["v7", "v7.3"])
def test_strings_and_objects_beside_the_arrays_do_not_matter(tmp_path, stack, version):
    note = np.array(["grid 3", "b"], dtype=TEXT)
    time = pd.to_datetime(["2020-01-01", "2020-01-02"])
    path = with_objects(
        tmp_path / "all.mat",
        version,
        projections=stack,
        angles=np.arange(5.0)[:, None],
        note=note,
        one=note[:1],
        s={"note": note[:1], "x": np.eye(2)},
        cells=np.array([[1.0, "text", note[:1]]], dtype=object),
        table=pd.DataFrame({"theta": [-3.0, 0.0, 3.0], "file": ["a", "b", "c"]}),
        timetable=pd.DataFrame({"dose": [1.0, 2.0]}, index=time),
        zoned=np.array(["2020-01-01"], dtype="M8[ms]"),
        category=pd.Categorical(["a", "b", "a"]),
        map=MatlabContainerMap({"k": np.eye(2), "note": note[:1]}),
        user=MatlabOpaque({"reconstruction": np.full((2, 2, 2), 3.0), "word": "w"}, "RESIRE"),
    )
    series = read_tilt_series(path, path, pixel_size=0.5)
    np.testing.assert_array_equal(series.images, np.moveaxis(stack, 2, 0))
    np.testing.assert_array_equal(series.angles[:, 1], np.arange(5.0))
    found = mat_files.read_variables(path)
    assert found["one"] == found["s"]["note"] == found["map"]["note"] == "grid 3"
    assert found["note"].ravel().tolist() == ["grid 3", "b"]
    assert found["cells"][0, 1:].tolist() == ["text", "grid 3"]
    assert found["category"].ravel().tolist() == ["a", "b", "a"]
    assert found["table"]["file"].tolist() == ["a", "b", "c"]
    assert found["user"]["word"] == "w"
    np.testing.assert_array_equal(matlab.read_angles(path, "table.theta")[:, 1], [-3, 0, 3])
    np.testing.assert_array_equal(matlab.read_volume_array(path), np.full((2, 2, 2), 3.0))


@pytest.mark.parametrize(
    ("variable", "kind"),
    [
        (handle(structure({"f": double([[1]])}), "extra"), "function handle"),
        (handle(handle(handle(structure({"f": double([[1]])}))), "extra"), "function handle"),
        (handle(b"", "extra"), "function handle"),
        (opaque("java", "java.io.File", double([[1, 2]]), "extra"), "java.io.File"),
        (opaque("handle", "COM.Excel", double([[1, 2]]), "extra"), "COM.Excel"),
        # Without the data of objects that belong to it.
        (opaque("MCOS", "timetable", double([[1]]), "extra"), "timetable"),
    ],
)
def test_handles_are_named_and_left_out(tmp_path, stack, variable, kind):
    whole = double(stack, "projections")
    path = write_v5(tmp_path / "a.mat", variable, whole, double([[1], [2], [3], [4], [5]], "ang"))
    assert matlab.read_images(path).shape == (5, 3, 4)
    assert matlab.read_angles(path).shape == (5, 3)
    assert mat_files.read_variables(path)["extra"].kind == kind
    with pytest.raises(DataFileError, match=rf"extra, a {kind}, but.*projections 3x4x5"):
        matlab.read_images(path, "extra")


def test_handles_in_a_v73_file(tmp_path, stack):
    path = with_objects(tmp_path / "a.mat", "v7.3", projections=stack)
    with h5py.File(path, "r+") as file:
        group = file.create_group("fit")
        group.attrs["MATLAB_class"] = np.bytes_("function_handle")
        group.attrs["MATLAB_object_decode"] = np.int32(1)
        group["self"] = h5py.SoftLink("/fit")  # a handle that holds itself
        java = file.create_dataset("java", data=np.zeros((1, 6), dtype=np.uint32))
        java.attrs["MATLAB_class"] = np.bytes_("java.io.File")
        java.attrs["MATLAB_object_decode"] = np.int32(3)
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/x")
        file["plain"] = np.zeros(3)
    with pytest.warns(UserWarning, match=r"left out: elsewhere \(a link instead"):
        assert matlab.read_images(path).shape == (5, 3, 4)
    found = mat_files.read_variables(path)
    assert found["fit"] == Unread("function handle")
    assert found["java"].kind == "java.io.File"
    assert isinstance(found["plain"], Unread)


class Value(dict):
    """Properties of a member of an enumeration, which Python wants to tell apart."""

    __hash__ = object.__hash__  # type: ignore[assignment]
    __eq__ = object.__eq__


@pytest.mark.parametrize("version", ["v7", "v7.3"])
def test_arrays_of_objects_and_enumerations(tmp_path, stack, version):
    nodes = np.empty((1, 2), dtype=object)
    nodes[0, 0], nodes[0, 1] = (MatlabOpaque({"x": np.eye(n)}, "Node") for n in (2, 3))
    colour = Enum("Colour", {"Red": Value(v=np.eye(1)), "Blue": Value(v=np.eye(2))})  # type: ignore[misc]
    colours = np.array([list(colour)], dtype=object)
    path = with_objects(
        tmp_path / "a.mat",
        version,
        nodes=MatlabOpaqueArray(nodes, "Node"),
        colours=MatlabEnumerationArray(colours, "Colour"),
        projections=stack,
    )
    assert matlab.read_images(path).shape == (5, 3, 4)
    found = mat_files.read_variables(path)
    assert [len(node["x"]) for node in found["nodes"].flat] == [2, 3]
    # mat-io fails to make an enumeration of members with properties.
    assert found["colours"].kind == "Colour"
    assert matlab.read_array(path, "nodes(2).x").shape == (3, 3)


def test_objects_that_contain_each_other(tmp_path):
    first = MatlabOpaque({"x": np.eye(2)}, "Node")
    second = MatlabOpaque({"back": first}, "Node")
    first.properties["next"] = second
    found = _plain(first, ())
    np.testing.assert_array_equal(found["x"], np.eye(2))
    assert isinstance(found["next"]["back"], Unread)


def test_deep_structures_are_bounded(tmp_path):
    inner = double([[7.0]])
    for _ in range(20):
        inner = structure({"a": inner})
    deep = inner
    for _ in range(2000):
        deep = element(
            14, numbers([CELL, 0], "u4") + numbers([1, 1], "i4") + element(1, b"") + deep
        )
    path = write_v5(
        tmp_path / "a.mat", structure({"a": inner}, "s"), matrix(CELL, (1, 1), deep, name="d")
    )
    with pytest.warns(UserWarning, match=r"left out: d \(more than 64"):
        found = mat_files.read_variables(path)
    assert matlab.read_array(path, "s" + ".a" * 21) == 7
    assert list(found) == ["s"]


@pytest.mark.parametrize("compressed", [False, True])
def test_a_damaged_variable_does_not_affect_the_others(tmp_path, stack, compressed):
    path = tmp_path / "a.mat"
    sound, bad = double(stack, "projections"), double(np.eye(3), "other")
    bad = bad.replace(np.array([3, 3], "<i4").tobytes(), np.array([3, 9], "<i4").tobytes())
    if compressed:
        raw = zlib.compress(double(np.eye(3), "other"))
        bad = element(15, raw[:-1] + bytes([raw[-1] ^ 1]))[: 8 + len(raw)]  # the checksum
    write_v5(path, bad, sound)
    reason = "incorrect data check" if compressed else "9 numbers for an array of 3 x 9"
    with pytest.warns(UserWarning, match=rf"a\.mat: unreadable.*other \(.*{reason}"):
        assert matlab.read_images(path).shape == (5, 3, 4)
    assert list(mat_files.read_variables(path)) == ["projections"]  # said once for each file
    with pytest.raises(DataFileError, match=rf"other \(.*{reason}"):
        matlab.read_array(path, "other")
    with pytest.raises(DataFileError, match=r"unreadable: other"):
        matlab.read_per_atom(path)


def test_the_damaged_variable_is_not_replaced_by_another(tmp_path, stack):
    """Where the damaged one may be meant, no other is taken without being named."""
    bad = matrix(DOUBLE, stack.shape, numbers(stack[:2], "f8"), name="first")
    path = write_v5(tmp_path / "a.mat", bad, double(stack + 1, "second"))
    with pytest.raises(DataFileError, match=r"2 that fit: .*second 3x4x5, first.*--variable NAME"):
        matlab.read_images(path)
    assert matlab.read_images(path, "second")[0, 0, 0] == 1
    write_v5(path, bad, double(np.eye(2), "angles"))
    with pytest.raises(DataFileError, match=r"unreadable variable, first \(40 numbers for"):
        matlab.read_images(path)


def test_cells_of_images_are_a_stack(tmp_path, stack):
    path = tmp_path / "a.mat"
    cells = np.empty((1, 5), dtype=object)
    for n in range(5):
        cells[0, n] = stack[:, :, n]
    angles = np.array([[-6.0, -3.0, 0.0, 3.0, 6.0]]).astype(object)
    scipy.io.savemat(path, {"images": cells, "tilts": angles})
    np.testing.assert_array_equal(matlab.read_images(path), np.moveaxis(stack, 2, 0))
    np.testing.assert_array_equal(matlab.read_angles(path)[:, 1], [-6, -3, 0, 3, 6])
    np.testing.assert_array_equal(matlab.read_images(path, "images{3}")[0], stack[:, :, 2])
    cells[0, 1] = stack[:2, :, 1]
    scipy.io.savemat(path, {"images": cells})
    for name in (None, "images"):
        with pytest.raises(DataFileError, match=r"different sizes \(3x4, 2x4\) in the cells"):
            matlab.read_images(path, name)


def test_cells_of_volumes_and_arrays_of_structures_are_chosen_by_number(tmp_path):
    path = tmp_path / "a.mat"
    cells = np.empty((1, 2), dtype=object)
    cells[0, 0], cells[0, 1] = np.zeros((2, 3, 4)), np.ones((2, 3, 4))
    rows = np.empty((1, 2), dtype=[("volume", object)])
    rows["volume"][0] = cells[0]
    scipy.io.savemat(path, {"v": cells, "s": rows})
    with pytest.raises(DataFileError, match=r"4 that fit.*v\{1\} 2x3x4.*--variable NAME"):
        read_volume(path, 1.0)
    assert read_volume(path, 1.0, "v{2}").array.min() == 1
    assert read_volume(path, 1.0, "s(2).volume").array.min() == 1
    scipy.io.savemat(path, {"v": cells[:, 1:]})
    assert read_volume(path, 1.0).array.min() == 1


@pytest.mark.parametrize("version", ["4", "5", "v7.3"])
def test_sparse_logical_and_scalar_variables(tmp_path, version):
    path = tmp_path / "a.mat"
    full = np.array([[0.0, 2.5, 0], [0, 0, 0], [-1, 0, 3]])
    variables = {"s": scipy.sparse.csc_matrix(full), "n": 4.0, "row": np.arange(3.0)[None]}
    if version == "v7.3":
        with_objects(path, version, **variables | {"l": full > 0})
    else:
        scipy.io.savemat(
            path, variables | ({"l": full > 0} if version == "5" else {}), format=version
        )
    found = mat_files.read_variables(path)
    np.testing.assert_array_equal(found["s"], full)
    assert found["n"] == 4
    assert found["row"].shape == (1, 3)
    if version != "4":
        assert found["l"].dtype == bool
    np.testing.assert_array_equal(matlab.read_images(path, "s"), full[None])


def test_a_sparse_matrix_is_not_expanded_beyond_reason(tmp_path):
    path = tmp_path / "a.mat"
    one = scipy.sparse.csc_matrix(([1.0], ([0], [0])), shape=(10**6, 10**4))
    scipy.io.savemat(path, {"s": one, "x": np.eye(3)})
    found = mat_files.read_variables(path)
    assert found["s"] == Unread("sparse matrix of 1000000 x 10000")
    np.testing.assert_array_equal(found["x"], np.eye(3))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_numbers(tmp_path, stack, dtype):
    path = tmp_path / "a.mat"
    rounding = np.finfo(dtype).eps * stack.max()
    scipy.io.savemat(path, {"p": (stack + 1j * rounding).astype(dtype)})
    with pytest.warns(UserWarning, match="complex numbers without imaginary part"):
        images = matlab.read_images(path)
    np.testing.assert_array_equal(images, np.moveaxis(stack, 2, 0))
    scipy.io.savemat(path, {"p": (stack + 0.5j).astype(dtype)})
    with pytest.raises(DataFileError, match=r"imaginary parts up to 0\.5.*real part"):
        matlab.read_images(path)


def test_version_4_of_either_byte_order(tmp_path):
    path = tmp_path / "a.mat"
    table = np.arange(12.0).reshape(4, 3)
    scipy.io.savemat(path, {"angles": table, "word": "tilts"}, format="4")
    np.testing.assert_array_equal(matlab.read_angles(path), table)
    assert mat_files.read_variables(path)["word"] == "tilts"
    # By hand: doubles of a big-endian machine, then 16-bit integers of it.
    head = np.array([1000, 4, 3, 0, 2], ">i4").tobytes() + b"a\0"
    integers = np.array([1030, 1, 2, 0, 2], ">i4").tobytes() + b"b\0"
    path.write_bytes(
        head + table.astype(">f8").tobytes(order="F") + integers + np.array([7, 8], ">i2").tobytes()
    )
    found = mat_files.read_variables(path)
    np.testing.assert_array_equal(found["a"], table)
    assert found["a"].dtype == np.float64
    assert found["b"].tolist() == [[7, 8]]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataFileError, match="1 bytes too early"):
        mat_files.read_variables(path)


def test_hdf5_that_is_not_of_matlab_is_said(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["x"] = np.eye(2)
    with pytest.raises(DataFileError, match="no MATLAB header but plain HDF5"):
        mat_files.read_variables(tmp_path / "a.mat")


def test_errors_name_the_option(tmp_path, stack):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"a": stack, "b": stack, "t": np.ones((5, 1)), "u": np.ones((5, 1))})
    for reader, option in [
        (matlab.read_images, "--variable NAME, or variable in [input]"),
        (matlab.read_angles, "--angles-variable NAME, or angles_variable in [input]"),
        (matlab.read_volume_array, "--variable NAME"),
        (matlab.read_per_atom, "save('new.mat', 'NAME')"),
    ]:
        for name in (None, "none"):
            with pytest.raises(DataFileError) as caught:
                reader(path, name)
            assert option in str(caught.value)
            assert "\n" not in str(caught.value)


def same(ours: Any, theirs: Any) -> bool:
    """Whether our value of a variable is that of SciPy, apart from the types of numbers."""
    if scipy.sparse.issparse(theirs):
        return np.array_equal(ours, theirs.toarray())
    if isinstance(ours, Unread):
        return isinstance(theirs, scipy.io.matlab.MatlabFunction | scipy.io.matlab.MatlabOpaque)
    if theirs.dtype.names:
        rows = [ours] if isinstance(ours, dict) else list(ours.reshape(-1, order="F"))
        return len(rows) == theirs.size and all(
            list(row) == list(theirs.dtype.names) and all(same(row[k], other[k]) for k in row)
            for row, other in zip(rows, theirs.reshape(-1, order="F"), strict=True)
        )
    if theirs.dtype.kind == "U":
        rows = [ours] if isinstance(ours, str) else ours.reshape(-1, order="F").tolist()
        # SciPy takes text of a length but no letters as blanks.
        return rows in (
            [word.rstrip() for word in theirs.ravel("F")],
            theirs.ravel("F").tolist() or [""],
        )
    if theirs.dtype == object:
        if isinstance(ours, dict):
            return not ours  # a structure without fields
        flat = zip(ours.reshape(-1, order="F"), theirs.reshape(-1, order="F"), strict=True)
        return ours.shape == theirs.shape and all(same(a, b) for a, b in flat)
    return ours.shape == theirs.shape and np.array_equal(ours, theirs, equal_nan=True)


REFUSED = {"malformed1.mat", "debigged_m4.mat"}  # cut off, byte order within changed
OTHERS = {
    "bad_miuint32.mat",  # a size of 2**31 + 1
    "bad_miutf8_array_name.mat",  # SciPy knows no letters outside ASCII in names
    "corrupted_zlib_checksum.mat",
    "corrupted_zlib_data.mat",
    "testhdf5_7.4_GLNX86.mat",  # SciPy does not read 7.3
}


@pytest.mark.skipif(not SCIPY_FILES.is_dir(), reason="SciPy is installed without its test files")
def test_files_of_matlab_that_scipy_ships():
    """Files that MATLAB 4.2 to 8 wrote on several machines: SciPy's reader sees the same."""
    compared = 0
    for path in sorted(SCIPY_FILES.glob("*.mat")):
        if path.name in REFUSED:
            with pytest.raises(DataFileError):
                mat_files.read_contents(path)
            continue
        contents = mat_files.read_contents(path)
        if path.name in OTHERS:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = {k: v for k, v in scipy.io.loadmat(path).items() if not k.startswith("__")}
        assert not contents.faults, path.name
        assert contents.values.keys() | {"None"} >= theirs.keys() - {"__function_workspace__"}
        for name, value in contents.values.items():
            assert same(value, theirs[name if name in theirs else "None"]), (path.name, name)
            compared += 1
    assert compared > 90
