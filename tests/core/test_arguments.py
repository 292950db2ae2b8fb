"""Public functions refuse arguments of a wrong type in one line that names the argument."""

from __future__ import annotations

import importlib
import inspect
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import ase
import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

import aet_port as aet
import md_sim
import mdb
from aet_port.core.arguments import checked
from aet_port.core.errors import AetError, InputError

PACKAGES = [
    "aet_port",
    *(
        f"aet_port.{name}"
        for name in [
            "alignment",
            "detection",
            "io",
            "preprocessing",
            "refinement",
            "resire",
            "simulation",
            "structure",
            "tracing",
            "validation",
        ]
    ),
    "mdb",
    "md_sim",
]


def _functions() -> Iterator[tuple[str, Any]]:
    seen = set()
    for package in PACKAGES:
        module: ModuleType = importlib.import_module(package)
        for name in module.__all__:
            found = getattr(module, name)
            if inspect.isfunction(found) and found not in seen:
                seen.add(found)
                yield f"{package}.{name}", found


FUNCTIONS = dict(_functions())
PARAMETERS = [
    pytest.param(function, one, id=f"{name} {one.name}")
    for name, function in FUNCTIONS.items()
    for one in inspect.signature(function).parameters.values()
    if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
]


class Other:
    """Of no type that any function takes."""


MASKED = np.ma.masked_array(np.ones((3, 3)), np.eye(3))
WRONG: dict[str, Any] = {
    "an object": Other(),
    "a set": {1, 2},
    "complex numbers": np.ones((3, 3)) * (1 + 1j),
    "objects": np.array([object()] * 3),
    "a masked array": MASKED,
    "a module": np,
    "rows of several lengths": [[1, 2], [3]],
}


def test_every_public_function_has_its_door() -> None:
    assert len(FUNCTIONS) > 150
    assert len(PARAMETERS) > 600
    open_ones = [name for name, one in FUNCTIONS.items() if not hasattr(one, "__wrapped__")]
    assert open_ones == []


@pytest.mark.parametrize(("function", "parameter"), PARAMETERS)
def test_wrong_types_are_refused(function: Any, parameter: inspect.Parameter) -> None:
    door = inspect.getclosurevars(function).nonlocals["door"]
    check = door._made().get(parameter.name)
    if check is None:
        name = f"{function.__module__}.{function.__name__}"
        assert _is_open(function, parameter), f"{name}: {parameter.annotation} is not checked"
        return
    for what, value in WRONG.items():
        text = _refusal(door, parameter.name, value)
        if text is None:  # of the wrong ones a few are right somewhere
            assert what in _right(parameter), f"{what} for {parameter}"
        else:
            assert text.startswith(f"{parameter.name}: found ")
            assert "\n" not in text
            assert len(text) < 500


def _refusal(door: Any, name: str, value: Any) -> str | None:
    try:
        door.named({name: value})
    except InputError as error:
        return str(error)
    return None


def _right(parameter: inspect.Parameter) -> tuple[str, ...]:
    words = str(parameter.annotation)
    if "object" in words or "Iterable" in words:
        return tuple(WRONG)
    if "Sequence" in words or "tuple" in words or words == "Axes":
        return ("rows of several lengths", "objects", "complex numbers", "a masked array")
    return ("complex numbers",) if "complex" in words else ()


def _is_open(function: Any, parameter: inspect.Parameter) -> bool:
    words = str(parameter.annotation)
    # Anything, what looks like something, and classes that only type checkers know.
    return any(word in words for word in ("Any", "Asked", "Body", "object", "TypeVar"))


@checked
def example(
    series: aet.TiltSeries,
    atoms: aet.AtomicModel | ase.Atoms,
    table: ArrayLike,
    image: NDArray[np.float64] | None = None,
    iterations: int = 3,
    *,
    step: float = 1.0,
    name: str = "x",
    path: str | Path | None = None,
    method: Literal["fast", "exact"] = "fast",
    pair: tuple[int, int] = (1, 2),
    several: Sequence[str] = (),
    flag: bool = False,
    **further: float,
) -> Any:
    """An example."""
    return table, image


SERIES = aet.TiltSeries(np.ones((2, 4, 4)) + np.eye(4), [0, 10], 0.5)
MODEL = aet.AtomicModel.from_positions([[0, 0, 0]], "Ta")
GOOD: dict[str, Any] = {"series": SERIES, "atoms": MODEL, "table": [[1, 2, 3]]}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"series": np.ones(3)}, "series: found an array of float64, shape (3,); expected a TiltS"),
        ({"series": None}, "series: found None; expected a TiltSeries"),
        ({"atoms": [[0, 0, 0]]}, "atoms: found a list; expected an AtomicModel or an Atoms"),
        ({"table": MASKED}, "table: found a masked array; expected an array without a mask"),
        (
            {"table": np.ones(3) * 1j},
            "table: found complex numbers (complex128); expected an array",
        ),
        ({"table": ["a", "b"]}, "table: found an array of <U1; expected an array of real numbers"),
        ({"table": [[1], [2, 3]]}, "table: found a list that is no array (setting an array"),
        ({"image": "x.npy"}, "image: found 'x.npy'; expected an array of real numbers"),
        ({"iterations": 3.0}, "iterations: found 3.0; expected a whole number"),
        ({"iterations": True}, "iterations: found True; expected a whole number"),
        ({"iterations": "3"}, "iterations: found '3'; expected a whole number"),
        ({"iterations": np.float64(3)}, "iterations: found np.float64(3.0); expected a whole"),
        ({"step": "1"}, "step: found '1'; expected a number"),
        ({"step": 1j}, "step: found 1j; expected a number"),
        ({"step": np.ones(1)}, "step: found an array of float64, shape (1,); expected a number"),
        ({"name": 3}, "name: found 3; expected text"),
        ({"path": 3}, "path: found 3; expected the path of a file"),
        ({"path": "a\0b"}, "path: found 'a\\x00b'; expected the path of a file, without the"),
        ({"path": Path("a\0b")}, "path: found PosixPath('a\\x00b'); expected the path"),
        ({"method": "slow"}, "method: found 'slow'; expected 'fast' or 'exact'"),
        ({"method": ["fast"]}, "method: found a list; expected 'fast' or 'exact'"),
        ({"pair": 3}, "pair: found 3; expected a list of 2"),
        ({"pair": (1, 2.5)}, "pair: found a list with 2.5; expected a list, each a whole number"),
        ({"several": "Ta"}, "several: found 'Ta'; expected a list"),
        ({"several": [1]}, "several: found a list with 1; expected a list, each text"),
        ({"flag": 1}, "flag: found 1; expected true or false"),
        ({"more": "x"}, "more: found 'x'; expected a number"),
    ],
)
def test_what_is_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as caught:
        example(**(GOOD | change))
    assert str(caught.value).startswith(text)


def test_what_is_taken() -> None:
    image = np.ones((2, 2))
    table, same = example(SERIES, MODEL.atoms, [[1, 2], [3, 4]], image, np.int32(3), step=1)
    assert same is image  # no copy
    assert isinstance(table, np.ndarray)
    unmasked = np.ma.masked_array(np.ones(3), False)
    table, _ = example(SERIES, MODEL, unmasked, step=np.float32(2), pair=[1, 2], more=2)
    assert not np.ma.isMaskedArray(table)
    # What is wrong with the call itself is told as Python does.
    with pytest.raises(TypeError, match="multiple values for argument 'series'"):
        example(SERIES, MODEL, table, series=SERIES)  # type: ignore[misc]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'table'"):
        example(SERIES, MODEL)  # type: ignore[call-arg]


def test_a_checked_function_stays_what_it_was() -> None:
    assert pickle.loads(pickle.dumps(aet.trace)) is aet.trace
    assert aet.trace.__module__ == "aet_port.tracing.peak_search"
    assert aet.trace.__globals__ is vars(importlib.import_module("aet_port.tracing.peak_search"))
    assert list(inspect.signature(example).parameters)[:3] == ["series", "atoms", "table"]


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: aet.TiltSeries(MASKED[None] + 1, [0], 0.5),
        lambda: aet.TiltSeries(np.ones((2, 4, 4)) * 1j, [0, 1], 0.5),
        lambda: aet.TiltSeries("images", [0, 1], 0.5),  # type: ignore[arg-type]
        lambda: aet.TiltSeries([[[1, 2], [3]]], [0], 0.5),  # type: ignore[arg-type]
        lambda: aet.TiltSeries(np.ones((2, 4, 4)), ["a", "b"], 0.5),  # type: ignore[arg-type]
        lambda: aet.TiltSeries(np.ones((2, 4, 4)), [0, 1], "0.5"),  # type: ignore[arg-type]
        lambda: aet.TiltSeries(np.ones((2, 4, 4)), [0, 1], True),
        lambda: aet.TiltSeries(np.ones((2, 4, 4)), [0, 1], np.nan),
        lambda: aet.TiltSeries(np.ones((2, 4, 4)), np.ma.masked_array([0, 1], [1, 0]), 0.5),
        lambda: aet.Volume(np.ones((3, 3, 3)) * 1j, 0.5),
        lambda: aet.Volume(np.ma.masked_array(np.ones((3, 3, 3)), True), 0.5),
        lambda: aet.Volume(np.array([[["a"]]]), 0.5),
        lambda: aet.Volume(np.ones((3, 3, 3)), 0.5, origin="here"),  # type: ignore[arg-type]
        lambda: aet.Volume(np.ones((3, 3, 3)), 1e300),
        lambda: aet.AtomicModel([[0, 0, 0]]),  # type: ignore[arg-type]
        lambda: aet.AtomicModel.from_positions("abc", "Ta"),
        lambda: aet.AtomicModel.from_positions([[0, 0, 1j]], "Ta"),
        lambda: aet.AtomicModel.from_positions(np.ma.masked_array(np.eye(3), np.eye(3)), "Ta"),
        lambda: aet.AtomicModel.from_positions([[0, 0, 0]], 73),  # type: ignore[arg-type]
        lambda: aet.AtomicModel.from_positions([[0, 0, 0]], [73]),  # type: ignore[list-item]
        lambda: aet.AtomicModel.from_positions([[0, 0, 0]], "Ta", height=[1, 2]),
        lambda: aet.AtomicModel.from_positions([[0, 0, None]], "Ta"),
        lambda: aet.FrameSeries([np.ones((2, 4, 4)) * 1j], [0], 0.5),
        lambda: aet.FrameSeries([MASKED[None]], [0], 0.5),
        lambda: aet.FrameSeries("frames", [0], 0.5),  # type: ignore[arg-type]
        lambda: aet.FrameSeries([np.ones((2, 4, 4))], "zero", 0.5),  # type: ignore[arg-type]
        lambda: mdb.Bank(3),  # type: ignore[arg-type]
        lambda: mdb.Bank("a\0b"),
        lambda: mdb.Bank("x.duckdb", wait="long"),  # type: ignore[arg-type]
        lambda: mdb.Bank("x.duckdb", limits={"timeout": 3}),  # type: ignore[arg-type]
        lambda: md_sim.Protocol("Ta", "8", 5200.0),  # type: ignore[arg-type]
        lambda: md_sim.Protocol("Ta", 8, "hot"),  # type: ignore[arg-type]
        lambda: md_sim.Protocol(["Ta"], 8, 5200.0),  # type: ignore[arg-type]
        lambda: md_sim.Protocol("Ta", True, 5200.0),
        lambda: md_sim.AlloyProtocol(species="Cu"),  # type: ignore[arg-type]
        lambda: aet.reconstruct(SERIES, iterations=3.0),  # type: ignore[arg-type]
        lambda: aet.reconstruct(SERIES, iterations=1_000_000_000_000),
        lambda: aet.reconstruct(SERIES, support=np.ones((4, 4, 4)) * 1j),
        lambda: aet.reconstruct([SERIES]),  # type: ignore[arg-type]
        lambda: aet.reconstruct(SERIES, oversampling="3"),  # type: ignore[arg-type]
        lambda: aet.analyze([[0, 0, 0]]),  # type: ignore[arg-type]
        lambda: aet.analyze(MODEL, cutoff="4"),  # type: ignore[arg-type]
        lambda: aet.detect(SERIES, 73),  # type: ignore[arg-type]
        lambda: aet.detect(SERIES, "Ta", {"depth": 3}),  # type: ignore[arg-type]
        lambda: aet.read_model(3),  # type: ignore[arg-type]
        lambda: aet.read_model("a\0b.xyz"),
        lambda: aet.read_model(f"{5000 * 'x'}.xyz"),
        lambda: aet.read_volume(5000 * "x" + ".npy"),
        lambda: aet.write_model(f"{5000 * 'x'}.xyz", MODEL),
        lambda: aet.write_volume("v.npy", np.ones((3, 3, 3))),  # type: ignore[arg-type]
        lambda: aet.load_config(f"{5000 * 'x'}.toml"),
        lambda: aet.run("run.toml", "x"),  # type: ignore[arg-type]
    ],
)
def test_misuses(misuse: Any) -> None:
    """An error of ours on one line, whatever the misuse."""
    with pytest.raises(AetError) as caught:
        misuse()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1200
