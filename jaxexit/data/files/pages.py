"""The cells of HTML pages."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from jaxexit.data.files.format import Rows


class _Cells(HTMLParser):
    """Collects the visible cells of each table row."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
            self._in_cell = False
        elif tag in ("td", "th") and self.rows:
            self._in_cell = "hidden" not in (dict(attrs).get("class") or "").split()
            if self._in_cell:
                self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def is_page(text: str) -> bool:
    """Whether a text is an HTML page."""
    return re.match(r"\s*(<!doctype html|<html|<head|<table)", text, re.IGNORECASE) is not None


def rows_of(text: str) -> Rows:
    """The visible cells of all rows of a page."""
    parser = _Cells()
    parser.feed(text)
    return [[" ".join(cell.split()) for cell in row] for row in parser.rows if row]
