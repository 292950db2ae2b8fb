"""Options of commands that are numbers and no settings: each with a lower and an upper bound."""

from __future__ import annotations

from typing import Any

import typer

from aet_port.core.errors import InputError, shown
from aet_port.core.settings import bounds_text, is_inside


def number(
    help: str,
    *flags: str,
    ge: float | None = None,
    gt: float | None = None,
    le: float,
    show_default: bool | str = True,
) -> Any:
    """An option whose value is refused out of its bounds, before the command does anything.

    Parameters
    ----------
    help
        Help of the option, with the unit.
    flags
        Its names, if not that of the parameter.
    ge, gt, le
        Bounds, as of :func:`aet_port.core.settings.setting`.
    show_default
        Whether, or as what, help shows the default.

    Returns
    -------
    What :class:`typing.Annotated` wants. NaN and infinity are out of all bounds.
    """
    given = {"ge": ge, "gt": gt, "le": le}
    bounds = {name: value for name, value in given.items() if value is not None}

    def check(param: typer.CallbackParam, value: Any) -> Any:
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if one is not None and not is_inside(one, bounds):
                kind = "a whole number" if isinstance(one, int) else "a number"
                raise InputError(param.opts[0], shown(one), kind + bounds_text(bounds))
        return value

    check.bounds = bounds  # type: ignore[attr-defined]  # for tests and documentation
    return typer.Option(*flags, help=help, show_default=show_default, callback=check)
