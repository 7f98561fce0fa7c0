"""Open trades that are followed: one batch, filled by the environment's own `step`, decided at each close."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxexit.env import ACTIONS, REASONS, RULES, EnvSpec, env_params, env_spec
from jaxexit.env.types import EnvParams
from jaxexit.live.decision import BEGINS, STEPS, Decision, Passed, blank, known_world, pass_bar
from jaxexit.live.entering import Placed
from jaxexit.live.feed import Feed
from jaxexit.live.messages import Message, message, stamp
from jaxexit.live.policy import TrainedPolicy
from jaxexit.units import Unit

PLACES = (64, 1024, 4096)
"""Trades that a batch has room for: it is padded to the next of these, so that few programs are compiled."""
MOST_OPEN = PLACES[-1]
RULE_NAMES = tuple(rule.name for rule in RULES)


@dataclass
class OpenTrade:
    """A trade that is followed."""

    name: str
    entry: int  # bar of decision 0
    direction: int
    place: int  # in the batch


class Follower:
    """Follows trades on the bars of a feed, under a policy, on the assumption that its advice is taken.

    Attributes:
        open: the trades that are followed, by name, oldest first.
    """

    def __init__(self, policy: TrainedPolicy, feed: Feed) -> None:
        """Args: who decides; the bars."""
        self.open: dict[str, OpenTrade] = {}
        self._policy, self._feed = policy, feed
        self._horizon = policy.experiment.env.max_bars
        self._world_of: tuple[EnvSpec, EnvParams] | None = None
        self._trades, self._state, self._chosen = blank(PLACES[0])
        self._entries = np.zeros(PLACES[0], np.int64)
        self._observed = np.zeros((PLACES[0], 0), np.float32)

    def advance(self, at: int) -> list[Message]:
        """Let bar `at` pass over every open trade, and decide at its close."""
        if not self.open:
            return []
        lines = self._pass(at, tuple(self.open.values()), ())
        return [line for said in lines.values() for line in said]

    def enter(self, trades: Sequence[Placed]) -> list[Message]:
        """Begin trades whose entry bars are known, and bring them up to the last bar.

        What happened before that bar is marked `replayed`. Messages stand trade by trade, in the order given.
        """
        last = self._feed.length - 1
        said: dict[str, list[Message]] = {trade.waiting.name: [] for trade in trades}
        coming: dict[int, list[Placed]] = {}
        for trade in trades:
            coming.setdefault(trade.entry, []).append(trade)
        running: list[OpenTrade] = []
        for at in range(min(coming, default=last + 1), last + 1):
            begins = []
            for trade in coming.get(at, ()):
                begun = self._begin(trade)
                if begun is None:
                    said[trade.waiting.name].append(_full(trade))
                else:
                    begins.append(begun)
            if not running and not begins:
                continue
            for name, lines in self._pass(at, running, begins, replayed=at < last).items():
                said[name] += lines
            running = [trade for trade in (*running, *begins) if trade.name in self.open]
        return [line for lines in said.values() for line in lines]

    def forget(self, name: str) -> bool:
        """Follow a trade no longer; whether it was followed."""
        return self.open.pop(name, None) is not None

    def snapshot(self) -> dict[str, Any]:
        """All that `restore` needs, as JSON has it."""
        places = [trade.place for trade in self.open.values()]
        held = (self._trades, jax.device_get(self._state), np.asarray(self._chosen), self._entries)
        return {
            "places": len(self._entries),
            "open": [[t.name, t.entry, t.direction, t.place] for t in self.open.values()],
            "numbers": [_listed(leaf[places]) for leaf in jax.tree.leaves(held)],
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go on from a snapshot, on the bars that it was made on."""
        self.open = {row[0]: OpenTrade(*row) for row in snapshot["open"]}
        places = [trade.place for trade in self.open.values()]
        room = (*blank(snapshot["places"]), np.zeros(snapshot["places"], np.int64))
        for leaf, values in zip(jax.tree.leaves(room), snapshot["numbers"], strict=True):
            leaf[places] = np.array(
                [np.nan if value is None else value for value in values], leaf.dtype
            )
        self._trades, self._state, self._chosen, self._entries = room

    def observed(self, name: str) -> np.ndarray:
        """What the policy saw of an open trade at the last bar, [observation_size] float32."""
        return self._observed[self.open[name].place]

    def _begin(self, trade: Placed) -> OpenTrade | None:
        """Give a trade a place; None where there is none."""
        if len(self.open) == MOST_OPEN:
            return None
        taken = {trade.place for trade in self.open.values()}
        if len(taken) == len(self._entries):
            self._grow(next(size for size in PLACES if size > len(taken)))
        place = next(p for p in range(len(self._entries)) if p not in taken)
        waiting = trade.waiting
        columns: Any = self._trades
        for column, value in zip(
            columns,
            (0, waiting.direction, *trade[2:]),
            strict=True,
        ):
            column[place] = value
        self._entries[place] = trade.entry
        opened = OpenTrade(waiting.name, trade.entry, waiting.direction, place)
        self.open[waiting.name] = opened
        return opened

    def _grow(self, size: int) -> None:
        state, chosen = jax.device_get((self._state, self._chosen))
        held = self._trades, state, chosen, self._entries, self._observed
        seen = np.zeros((size, self._observed.shape[1]), np.float32)
        room = (*blank(size), np.zeros(size, np.int64), seen)
        for old, new in zip(jax.tree.leaves(held), jax.tree.leaves(room), strict=True):
            new[: len(old)] = old
        self._trades, self._state, self._chosen, self._entries, self._observed = room

    def _pass(
        self,
        at: int,
        steps: Iterable[OpenTrade],
        begins: Iterable[OpenTrade],
        *,
        replayed: bool = False,
    ) -> dict[str, list[Message]]:
        """Let bar `at` pass over some trades, and begin others at its close: the messages of each."""
        spec, params = self._rules()
        rows, _ = self._feed.rows()
        policy, size = self._policy, self._unit.size
        does = np.zeros(len(self._entries), np.int32)
        moved, begun = list(steps), list(begins)
        does[[trade.place for trade in moved]] = STEPS
        does[[trade.place for trade in begun]] = BEGINS
        world = known_world(params, rows, self._trades, self._entries, at, self._horizon, size)
        self._state, self._chosen, *out = pass_bar(
            spec, policy.learner, policy.params, world, self._state, self._chosen, does
        )
        passed, decided = jax.device_get(out)
        filled = ((passed.order_fill.size > 0) | (passed.bar_fill.size > 0)).tolist()
        done = passed.done.tolist()
        said: dict[str, list[Message]] = {trade.name: [] for trade in (*moved, *begun)}
        for trade in moved:
            if filled[trade.place]:
                said[trade.name] += self._fills(trade, at, passed)
            if done[trade.place]:
                self.forget(trade.name)
        going = [trade for trade in moved if not done[trade.place]] + begun
        for trade, line in zip(going, self._advice(going, at, decided), strict=True):
            said[trade.name].append(line)
        if replayed:
            for of_one in said.values():
                for line in of_one:
                    line["replayed"] = True
        return said

    def _fills(self, trade: OpenTrade, at: int, passed: Passed) -> list[Message]:
        """What was closed of a trade, and whether that was all."""
        place = trade.place
        messages: list[Message] = [
            {
                "type": "fill",
                "time": stamp(self._feed.times[at - self._horizon + int(fill.bar[place])]),
                "trade": trade.name,
                "reason": REASONS[int(fill.reason[place])],
                "price": float(fill.price[place]),
                "size": float(fill.size[place]),
            }
            for fill in (passed.order_fill, passed.bar_fill)
            if fill.size[place] > 0
        ]
        if passed.done[place]:
            messages.append(
                {
                    "type": "closed",
                    "time": stamp(self._feed.times[at]),
                    "trade": trade.name,
                    "reason": messages[-1]["reason"],
                    self._unit.key("net"): float(passed.net[place]),
                    "bars_held": int(passed.bars_held[place]),
                }
            )
        return messages

    def _advice(self, trades: Sequence[OpenTrade], at: int, decided: Decision) -> Iterator[Message]:
        """What to do with each trade at the close of bar `at`."""
        places = np.array([trade.place for trade in trades], int)
        if not self._observed.size:
            self._observed = np.zeros_like(decided.observation)
        self._observed[places] = decided.observation[places]
        time, profit_key = stamp(self._feed.times[at]), self._unit.key("profit")
        columns = (
            getattr(decided, name)[places].tolist()
            for name in (
                "fired",
                "probabilities",
                "value",
                "chosen",
                "action",
                "stop",
                "profit",
                "remaining",
            )
        )
        for trade, fired, shares, value, chosen, action, stop, profit, remaining in zip(
            trades, *columns, strict=True
        ):
            blocked = True in fired
            yield {
                "type": "advice",
                "time": time,
                "trade": trade.name,
                "k": at - trade.entry,
                "direction": "long" if trade.direction > 0 else "short",
                "action": ACTIONS[action],
                "chosen": ACTIONS[chosen],
                "blocked": blocked,
                "why": [RULE_NAMES[i] for i, one in enumerate(fired) if one] if blocked else [],
                "probabilities": dict(zip(ACTIONS, shares, strict=True)),
                "value": value,
                "stop": stop,
                profit_key: profit,
                "remaining": remaining,
            }

    @property
    def _unit(self) -> Unit:
        """What results are counted in; for after the first bar."""
        assert self._feed.unit is not None
        return self._feed.unit

    def _rules(self) -> tuple[EnvSpec, EnvParams]:
        """Structure and numbers of the environment on the bars that are fed."""
        if self._world_of is None:
            policy, charges = self._policy, self._feed.charges
            spec = env_spec(policy.experiment, policy.spec.features, self._unit)
            self._world_of = spec, env_params(policy.experiment, charges)
        return self._world_of


def _listed(values: np.ndarray) -> list[Any]:
    return [None if value != value else value for value in values.tolist()]


def _full(trade: Placed) -> Message:
    words = (
        f"is not followed: {MOST_OPEN:,} trades are open already, the most that one advisor follows"
    )
    return message("error", "limit", trade.waiting.time, words, trade=trade.waiting.name)
