"""A trained policy in jaxexit's own backtest, for comparison with what other engines make of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd

from jaxexit.data import load_dataset
from jaxexit.data.charges import FREE
from jaxexit.env import ACTIONS
from jaxexit.lab.trained import open_trained
from jaxexit.lab.training import learned_policy
from jaxexit.live.messages import Message
from jaxexit.live.policy import TrainedPolicy, restore_policy
from jaxexit.truth.audit.subject import Subject, make_subject
from tests.support import tiny
from tests.support.tiny import REPOSITORY

MONEY = 5e-7  # price units: what float32 fractions of a price can tell


@dataclass(frozen=True)
class Played:
    """A policy and what jaxexit's backtest made of it on the test split."""

    policy: TrainedPolicy
    subject: Subject

    @property
    def trades(self) -> pd.DataFrame:
        """One row a trade: entry_bar, direction, stop, exit_reason, fills, ..."""
        assert self.subject.result is not None
        return self.subject.result.table

    @property
    def bars(self) -> pd.DataFrame:
        """Bid bars, all of them, with their times."""
        bars = self.subject.bars
        table = pd.DataFrame(bars.bid, columns=["open", "high", "low", "close"])
        table.insert(0, "time", pd.DatetimeIndex(bars.times))
        return table

    def decisions(self, row: int) -> list[tuple[int, str, str, float]]:
        """k, action chosen, action taken, and stop from then on, of each decision of a trade."""
        records = self.subject.records
        taken = int(np.asarray(records.taken)[row].sum())
        chosen, fired, stop = (
            np.asarray(leaf)[row, :taken] for leaf in (records.chosen, records.fired, records.stop)
        )
        return [
            (k, ACTIONS[c], "HOLD" if f else ACTIONS[c], float(s))
            for k, (c, f, s) in enumerate(zip(chosen, fired, stop, strict=True))
        ]

    def exits(self, row: int) -> list[Piece]:
        """What a trade was closed in."""
        fills = self.trades["fills"].iloc[row]
        return [(f["bar"], float(np.float32(f["price"])), round(f["size"], 6)) for f in fills]


def played(trained: tiny.Trained, spread: float = 0.0, **env: Any) -> Played:
    """The session's policy on a market of one spread (pips), its weights disturbed so that all actions occur.

    A policy of a few seconds' training chooses one or two actions everywhere; what is compared here is what
    engines make of decisions, of all kinds.
    """
    version = open_trained(trained.yaml, None)
    policy = restore_policy(version)
    experiment = policy.experiment
    experiment = experiment.model_copy(
        update={
            "costs": experiment.costs.model_copy(update={"spread_pips": spread}),
            "guards": experiment.guards.model_copy(
                update={
                    "min_profit_for_exit": 0.0004,
                    "min_profit_for_partial": 0.0002,
                    "min_bars_for_exit": 1,
                    "min_bars_for_trail": 1,
                }
            ),
            "env": experiment.env.model_copy(update=env),
        }
    )
    leaves, structure = jax.tree.flatten(policy.params)
    rng = np.random.default_rng(5)
    disturbed = [leaf + 0.6 * rng.standard_normal(leaf.shape).astype(leaf.dtype) for leaf in leaves]
    policy = replace(
        policy,
        experiment=experiment,
        params=jax.tree.unflatten(structure, disturbed),
        charges=FREE,
    )
    subject = make_subject(
        experiment,
        "test",
        learned_policy(experiment),
        policy.params,
        dataset=load_dataset(experiment),
    )
    return Played(policy, subject)


Piece = tuple[int, float, float]
"""Bar, float32 price and share of the original size."""
SAME, UNEXPLAINED = "same", "unexplained"


@dataclass
class Tally:
    """What of a backtest another engine did alike."""

    decisions: int = 0
    same_decisions: int = 0
    exits: Counter[str] = field(default_factory=Counter)  # by SAME, or the rule that differs

    def __str__(self) -> str:
        """In one line."""
        different = {rule: count for rule, count in self.exits.items() if rule != SAME}
        rules = (
            ", ".join(f"{rule} {count:,}" for rule, count in sorted(different.items())) or "none"
        )
        return (
            f"{self.same_decisions:,} of {self.decisions:,} decisions; {self.exits[SAME]:,} of "
            f"{self.exits.total():,} trades left in the same bars at the same prices; different: {rules}"
        )


def compare(
    free: Played,
    messages: Iterable[Message],
    names: Mapping[int, str],
    pieces: Mapping[int, list[Piece]],
    why: Callable[[int, list[Piece], list[Piece]], str],
) -> Tally:
    """Decisions and exits of the same trades in jaxexit's backtest and in another engine.

    A decision counts as the same if action chosen, action taken and stop are. Where an exit differs, so may
    the decisions after it: those are compared as far as both engines have the trade open.

    Args:
        free: ours.
        messages: what the other engine's advisor said.
        names: of the trades there, by row.
        pieces: what each trade was closed in there, by row.
        why: the rule that explains their pieces where ours (the first) differ, or UNEXPLAINED.
    """
    told: dict[str, list[Message]] = {}
    for line in messages:
        if line["type"] == "advice":
            told.setdefault(line["trade"], []).append(line)
    tally = Tally()
    for row, name in names.items():
        ours, theirs = free.exits(row), pieces[row]
        tally.exits[SAME if same_pieces(ours, theirs) else why(row, ours, theirs)] += 1
        for (k, chosen, action, stop), line in zip(
            free.decisions(row), told.get(name, ()), strict=False
        ):
            tally.decisions += 1
            tally.same_decisions += (line["k"], line["chosen"], line["action"]) == (
                k,
                chosen,
                action,
            ) and abs(line["stop"] - stop) <= MONEY
    return tally


def same_pieces(ours: list[Piece], theirs: list[Piece]) -> bool:
    """Whether bars and shares are the same, and prices to the last digits of a float32."""
    return len(ours) == len(theirs) and all(
        our[0] == their[0] and abs(our[1] - their[1]) <= 2e-7 and abs(our[2] - their[2]) < 1e-4
        for our, their in zip(ours, theirs, strict=True)
    )


def at_next_open(
    free: Played, row: int, ours: list[Piece], theirs: list[Piece], above_bid: float = 0.0
) -> bool:
    """Whether a trade at its horizon was closed at the next bar's open, and is the same otherwise.

    Args:
        free: ours.
        row: of the trade.
        ours, theirs: what it was closed in.
        above_bid: how far above the bid the other engine's bars are, price units.
    """
    bar = ours[-1][0] + 1
    price = float(np.float32(free.bars["open"].iloc[min(bar, len(free.bars) - 1)] + above_bid))
    last = (bar, price, ours[-1][2])
    return free.trades["exit_reason"].iloc[row] == "TIME" and same_pieces(
        [*ours[:-1], last], theirs
    )


def example(heading: str, version: Path) -> str:
    """The Python block under a heading of the page of adapters, for a version of the tests' own."""
    page = (REPOSITORY / "docs" / "how-to" / "adapters.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    block = section.split("```python\n")[1].split("```")[0]
    named = '"experiments/v2_exit_guards.yaml"'
    assert named in block
    return block.replace(named, repr(str(version)))
