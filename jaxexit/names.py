r"""Text that others wrote (names, tags, columns, paths, notes), made safe for where it is shown.

What steers a terminal or a reader's eye is written out as its code (`\x1b`, `\u202e`): control characters,
escape sequences, bidirectional and invisible characters, halves of surrogate pairs. Letters of every script
stay. On top of that each kind of output has its own signs: those of Markdown, of a spreadsheet's formulas, of
plotly's and matplotlib's labels. HTML is escaped by the templates and by the page's script, which set text as
text.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_STEERS = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but the tab and the end of a line
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # invisible, or turning the direction
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\ud800-\udfff"  # halves of surrogate pairs: bytes of a path that are no UTF-8
    "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "]"
)
# A spreadsheet takes these at the start of a cell for a formula's; arithmetic of bare numbers calls nothing.
_FORMULA = re.compile(r"\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20\u2212]")
_NUMBERS = re.compile(
    r"[+\-\u2212]?[\d.,]+([eE][+-]?\d+)?%?( ?[(/]? ?(to )?[+\-\u2212]?[\d.,]+%?\)?)*( [A-Za-z]{1,8})?"
)


def visible(text: str) -> str:
    """Text whose steering and invisible characters are written out; tabs and ends of lines stay."""
    harmless = text.replace("\n", " ").isprintable()  # most is: the pattern takes ten times as long
    return text if harmless else _STEERS.sub(_code_of, text)


def _code_of(match: re.Match[str]) -> str:
    number = ord(match[0])
    return (
        f"\\x{number:02x}"
        if number < 0x100
        else f"\\u{number:04x}"
        if number < 0x10000
        else f"\\U{number:08x}"
    )


def one_line(text: str) -> str:
    """Text as a message or a table's cell shows it: visible, and on one line."""
    return visible(" ".join(text.split()))


def comment(text: str) -> str:
    """Text as a line of a comment or docstring of code, which it cannot end, nor go on below."""
    whole = visible(text).replace("\n", " ").replace("\t", " ")
    return whole.replace("\\", "/").replace('"""', "'''")


def markdown(text: str) -> str:
    """Text on one line that Markdown shows as it is; a `|` in a table's row is for `row` to see to."""
    return re.sub(r"([\\`*_\[\]<>#~$&])", r"\\\1", one_line(text))


def code(text: str) -> str:
    """Text on one line as Markdown's code: nothing in it is markup; of `|` see `markdown`."""
    return "`" + one_line(text).replace("`", "'") + "`"


def label(text: str) -> str:
    """Text as a label of plotly, which reads tags and entities."""
    return html.escape(visible(text), quote=False)


def drawn(text: str) -> str:
    """Text as a label of matplotlib, which reads `$` as mathematics."""
    return one_line(text).replace("$", r"\$")


def texts(content: Any) -> Any:
    """JSON content whose texts are visible: what a page is made of."""
    if isinstance(content, str):
        return visible(content)
    if isinstance(content, dict):
        return {visible(key): texts(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [texts(value) for value in content]
    return content


def cell(value: Any) -> Any:
    """A value as a cell of a CSV file: a text that a spreadsheet would compute begins with an apostrophe.

    Numbers stay as they are, negative ones too, also where they are texts ("-1.5", "-0.4 (-1.2 to 0.3)").
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    if _FORMULA.match(text) and not _NUMBERS.fullmatch(text.strip(" ")):
        return f"'{text}"
    return text


def cells(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose texts and headings are safe cells of a CSV file."""
    safe = table.copy()
    for place, column in enumerate(table.dtypes):
        if column.kind == "O" or str(column) in ("string", "str", "category"):
            safe.isetitem(place, table.iloc[:, place].map(cell, na_action="ignore"))
    safe.columns = [cell(name) for name in table.columns]
    return safe
