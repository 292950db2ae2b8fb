"""The command ``aet``: which command is in which module, loaded when it runs."""

from __future__ import annotations

import ast
import difflib
import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from aet_port.cli.help_layout import group_of, lay_out
from aet_port.core import interruption
from aet_port.core.errors import AetError, InputError, shown, shown_path
from aet_port.core.terminal import OutputClosed, print_note

BAD_INPUT = 2
CLOSED = 141
_FOLDER = Path(__file__).resolve().parent

# Name of a command: module and function. Those below a group stand under its name.
COMMANDS: dict[str, str | dict[str, str]] = {
    "demo": "demo:demo_command",
    "run": "run:run_command",
    "calibrate-scan": "calibrate_scan:calibrate_scan_command",
    "preprocess": "preprocess:preprocess_command",
    "stability": "stability:stability_command",
    "power-spectrum": "power_spectrum:power_spectrum_command",
    "reconstruct": "reconstruct:reconstruct_command",
    "refine-angles": "refine_angles:refine_angles_command",
    "trace": "trace:trace_command",
    "classify": "classify:classify_command",
    "detect": "detect:detect_command",
    "check-model": "check_model:check_model_command",
    "difference-map": "difference_map:difference_map_command",
    "refine": "refine:refine_command",
    "analyze": "analyze:analyze_command",
    "structure-factor": "structure_factor:structure_factor_command",
    "diffraction": "diffraction:diffraction_command",
    "view": "view:view_command",
    "video": "video:video_command",
    "report": "report:report_command",
    "review": "review:review_command",
    "compare-models": "compare_models:compare_models_command",
    "plan": "plan:plan_command",
    "simulate": "simulate:simulate_command",
    "precision": "precision:precision_command",
    "score": "score:score_command",
    "scoreboard": "scoreboard:scoreboard_command",
    "fsc": "fsc:fsc_command",
    "validate-model": "validate_model:validate_model_command",
    "validate": "validate:validate_command",
    "challenge": {
        "list": "challenge:list_command",
        "make": "challenge:make_command",
        "score": "challenge:score_entries_command",
    },
    "mdb": {
        "init": "bank:init",
        "deposit": "bank:deposit_command",
        "import": "bank_import:import_command",
        "import-published": "bank_import:published_command",
        "list": "bank:list_models",
        "show": "bank:show",
        "atoms": "bank_atoms:atoms",
        "queries": "bank_query:queries",
        "query": "bank_query:query",
        "check": "bank_check:check",
        "export": "bank:export",
    },
    "md": {
        "potentials": "md:potentials",
        "quench": "md:quench_command",
        "analyze": "md_study:analyze_quench_command",
        "compare": "md_compare:compare_command",
        "error-study": "md_error_study:error_study_command",
    },
    "doctor": "doctor:doctor_command",
    "reference": {
        "locate": "reference:locate_command",
        "fetch": "reference:fetch_command",
        "functions": "reference:functions_command",
    },
}
GROUPS = {
    "challenge": "Blind cases: images whose true atoms are sealed, and scores of several programs.",
    "mdb": "The materials data bank: models and their structure in one DuckDB file.",
    "md": "Melt-quench simulations with LAMMPS, analysed like the experiment.",
    "reference": "The published data of the two papers, and the functions of their code.",
}


class Interrupted(Exception):
    """Ctrl-C or SIGTERM, with what to say if that isn't the usual."""


class LazyGroup(TyperGroup):
    """A group of commands whose modules are imported when one of them is called."""

    table: dict[str, Any] = COMMANDS

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command; while help is printed only its name and summary."""
        entry = self.table.get(cmd_name)
        if entry is None:
            return None
        if isinstance(entry, dict):
            return _group(cmd_name, entry)
        module, function = entry.split(":")
        if getattr(self, "_helping", False):
            return TyperCommand(cmd_name, help=summary(module, function))
        return _command(cmd_name, module, function, self.name or "")

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is called; the nearest one is named if there is none."""
        name = args[0]
        if name not in self.table and not name.startswith("-") and not ctx.resilient_parsing:
            raise InputError("command", repr(name), _nearest(name, self.table) + _see(ctx))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C ends it in one line."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted(str(error)) from None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Help of the group, without importing its commands."""
        self._helping = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._helping = False


def _app(table: dict[str, Any], help: str) -> typer.Typer:
    kind = type("Group", (LazyGroup,), {"table": table})
    return typer.Typer(
        cls=kind,
        help=help,
        no_args_is_help=True,
        add_completion=table is COMMANDS,
        pretty_exceptions_enable=False,
    )


def _group(name: str, table: dict[str, Any]) -> Any:
    app = _app(table, GROUPS[name])
    app.callback()(_nothing)
    group = typer.main.get_command(app)
    group.name = name
    group.help = GROUPS[name]
    return group


def _nothing() -> None:
    """A group does nothing by itself."""


class LoadedCommand(TyperCommand):
    """A command whose module is loaded."""

    def get_help_option(self, ctx: Any) -> Any:
        """``--help``, among the options of the run."""
        option: Any = super().get_help_option(ctx)
        if option is not None:
            option.rich_help_panel = group_of("help")
        return option

    def invoke(self, ctx: Any) -> Any:
        """Run the command, which a signal stops from now on by an exception."""
        interruption.advise(lambda: _how_to_go_on(ctx.params))
        (ctx.find_root().obj or _nothing)()
        return super().invoke(ctx)


def _how_to_go_on(options: Mapping[str, Any]) -> str:
    """What to do after a command with these options was interrupted."""
    out = options.get("out")
    if "resume" in options and isinstance(out, Path):
        begun = any(out.glob("run.json")) or any(out.glob("*/run.json"))
        return "--resume continues it" if begun else interruption.AGAIN
    if "checkpoint" in options:
        if options["checkpoint"] is not None:
            return "the same command continues it"
        return f"{interruption.AGAIN}, with --checkpoint FILE one that can be continued"
    return interruption.AGAIN


@cache
def _command(name: str, module: str, function: str, group: str = "") -> Any:
    found = getattr(importlib.import_module(f"aet_port.cli.{module}"), function)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name, cls=LoadedCommand)(found)
    command = typer.main.get_command(app)
    lay_out(command, group if group in GROUPS else "")
    return command


def summary(module: str, function: str) -> str:
    """First paragraph of a command's docstring, read without importing its module."""
    tree = ast.parse((_FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
    raise LookupError(f"no function {function} in aet_port.cli.{module}")


def _version(asked: bool) -> None:
    if asked:
        from aet_port import __version__

        print(f"aet {__version__}")
        raise typer.Exit


app = _app(COMMANDS, "Atomic electron tomography: tilt series to atoms, structure and a SQL bank.")


@app.callback()
def _aet(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Atomic electron tomography: tilt series to atoms, structure and a SQL bank."""


def main(loaded: Callable[[], object] | None = None) -> None:
    """Entry point: exit code 0 done, 1 a check failed or nothing came out, 2 bad input.

    Errors are one line on standard error. Ctrl-C gives 130 and SIGTERM 143, with a line that says
    how to go on; a reader that closes the output, such as ``head``, 141, without a word.

    Parameters
    ----------
    loaded
        Called when the modules of the command are loaded, before it runs.
    """
    try:
        code = _run(loaded)
        sys.stdout.flush()
    except (OutputClosed, BrokenPipeError):
        _drop_output()
        code = CLOSED
    except KeyboardInterrupt:  # after the command itself
        code = _interrupted()
    sys.exit(code if isinstance(code, int) else 0)


def _run(loaded: Callable[[], object] | None) -> Any:
    """Exit code of the command."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            group = typer.main.get_command(app)
            code = group.main(prog_name="aet", standalone_mode=False, obj=loaded)
            # Typer's own answer to Ctrl-C is an exit code; and a library may have swallowed it.
            if interruption.received() is not None or code == interruption.exit_code():
                return _interrupted()
            return code
        except (Interrupted, KeyboardInterrupt) as error:
            return _interrupted(str(error))
        except Exception as error:
            # Whatever a library makes of it, or ends in because its processes were stopped.
            if interruption.received() is not None:
                return _interrupted()
            if isinstance(error, AetError):
                return _fail(str(error), error.exit_code)
            if isinstance(error, OutputClosed):
                raise
            if isinstance(error, OSError) and error.filename is not None:
                subject = shown_path(error.filename)
                return _fail(f"{subject}: found {error.strerror}; expected a path that can be used")
            if isinstance(error, MemoryError):
                # Where no stage foresaw it, or others have taken the memory meanwhile.
                return _fail(f"memory: found too little ({error}); expected smaller or fewer data")
            # Of the command line itself: an unknown option, a word where a number should be.
            if not hasattr(error, "format_message"):
                raise
            if type(error).__name__ == "NoArgsIsHelpError":
                error.show()  # type: ignore[attr-defined]
                return BAD_INPUT
            return _fail(_usage(error))


def _interrupted(said: str = "") -> int:
    _drop_output()
    interruption.show_cursor()
    return _fail(interruption.last_line(said), interruption.exit_code(), "aet")


def _drop_output() -> None:
    """Let what is still to be written go nowhere: nobody reads it, or the pipe is full."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):  # no file behind it
        return


def _usage(error: Any) -> str:
    """An error of the command line itself, in the words of all others."""
    context = getattr(error, "ctx", None)
    parameter = getattr(error, "param", None)
    if hasattr(error, "possibilities") and context is not None:
        known = [
            flag for one in context.command.params for flag in (*one.opts, *one.secondary_opts)
        ]
        options = [*(flag for flag in known if flag.startswith("-")), "--help"]
        expected = _nearest(error.option_name, options)
        return f"{error.option_name}: found no such option; expected {expected}{_see(context)}"
    causes = getattr(error.__cause__, "errors", None)
    if parameter is not None and causes is not None:
        name = max(parameter.opts, key=len)
        return f"{name}: found {shown(causes()[0]['input'])}; expected {_expected(causes()[0])}"
    return f"{error.format_message().rstrip('.')}{_see(context)}"


def _expected(cause: Mapping[str, Any]) -> str:
    """What would have been accepted, of an error of pydantic."""
    words = {"int": "a whole number", "float": "a number", "bool": "true or false"}
    text = cause["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    _, mark, choices = text.rstrip(".").partition(" is not one of ")
    return words.get(cause["type"].partition("_")[0], f"one of {choices}" if mark else text)


def _nearest(name: str, known: Iterable[str]) -> str:
    every = list(known)
    close = difflib.get_close_matches(name, every, n=1)
    return close[0] if close else f"one of {', '.join(every)}"


def _see(context: Any) -> str:
    return "" if context is None else f"; see `{context.command_path} --help`"


def _fail(text: str, code: int = BAD_INPUT, before: str = "aet: error") -> int:
    print_note(f"{before}: {' '.join(text.split())}")
    return code


def _show_warning(
    message: Warning | str, category: type[Warning], *_: object, **__: object
) -> None:
    """A warning on one line, without the line of code that gave it."""
    print_note(f"aet: warning: {' '.join(str(message).split())}")


if __name__ == "__main__":
    main()
