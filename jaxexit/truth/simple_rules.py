"""Paths of the markets whose answer is known, and what simple rules earn on them.

Plain numpy, no environment: the independent check of `known_answers`, and the yardstick beside it. A rule is
judged at closes, decision by decision, and maps paths to the decision at which it leaves (H: never, the
horizon closes the trade).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from jaxexit.truth.known_answers import (
    Disorder,
    Reversion,
    Solution,
    entry_quantiles,
    exit_advantage,
    next_posterior,
)

WINDOWS = (1, 2, 3, 5, 8, 13, 20, 30, 40)  # bars


class Paths(NamedTuple):
    """n trades of H bars, long form."""

    gain: np.ndarray  # [H+1, n] float32, pips: middle price at decision k less that at decision 0
    state: np.ndarray  # [H+1, n] float32: the solution's state, price or posterior


class RuleValue(NamedTuple):
    """A rule, named with its numbers, and what it earns."""

    name: str
    value: float  # net pips a trade, by the performance-difference lemma
    standard_error: float
    share: float  # of the optimal value
    at_horizon: float  # share of trades that it holds to the horizon


class MeanResult(NamedTuple):
    """A mean over simulated trades, net pips."""

    mean: float
    standard_error: float


def simulate(market: Reversion | Disorder, count: int, rng: np.random.Generator) -> Paths:
    """Independent trades of a market."""
    shape = (market.horizon, count)
    noise = rng.standard_normal(shape, dtype=np.float32) * np.float32(market.noise)
    state = np.empty((market.horizon + 1, count), np.float32)
    if isinstance(market, Reversion):
        state[0] = entry_quantiles(market, rng.random(count))
        for k in range(market.horizon):
            state[k + 1] = np.float32(market.persistence) * state[k] + noise[k]
        return Paths(state - state[0], state)
    # The bar of the trade, 1, 2, ..., that first goes against it.
    turn = rng.geometric(market.hazard, count) + market.first_bar_favourable
    gain = np.zeros_like(state)
    state[0] = market.prior
    for k in range(market.horizon):
        change = np.where(k + 1 < turn, market.drift, -market.drift).astype(np.float32) + noise[k]
        gain[k + 1] = gain[k] + change
        state[k + 1] = next_posterior(market, state[k], change)
    return Paths(gain, state)


def _batches(
    market: Reversion | Disorder, count: int, seed: int, batch: int = 50_000
) -> Iterator[Paths]:
    rng = np.random.default_rng(seed)
    for first in range(0, count, batch):
        yield simulate(market, min(batch, count - first), rng)


def first_exit(leaves: np.ndarray) -> np.ndarray:
    """First decision k at which `leaves` [H, n] is true, H where none is; [n]."""
    return np.where(leaves.any(axis=0), leaves.argmax(axis=0), len(leaves))


def simulate_best_rule(
    market: Reversion | Disorder, solution: Solution, count: int, seed: int
) -> MeanResult:
    """Mean net result of the solution's rule on `count` simulated trades, as it falls."""
    results = []
    for paths in _batches(market, count, seed):
        state, threshold = paths.state[:-1], solution.threshold[:, None].astype(np.float32)
        rising = isinstance(market, Reversion)
        left = first_exit(state >= threshold if rising else state <= threshold)
        results.append(np.take_along_axis(paths.gain, left[None], axis=0)[0] - market.spread)
    result = np.concatenate(results).astype(np.float64)
    return MeanResult(float(result.mean()), float(result.std() / len(result) ** 0.5))


def loss_if_left(solution: Solution, paths: Paths) -> np.ndarray:
    """What a trade left at decision k has given up in all against the best rule, [H+1, n] pips.

    Any rule's value is the optimal value minus the mean of this at the decisions where it leaves.
    """
    horizon = len(paths.state) - 1
    total = np.empty_like(paths.state)
    held = np.zeros(paths.state.shape[1])
    for k in range(horizon):
        advantage = exit_advantage(solution, paths.state[k], np.int64(k))
        total[k] = held + np.maximum(-advantage, 0.0)
        held += np.maximum(advantage, 0.0)
    total[horizon] = held
    return total


def fixed_hold_values(market: Reversion | Disorder) -> np.ndarray:
    """Net value of leaving at decision k = 0..H whatever happens, exactly, [H+1] pips."""
    bars = np.arange(market.horizon + 1)
    if isinstance(market, Reversion):
        entries = entry_quantiles(market, (np.arange(100_000) + 0.5) / 100_000)
        return -entries.mean() * (1.0 - market.persistence**bars) - market.spread
    favourable = market.prior * (1.0 - market.hazard) ** bars[:-1]
    moves = market.drift * (2.0 * favourable - 1.0)
    return np.concatenate([[0.0], np.cumsum(moves)]) - market.spread


def running_max(values: np.ndarray) -> np.ndarray:
    """Largest so far along the first axis; much faster than `accumulate`, which is not vectorised there."""
    largest = np.array(values)
    for before, now in pairwise(largest):
        np.maximum(before, now, out=now)
    return largest


class Family(NamedTuple):
    """Rules that leave once something has reached a threshold."""

    name: str  # several windows of momentum share one
    words: str  # the name of a rule, with a place for its threshold
    process: Callable[[Paths], np.ndarray]  # [H, n], held against the threshold; -inf: undefined
    thresholds: np.ndarray  # [M], ascending
    more: float = 0.0  # by which a threshold is more than the number in the name

    def decision(self, paths: Paths, threshold: float) -> np.ndarray:
        """Where the rule with this threshold leaves, [n]."""
        return first_exit(self.process(paths) >= threshold)

    def means(self, paths: Paths, table: np.ndarray) -> np.ndarray:
        """[M] mean of `table` [H+1, n] where the rule with each threshold leaves.

        A rule leaves at the first record of its process that reaches its threshold; so all thresholds are
        valued in one pass over the records.
        """
        record = running_max(self.process(paths))
        before = np.concatenate([np.full_like(record[:1], -np.inf), record[:-1]])
        k, trade = np.nonzero(record > before)
        reached, earlier = (
            np.searchsorted(self.thresholds, values[k, trade], side="right")
            for values in (record, before)
        )
        at_end = np.searchsorted(self.thresholds, record[-1], side="right")
        size = len(self.thresholds) + 1
        change = np.bincount(at_end, table[-1], size)
        change += np.bincount(earlier, table[k, trade], size)
        change -= np.bincount(reached, table[k, trade], size)
        return change.cumsum()[:-1] / table.shape[1]


def families(levels: np.ndarray, spread: float, noise: float) -> tuple[Family, ...]:
    """Price level, profit target, drawdown from the peak and momentum, judged at closes.

    Args:
        levels: pips from the mean, ascending; empty where there is no mean.
        spread: pips.
        noise: pips, standard deviation of a bar: the scale of momentum.
    """
    some = [
        Family(
            "price level",
            "leave {:g} pips above the mean",
            lambda paths: paths.state[:-1],
            levels,
        ),
        Family(
            "profit target",
            "leave at {:g} pips of net profit",
            lambda paths: paths.gain[:-1],
            np.arange(-int(spread), 81) + spread,
            spread,
        ),
        Family(
            "drawdown from peak",
            "leave {:g} pips below the best close",
            lambda paths: (running_max(paths.gain) - paths.gain)[:-1],
            np.append(np.arange(2.0, 81.0), np.inf),
        ),
    ]
    for window in WINDOWS:
        widest = 4 * int(noise * window**0.5 + 1)
        some += [
            Family(
                "momentum",
                f"leave when {word} {{:g}} pips in {window} bars",
                lambda paths, sign=sign, window=window: _moves(paths.gain, window, sign),
                np.arange(0, widest, max(1, widest // 24)),
            )
            for sign, word in ((-1, "fallen"), (1, "risen"))
        ]
    return tuple(family for family in some if len(family.thresholds))


def _moves(gain: np.ndarray, window: int, sign: int) -> np.ndarray:
    """[H, n] change over the last `window` bars, times `sign`."""
    moves = np.full_like(gain[:-1], -np.inf)
    moves[window:] = sign * (gain[window:-1] - gain[: -window - 1])
    return moves


class Rule(NamedTuple):
    """A member of a family, and its mean where it was chosen."""

    family: Family
    threshold: float
    mean: float

    @property
    def name(self) -> str:
        """The rule in words."""
        return self.family.words.format(self.threshold - self.family.more)

    def decision(self, paths: Paths) -> np.ndarray:
        """Where it leaves, [n]."""
        return self.family.decision(paths, self.threshold)


def best_rules(some: Iterable[Family], paths: Paths, table: np.ndarray) -> dict[str, Rule]:
    """The member of each family that leaves where `table` [H+1, n] has the largest mean; ties: the first."""
    best: dict[str, Rule] = {}
    for family in some:
        # What differs by rounding alone is equal.
        means = family.means(paths, table).round(9)
        place = int(means.argmax())
        if family.name not in best or means[place] > best[family.name].mean:
            best[family.name] = Rule(family, float(family.thresholds[place]), float(means[place]))
    return best


def best_simple_rules(
    market: Reversion | Disorder,
    solution: Solution,
    *,
    tuning_trades: int = 5_000,
    trades: int = 100_000,
    seed: int = 0,
) -> dict[str, RuleValue]:
    """The best member of each family: chosen on some trades, valued on others.

    Families, all judged at closes: leave at a price level (`Reversion` only: the same level for every entry);
    leave at a net profit since the entry; leave a distance below the best close; leave once the price has
    fallen, or risen, by a distance in a number of bars. The best fixed hold: `fixed_hold_values`.
    """
    rng = np.random.default_rng(seed)
    tuning = simulate(market, tuning_trades, rng)
    levels = (
        np.arange(2 * int(market.deviation) + 1) if isinstance(market, Reversion) else np.empty(0)
    )
    chosen = best_rules(
        families(levels, market.spread, market.noise), tuning, -loss_if_left(solution, tuning)
    )
    losses_of: dict[str, list[np.ndarray]] = {family: [] for family in chosen}
    horizon: dict[str, list[np.ndarray]] = {family: [] for family in chosen}
    for paths in _batches(market, trades, seed + 1, 25_000):
        losses = loss_if_left(solution, paths)
        for family, rule in chosen.items():
            left = rule.decision(paths)
            losses_of[family].append(value_at(losses, left))
            horizon[family].append(left == market.horizon)
    values = {}
    for family in chosen:
        loss = np.concatenate(losses_of[family]).astype(np.float64)
        value = float(solution.value - loss.mean())
        values[family] = RuleValue(
            name=chosen[family].name,
            value=value,
            standard_error=float(loss.std() / len(loss) ** 0.5),
            share=value / float(solution.value),
            at_horizon=float(np.concatenate(horizon[family]).mean()),
        )
    return values


def value_at(table: np.ndarray, decision: np.ndarray) -> np.ndarray:
    """[n] of `table` [H+1, n] at each trade's decision."""
    return np.take_along_axis(table, decision[None], axis=0)[0]
