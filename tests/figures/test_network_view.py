"""The picture of the largest networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from aet_port.core.errors import InputError
from aet_port.figures.bipyramid_networks import COLOURS, draw_networks
from aet_port.structure import analyze
from tests.structure.samples import close_packed, icosahedron, shaken_box


def hue_seen(picture: Path, colour: np.ndarray) -> bool:
    """Whether some lit pixels have the colour, whatever their brightness."""
    image = imread(picture)[..., :3]
    bright = image.max(axis=2) > 0.3
    pixels = image[bright] / image[bright].max(axis=1)[:, None]
    return bool((np.abs(pixels - colour / colour.max()).max(axis=1) < 0.08).sum() > 20)


def test_each_network_has_its_colour_and_the_file_is_the_same_twice(tmp_path: Path) -> None:
    atoms = close_packed(0, radius=10)
    found = analyze(atoms, cutoff=4.0, order=False)
    assert len(found.networks[5]) >= 3
    one = draw_networks(tmp_path / "one.png", atoms, found, number=2, pixels=600)
    two = draw_networks(tmp_path / "two.png", atoms, found, number=2, pixels=600)
    assert one.read_bytes() == two.read_bytes()
    assert imread(one).shape[:2] == (600, 600)
    assert [hue_seen(one, colour) for colour in COLOURS[:3]] == [True, True, False]


def test_a_box_and_a_lone_icosahedron(tmp_path: Path) -> None:
    for number, atoms in enumerate((shaken_box(1), icosahedron())):
        found = analyze(atoms, cutoff=4.0 if number == 0 else 3.2, order=False)
        path = draw_networks(tmp_path / f"{number}.png", atoms, found, pixels=300)
        assert hue_seen(path, COLOURS[0])


def test_what_cannot_be_drawn(tmp_path: Path) -> None:
    atoms = icosahedron()
    found = analyze(atoms, cutoff=3.2, order=False)
    for words, options in (
        ("fold: found 7; expected one of 4, 5, 6", {"fold": 7}),
        ("networks: found 0", {"number": 0}),
        ("pixels: found 9000", {"pixels": 9000}),
    ):
        with pytest.raises(InputError, match=words):
            draw_networks(tmp_path / "a.png", atoms, found, **options)
    with pytest.raises(InputError, match=r"\.jpg"):
        draw_networks(tmp_path / "a.jpg", atoms, found)
    assert list(tmp_path.iterdir()) == []
