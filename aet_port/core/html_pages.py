"""HTML pages, rendered from the templates in the folder ``templates`` of each package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2
    from markupsafe import Markup

# Control characters, marks of the direction of writing, and halves of characters (names of files
# that aren't UTF-8), which can't be stored.
_HIDDEN = re.compile(
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069"
    "\\ud800-\\udfff]"
)


def render_page(template: str, values: Mapping[str, Any]) -> str:
    """Render a page as text; equal values give identical text.

    Values are escaped, control characters and those that turn the order of writing around are
    shown as escapes; a missing value is an error.

    Parameters
    ----------
    template
        Package and file, such as ``"aet_port.reporting/report.html.jinja"``. Templates refer to
        others that they extend or import in the same way.
    values
        The variables of the template.

    Notes
    -----
    MATLAB: none
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> jinja2.Environment:
    import jinja2  # imported only when a page is written

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_visible,
    )
    # Styles and scripts may contain text that looks like a template tag.
    environment.globals["verbatim"] = _verbatim
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment


def _visible(value: Any) -> Any:
    """A value to be shown: text without control characters, which a page may not hold."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return _HIDDEN.sub(lambda one: ascii(one[0])[1:-1], value)


def _text(name: str) -> str:
    package, file = name.split("/", 1)
    return files(package).joinpath("templates", file).read_text(encoding="utf-8")


def _verbatim(name: str) -> Markup:
    """A file beside the templates, unchanged."""
    from markupsafe import Markup

    return Markup(_text(name))  # a file of this package
