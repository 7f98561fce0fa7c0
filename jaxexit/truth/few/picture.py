"""The exam of few trades as a picture: share of the optimum against the number of trades."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jaxexit.store.files import replacing
from jaxexit.truth.few.scores import HOLD, LEARNED, LEAVE, ORACLE, RULE, FewScore

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = {
    LEARNED: {"color": "#d55e00", "marker": "o", "linewidth": 2.2, "zorder": 5},
    RULE: {"color": "#0072b2", "marker": "s"},
    "Longstaff-Schwartz": {"color": "#009e73", "marker": "^"},
    "randomised regression": {"color": "#56b4e9", "marker": "v"},
    ORACLE: {"color": "#0072b2", "linestyle": ":"},
    LEAVE: {"color": "#999999", "linestyle": "--"},
    HOLD: {"color": "#999999", "linestyle": "-."},
}
OUT_OF_SCALE = (LEAVE, HOLD)  # they may lie far below: the axis is for the others
LOWEST = -10.0  # % of the optimum: what lies further below is out of the picture
COLUMNS = 3


def draw(scores: Sequence[FewScore], path: Path) -> None:
    """Write a PNG: a panel for each market, a line for each examinee, bars of one standard error."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    markets = list(dict.fromkeys(score.market for score in scores))
    columns = min(COLUMNS, len(markets))
    figure, axes = plt.subplots(
        -(-len(markets) // columns),
        columns,
        figsize=(4.2 * columns, 3.4 * -(-len(markets) // columns)),
        layout="constrained",
        squeeze=False,
    )
    for where in axes.flat[len(markets) :]:
        where.set_visible(False)
    for market, where in zip(markets, axes.flat, strict=False):
        _panel(where, market, [score for score in scores if score.market == market])
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)
    plt.close(figure)


def _panel(where: Axes, market: str, scores: Sequence[FewScore]) -> None:
    shares = scores[0].share is not None
    seen = []
    for examinee, style in STYLES.items():
        rows = [score for score in scores if score.examinee == examinee]
        values = [score.pips if score.share is None else 100 * score.share for score in rows]
        errors = [100 * (score.standard_error or 0.0) for score in rows]
        trades = [score.trades for score in rows]
        where.errorbar(trades, values, yerr=errors, label=examinee, markersize=4, **style)
        if examinee not in OUT_OF_SCALE or not shares:
            seen += values
    bottom, top = min(seen), max(seen)
    if shares:
        bottom, top = max(bottom, LOWEST), 100.0
        where.axhline(top, color="#dddddd", linewidth=1, zorder=0)
    room = 0.06 * (top - bottom) + 0.05
    where.set(
        xscale="log",
        ylim=(bottom - room, top + room),
        title=market,
        xlabel="trades to learn from",
        ylabel="% of the optimum" if shares else "net pips a trade",
    )
    ticks = sorted({score.trades for score in scores})
    where.set_xticks(ticks, [f"{n:,}" for n in ticks])
    where.minorticks_off()
    where.spines[["top", "right"]].set_visible(False)
