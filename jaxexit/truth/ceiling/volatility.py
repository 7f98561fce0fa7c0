"""Stochastic volatility in discrete time, fitted by moments; spread and liveliness by the time of the week.

A bar's deviation is its slot's, times exp(x / 2) with x an AR(1) (Taylor 1986), times the square root of a
factor drawn for each bar, which makes its noise Student's t. The autocovariances of log squares do not
depend on that noise: they are those of x at lags 1 and more (Harvey, Ruiz and Shephard 1994), and give its
memory and spread. Given its deviation a bar is Brownian motion from its open, with exact extremes; a gap has
a deviation of its own in each slot. So the mid price is a martingale but for a drift at the open, stops
included (optional stopping), and spreads are drawn from those of the slot.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import kurtosis

from jaxexit.truth.ceiling.model import Expected, Move, bridge, normal, spread_out, uniforms
from jaxexit.truth.ceiling.source import Source, believed

Array = jax.Array

LAGS = (1, 2, 3, 5, 8, 12, 24, 48, 72, 120)  # bars, of the autocovariance of log squares
FACTORS = 32  # values that a bar's own factor may have, equally likely
SPREADS = 16  # spreads that a bar of a slot may have, equally likely


class LogVariance(NamedTuple):
    """State of the market. [N]."""

    x: Array  # log variance over the slot's, of the last bar


class Volatility(NamedTuple):
    """The fitted numbers; traced."""

    scale: Array  # [S] deviation of a bar from its open, at x = 0
    gap: Array  # [S] deviation of its open from the last close, at x = 0
    halves: Array  # [S, SPREADS] half spreads
    factor: Array  # [FACTORS] of the variance, of mean 1
    memory: Array  # of x
    noise: Array  # deviation of the innovations of x
    degrees: Array  # of freedom
    drift: Array  # a bar, share of the price

    @property
    def name(self) -> str:
        """See `Model`."""
        return "volatility"

    @property
    def words(self) -> str:
        """See `Model`."""
        memory, noise, degrees, drift = (
            float(np.asarray(x)) for x in (self.memory, self.noise, self.degrees, self.drift)
        )
        return (
            f"stochastic volatility: log variance AR(1) with memory {memory:.4f} and deviation "
            f"{noise / np.sqrt(1 - memory**2):.2f}, Student's t with {degrees:.1f} degrees of freedom, "
            f"liveliness and spreads by the time of the week, drift {1e4 * drift:+.4f} bps a bar"
        )

    @property
    def knows(self) -> str:
        """See `Model`."""
        return "all prices so far, and the hidden volatility of the last bar"

    def onward(self, state: LogVariance, slot: Array, key: Array, n: int) -> tuple[Any, Move]:
        """See `Model`."""
        u = uniforms(key, 7, state.x.shape[0], n)
        x = self.memory * spread_out(state.x, n) + self.noise * normal(u[1])
        rough = jnp.exp(0.5 * x)
        factor = self.factor[(u[2] * FACTORS).astype(jnp.int32).clip(0, FACTORS - 1)]
        opened = self.drift + self.gap[slot][:, None] * rough * normal(u[3])
        deviation = self.scale[slot][:, None] * rough * jnp.sqrt(factor)
        close = opened + deviation * normal(u[0])
        high, low = bridge(opened, close, deviation, u[4], u[5])
        place = (u[6] * SPREADS).astype(jnp.int32).clip(0, SPREADS - 1)
        half = self.halves[slot[:, None], place]
        return LogVariance(x), Move(opened, high, low, close, half)

    def expected_half(self, state: LogVariance, slot: Array) -> Array:
        """See `Model`."""
        del state
        return self.halves[slot].mean(axis=1)

    def expected(self, state: LogVariance, slot: Array, side: Array, room: Array) -> Expected:
        """See `Model`."""
        del state, slot, room
        return Expected(side * self.drift, side * self.drift)

    def numbers(self, state: LogVariance, slot: Array, side: Array, room: Array) -> Array:
        """See `Model`: stop in deviations of a bar, log variance, spread to pay."""
        del side
        deviation = self.scale[slot] * jnp.exp(0.5 * state.x)
        near = 1.0 / (1.0 - 0.5 * room / (deviation + 1e-9))
        return jnp.stack([near, state.x, 1e4 * self.expected_half(state, slot)], axis=-1)


def fit_volatility(source: Source) -> Volatility:
    """Fitted to a source's bars by moments."""
    body = (source.close - source.open) / (1.0 + source.open)
    scale = np.sqrt(np.maximum(source.by_slot(body**2), 1e-14))
    gap = np.sqrt(source.by_slot(source.open**2))
    z = body / scale[source.slot]
    memory, variance = _memory(z)
    # E z^4 = E noise^4 E exp(2x) / (E exp x)^2: what the clusters leave is the noise's own kurtosis.
    own = (kurtosis(z, fisher=False)) * np.exp(-variance) - 3.0
    degrees = 4.0 + 6.0 / own if own > 0.05 else 100.0
    shrink = np.exp(-0.25 * variance)  # so that the slots' mean squares are those of the bars
    order = np.lexsort((source.half, source.slot))
    count = np.bincount(source.slot, minlength=source.num_slots)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    share = (np.arange(SPREADS) + 0.5) / SPREADS
    halves = source.half[order][first[:, None] + (share * count[:, None]).astype(int)]
    # Their mean is the slot's, although few quantiles miss its tail.
    mean = source.by_slot(source.half)
    halves *= (mean / np.maximum(halves.mean(axis=1), 1e-12))[:, None]
    drift = believed(float(source.close.mean()), float(source.close.std() / len(z) ** 0.5))
    leaves: list[Any] = [
        np.asarray(leaf, np.float32)
        for leaf in (
            *(scale * shrink, gap * shrink, halves, _factors(degrees), memory),
            *(np.sqrt(variance * (1.0 - memory**2)), degrees, drift),
        )
    ]
    return Volatility(*leaves)


def _memory(z: np.ndarray) -> tuple[float, float]:
    """Memory and variance of the AR(1) in log z^2, by a line through its log autocovariances."""
    logs = np.log(z**2 + 1e-4)
    logs = logs - logs.mean()
    found = np.array([np.mean(logs[lag:] * logs[:-lag]) for lag in LAGS if lag < len(logs) // 4])
    lags = np.array(LAGS[: len(found)])
    above = found > 2.0 * logs.var() / len(logs) ** 0.5
    if above.sum() < 3:
        return 0.5, 0.01
    slope, start = np.polyfit(lags[above], np.log(found[above]), 1, w=found[above])
    return float(np.clip(np.exp(slope), 0.1, 0.9995)), float(np.clip(np.exp(start), 0.01, 3.0))


def _factors(degrees: float) -> np.ndarray:
    """Factors of the variance that make a normal number Student's t, of mean 1, [FACTORS]."""
    from scipy.stats import invgamma

    edges = np.linspace(0.0, 1.0, 64 * FACTORS, endpoint=False) + 0.5 / (64 * FACTORS)
    values = invgamma.ppf(edges, 0.5 * degrees).reshape(FACTORS, 64).mean(axis=1)
    return values / values.mean()


def volatility_start(model: Volatility, source: Source, entry_bar: np.ndarray) -> LogVariance:
    """States at real entry bars [N]: the log variance as a linear filter sees it."""
    body = source.close - source.open
    z = body / np.asarray(model.scale, float)[source.slot]
    logs = np.log(z**2 + 1e-4)
    noise = (
        np.pi**2 / 2.0
    )  # variance of the log of a squared normal number (Harvey, Ruiz, Shephard 1994)
    memory, innovation = float(model.memory), float(model.noise) ** 2
    seen = logs - logs.mean()
    x, doubt, filtered = 0.0, innovation / (1.0 - memory**2), np.empty(len(z))
    for i, value in enumerate(seen):
        x, doubt = memory * x, memory**2 * doubt + innovation
        gain = doubt / (doubt + noise)
        x, doubt = x + gain * (value - x), (1.0 - gain) * doubt
        filtered[i] = x
    bar = np.clip(entry_bar - 1, 0, len(z) - 1)
    leaf: Any = filtered[bar].astype(np.float32)
    return LogVariance(leaf)
