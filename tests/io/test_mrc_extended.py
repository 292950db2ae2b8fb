"""Extended headers of FEI, Agard and SerialEM: angles, pixel size, tilt axis, voltage."""

from __future__ import annotations

import mrcfile.dtypes
import numpy as np
import pytest

from aet_port.core.errors import DataFileError, InputError
from aet_port.io.frames import read_frames
from aet_port.io.image_files import read_raw_images
from tests.io.mrc_files import sections_of, write_mrc_bytes

N = 6
ANGLES = np.array([-60.0, -36, -12, 12, 36, 60])
SECTIONS = sections_of(N, 5, 4)


def fei(kind: bytes, order: str = "<", **values: float) -> bytes:
    """Records laid out by mrcfile, all of whose entries count."""
    table = np.zeros(N, mrcfile.dtypes.get_ext_header_dtype(kind, order))
    table["Metadata size"] = table.dtype.itemsize
    table["Bitmask 1"] = 0xFFFFFFFF
    table["Alpha tilt"] = ANGLES
    for name, value in values.items():
        table[name.replace("_", " ")] = value
    return table.tobytes()


@pytest.mark.parametrize("kind", [b"FEI1", b"FEI2"])
@pytest.mark.parametrize("order", "<>")
def test_fei(tmp_path, kind, order):
    facts = {"Pixel_size_X": 0.35e-10, "Pixel_size_Y": 0.35e-10, "HT": 3e5}
    block = fei(kind, order, Tilt_axis_angle=85.0, **facts)
    path = tmp_path / "s.mrc"
    write_mrc_bytes(path, SECTIONS, pixel=1.0, extended=block, kind=kind, order=order)
    series = read_frames(path)
    assert series.tilt_angles().tolist() == ANGLES.tolist()
    assert series.pixel_size == pytest.approx(0.35, rel=1e-9)
    assert series.voltage == 300
    assert series.tilt_axis == 85  # FEI's sign: IMOD's header prints -85, "Corrected sign"
    np.testing.assert_array_equal(series.stack(), SECTIONS.transpose(0, 2, 1))


def test_entries_of_fei_without_their_bit_do_not_count(tmp_path):
    block = fei(b"FEI1", Bitmask_1=1 << 7, Tilt_axis_angle=85.0, Pixel_size_X=1e-10)
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS, extended=block, kind=b"FEI1")
    raw = read_raw_images(tmp_path / "s.mrc")
    assert raw.tilt_axes == []
    assert raw.pixel_size == 0.5  # that of the header
    block = fei(b"FEI1", Bitmask_1=0)
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS, extended=block, kind=b"FEI1")
    assert read_frames(tmp_path / "s.mrc").angles is None


def test_a_version_of_fei_with_too_large_angles(tmp_path):
    table = np.frombuffer(fei(b"FEI1"), mrcfile.dtypes.get_ext_header_dtype(b"FEI1", "<")).copy()
    table["Application version"] = b"4.4.0.4981"
    table["Alpha tilt"] = np.rad2deg(ANGLES)
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS, extended=table.tobytes(), kind=b"FEI1")
    np.testing.assert_allclose(read_frames(tmp_path / "s.mrc").tilt_angles(), ANGLES)


def old(n: int = 1024, **columns: object) -> bytes:
    """Agard's records of 32 reals, by number of the field."""
    table = np.zeros((n, 32), "<f4")
    for name, values in columns.items():
        table[:N, int(name[1:])] = values
    return table.tobytes()


@pytest.mark.parametrize(
    ("stored", "size"), [(0.5e-10, 0.5), (0.5, 0.5), (0.0, None)]
)  # metres; angstrom (UCSF)
def test_old_records(tmp_path, stored, size):
    path = tmp_path / "s.mrc"
    block = old(_0=ANGLES, _11=stored)
    write_mrc_bytes(path, SECTIONS, pixel=1.0, extended=block)
    if size is None:
        with pytest.raises(InputError, match="--pixel-size"):
            read_frames(path)
    series = read_frames(path, pixel_size=0.5 if size is None else None)
    np.testing.assert_allclose(series.tilt_angles(), ANGLES)
    assert series.pixel_size == pytest.approx(0.5, rel=1e-6)  # single precision
    assert series.tilt_axis is None


@pytest.mark.parametrize(
    ("label", "axis"), [(b"Fei Company (C) Copyright 2003", 80.0), (b"UCSF", -80.0)]
)
def test_sign_of_the_axis_in_old_records(tmp_path, label, axis):
    block = old(_0=ANGLES, _10=80.0)
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS, extended=block, labels=(label,))
    assert read_frames(tmp_path / "s.mrc").tilt_axis == axis


def test_records_of_integers_and_reals(tmp_path):
    table = np.zeros((N, 2 + 14), "<f4")
    table[:, :2] = 7
    table[:, 2], table[:, 2 + 11] = ANGLES, 0.5e-10
    write_mrc_bytes(
        tmp_path / "s.mrc", SECTIONS, pixel=1.0, extended=table.tobytes(), numbers=(2, 14)
    )
    series = read_frames(tmp_path / "s.mrc")
    np.testing.assert_allclose(series.tilt_angles(), ANGLES)
    assert series.pixel_size == pytest.approx(0.5, rel=1e-6)


def test_a_size_that_imod_has_set_wins_over_the_record(tmp_path):
    """Flag 2: of a binned stack the record would be the unbinned size."""
    block = old(_0=ANGLES, _11=0.5e-10)
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS, pixel=1.0, extended=block, imod=2)
    assert read_frames(tmp_path / "s.mrc").pixel_size == 1


def test_sizes_that_contradict_each_other_are_refused(tmp_path):
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS, pixel=0.7, extended=old(_11=0.5e-10))
    with pytest.raises(DataFileError, match=r"0\.5 angstrom in the extended.*--pixel-size"):
        read_frames(tmp_path / "s.mrc")
    with pytest.warns(UserWarning, match=r"0\.7 angstrom given; 0\.5 angstrom in the extended"):
        assert read_frames(tmp_path / "s.mrc", pixel_size=0.7).pixel_size == 0.7


def serialem(flags: int, step: int, order: str = "<") -> dict:
    table = np.zeros((N, step // 2), f"{order}i2")
    if flags & 1:
        table[:, 0] = ANGLES * 100
    return {"extended": table.tobytes(), "numbers": (step, flags), "order": order}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("flags", "step"), [(1, 2), (1 | 4 | 8, 8), (1 | 32, 6), (1, 14)])
def test_serialem(tmp_path, flags, step, order):
    """The last are bytes that no flag explains; ETSpy's test data are of this kind."""
    write_mrc_bytes(tmp_path / "s.st", SECTIONS, **serialem(flags, step, order))
    assert read_frames(tmp_path / "s.st").tilt_angles().tolist() == ANGLES.tolist()


@pytest.mark.parametrize(("flags", "step"), [(4 | 8, 6), (0, 2)])
def test_no_tilt_flag_no_angles(tmp_path, flags, step):
    write_mrc_bytes(tmp_path / "s.st", SECTIONS, **serialem(flags, step))
    assert read_frames(tmp_path / "s.st").angles is None


def test_small_angles_of_a_header_are_degrees(tmp_path):
    facts = serialem(1, 2)
    facts["extended"] = (ANGLES * 2).astype("<i2").tobytes()  # -1.2 to 1.2 degrees
    write_mrc_bytes(tmp_path / "s.st", SECTIONS, **facts)
    np.testing.assert_allclose(read_frames(tmp_path / "s.st").tilt_angles(), ANGLES / 50)


def test_pieces_of_a_montage_are_refused(tmp_path):
    table = np.zeros((N, 4), "<i2")
    table[:, 0] = np.repeat([-300, 0, 300], 2)
    table[:, 1] = [0, 90] * 3
    facts = {"extended": table.tobytes(), "numbers": (8, 1 | 2)}
    write_mrc_bytes(tmp_path / "s.st", SECTIONS, **facts)
    with pytest.raises(DataFileError, match=r"montage of 2 pieces.*blendmont"):
        read_frames(tmp_path / "s.st")
    table[:, 1] = 0
    write_mrc_bytes(tmp_path / "s.st", SECTIONS, **facts | {"extended": table.tobytes()})
    assert len(read_frames(tmp_path / "s.st")) == 3


def test_an_unusable_extended_header_leaves_the_rest(tmp_path):
    block = old(_0=np.nan)
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS, extended=block)
    with pytest.raises(DataFileError, match=r"no angles.*--angles"):
        read_frames(tmp_path / "s.mrc")
    (tmp_path / "s.rawtlt").write_text("\n".join(map(str, ANGLES)))
    with pytest.warns(UserWarning, match="the angles in the extended header not used"):
        series = read_frames(tmp_path / "s.mrc")
    assert series.tilt_angles().tolist() == ANGLES.tolist()
    short = fei(b"FEI1")[:-2000]
    write_mrc_bytes(tmp_path / "s.mrc", SECTIONS, extended=short, kind=b"FEI1")
    with pytest.warns(UserWarning, match="extended header of . sections"):
        read_frames(tmp_path / "s.mrc")
