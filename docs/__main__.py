"""``python -m docs``: write what is made from the code: pages, schema and annotated examples."""

from __future__ import annotations

from pathlib import Path

from aet_port.core.files import write_whole
from docs.schema_reference import schema_diagrams, schema_page
from docs.settings_reference import EXAMPLES, example, run_schema, settings_page

FOLDER = Path(__file__).resolve().parent


def main(folder: Path = FOLDER) -> None:
    """Write all of it into a folder and its neighbour ``examples``, and say so."""
    _write(folder / "schema.md", schema_page())
    _write(folder / "settings.md", settings_page())
    _write(folder / "run.schema.json", run_schema())
    for name in EXAMPLES:
        _write(folder.parent / "examples" / name, example(name))
    for name, picture in schema_diagrams().items():
        _write(folder / "schema_diagrams" / name, picture)
    print(f"{folder / 'schema.md'}, {folder / 'settings.md'}")


def _write(path: Path, text: str) -> None:
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"))


if __name__ == "__main__":
    main()
