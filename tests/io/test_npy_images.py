"""Projections in .npy and .npz files: order of the axes, and which array is meant."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from aet_port.core.errors import DataFileError, InputError
from aet_port.io import read_volume
from aet_port.io.arrays import read_npy
from aet_port.io.npy_images import read_npy_images, read_npz


@pytest.fixture
def images() -> np.ndarray:
    """Five images (n, nx, ny) = (5, 3, 4)."""
    return np.arange(60, dtype=np.float32).reshape(5, 3, 4)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<u2", ">i4", "?"])
def test_both_orders_of_the_axes(tmp_path, images, order, dtype):
    path = tmp_path / "p.npy"
    stored = images.astype(dtype)
    np.save(path, np.asarray(stored, order=order))
    np.testing.assert_array_equal(read_npy_images(path), stored)
    np.save(path, np.asarray(np.moveaxis(stored, 0, 2), order=order))
    again = read_npy_images(path, axes="nx,ny,n")
    np.testing.assert_array_equal(again, stored)
    assert again.flags.c_contiguous
    assert again.dtype == np.dtype(dtype).newbyteorder("=")


def test_the_number_of_angles_tells_a_wrong_order(tmp_path, images):
    path = tmp_path / "p.npy"
    np.save(path, np.moveaxis(images, 0, 2))
    with pytest.raises(DataFileError, match=r"3 x 4 x 5 for 5 angles.*--axes nx,ny,n"):
        read_npy_images(path, n_angles=5)
    assert read_npy_images(path, axes="nx,ny,n", n_angles=5).shape == (5, 3, 4)
    assert read_npy_images(path, n_angles=7).shape == (3, 4, 5)  # neither; the caller compares
    np.save(path, images)
    with pytest.raises(DataFileError, match=r"5 x 3 x 4 for 5 angles.*no --axes"):
        read_npy_images(path, axes="nx,ny,n", n_angles=5)
    np.save(path, np.zeros((5, 6, 5)))
    assert read_npy_images(path, n_angles=5).shape == (5, 6, 5)  # both fit: as is said
    with pytest.raises(InputError, match="--axes nx,ny,n"):
        read_npy_images(path, axes="nyx")  # type: ignore[arg-type]
    np.save(path, np.zeros((5, 6)))
    assert read_npy_images(path).shape == (1, 5, 6)  # a single image
    with pytest.raises(DataFileError, match=r"shape \(5, 6\)"):
        read_npy_images(path, n_angles=2)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_with_one_array_or_several(tmp_path, images, save):
    path = tmp_path / "p.npz"
    save(path, any_name=images)
    np.testing.assert_array_equal(read_npy_images(path), images)
    assert read_volume(path, 1.0).shape == images.shape
    save(path, first=images, second=images + 1)
    with pytest.raises(DataFileError, match=r"first, second.*--variable NAME"):
        read_npy_images(path)
    assert read_npy_images(path, name="second")[0, 0, 0] == 1
    assert read_volume(path, 1.0, "second").array[0, 0, 0] == 1
    with pytest.raises(DataFileError, match=r"no array 'third' but the arrays first, second"):
        read_npz(path, "an array", "third")
    path.rename(tmp_path / "p.npy")
    with pytest.raises(DataFileError, match="an archive of several arrays"):
        read_npy(tmp_path / "p.npy", "an array")


def test_damaged_npz(tmp_path, images):
    path = tmp_path / "p.npz"
    np.savez(path, x=images)
    data = bytearray(path.read_bytes())
    data[data.index(images.tobytes()) + 20] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataFileError, match="Bad CRC-32"):
        read_npy_images(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("x.npy", b"")
    with pytest.raises(DataFileError, match="compressed in another way"):
        read_npy_images(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.txt", b"")
    with pytest.raises(DataFileError, match="no array"):
        read_npy_images(path)
