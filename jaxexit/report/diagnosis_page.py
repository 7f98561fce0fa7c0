"""A diagnosis as one self-contained page, of the report's parts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from jaxexit.forensics import Diagnosis
from jaxexit.forensics.shown import Shown
from jaxexit.report.blob import pack
from jaxexit.report.forensics import Part, part
from jaxexit.report.page import filled
from jaxexit.store.files import write_text

SCRIPTS = (
    *("words.js", "data.js", "table.js", "pictures.js", "theme.js", "forensics.js", "diagnosis.js"),
)


def write_diagnosis(diagnosis: Diagnosis, path: Path) -> None:
    """Write the page of a diagnosis.

    Args:
        diagnosis: of a list of trades.
        path: where to; replaced atomically.
    """
    text = page_of_parts(
        Path(diagnosis.name).name,
        [part(diagnosis, "f0")],
        about="diagnosis",
        heading="What these trades say about their exits",
        source="from a list of trades and its bars; nothing was trained. What would have been is played with "
        "the environment's step. Times are UTC.",
    )
    write_text(path, text)


def page_of_parts(
    title: str,
    parts: Sequence[Part],
    *,
    about: str,
    heading: str,
    source: str,
    tables: Sequence[Shown] = (),
    label: str = "Exits of",
) -> str:
    """A page of parts alone, of several one at a time.

    Args:
        title: whose they are.
        parts: at least one.
        about: what the page is.
        heading: above the parts.
        source: what they were made of; goes on from "Written by jaxexit".
        tables: shown before the parts.
        label: of the choice between several.
    """
    pictures = (picture for each in parts for picture in each.pictures)
    figures = {picture.key: json.loads(picture.figure) for picture in pictures}
    return filled(
        "diagnosis.html",
        SCRIPTS,
        {"figures": pack({}, {"figures": figures})},
        title=title,
        parts=parts,
        about=about,
        heading=heading,
        source=source,
        tables=tables,
        label=label,
    )
