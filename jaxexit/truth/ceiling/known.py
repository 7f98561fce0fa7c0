"""Markets whose ceiling is known: a martingale, Ornstein-Uhlenbeck, disorder. All trades are long."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.data.simulated import PIP
from jaxexit.data.simulated.types import LEVEL
from jaxexit.truth.ceiling.model import Expected, Move, bridge, normal, spread_out, uniforms
from jaxexit.truth.known_answers import (
    Disorder,
    Reversion,
    entry_quantiles,
    next_posterior,
    solve_disorder,
    solve_reversion,
)

Array = jax.Array

NOISE = 5.0  # pips a bar, of the martingale


class Place(NamedTuple):
    """State of a known market. [N] each."""

    pips: Array  # mid close less `LEVEL`
    belief: Array  # the posterior that the coming bar's drift is favourable; 0 where there is none


class Known(NamedTuple):
    """A market of the exams, as a model. Traced scalars."""

    kind: Array  # one-hot [3] of `KINDS`
    persistence: Array  # of the distance to the mean
    drift: Array  # pips a bar
    noise: Array  # pips a bar
    spread: Array  # pips
    market: Disorder  # hazard and prior

    @property
    def name(self) -> str:
        """See `Model`."""
        return KINDS[int(np.argmax(np.asarray(self.kind)))]

    @property
    def words(self) -> str:
        """See `Model`."""
        return _WORDS[self.name]

    @property
    def knows(self) -> str:
        """See `Model`."""
        return "all prices up to the decision"

    def onward(self, state: Place, slot: Array, key: Array, n: int) -> tuple[Place, Move]:
        """See `Model`. One number draws the drift and the noise, so that both are evenly spread."""
        del slot
        first, up, down = uniforms(key, 3, state.pips.shape[0], n)
        pips, belief = spread_out(state.pips, n), spread_out(state.belief, n)
        disorder = self.kind[2]
        chance = jnp.where(disorder > 0, belief, 1.0)
        good = first < chance
        rest = jnp.where(good, first / chance, (first - chance) / jnp.maximum(1 - chance, 1e-9))
        drift = disorder * self.drift * jnp.where(good, 1.0, -1.0)
        noise = self.noise * normal(rest.clip(1e-7, 1.0 - 1e-7))
        change = (self.persistence - 1.0) * pips + drift + noise
        after = jnp.where(disorder > 0, next_posterior(self.market, belief, change), belief)
        price = LEVEL + PIP * pips
        close = change * PIP / price
        zero = jnp.zeros_like(close)
        high, low = bridge(zero, close, self.noise * PIP / price, up, down)
        half = 0.5 * self.spread * PIP / price
        return Place(pips + change, after), Move(zero, high, low, close, half)

    def expected_half(self, state: Place, slot: Array) -> Array:
        """See `Model`."""
        del slot
        return 0.5 * self.spread * PIP / (LEVEL + PIP * state.pips)

    def expected(self, state: Place, slot: Array, side: Array, room: Array) -> Expected:
        """See `Model`. Stops are out of reach."""
        del slot, side, room
        drift = self.kind[2] * self.drift * (2.0 * state.belief - 1.0)
        change = (self.persistence - 1.0) * state.pips + drift
        share = PIP / (LEVEL + PIP * state.pips)
        return Expected(change * share, jnp.zeros_like(change))

    def numbers(self, state: Place, slot: Array, side: Array, room: Array) -> Array:
        """See `Model`."""
        del slot, side, room
        return jnp.where(self.kind[2] > 0, state.belief, state.pips)[:, None]


KINDS = ("martingale", "ou", "disorder")
_WORDS = {
    "martingale": "a Brownian martingale: no exit earns more than minus its costs",
    "ou": "Ornstein-Uhlenbeck, the market of `exam ou`",
    "disorder": "a drift that turns at an unseen time, the market of `exam disorder`",
}


def known_model(kind: str) -> Known:
    """A market of `KINDS` with the exams' numbers."""
    reversion, disorder = Reversion(), Disorder()
    noise = {"martingale": NOISE, "ou": reversion.noise, "disorder": disorder.noise}[kind]
    numbers: list[Any] = [
        np.float32(value)
        for value in (
            reversion.persistence if kind == "ou" else 1.0,
            disorder.drift if kind == "disorder" else 0.0,
            noise,
            reversion.spread,
        )
    ]
    hot: Any = np.array([kind == each for each in KINDS], np.float32)
    return Known(hot, *numbers, market=disorder)


def known_start(kind: str, rng: np.random.Generator, trades: int) -> Place:
    """States at the entries [trades], as the exams draw them."""
    pips = np.zeros(trades)
    if kind == "ou":
        # Evenly over their law: less of the mean's error is the entries' own.
        even = (rng.permutation(trades) + rng.random(trades)) / trades
        pips = entry_quantiles(Reversion(), even)
    belief = np.full(trades, Disorder().prior if kind == "disorder" else 0.0)
    leaves: Any = (leaf.astype(np.float32) for leaf in (pips, belief))
    return Place(*leaves)


def optima(kind: str, pips: np.ndarray) -> np.ndarray:
    """What the best exit of each trade earns, net pips, of where it is entered [N]."""
    if kind == "ou":
        solved = solve_reversion(Reversion())
        return np.interp(pips, solved.grid, solved.start)
    return np.full(len(pips), optimum(kind))


def optimum(kind: str) -> float:
    """What the best exit earns, net pips a trade."""
    if kind == "ou":
        return float(solve_reversion(Reversion()).value)
    if kind == "disorder":
        return float(solve_disorder(Disorder()).value)
    return -Reversion().spread
