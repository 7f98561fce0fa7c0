"""What a file format is: one module of `jaxexit.data.formats` with one `Format`, called `FORMAT`.

To add one:

1. write `formats/NAME.py` with `FORMAT = Format(name, clock, layouts)`;
2. name it in the tuple `FORMATS` of `formats/__init__.py`, where the order decides between two that fit;
3. put a small file that shows it beside the tests: `tests/data/formats/examples/NAME.*`.

`tests/data/formats/test_formats.py` fails, with the module's name, where a step is forgotten.

A layout is one way in which files of the format are written. It says which view of a file it knows:

- `Start`: the first bytes, of a binary file;
- `Json`: the content of a JSON file;
- `Markup`: the text of an HTML or XML file;
- `Head`: the first rows of delimited text, for files without a header or with more than one;
- `Cells`: rows of cells, for tables below titles or several in one file (text, HTML, Excel);
- `Columns`: a table with one header (text, Parquet, Feather, Excel, NumPy, or a DataFrame).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from jaxexit.data.files.source import UNSTATED, Clock, Source
from jaxexit.data.sources import InMemory

File = Path | InMemory  # what is read: its name, and what errors call it
Rows = list[list[str]]  # cells, stripped; a blank line is an empty row


@dataclass(frozen=True)
class Start:
    """A binary file."""

    content: bytes  # its first ones


@dataclass(frozen=True)
class Json:
    """A JSON file."""

    content: Any


@dataclass(frozen=True)
class Markup:
    """An HTML or XML file."""

    text: str


@dataclass(frozen=True)
class Cells:
    """Rows of cells."""

    rows: Rows  # of delimited text only the first ones
    has_header: bool = False  # the first row may be a header: no report saved as a table
    read_all: Callable[[], Rows] | None = None  # where `rows` are only the first ones

    def all_rows(self) -> Rows:
        """All rows of the file."""
        return self.rows if self.read_all is None else self.read_all()


View = TypeVar("View")


@dataclass(frozen=True)
class Layout(Generic[View]):
    """One way in which files of a format are written."""

    view: type[View]
    sniff: Callable[[View], bool]  # whether a file is written so
    read: Callable[[Any, View], Source]  # of a `File` that is


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: for people.
        clock: of its stamps without an offset; a file that says otherwise has its own (`Source.clock`).
        layouts: how its files are written, the first that fits decides.
    """

    name: str
    clock: Clock
    layouts: Sequence[Layout[Any]]

    def sniff(self, view: object) -> bool:
        """Whether a file, of which this is a view, is of this format."""
        return self._layout(view) is not None

    def read(self, file: File, view: object) -> Source:
        """A file that is of this format.

        Raises:
            DataError: one line, for what is wrong with it.
        """
        layout = self._layout(view)
        assert layout is not None, f"{file} is not of the format {self.name}"
        source = layout.read(file, view)
        return replace(source, clock=self.clock) if source.clock is UNSTATED else source

    def _layout(self, view: object) -> Layout[Any] | None:
        fits = (each for each in self.layouts if isinstance(view, each.view) and each.sniff(view))
        return next(fits, None)
