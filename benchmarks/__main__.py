"""``python -m benchmarks [name ...]``: run the benchmarks and print one Markdown table."""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = (
    "glass_sample",
    "full_size",
    "real_space",
    "tracing",
    "structure",
    "networks",
    "angles",
    "rings",
    "large_box",
    "film_alignment",
    "bank",
    "quench",
    "refinement",
    "start_time",
    "review",
    "import_graph",
)


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all if none is named."""
    print("| what | aet-port, one thread | against | ratio |\n|---|---|---|---|")
    for name in names or NAMES:
        for row in import_module(f"benchmarks.{name}").run():
            print(f"| {row.what} | {row.figure} | {row.against} | {row.ratio} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
