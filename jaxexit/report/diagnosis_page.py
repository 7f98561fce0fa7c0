"""A diagnosis as one self-contained page, of the report's parts."""

from __future__ import annotations

import json
from pathlib import Path

from jaxexit import __version__
from jaxexit.forensics import Diagnosis
from jaxexit.report.blob import pack
from jaxexit.report.forensics import part
from jaxexit.report.page import packed_plotly, sha256_of, static, template
from jaxexit.store.files import write_text

SCRIPTS = (
    *("words.js", "data.js", "table.js", "pictures.js", "theme.js", "forensics.js", "diagnosis.js"),
)


def write_diagnosis(diagnosis: Diagnosis, path: Path) -> int:
    """Write the page of a diagnosis.

    Args:
        diagnosis: of a list of trades.
        path: where to; replaced atomically.

    Returns:
        Bytes written.
    """
    text = render_diagnosis(diagnosis)
    write_text(path, text)
    return len(text.encode())


def render_diagnosis(diagnosis: Diagnosis) -> str:
    """The page."""
    shown = part(diagnosis, "f0")
    script = "\n".join(static(name) for name in SCRIPTS)
    figures = {picture.key: json.loads(picture.figure) for picture in shown.pictures}
    return template("diagnosis.html").render(
        title=Path(diagnosis.name).name,
        parts=[shown],
        generator=f"jaxexit {__version__}",
        style=static("report.css"),
        script=script,
        script_hash=sha256_of(script),
        figures=pack({}, {"figures": figures}),
        plotly=packed_plotly(),
    )
