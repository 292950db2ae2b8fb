"""Lists of stages over a run folder: what is done, done again, left out, and what fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aet_port.core.errors import InputError
from aet_port.workflow.config import RunConfig, parse_config
from aet_port.workflow.run_folder import RunFolder
from aet_port.workflow.stages import Failure, Stage, Work, carry_out, stage_key

CONFIG = """\
[sample]
name = "p"
species = "Ta"
[input]
projections = "p.mat"
angles = "a.mat"
"""


class Chain:
    """Three stages that write their settings and what they read: a -> b -> c, and d beside b."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: list[str] = []
        self.failing: set[str] = set()
        self.stages = [
            self.stage("a", ("reconstruct",), (), ("a.txt",)),
            self.stage("b", ("trace",), ("a.txt",), ("b.txt",)),
            self.stage("c", ("analyze",), ("b.txt", "d.txt"), ("c.txt",), ("d.txt",)),
        ]

    def stage(
        self, name: str, settings: Any, inputs: Any, outputs: Any, optional: Any = ()
    ) -> Stage:
        return Stage(name, settings, inputs, outputs, self.function(name, inputs), optional)

    def function(self, name: str, inputs: tuple[str, ...]) -> Callable[[Work], dict[str, Any]]:
        def work(given: Work) -> dict[str, Any]:
            self.calls.append(name)
            if name in self.failing:
                raise InputError(name, "a broken\nthing", "another")
            read = [given.folder.path(one) for one in inputs]
            text = "".join(path.read_text() for path in read if path.exists())
            given.folder.path(f"{name}.txt").write_text(f"{text}{name}")
            return {"length": len(text)}

        return work

    def run(self, added: str = "", stages: list[Stage] | None = None) -> list[Failure]:
        self.calls.clear()
        work = Work(self.config(added), RunFolder(self.folder))
        return carry_out(stages or self.stages, work)

    def config(self, added: str = "") -> RunConfig:
        return parse_config(CONFIG + added, self.folder / "config.toml")

    def texts(self) -> dict[str, str]:
        return {path.stem: path.read_text() for path in sorted(self.folder.glob("*.txt"))}


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(tmp_path)


def test_what_is_done_is_not_done_again(chain: Chain) -> None:
    assert chain.run() == []
    assert chain.calls == ["a", "b", "c"]
    assert chain.texts() == {"a": "a", "b": "ab", "c": "abc"}
    timings = json.loads((chain.folder / "timings.json").read_text())
    assert [(one["stage"], one["length"]) for one in timings] == [("a", 0), ("b", 1), ("c", 2)]
    assert chain.run() == []
    assert chain.calls == []
    assert json.loads((chain.folder / "timings.json").read_text()) == timings


def test_only_what_is_missing_is_made(chain: Chain) -> None:
    chain.run()
    (chain.folder / "b.txt").unlink()
    chain.run()
    assert chain.calls == ["b"]


@pytest.mark.parametrize(
    ("added", "again"),
    [
        ("[reconstruct]\niterations = 3\n", ["a", "b", "c"]),
        ("[trace]\nthreshold = 1\n", ["b", "c"]),
        ("[analyze]\ncutoff = 4\n", ["c"]),
        ("[classify]\n", []),
    ],
)
def test_changed_settings_redo_their_stage_and_later_ones(
    chain: Chain, added: str, again: list[str]
) -> None:
    chain.run()
    chain.run(added)
    assert chain.calls == again
    chain.run(added)
    assert chain.calls == []


def test_a_single_key_of_a_section_counts_alone(chain: Chain) -> None:
    stage = chain.stage("s", ("reconstruct.step",), (), ("s.txt",))
    keys = [
        stage_key(stage, chain.config(added), [])
        for added in ("", "[reconstruct]\niterations = 3\n", "[reconstruct]\nstep = 1\n")
    ]
    assert keys[0] == keys[1] != keys[2]


def test_files_that_settings_name_count_by_content(chain: Chain) -> None:
    stage = chain.stage("s", ("reconstruct",), (), ("s.txt",))
    config = chain.config("[reconstruct]\nsupport = 'support.npy'\n")
    keys = []
    for content in (b"1", b"1", b"2"):
        (chain.folder / "support.npy").write_bytes(content)
        keys.append(stage_key(stage, config, []))
    assert keys[0] == keys[1] != keys[2]


def test_a_failed_stage_ends_itself_and_those_that_need_it(chain: Chain) -> None:
    chain.failing = {"b"}
    beside = chain.stage("d", ("select",), ("a.txt",), ("d.txt",))
    stages = [*chain.stages[:2], beside, chain.stages[2]]
    failures = chain.run(stages=stages)
    assert failures == [Failure("b", "b: found a broken thing; expected another")]
    assert chain.calls == ["a", "b", "d"]
    assert chain.texts() == {"a": "a", "d": "ad"}
    records = json.loads((chain.folder / "stages.json").read_text())
    assert {name: one["status"] for name, one in records.items()} == {
        "a": "done",
        "b": "failed",
        "d": "done",
    }
    chain.failing = set()
    assert chain.run(stages=stages) == []
    assert chain.calls == ["b", "c"]
    assert chain.texts()["c"] == "abadc"


def test_an_optional_input_may_be_missing(chain: Chain) -> None:
    chain.failing = {"d"}
    beside = chain.stage("d", ("select",), ("a.txt",), ("d.txt",))
    stages = [*chain.stages[:2], beside, chain.stages[2]]
    assert [one.stage for one in chain.run(stages=stages)] == ["d"]
    assert chain.texts()["c"] == "abc"
    # Once it is there, what was made without it is made again.
    chain.failing = set()
    assert chain.run(stages=stages) == []
    assert chain.calls == ["d", "c"]


def test_outputs_of_other_settings_are_taken_away(chain: Chain) -> None:
    chain.run()
    chain.failing = {"b"}
    assert [one.stage for one in chain.run("[trace]\nthreshold = 1\n")] == ["b"]
    assert chain.texts() == {"a": "a"}


def test_an_error_before_any_result_is_raised(chain: Chain) -> None:
    chain.failing = {"a"}
    with pytest.raises(InputError, match="broken"):
        chain.run()


def test_an_interrupted_stage_keeps_its_state_and_changed_settings_drop_it(chain: Chain) -> None:
    folder = RunFolder(chain.folder)

    def stopped(work: Work) -> dict[str, Any]:
        folder.checkpoint("a").parent.mkdir(exist_ok=True)
        if not folder.checkpoint("a").exists():
            folder.checkpoint("a").write_text("half")
            raise KeyboardInterrupt
        folder.path("a.txt").write_text(folder.checkpoint("a").read_text())
        return {}

    stage = Stage("a", ("reconstruct",), (), ("a.txt",), stopped)
    with pytest.raises(KeyboardInterrupt):
        chain.run(stages=[stage])
    with pytest.raises(KeyboardInterrupt):  # other settings: it starts anew
        chain.run("[reconstruct]\niterations = 3\n", stages=[stage])
    chain.run("[reconstruct]\niterations = 3\n", stages=[stage])
    assert chain.texts() == {"a": "half"}
    assert not (chain.folder / "checkpoints").exists()


def test_a_spoilt_record_is_named(chain: Chain) -> None:
    chain.run()
    (chain.folder / "stages.json").write_text("[3]")
    with pytest.raises(InputError, match=r"stages\.json.*record of the stages"):
        chain.run()
