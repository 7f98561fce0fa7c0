"""A diagnosis on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jaxexit.forensics.shown import headline, shown

if TYPE_CHECKING:
    from rich.console import RenderableType

    from jaxexit.forensics import Diagnosis

FOLDED = ("groups_hour",)  # long tables, shown side by side


def tables(diagnosis: Diagnosis) -> Iterator[RenderableType]:
    """What is printed, in order."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    yield Text(headline(diagnosis), style="bold")
    for note in diagnosis.notes:
        yield Text(f"note: {note}")
    for each in shown(diagnosis):
        yield ""
        yield Text(each.title, style="bold")
        rows = [list(row) for row in each.rows]
        head, times = list(each.head), 1
        if each.key in FOLDED and len(rows) > 6:
            times = 2
            half = -(-len(rows) // times)
            rows += [[""] * len(head)] * (half * times - len(rows))
            rows = [rows[i] + rows[half + i] for i in range(half)]
        if rows:
            table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
            for number, heading in enumerate(head * times):
                first = number % len(head) == 0
                table.add_column(heading, justify="left" if first else "right", overflow="fold")
            for row in rows:
                table.add_row(*row)
            yield table
        yield Padding(Text(each.words, style="dim"), (0, 0, 0, 0))
