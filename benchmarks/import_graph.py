"""``python -m benchmarks.import_graph``: imports between packages, and their number.

A node ("room") is a subpackage of ``aet_port``, a module at its top, or one of the other packages.
An edge ("arrow") goes from a node to another that any of its modules imports, also inside a
function; type hints count, names that are looked up as text when they are used do not.
"""

from __future__ import annotations

from pathlib import Path

import grimp

import aet_port
from benchmarks.timing import Row

OTHERS = ("mdb", "md_sim", "matlab_reference")
# Counted when aet_port consisted of 44 modules at its top and a few packages.
MODULES_BEFORE, ARROWS_BEFORE = 44, 314


def top_modules() -> list[str]:
    """Names of the modules at the top of ``aet_port``, ``__init__`` among them."""
    return sorted(path.stem for path in Path(aet_port.__file__).parent.glob("*.py"))


def read_graph() -> dict[str, set[str]]:
    """The rooms that each room imports; the top of ``aet_port`` is the room ``aet_port``."""
    graph = grimp.build_graph("aet_port", *OTHERS, cache_dir=None)
    top = graph.find_children("aet_port")
    rooms: dict[str, set[str]] = {name: set() for name in ("aet_port", *OTHERS, *sorted(top))}

    def room(module: str) -> str:
        return next(
            name for name in sorted(rooms, reverse=True) if f"{module}.".startswith(f"{name}.")
        )

    for module in graph.modules:
        rooms[room(module)] |= {
            room(one) for one in graph.find_modules_directly_imported_by(module)
        }
    return {name: imported - {name} for name, imported in rooms.items()}


def levels(rooms: dict[str, set[str]]) -> list[list[str]]:
    """Nodes by level from the lowest up: each imports only nodes of lower levels.

    Raises
    ------
    ValueError
        If nodes import each other in a circle.
    """
    found: list[list[str]] = []
    left = dict(rooms)
    while left:
        ground = sorted(name for name, imported in left.items() if not imported & set(left))
        if not ground:
            raise ValueError(f"a circle among {', '.join(sorted(left))}")
        found.append(ground)
        for name in ground:
            del left[name]
    return found


def arrows(rooms: dict[str, set[str]]) -> int:
    """Number of edges between nodes."""
    return sum(map(len, rooms.values()))


def run() -> list[Row]:
    """Rows of the table."""
    rooms = read_graph()
    return [
        Row(
            "modules at the top of `aet_port`",
            f"{len(top_modules())}",
            f"{MODULES_BEFORE} before the layers",
        ),
        Row(
            f"arrows of import between {len(rooms)} rooms",
            f"{arrows(rooms)}",
            f"{ARROWS_BEFORE} before the layers",
        ),
    ]


def main() -> None:
    """Print the graph from the top level down, then the counts."""
    rooms = read_graph()
    for number, names in reversed(list(enumerate(levels(rooms)))):
        for name in names:
            print(f"{number:2d}  {name} -> {', '.join(sorted(rooms[name])) or 'nothing'}")
    print(f"{len(top_modules())} modules at the top of aet_port: {', '.join(top_modules())}")
    print(f"{arrows(rooms)} arrows between {len(rooms)} rooms on {len(levels(rooms))} levels")


if __name__ == "__main__":
    main()
