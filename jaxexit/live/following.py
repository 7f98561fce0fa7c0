"""Open trades that are followed: filled by the environment's own `step`, and decided at each close."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxexit.data.dataset import device_trades
from jaxexit.data.types import Trades
from jaxexit.env import (
    ACTIONS,
    REASONS,
    RULES,
    EnvSpec,
    EnvState,
    World,
    env_params,
    env_spec,
    initial_risk,
)
from jaxexit.env.types import EnvParams
from jaxexit.live.decision import Decision, begin, decide, known_world, settle
from jaxexit.live.entering import placed
from jaxexit.live.feed import Feed
from jaxexit.live.messages import Message, stamp
from jaxexit.live.policy import TrainedPolicy
from jaxexit.units import Unit


@dataclass
class OpenTrade:
    """A trade that is followed."""

    name: str
    entry: int  # bar of decision 0
    direction: int
    trades: Trades  # itself, its entry bar row 0 of its window
    state: EnvState
    decided: Decision | None = None  # at the last bar
    closed: bool = False


class WaitingTrade(NamedTuple):
    """A trade whose entry bar has not closed yet."""

    name: str
    time: np.datetime64  # of its entry, as the file has it
    row: pd.DataFrame  # as `load_trades` has it


class Follower:
    """Follows trades on the bars of a feed, under a policy, on the assumption that its advice is taken."""

    def __init__(self, policy: TrainedPolicy, feed: Feed) -> None:
        """Args: who decides; the bars."""
        self._policy, self._feed = policy, feed
        self._horizon = policy.experiment.env.max_bars
        self._world_of: tuple[EnvSpec, EnvParams] | None = None

    def enter(self, waiting: WaitingTrade) -> OpenTrade:
        """A trade whose entry bar is known, at its decision 0.

        Raises:
            DataError: a backtest would leave it out, and why.
        """
        sound, entry = placed(waiting.row, self._feed, self._policy.experiment)
        trades = device_trades(sound.assign(entry_bar=0))
        direction = int(sound["direction"].iloc[0])
        trade = OpenTrade(waiting.name, entry, direction, trades, state=None)  # type: ignore[arg-type]
        trade.state = begin(self._rules()[0], self._world(trade, entry))
        return trade

    def advance(self, trade: OpenTrade, at: int, *, replayed: bool = False) -> list[Message]:
        """Let bar `at` pass over a trade, and decide at its close."""
        decided = trade.decided
        assert decided is not None
        world = self._world(trade, at)
        after, outcome = jax.device_get(
            settle(self._rules()[0], world, trade.state, decided.chosen)
        )
        messages: list[Message] = [
            {
                "type": "fill",
                "time": stamp(self._feed.times[trade.entry + int(fill.bar)]),
                "trade": trade.name,
                "reason": REASONS[int(fill.reason)],
                "price": float(fill.price),
                "size": float(fill.size),
            }
            for fill in (outcome.order_fill, outcome.bar_fill)
            if fill.size > 0
        ]
        trade.state = after
        risk = initial_risk(trade.trades, jnp.int32(0))
        in_units = self._unit.per_fraction(abs(after.entry), abs(float(risk)))
        if outcome.done:
            trade.closed = True
            messages.append(
                {
                    "type": "closed",
                    "time": stamp(self._feed.times[at]),
                    "trade": trade.name,
                    "reason": messages[-1]["reason"],
                    self._unit.key("net"): float(after.realised * in_units),
                    "bars_held": int(outcome.bars_held),
                }
            )
        else:
            messages.append(self.decide(trade, at))
        return [{**line, "replayed": True} for line in messages] if replayed else messages

    def decide(self, trade: OpenTrade, at: int, *, replayed: bool = False) -> Message:
        """Decide at the close of bar `at`: the advice."""
        policy = self._policy
        decision = jax.device_get(
            decide(
                self._rules()[0], policy.learner, policy.params, self._world(trade, at), trade.state
            )
        )
        trade.decided = decision
        blocked = bool(decision.fired.any())
        return {
            "type": "advice",
            "time": stamp(self._feed.times[at]),
            "trade": trade.name,
            "k": at - trade.entry,
            "direction": "long" if trade.direction > 0 else "short",
            "action": ACTIONS[int(decision.action)],
            "chosen": ACTIONS[int(decision.chosen)],
            "blocked": blocked,
            "why": [rule.name for rule, fired in zip(RULES, decision.fired, strict=True) if fired],
            "probabilities": {
                name: float(share)
                for name, share in zip(ACTIONS, decision.probabilities, strict=True)
            },
            "value": float(decision.value),
            "stop": float(decision.stop),
            self._unit.key("profit"): float(decision.profit),
            "remaining": float(decision.remaining),
            **({"replayed": True} if replayed else {}),
        }

    def _world(self, trade: OpenTrade, at: int) -> World:
        """What the environment may read of a trade at the close of bar `at`."""
        rows, _ = self._feed.rows()
        params, size = self._rules()[1], self._unit.size
        return known_world(params, rows, trade.trades, trade.entry, at, self._horizon, size)

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
