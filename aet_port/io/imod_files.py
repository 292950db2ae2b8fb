"""Files that IMOD and SerialEM keep beside a stack, by their names.

IMOD writes ``foo.rawtlt`` (angles of the stage) for the raw stack ``foo.st`` or ``foo.mrc``, and
``foo.tlt`` (refined angles) and ``foo.xf`` for the aligned stack ``foo.ali`` or ``foo_ali.mrc``, in
which the tilt axis is along y. SerialEM writes ``foo.st.mdoc`` beside the raw stack.
"""

from __future__ import annotations

from pathlib import Path

from aet_port.io.arrays import plain_path
from aet_port.io.mrc_headers import MrcHeader

_ALIGNED = (".ali", ".preali")
_ALIGNED_NAMES = ("_ali", "_preali")
_STAGES = (*_ALIGNED_NAMES, "_fixed")
_RAW = (".st", ".mrc", ".mrcs")
BESIDE = "beside"  # transforms that are looked for beside the images
TRANSFORM_SUFFIXES = (".xf", ".prexg", ".prexf")


def has_refined_angles(file: Path) -> bool:
    """Whether ``.tlt`` belongs to a stack rather than ``.rawtlt``: the finally aligned one."""
    plain = plain_path(file)
    return plain.suffix.lower() == ".ali" or plain.stem.lower().endswith("_ali")


def is_aligned(file: Path, header: MrcHeader) -> bool:
    """Whether a stack was transformed by IMOD, which puts the tilt axis along y."""
    plain = plain_path(file)
    named = plain.suffix.lower() in _ALIGNED or plain.stem.lower().endswith(_ALIGNED_NAMES)
    # The label of newstack with transforms; other labels are copied from the raw stack.
    return named or any(
        "newstack" in label.lower() and "transformed" in label.lower() for label in header.labels
    )


def named_alike(file: Path, suffix: str) -> list[Path]:
    """Existing files beside a stack of the same name: ``s.tlt``, ``s.mrc.tlt``; the closest first.

    For a stack of a later stage (``s_ali.mrc``, ``s_preali.mrc``, ``s_fixed.mrc``) also ``s.tlt``.
    """
    plain = plain_path(file)
    names = [plain.with_suffix(suffix), plain.with_name(plain.name + suffix)]
    if plain != file:
        names.append(file.with_name(file.name + suffix))
    names += [
        plain.with_name(plain.stem[: -len(ending)] + suffix)
        for ending in _STAGES
        if plain.stem.lower().endswith(ending) and len(plain.stem) > len(ending)
    ]
    found: list[Path] = []
    for name in names:
        if name != file and name.is_file() and name not in found:
            found.append(name)
    return found


def mdoc_beside(file: Path, aligned: bool) -> Path | None:
    """The ``.mdoc`` of a stack; for an aligned one also that of the raw stack."""
    own = named_alike(file, ".mdoc")
    plain = plain_path(file)
    exact = plain.with_name(plain.name + ".mdoc")
    if exact in own:
        return exact
    if aligned and not own:
        own = [one for suffix in _RAW for one in named_alike(file, f"{suffix}.mdoc")]
    return own[0] if own else None


def transforms_beside(file: Path) -> Path | None:
    """The file of transforms beside a stack: ``.xf``, else ``.prexg``, else ``.prexf``."""
    found = [one for suffix in TRANSFORM_SUFFIXES for one in named_alike(file, suffix)]
    return found[0] if found else None
