"""How a kind of file is told to the reader: one `Format` a module, named in a list of `formats`.

To add one, write a module with a function that knows the file by what is seen of it, one that reads it
into a `Source`, and `FORMAT = Format("its name", recognise, read)`; then name it in the list of `formats`
that fits:

- `TEXT`: delimited text without a header, or with more than one; seen is its `Head`;
- `SECTIONED`: tables below titles, or several in one file (text, HTML, Excel); seen are its `Rows`;
- `TABLES` (in `frames`): one table with a header; seen are its `Columns`;
- `JSON`: seen is the content; `MARKUP`: HTML and XML; seen is the text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from jaxexit.data.formats.source import Source

Seen = TypeVar("Seen")
Rows = list[list[str]]  # a file's cells, stripped; a blank line is an empty row


@dataclass(frozen=True)
class Format(Generic[Seen]):
    """One kind of file."""

    name: str
    recognise: Callable[[Seen], bool]  # at most the beginning of a file is shown
    read: Callable[[Any, Seen], Source]


def known(formats: Sequence[Format[Seen]], seen: Seen) -> Format[Seen] | None:
    """The first format that knows a file; None where none does."""
    return next((each for each in formats if each.recognise(seen)), None)
