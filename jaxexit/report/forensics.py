"""The part of a page that shows a diagnosis: the same for a list of trades and for a version's policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jaxexit.forensics import Diagnosis, of_backtest
from jaxexit.forensics.shown import Shown, headline, shown
from jaxexit.forensics.text import NOTHING as NO_CELL
from jaxexit.policies import CLASSICAL, LISTED
from jaxexit.report.forensic_figures import forensic_pictures
from jaxexit.report.picture import Picture
from jaxexit.report.run import ReportedRun
from jaxexit.report.words import NOTHING, typographic

WITH = (LISTED.name, CLASSICAL.name)
"""Baselines that can be chosen beside the learned policy: those that a trader has without it."""


class Part(NamedTuple):
    """A diagnosis, ready for the page."""

    key: str  # unique on the page
    name: str  # of the list or policy
    headline: str
    notes: Sequence[str]
    pictures: Sequence[Picture]
    tables: Sequence[Shown]


def part(diagnosis: Diagnosis, key: str) -> Part:
    """What the page shows of a diagnosis."""
    tables = [
        table._replace(
            key=f"{key}-{table.key}",
            words=typographic(table.words),
            rows=[
                [NOTHING if cell == NO_CELL else typographic(cell) for cell in row]
                for row in table.rows
            ],
        )
        for table in shown(diagnosis)
    ]
    return Part(
        key,
        diagnosis.name,
        typographic(headline(diagnosis)),
        [typographic(note) for note in diagnosis.notes],
        forensic_pictures(diagnosis, key),
        tables,
    )


def parts_of_run(run: ReportedRun) -> list[Part]:
    """The learned policy, then the list's own exits and the classical ones where they are in the results."""
    names = [run.learned, *(name for name in WITH if name in run.tables)]
    return [
        part(
            Diagnosis(of_backtest(run.backtest, run.tables[name], name)),
            f"f{number}",
        )
        for number, name in enumerate(names)
    ]
