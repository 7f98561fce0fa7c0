"""Null: how often chance does as well on the user's entries.

The same policy plays the same entries (bar and direction) in markets that have lost what it may know:

- coin-flipped: each bar is turned upside down (gap, high, low and close against the last close, in
  logarithms) with probability one half. No direction follows from what came before; sizes of bars stay.
- shuffled: blocks of a day's bars in random order. What followed these entries is gone; bars keep their shape
  and, inside a block, their neighbours.

Both sides of the book are built again around the new mid with the spread that was quoted at that time, and
indicators are computed again. Initial stops and targets keep their distance in ATR, given prices theirs from
the close. Columns that came finished in the file stay as they are; those of a recipe are made anew. Such bars
have no finer bars inside, so what is compared with them is played without them too.

p = (1 + markets in which the mean net result is at least as good) / (1 + markets)  (Phipson and Smyth 2010).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from jaxexit.data import Trades
from jaxexit.data.bars import Bars, find_gaps
from jaxexit.data.features import feature_columns
from jaxexit.data.market import build_market
from jaxexit.data.recipe import completed
from jaxexit.data.types import CLOSE, HIGH, LOW, OPEN, Market, padded
from jaxexit.env import World
from jaxexit.evaluate import PolicyResult
from jaxexit.evaluate.assumed import without_detail
from jaxexit.truth.audit.finding import Finding
from jaxexit.truth.audit.subject import Subject
from jaxexit.units import mean_form

CHECK = "null"
SIGNIFICANT = 0.05
MOST, FEWEST = 100, 20  # markets of each kind
MOST_TRADES = 2_000  # played in each market; of more, so many spread evenly
BARS = 30_000_000  # played in all markets of one kind, at most, until only `FEWEST` are left: half a minute

Moves = np.ndarray  # [T, 4]: gap, and high, low, close from the open, in logarithms of the mid
Alter = Callable[[Moves, np.random.Generator], Moves]


def coin_flipped(moves: Moves, rng: np.random.Generator) -> Moves:
    """Each bar upside down or not."""
    mirrored = -moves[:, [OPEN, LOW, HIGH, CLOSE]]
    flip = rng.random(len(moves)) < 0.5
    return np.where(flip[:, None], mirrored, moves)


def shuffled(moves: Moves, rng: np.random.Generator, block: int) -> Moves:
    """Blocks of bars in another order."""
    starts = np.arange(0, len(moves), block)
    order = np.concatenate(
        [np.arange(start, min(start + block, len(moves))) for start in rng.permutation(starts)]
    )
    return moves[order]


def check(subject: Subject) -> list[Finding]:
    """How often chance does as well, in either kind of market."""
    table, unit = _as_by_chance(subject).table, subject.dataset.unit
    rows = np.linspace(0, len(table) - 1, min(len(table), MOST_TRADES)).astype(int)
    actual = float(table[unit.key("net")].to_numpy(float)[rows].mean())
    longest = int(table["bars_held"].to_numpy(int)[rows].max()) + 1
    markets = int(np.clip(BARS // (len(rows) * longest), FEWEST, MOST))
    step = find_gaps(subject.bars.times).step
    block = max(2, round(np.timedelta64(1, "D") / step))
    kinds: dict[str, Alter] = {
        "coin-flipped bars": coin_flipped,
        f"shuffled blocks of {block} bars": lambda moves, rng: shuffled(moves, rng, block),
    }
    stage, form = _Stage(subject, rows), mean_form(unit.name)
    findings = []
    for number, (kind, alter) in enumerate(kinds.items()):
        rng = subject.rng(200 + number)
        by_chance = np.array([stage.score(alter, rng) for _ in range(markets)])
        as_good = int((by_chance >= actual).sum())
        p = (1 + as_good) / (1 + markets)
        where = f"{subject.split}, {len(rows):,} trades, {markets} markets of {kind}"
        size = (
            f"{actual:{form}} {unit.words} a trade; by chance {by_chance.mean():{form}} on average, "
            f"as good in {as_good} of {markets} (p = {p:.3f})"
        )
        if p < SIGNIFICANT:
            findings.append(Finding(CHECK, "pass", "better than chance", where, size))
            continue
        advice = "not distinguishable from luck: test it on more trades before trusting it"
        findings.append(Finding(CHECK, "warning", "no better than chance", where, size, advice))
    return findings


def _as_by_chance(subject: Subject) -> PolicyResult:
    """The subject's trades, filled as in markets that have no finer bars."""
    if subject.dataset.detail is None:
        return subject.result
    backtest = without_detail(subject.backtest)
    return backtest.play(subject.policy, subject.params, seed=subject.experiment.seed)


class _Stage:
    """The stretch of bars that a split's trades need, to be played with other moves."""

    def __init__(self, subject: Subject, rows: np.ndarray) -> None:
        """Args: the subject; which of the split's trades are played, [N] int."""
        self.subject = subject
        self.backtest = copy.copy(subject.backtest)
        world: World = subject.backtest.world
        trades, hindsight = jax.tree.map(
            lambda leaf: np.asarray(leaf)[rows], (world.trades, world.hindsight)
        )
        self.backtest.world = world._replace(trades=trades, hindsight=hindsight)
        self.trades: Trades = trades
        entries, bars = subject.entry_bars[rows], subject.bars
        first = int(entries.min()) - subject.first_entry
        stretch = slice(first, int(entries.max()) + subject.backtest.horizon + 1)
        self.bars = replace(
            bars,
            times=bars.times[stretch],
            bid=bars.bid[stretch],
            ask=bars.ask[stretch],
            table=bars.table.iloc[stretch].reset_index(drop=True),
        )
        self.entries = entries - first
        self.atr = np.asarray(subject.dataset.market.atr, float)[entries]
        self.moves = log_moves(self.bars.mid)

    def score(self, alter: Alter, rng: np.random.Generator) -> float:
        """Mean net result a trade in a market of altered moves."""
        bars = rebuilt(self.bars, alter(self.moves, rng))
        bars = completed(self.subject.experiment.recipe, bars)
        columns, atr, _ = feature_columns(self.subject.dataset.features, bars)
        market = build_market(
            bars,
            columns,
            atr,
            self.subject.dataset.charges,
            flat_overnight=self.subject.experiment.env.flat_overnight,
        )
        self.backtest.world = self.backtest.world._replace(
            # As long as the whole market: the program that plays it is there already.
            market=Market(*padded(market, len(self.subject.bars.times))),
            trades=self._trades(bars, atr),
        )
        return self.backtest.score(self.subject.policy, self.subject.params)

    def _trades(self, bars: Bars, atr: np.ndarray) -> Trades:
        """The same entries at the altered bars' prices."""
        names = ("entry_price", "stop", "target", "given_fill")
        original = {name: np.asarray(getattr(self.trades, name), float) for name in names}
        known = self._book(self.bars, 0, CLOSE), self._book(bars, 0, CLOSE)
        late = self._book(self.bars, 1, OPEN), self._book(bars, 1, OPEN)
        price = known[1] + (original["entry_price"] - known[0])
        stretched = atr[self.entries] / self.atr
        altered = (
            price,
            price + (original["stop"] - original["entry_price"]) * stretched,
            price + (original["target"] - original["entry_price"]) * stretched,
            late[1] + (original["given_fill"] - late[0]),
        )
        prices = {n: np.asarray(p, np.float32) for n, p in zip(names, altered, strict=True)}
        entry_bar: Any = np.asarray(self.entries, np.int32)
        return self.trades._replace(entry_bar=entry_bar, **prices)

    def _book(self, bars: Bars, later: int, column: int) -> np.ndarray:
        """What the entries pay at a bar's open or close, [N]."""
        at = self.entries + later
        return np.where(self.trades.direction > 0, bars.ask[at, column], bars.bid[at, column])


def log_moves(mid: np.ndarray) -> Moves:
    """Gap from the last close, and high, low and close from the open, of bars [T, 4] in logarithms."""
    prices = np.log(mid)
    gaps = prices[:, OPEN] - np.concatenate([prices[:1, OPEN], prices[:-1, CLOSE]])
    return np.column_stack([gaps, prices[:, 1:] - prices[:, :1]])


def rebuilt(bars: Bars, moves: Moves) -> Bars:
    """Both sides of the book around the mid that moves [T, 4] make, with the spread that was quoted then."""
    close = np.log(bars.mid[0, OPEN]) + np.cumsum(moves[:, OPEN] + moves[:, CLOSE])
    opened = close - moves[:, CLOSE]
    mid = np.exp(np.column_stack([opened, opened[:, None] + moves[:, 1:]]))
    half = (bars.ask - bars.bid) / 2
    sides = []
    for side in (mid - half, mid + half):
        ends = side[:, [OPEN, CLOSE]]
        # A spread that widens inside the bar was quoted around other extremes.
        side[:, HIGH] = np.maximum(side[:, HIGH], ends.max(axis=1))
        side[:, LOW] = np.minimum(side[:, LOW], ends.min(axis=1))
        sides.append(side)
    return replace(bars, bid=sides[0], ask=sides[1])
