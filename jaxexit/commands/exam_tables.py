"""The exams' results as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # annotations only: a table needs no jax
    from jaxexit.truth.few.scores import FewScore
    from jaxexit.truth.leaks import DetectionRate
    from jaxexit.truth.published.exam import Row
    from jaxexit.truth.verdict import Control, Share, Verdict


def verdict_table(title: str, verdicts: Sequence[Verdict]) -> Table:
    """A row for each examinee and market."""
    table = Table(title=f"{title}, pips a trade", title_justify="left")
    for column in ("examinee", "market"):
        table.add_column(column)
    for column in ("trades", "mean pips", "expected", "std. error", "t"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    market = verdicts[0].market if verdicts else ""
    for verdict in verdicts:
        if verdict.market != market:
            table.add_section()
            market = verdict.market
        table.add_row(
            verdict.examinee,
            verdict.market,
            f"{verdict.trades:,}",
            f"{verdict.mean:+.3f}",
            f"{'<= ' if verdict.one_sided else ''}{verdict.expected:+.3f}",
            f"{verdict.standard_error:.4f}",
            f"{verdict.t:+.2f}",
            verdict.words,
            style=None if verdict.passed else "bold red",
        )
    return table


def share_table(title: str, shares: Sequence[Share]) -> Table:
    """A row for each policy: simple rules, the best rule, what was learned."""
    table = Table(title=f"{title}, net pips a trade", title_justify="left")
    table.add_column("policy")
    for column in (
        "steps",
        "seed",
        "trades",
        "mean pips",
        "std. error",
        "share of optimum",
        "bars",
    ):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for share in shares:
        trained = share.steps > 0
        table.add_row(
            share.examinee,
            f"{share.steps:,}" if trained else "",
            str(share.seed) if trained else "",
            f"{share.trades:,}" if share.trades else "",
            f"{share.mean:+.3f}",
            f"{share.standard_error:.3f}",
            f"{share.share:.2%} +- {share.share_error:.2%}",
            f"{share.bars_held:.1f}" if share.trades else "",
            share.words,
            style=None if share.passed else "bold red",
        )
    if shares:
        table.caption = f"upper bound of any policy: {shares[0].ceiling:.3f} pips a trade"
        table.caption_justify = "left"
    return table


def leak_table(title: str, rows: Sequence[DetectionRate]) -> Table:
    """The power curve: a row for each kind of leak and strength; then false alarms."""
    table = Table(title=title, title_justify="left")
    table.add_column("planted")
    for column in ("strength", "tried", "caught", "share", "required"):
        table.add_column(column, justify="right")
    kind = rows[0].kind if rows else ""
    for row in rows:
        if row.kind != kind:
            table.add_section()
            kind = row.kind
        table.add_row(
            row.kind,
            f"{row.low:.2f} to {min(row.high, 1.0):.2f}" if row.high else "",
            f"{row.tried:,}",
            f"{row.caught:,}",
            f"{row.share:.1%}" if row.tried else "-",
            ""
            if row.asked is None
            else f"{'below' if row.high == 0 else 'at least'} {row.asked:.0%}",
            style=None if row.passed else "bold red",
        )
    table.caption = (
        "strength: rank correlation of a column with what it leaks, beyond what the past explains; of "
        "entries, the share whose direction was chosen with hindsight"
    )
    table.caption_justify = "left"
    return table


def control_table(title: str, controls: Sequence[Control]) -> Table:
    """A row for each trap and check, those without a trap first."""
    table = Table(title=title, title_justify="left", expand=True)
    for column, share in (
        ("trap", 4),
        ("how it is planted", 4),
        ("check", 3),
        ("what the check found", 6),
    ):
        table.add_column(column, ratio=share)
    table.add_column("verdict", ratio=2)
    trap = ""
    for control in controls:
        if control.trap != trap:
            table.add_section()
            trap = control.trap
        words = (control.trap, control.planted, control.check, control.statistic, control.words)
        style = "" if control.passed else "bold red"
        table.add_row(*(Text(text) for text in words), style=style)
    return table


def few_table(title: str, scores: Sequence[FewScore]) -> Table:
    """A row for each market, number of trades and examinee."""
    table = Table(title=f"{title}, share of the optimum", title_justify="left")
    table.add_column("market", no_wrap=True)
    table.add_column("trades", justify="right", no_wrap=True)
    table.add_column("examinee", no_wrap=True)
    for column in ("share", "worst", "less fitted rule", "net pips", "seconds"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", ratio=1, min_width=12)
    last = None
    for score in scores:
        cell = (score.market, f"{score.trades:,}")
        if cell != last:
            table.add_section()
        table.add_row(
            *(cell if cell != last else ("", "")),
            score.examinee,
            _with_error(score.share, score.standard_error, ""),
            "" if score.worst is None else f"{score.worst:.1%}",
            _with_error(score.less_rule, score.less_rule_error, "+"),
            f"{score.pips:+.3f}",
            "" if score.seconds is None else f"{score.seconds:.1f}",
            score.words,
            style=None if score.passed else "bold red",
        )
        last = cell
    table.caption = (
        "luck taken off; +-: standard error over the series; worst, seconds: of one learning"
    )
    table.caption_justify = "left"
    return table


def _with_error(value: float | None, error: float | None, sign: str) -> str:
    if value is None:
        return ""
    return f"{value:{sign}.1%}" + ("" if error is None else f" +- {error:.1%}")


def published_table(title: str, rows: Sequence[Row]) -> Table:
    """A row for each problem and learner."""
    table = Table(title=title, title_justify="left")
    table.add_column("problem", no_wrap=True)
    table.add_column("learner", no_wrap=True)
    for column in ("published", "ours", "less published", "dual bound", "seconds"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("verdict", ratio=1, min_width=12)
    family = rows[0].problem.rstrip("0123456789.-") if rows else ""
    for row in rows:
        if row.problem.rstrip("0123456789.-") != family:
            table.add_section()
            family = row.problem.rstrip("0123456789.-")
        published = "" if row.lowest is None else f"{row.lowest:.4f}"
        if row.highest != row.lowest:
            published += f" to {row.highest:.4f}"
        table.add_row(
            row.problem,
            row.learner,
            published,
            f"{row.value:.4f} +- {row.error:.4f}",
            "" if row.share is None else f"{row.share:+.2%}",
            f"{row.upper:.4f} +- {row.upper_error:.4f}",
            f"{row.seconds:.1f}",
            row.words,
            style=None if row.passed else "bold red",
        )
    table.caption = (
        "ours: what the learned policy got on fresh paths, a lower bound but for its error; dual bound: what "
        "no rule can beat (of maximum, where the least is wanted, the other way round); seconds: of learning"
    )
    table.caption_justify = "left"
    return table
