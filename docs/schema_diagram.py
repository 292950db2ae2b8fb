"""A diagram of tables: boxes with their keys, in columns by depth, arrows to what they point to."""

from __future__ import annotations

from html import escape

WIDTH, LINE, GAP_X, GAP_Y, MARGIN = 200, 17, 90, 16, 12
STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #222; }
.name { font-weight: 600; fill: #fff; }
.box { fill: #fff; stroke: #4b6584; }
.head { fill: #4b6584; }
.link { fill: none; stroke: #8395a7; stroke-width: 1.3; }
"""


def draw_diagram(keys: dict[str, list[str]], links: list[tuple[str, str]]) -> str:
    """Draw tables and the relations between them.

    Parameters
    ----------
    keys
        Columns that are shown of each table.
    links
        Child and parent of each relation.

    Returns
    -------
    str
        An SVG picture. A table stands to the right of all that it points to, as near as possible
        to their mean height.
    """
    parents: dict[str, set[str]] = {name: set() for name in keys}
    for child, parent in links:
        if child != parent:
            parents[child].add(parent)
    depth: dict[str, int] = {}
    while len(depth) < len(keys):
        ready = [name for name in keys if name not in depth and parents[name] <= depth.keys()]
        if not ready:
            raise ValueError(f"tables that point to each other: {sorted(keys - depth.keys())}")
        depth |= {name: max((depth[one] + 1 for one in parents[name]), default=0) for name in ready}
    places = _places(keys, parents, depth)
    height = max(y + _height(keys[name]) for name, (_, y) in places.items()) + MARGIN
    width = max(x for x, _ in places.values()) + WIDTH + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for child, parent in sorted({(a, b) for a, b in links if a != b}):
        x_0, y_0 = places[parent][0] + WIDTH, places[parent][1] + LINE // 2 + 3
        x_1, y_1 = places[child][0], places[child][1] + LINE // 2 + 3
        half = GAP_X // 2
        parts.append(
            f'<path class="link" d="M{x_1} {y_1} C{x_1 - half} {y_1} {x_0 + half} {y_0} '
            f'{x_0} {y_0}"><title>{escape(child)} to {escape(parent)}</title></path>'
        )
        parts.append(f'<circle cx="{x_0}" cy="{y_0}" r="3" fill="#8395a7"/>')
    for name, (x, y) in sorted(places.items()):
        parts.append(
            f'<rect class="box" x="{x}" y="{y}" width="{WIDTH}" height="{_height(keys[name])}" '
            f'rx="3"/><rect class="head" x="{x}" y="{y}" width="{WIDTH}" height="{LINE + 5}" '
            f'rx="3"/><text class="name" x="{x + 8}" y="{y + LINE - 1}">{escape(name)}</text>'
        )
        parts += [
            f'<text x="{x + 8}" y="{y + (row + 2) * LINE + 2}">{escape(column)}</text>'
            for row, column in enumerate(keys[name])
        ]
    return "\n".join([*parts, "</svg>", ""])


def _height(columns: list[str]) -> int:
    return (len(columns) + 1) * LINE + 12


def _places(
    keys: dict[str, list[str]], parents: dict[str, set[str]], depth: dict[str, int]
) -> dict[str, tuple[int, int]]:
    places: dict[str, tuple[int, int]] = {}
    for level in range(max(depth.values()) + 1):
        wanted = {
            name: sum(places[one][1] for one in parents[name]) / max(len(parents[name]), 1)
            for name in keys
            if depth[name] == level
        }
        y = MARGIN
        for name in sorted(wanted, key=lambda one: (wanted[one], one)):
            places[name] = (MARGIN + level * (WIDTH + GAP_X), y)
            y += _height(keys[name]) + GAP_Y
    return places
