"""Code that decides as a rule does: one module a language, each with `write(source)`."""

from __future__ import annotations

from collections.abc import Callable

from jaxexit.distil.code import freqtrade, mql5, pine, plain_json, python
from jaxexit.distil.code.source import Source, source

LANGUAGES: dict[str, Callable[[Source], str]] = {
    "python": python.write,
    "pine": pine.write,
    "mql5": mql5.write,
    "freqtrade": freqtrade.write,
    "json": plain_json.write,
}
"""What `--as` may be."""

__all__ = ["LANGUAGES", "Source", "source"]
