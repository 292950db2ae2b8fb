"""What the film paper states of its quench of tantalum, beside a quench of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aet_port.core.errors import InputError
from aet_port.structure import analyze
from aet_port.structure.polytetrahedral.order import PENTAGONAL
from aet_port.validation.published_table import Computed
from md_sim.protocol import Protocol, preset
from md_sim.quenches import read_quench

PRESET, ELEMENT, LATTICE = "ta-paper", "Ta", "bcc"
WINDOWS = 250.0  # kelvin that T_g moves with the windows of the two lines
LARGEST = 5


def quench_figures(folder: Path | None = None) -> Iterator[tuple[str, Computed]]:
    """Figures of the simulation by the ids of the published ones.

    Parameters
    ----------
    folder
        Of a finished quench of tantalum (``aet md quench``), whose melt is analysed: half a minute
        for 31,250 atoms. Without it only what the preset ``ta-paper`` sets is given.

    Raises
    ------
    InputError
        If the folder holds the quench of another element, or one without a glass transition.
    DataFileError
        If it holds no finished quench.
    """
    yield from _protocol(preset(PRESET))
    if folder is None:
        return
    quench = read_quench(folder)
    protocol = quench.protocol
    if protocol.element != ELEMENT:
        raise InputError(f"quench {folder}", protocol.element, f"a quench of {ELEMENT}")
    which = f"{protocol.n_atoms(LATTICE):,} atoms at {protocol.cooling_rate:g} K/s, our potential"
    found = quench.glass_transition()
    low, high = found.liquid_window
    why = (
        f"{which}; T_g moves by {WINDOWS:.0f} K with the windows, here "
        f"{found.glass_window[0]:.0f} to {found.glass_window[1]:.0f} and {low:.0f} to {high:.0f} K"
    )
    yield "md.tg", Computed((found.temperature,), WINDOWS, why)
    melt = quench.snapshot(protocol.melt_steps)
    sizes = analyze(melt.atoms).networks[PENTAGONAL].size[:LARGEST].tolist()
    five = tuple(float(size) for size in [*sizes, *[0] * (LARGEST - len(sizes))])
    why = f"{which}; one snapshot of a liquid, whose networks form and break up"
    yield "md.five_pbn_5200", Computed(five, None, why)


def _protocol(protocol: Protocol) -> Iterator[tuple[str, Computed]]:
    """What the preset sets."""
    stated = {
        "n_atoms": float(protocol.n_atoms(LATTICE)),
        "melt_temperature": protocol.melt_temperature,
        "cooling_rate": protocol.cooling_rate,
        "final_temperature": protocol.final_temperature,
    }
    why = f"set by the preset {PRESET} of aet md quench, an input and no result"
    for name, value in stated.items():
        yield f"md.{name}", Computed((value,), 0, why)
