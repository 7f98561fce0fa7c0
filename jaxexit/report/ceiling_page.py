"""A ceiling as one self-contained page, of the report's parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from jaxexit import units
from jaxexit.forensics.shown import Shown
from jaxexit.report.diagnosis_page import page_of_parts
from jaxexit.report.forensics import Part
from jaxexit.report.picture import Picture, as_json
from jaxexit.report.style import DASHES, PALETTE, SYMBOLS, bar_style, rounded
from jaxexit.report.words import typographic
from jaxexit.store.files import write_text
from jaxexit.truth.ceiling.run import Ceiling
from jaxexit.truth.ceiling.shown import notes, overview, sentence, shown


def write_ceiling(name: str, found: Sequence[Ceiling], path: Path) -> None:
    """Write the page.

    Args:
        name: of the version.
        found: of each model.
        path: where to; replaced atomically.
    """
    text = page_of_parts(
        name,
        [_part(each, f"f{number}") for number, each in enumerate(found)],
        about="ceiling",
        heading="What no exit can earn more than",
        source="from models fitted to the bars of the training part. Every exit is played with the "
        "environment's step.",
        tables=[_typographic(overview(found), "f")],
        label="Model",
    )
    write_text(path, text)


def _part(found: Ceiling, key: str) -> Part:
    return Part(
        key=key,
        name=found.model,
        headline=typographic(sentence(found)),
        notes=[typographic(text) for text in notes(found)],
        pictures=_pictures(found, key),
        tables=[_typographic(table, key) for table in shown(found)],
    )


def _typographic(table: Shown, key: str) -> Shown:
    rows = [[typographic(cell) for cell in row] for row in table.rows]
    return table._replace(key=f"{key}-{table.key}", words=typographic(table.words), rows=rows)


def _pictures(found: Ceiling, key: str) -> list[Picture]:
    drawn = [("earned", "Below the ceiling", *_earned(found))]
    if found.checks:
        drawn.append(("checks", "The model against the bars", *_checks(found)))
        drawn.append(("spread", "Spread by hour", *_spread(found)))
    return [
        Picture(f"{key}-{name}", title, words, as_json(figure))
        for name, title, figure, words in drawn
    ]


def _earned(found: Ceiling) -> tuple[go.Figure, str]:
    result = found.measured
    rows = {**result.rules, "learned here": result.learned}
    if result.yours is not None:
        rows["yours"] = result.yours
    names = sorted(rows, key=lambda name: rows[name].value)
    figure = go.Figure(
        go.Scatter(
            x=[rows[name].value for name in names],
            y=names,
            error_x={"array": [2 * rows[name].error for name in names]},
            mode="markers",
            marker={"color": PALETTE[0], "symbol": SYMBOLS[0], "size": 9},
            name="earns",
        )
    )
    top, error = result.ceiling
    figure.add_vrect(
        x0=top - 2 * error, x1=top + 2 * error, fillcolor=PALETTE[1], opacity=0.2, line_width=0
    )
    figure.add_trace(
        go.Scatter(
            x=[top, top],
            y=[names[0], names[-1]],
            mode="lines",
            line={"color": PALETTE[1], "width": 3, "dash": DASHES[0]},
            name="ceiling",
        )
    )
    unit = units.words(found.unit)
    figure.update_xaxes(title=f"net {unit} a trade")
    figure.update_yaxes(automargin=True)
    return figure, "Bars and the band are two standard errors to either side."


def _checks(found: Ceiling) -> tuple[go.Figure, str]:
    """Autocorrelations of squares, the one check that is a curve."""
    picked = [
        check for check in found.checks if check.name.startswith("autocorrelation of squares")
    ]
    lags = [int(check.name.rpartition(" ")[2]) for check in picked]
    figure = go.Figure()
    series: tuple[tuple[str, list[float], Any], ...] = (
        ("bars", [check.bars for check in picked], [2 * (check.error or 0.0) for check in picked]),
        ("model", [check.model for check in picked], None),
    )
    for i, (name, values, errors) in enumerate(series):
        figure.add_trace(
            go.Scatter(
                x=lags,
                y=values,
                error_y=None if errors is None else {"array": errors},
                mode="lines+markers",
                line={"color": PALETTE[i], "dash": DASHES[i]},
                marker={"symbol": SYMBOLS[i], "size": 8},
                name=name,
            )
        )
    figure.update_xaxes(title="lag, bars")
    figure.update_yaxes(title="autocorrelation of squared changes", rangemode="tozero")
    words = "How long lively times last: in the real bars, with two standard errors, and in the model's."
    return figure, words


def _spread(found: Ceiling) -> tuple[go.Figure, str]:
    assert found.spread is not None
    figure = go.Figure()
    for i, (name, values) in enumerate(
        (("bars", found.spread.bars), ("model", found.spread.model))
    ):
        figure.add_trace(
            go.Bar(x=list(range(24)), y=rounded(values), marker=bar_style(i), name=name)
        )
    figure.update_layout(barmode="group")
    figure.update_xaxes(title="hour of the New York day")
    figure.update_yaxes(title="mean spread, basis points")
    return (
        figure,
        "Where orders fill. A policy may wait for a cheaper hour, and the bound knows it.",
    )
