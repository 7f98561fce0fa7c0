"""Pictures of decisions: what the agent chose, and what guards blocked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from jaxexit.config.actions import ACTION_NAMES, ACTIONS
from jaxexit.env.guards import PROFIT_BANDS
from jaxexit.report.run import ReportedRun, numbers
from jaxexit.report.style import hatched, rounded


def _counts(
    run: ReportedRun, by: str, order: Sequence[Any], *, blocked: bool = False
) -> np.ndarray:
    """Attempts of guard_stats.parquet: [actions, values of the column `by`]."""
    guards = run.guards
    kept = guards["blocked"].to_numpy(bool) | (not blocked)
    action = np.array([ACTION_NAMES.index(name) for name in guards["action"]])
    place = {value: i for i, value in enumerate(order)}
    column = np.array([place[value] for value in guards[by]])
    counts = np.zeros((len(ACTIONS), len(order)))
    np.add.at(counts, (action[kept], column[kept]), numbers(guards, "count")[kept])
    return counts


def chosen_actions(run: ReportedRun) -> tuple[go.Figure, str]:
    """What the agent chose at each bar, and its words."""
    bars = np.unique(run.guards["k"].to_numpy(int)).tolist()
    counts = _counts(run, "k", bars)
    share = 100 * counts / counts.sum(axis=0)
    figure = go.Figure()
    for i, action in enumerate(ACTIONS):
        figure.add_bar(
            x=bars,
            y=rounded(share[i]),
            name=action.name,
            marker=hatched(action.colour, action.hatching),
        )
    figure.update_layout(barmode="stack", bargap=0.05)
    figure.update_xaxes(title_text="bar (decision k)")
    figure.update_yaxes(title_text="% of choices", range=[0, 100])
    return figure, (
        "The action chosen at each bar, before guards, as a share of the trades still open there. Late bars "
        "have few trades."
    )


def blocked_attempts(run: ReportedRun, by: str) -> tuple[go.Figure, str]:
    """Attempts that guards blocked by `k` or `profit_band`, and the figure's words."""
    figure = go.Figure()
    order = (
        list(PROFIT_BANDS)
        if by == "profit_band"
        else np.unique(run.guards["k"].to_numpy(int)).tolist()
    )
    tried, stopped = _counts(run, by, order), _counts(run, by, order, blocked=True)
    share = 100 * stopped / np.maximum(tried, 1)
    for i, action in enumerate(ACTIONS):
        if not stopped[i].any():
            continue
        figure.add_bar(
            x=order,
            y=stopped[i].tolist(),
            name=action.name,
            customdata=np.stack([tried[i], share[i].round(1)], 1).tolist(),
            hovertemplate="%{y} of %{customdata[0]} attempts blocked (%{customdata[1]}%)"
            "<extra>%{fullData.name}</extra>",
            marker=hatched(action.colour, action.hatching),
        )
    figure.update_layout(barmode="stack")
    figure.update_xaxes(
        title_text="bar (decision k)" if by == "k" else "unrealised net profit at the attempt"
    )
    figure.update_yaxes(title_text="attempts blocked")
    if not figure.data:
        figure.add_annotation(
            text="no attempt was blocked", showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper"
        )
    return figure, "Attempts that a guard turned into HOLD."
