"""What several sources state about one value: one rule for all formats."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aet_port.core.errors import AetError, DataFileError, InputError
from aet_port.io.statements import (
    Stated,
    fitting_angles,
    settled_angles,
    settled_axis,
    settled_size,
    stated,
    why,
)

BAD = DataFileError("s.mdoc", "PixelSpacing 'wide'", "a number")


def unusable(source: str = "s.mdoc") -> Stated:
    return Stated(source, None, BAD)


def test_stated_collects_values_and_problems():
    assert stated("header", lambda: None) == []
    assert stated("header", lambda: 2.0)[0].value == 2

    def fail() -> float:
        raise BAD

    item = stated("s.mdoc", fail)[0]
    assert (item.value, item.problem) == (None, BAD)

    def crash() -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):  # a fault of the program is not a statement
        stated("s.mdoc", crash)


@pytest.mark.parametrize(
    ("statements", "value"),
    [
        ([Stated("header", 0.5)], 0.5),
        ([Stated("mdoc", 0.5), Stated("header", 0.50001)], 0.5),  # rounding
        ([Stated("header", 1.0, certain=False), Stated("mdoc", 0.5)], 0.5),
    ],
)
def test_size_that_is_known(statements, value):
    assert settled_size("s.mrc", statements, None) == value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert settled_size("s.mrc", statements, value) == value


def test_size_that_is_not_known():
    for statements, message in (
        ([], "none in the file.*--pixel-size"),
        ([Stated("header", 1.0, certain=False)], "1 angstrom in the header, which stands.*--pixel"),
        ([unusable()], "PixelSpacing 'wide'.*--pixel-size"),
        ([unusable(), Stated("header", 1.0, certain=False)], "PixelSpacing 'wide'.*--pixel-size"),
        ([Stated("mdoc", 0.5), Stated("header", 0.6)], r"0\.6 ang.*0\.5 angstrom, as in the mdoc"),
    ):
        with pytest.raises(InputError, match=message):
            settled_size("s.mrc", statements, None)
        # Given, it is not looked for.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert settled_size("s.mrc", statements, 0.35) == 0.35


def test_a_given_size_says_what_it_contradicts_once():
    statements = [Stated("mdoc", 0.35), Stated("header", 0.5), Stated("tags", 0.7), unusable()]
    with pytest.warns(UserWarning, match="given") as caught:
        settled_size("s.mrc", statements, 0.35)
    assert [str(item.message) for item in caught] == [
        "s.mrc: a pixel size of 0.35 angstrom given; 0.5 angstrom in the header not used"
    ]


def test_an_unusable_statement_beside_a_usable_one_is_a_warning():
    for settle in (settled_size, settled_axis):
        with pytest.warns(UserWarning, match=r"s\.mdoc not used \(found PixelSpacing 'wide'; exp"):
            assert settle("s.mrc", [unusable(), Stated("header", 0.5)], None) == 0.5
    with pytest.warns(UserWarning, match=r"the angles in the s\.mdoc not used"):
        found = settled_angles("s.mrc", [unusable(), Stated("s.tlt", np.arange(3.0))], None)
    np.testing.assert_array_equal(found, [0, 1, 2])


@pytest.mark.parametrize("problem", [BAD, InputError("angles", "none", "some"), AetError("no")])
def test_an_unusable_statement_alone_is_an_error_of_its_kind(problem):
    statements = [Stated("s.mdoc", None, problem)]
    for settle, option in (
        (settled_size, "--pixel-size"),
        (settled_angles, "--angles"),
        (settled_axis, "--tilt-axis"),
    ):
        with pytest.raises(type(problem)) as caught:
            settle("s.mrc", statements, None)
        assert type(problem) is AetError or option in str(caught.value)


def test_angles():
    one, other = np.array([-3.0, 0, 3]), np.array([-6.0, 0, 6])
    assert settled_angles("s.mrc", [], None) is None
    with pytest.warns(UserWarning, match=r"angles of s\.tlt are used; those of s\.rawtlt differ"):
        found = settled_angles("s.mrc", [Stated("s.tlt", one), Stated("s.rawtlt", other)], None)
    np.testing.assert_array_equal(found, one)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Readings of a stage scatter; a single angle is its state at some moment; lists of other
        # lengths, per tilt and per image, are compared by their range.
        for close in (one + 0.05, one[:1] + 40, np.repeat(one, 2)):
            settled_angles("s.mrc", [Stated("s.tlt", one), Stated("s.mdoc", close)], None)
            settled_angles("s.mrc", [Stated("s.mdoc", close)], one)
    with pytest.warns(UserWarning, match=r"angles given; others in s\.rawtlt not used"):
        found = settled_angles("s.mrc", [Stated("s.tlt", one), Stated("s.rawtlt", other)], one)
    np.testing.assert_array_equal(found, one)


@pytest.mark.parametrize(("one", "other", "same"), [(179.9, -179.9, True), (90, -90, False)])
def test_axes_have_a_direction(one, other, same):
    """An axis that points the other way gives the mirror image of the sample."""
    statements = [Stated("mdoc", one), Stated("header", other)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert settled_axis("s.mrc", statements, None) == one
        assert settled_axis("s.mrc", statements, other) == other
    texts = [str(item.message) for item in caught]
    assert len(texts) == (0 if same else 2)
    if not same:
        assert "give --tilt-axis" in texts[0]
        assert "axis at -90 degrees from y towards x given; 90 degrees in the mdoc" in texts[1]


@given(n=st.integers(1, 30), n_images=st.integers(1, 30), counts=st.data())
@settings(max_examples=60)
def test_numbers_of_angles_that_fit(n, n_images, counts):
    parts = counts.draw(
        st.none() | st.integers(1, n_images) | st.lists(st.integers(1, 4), min_size=1)
    )
    item = Stated("s.tlt", np.arange(float(n)))
    found = fitting_angles("s.mrc", [item, unusable()], n_images, parts)
    if parts is None:
        fits = n_images % n == 0
    else:
        fits = n in (n_images, n_images // parts if isinstance(parts, int) else len(parts))
    assert (found[0] is item) == fits
    assert found[0].source == "s.tlt"
    assert fits or f"found {n} angles" in str(found[0].problem)
    assert found[1].problem is BAD


def test_reasons_do_not_repeat_the_file():
    assert why(BAD) == "found PixelSpacing 'wide'; expected a number"
    assert why(AetError("a b")) == "a b"
