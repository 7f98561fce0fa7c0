"""What `distil` prints; nothing is computed here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console

from jaxexit import units
from jaxexit.commands import tables
from jaxexit.progress import lines

if TYPE_CHECKING:
    from jaxexit.results import Distilled


def distilled(out: Console, found: Distilled) -> None:
    """The tables of a backtest with the rule in the learned policy's place, the rule, and what it keeps."""
    tables.backtest(out, found.summary, found.learned)
    lines(out, ["", *said(found.summary), f"{found.folder}: summary, trades, days"])


def said(summary: dict[str, Any]) -> list[str]:
    """The rule in words, how it was chosen, the decisions and the net result that it keeps."""
    unit = units.of(summary)
    form, name = units.mean_form(unit), units.words(unit)
    candidates, best = summary["candidates"], summary["candidates"]["chosen"]
    agreement, kept = summary["agreement"], summary["kept"]
    network = summary["network_validation_net_mean"]
    by_action = ", ".join(
        f"{action} {count['both']:,} of {count['network']:,}"
        for action, count in agreement["by_action"].items()
    )
    share = kept["share"]
    if share is None:
        result = "share of net result kept: none, the network's own is not above zero for sure"
    else:
        result = f"share of net result kept: {share['value']:.0%}"
        if share["low"] is not None:
            result += f" (95% interval {share['low']:.0%} to {share['high']:.0%})"
    parity = summary["parity"]
    poor = agreement["share"] <= agreement["always_hold"]
    warning = (
        "It keeps no more decisions than doing nothing would: it does not stand for the network."
    )
    return [
        f"{summary['version']} as a rule: {summary['rule']['words']}.",
        f"Chosen on validation among {candidates['tried']} candidates: net "
        f"{best['validation_net_mean']:{form}} {name} a trade there, the network {network:{form}}.",
        f"Decisions kept: {agreement['share']:.1%} of the {agreement['decisions']:,} that the network met on "
        f"{summary['split']}, after guards; doing nothing would keep {agreement['always_hold']:.1%} "
        f"({by_action}).",
        *([warning] if poor else []),
        f"Net result, rule minus network: {kept['difference']['verdict']}; {result}.",
        f"Its code in {' and '.join(parity['different'])} was run on {parity['decisions']:,} decisions of "
        f"{summary['split']}: {sum(parity['different'].values())} otherwise.",
    ]
