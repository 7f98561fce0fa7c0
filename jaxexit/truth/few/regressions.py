"""Optimal stopping by regression, from the trades alone: what the literature would do with them.

The value of holding on, less that of leaving, is regressed on what the learner observes, backward in time
(Longstaff and Schwartz 2001): the target is what the trade really earned under the decisions fitted so far.
Decisions are pooled in blocks, since few trades do not carry a regression for each; within a block the fit
is repeated until its own decisions agree with it. Two bases: polynomials of degree 2, and a random hidden
layer of which only the readout is fitted (Herrera, Krach, Ruyssen and Teichmann 2023, "Optimal stopping via
randomized neural networks"). Both pay a ridge penalty, chosen by the result on validation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxexit.config import Experiment
from jaxexit.data import Dataset
from jaxexit.data.dataset import device_trades
from jaxexit.data.types import Trades, padded
from jaxexit.env import (
    EnvSpec,
    EnvState,
    Hindsight,
    World,
    env_params,
    env_spec,
    observation_names,
    observe,
    order_from_action,
    reset,
    situation,
    step,
)
from jaxexit.env.types import HOLD
from jaxexit.truth.simple_rules import first_exit, value_at

Array = jax.Array
Basis = Callable[[np.ndarray], np.ndarray]

BLOCK = 10  # decisions that share a regression
REPEATS = 3  # fits of a block
HIDDEN = 50  # units of the random layer
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of a row's mean square, on standardised terms
CHUNK = 2_048  # trades observed at once
MOST_TRADES = 4_000  # fitted on: of more trades an even selection
POSITION = ("age", "unrealised", "mfe", "mae")  # what changes of the position while it is held


class Held(NamedTuple):
    """What is observed of n trades while they are held; float32."""

    observation: np.ndarray  # [H, n, C]
    open: np.ndarray  # [H, n] bool: no stop has closed the trade

    @property
    def last(self) -> np.ndarray:
        """[n] the decision by which a stop has closed the trade; H: none does."""
        return first_exit(~self.open)

    def until_stopped(self, table: np.ndarray) -> np.ndarray:
        """`table` [H+1, n] of what leaving at each decision is worth; from the stop on it stays as it is."""
        stays = np.minimum(np.arange(len(table))[:, None], self.last)
        return np.take_along_axis(table, stays, axis=0)

    def take(self, rows: np.ndarray) -> Held:
        """Some of the trades."""
        return Held(self.observation[:, rows], self.open[:, rows])


@partial(jax.jit, static_argnames=("spec", "horizon"))
def _held(spec: EnvSpec, world: World, horizon: int) -> tuple[Array, Array]:
    shown = (*POSITION, *(feature.name for feature in spec.features))
    columns = np.flatnonzero(np.isin(observation_names(spec), shown))
    params, market = world.params, world.market
    hold = order_from_action(jnp.int32(HOLD))

    def see(state: EnvState) -> Array:
        now = situation(spec, params, world.trades, state)
        return observe(spec, params, market, now)[columns]

    def onward(states: EnvState, _: None) -> tuple[EnvState, tuple[Array, Array]]:
        after, _outcome = jax.vmap(lambda state: step(spec, world, state, hold))(states)
        return after, (jax.vmap(see)(states), states.remaining > 0)

    trades = jnp.arange(CHUNK, dtype=jnp.int32)
    start = jax.vmap(lambda trade: reset(spec, params, market, world.trades, trade))(trades)
    return jax.lax.scan(onward, start, None, length=horizon)[1]


def held(experiment: Experiment, dataset: Dataset, table: pd.DataFrame) -> Held:
    """What is observed of each trade of a candidate table while it is held to the horizon.

    Args:
        experiment: whose observation it is.
        dataset: its market.
        table: the trades, [n] rows.
    """
    spec = env_spec(experiment, dataset.features, dataset.unit)
    zeros: Any = np.zeros(CHUNK, np.float32), np.zeros(CHUNK, np.int32)
    blank = Hindsight(*zeros)  # only a reward reads it
    unit: Any = np.float32(dataset.unit.size)
    pieces = []
    for first in range(0, len(table), CHUNK):
        some = table.iloc[first : first + CHUNK]
        world = World(
            params=env_params(experiment, dataset.charges),
            market=dataset.market,
            trades=Trades(*padded(device_trades(some), CHUNK)),
            hindsight=blank,
            unit=unit,
        )
        seen = _held(spec, world, horizon=experiment.env.max_bars)
        pieces.append([np.asarray(leaf)[:, : len(some)] for leaf in seen])
    return Held(*(np.concatenate(leaves, axis=1) for leaves in zip(*pieces, strict=True)))


def polynomials(inputs: np.ndarray) -> np.ndarray:
    """[..., C] -> [..., 1 + C + C (C + 1) / 2]: 1, the inputs, and their products."""
    first, second = np.triu_indices(inputs.shape[-1])
    ones = np.ones((*inputs.shape[:-1], 1), inputs.dtype)
    return np.concatenate([ones, inputs, inputs[..., first] * inputs[..., second]], axis=-1)


def random_layer(rng: np.random.Generator, inputs: int) -> Basis:
    """A hidden layer of random weights, leaky ReLU, with a 1 in front."""
    weights = (rng.standard_normal((inputs, HIDDEN)) / inputs**0.5).astype(np.float32)
    biases = rng.standard_normal(HIDDEN).astype(np.float32)

    def basis(values: np.ndarray) -> np.ndarray:
        hidden = values @ weights + biases
        ones = np.ones((*values.shape[:-1], 1), np.float32)
        return np.concatenate([ones, np.maximum(hidden, 0.1 * hidden)], axis=-1)

    return basis


class Regression(NamedTuple):
    """A fitted rule: leave where holding on is expected to be worth no more than leaving.

    Attributes:
        basis: inputs -> terms.
        center: [C] of the inputs.
        scale: [C] of the inputs.
        coefficients: [blocks, P] of the terms.
    """

    basis: Basis
    center: np.ndarray
    scale: np.ndarray
    coefficients: np.ndarray

    def decision(self, some: Held) -> np.ndarray:
        """Where it leaves, [n]; also where a stop has closed the trade."""
        horizon, trades = some.open.shape
        left = np.full(trades, horizon)
        going = np.arange(trades)
        for number, first in enumerate(range(0, horizon, BLOCK)):
            block = slice(first, first + BLOCK)
            inputs = (some.observation[block][:, going] - self.center) / self.scale
            leaves = self.basis(inputs) @ self.coefficients[number] <= 0.0
            leaves |= ~some.open[block][:, going]
            ends = leaves.any(axis=0)
            left[going[ends]] = first + leaves.argmax(axis=0)[ends]
            going = going[~ends]
            if not len(going):
                break
        return left


def fit(
    basis: Callable[[int], Basis],
    some: Held,
    net: np.ndarray,
    validation: tuple[Held, np.ndarray],
) -> Regression:
    """Fit by backward induction; of all penalties the one that earns most on validation.

    Args:
        basis: number of inputs -> terms.
        some: observed, of the training trades.
        net: [H+1, n] what leaving at each decision earned, pips (see `Held.until_stopped`).
        validation: the same of the validation trades.
    """
    if net.shape[1] > MOST_TRADES:
        rows = np.linspace(0, net.shape[1] - 1, MOST_TRADES).astype(int)
        some, net = some.take(rows), net[:, rows]
    values = some.observation[some.open]
    center, scale = values.mean(axis=0), values.std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1.0).astype(np.float32)
    terms = basis(values.shape[1])
    inputs = (some.observation - center) / scale
    coefficients = _backward(lambda block: terms(inputs[block]), some.open, net)
    fitted = [Regression(terms, center, scale, each) for each in coefficients]
    held_out, earned = validation
    return max(fitted, key=lambda rule: value_at(earned, rule.decision(held_out)).mean())


def _backward(
    terms: Callable[[slice], np.ndarray], is_open: np.ndarray, net: np.ndarray
) -> np.ndarray:
    """Coefficients [penalties, blocks, P]."""
    horizon = len(is_open)
    value = np.repeat(net[-1][:, None], len(PENALTIES), axis=1)  # of what follows, [n, penalties]
    coefficients: list[np.ndarray] = []
    for first in reversed(range(0, horizon, BLOCK)):
        block = slice(first, min(first + BLOCK, horizon))
        rows = terms(block)
        flat = rows[is_open[block]]
        if not len(flat):  # all were stopped before
            hold = np.eye(rows.shape[-1], 1, dtype=np.float32)
            coefficients.append(np.repeat(hold, len(PENALTIES), axis=1))
            continue
        gram = (flat.T @ flat / len(flat)).astype(np.float64)
        gram += 1e-9 * np.eye(len(gram))
        solve = [np.linalg.inv(gram + _penalty(gram, size)) for size in PENALTIES]
        hold = np.eye(len(gram), 1, dtype=np.float32)  # worth more than leaving, everywhere
        fitted = coefficients[-1] if coefficients else np.repeat(hold, len(PENALTIES), axis=1)
        for _ in range(REPEATS):
            target, _ = _follow(rows, fitted, is_open[block], net[block], value)
            moment = flat.T @ target[is_open[block]] / len(flat)
            fitted = np.stack([inverse @ moment[:, i] for i, inverse in enumerate(solve)], axis=1)
            fitted = fitted.astype(np.float32)
        _, value = _follow(rows, fitted, is_open[block], net[block], value)
        coefficients.append(fitted)
    return np.stack(coefficients[::-1]).transpose(2, 0, 1)


def _penalty(gram: np.ndarray, size: float) -> np.ndarray:
    """On all terms but the constant, each by its own mean square."""
    weights = size * np.diag(gram).copy()
    weights[0] = 0.0
    return np.diag(weights)


def _follow(
    rows: np.ndarray,
    fitted: np.ndarray,
    is_open: np.ndarray,
    net: np.ndarray,
    value: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """What holding on was worth at each decision of a block less leaving, and the value at its first one.

    Args:
        rows: [B, n, P] terms.
        fitted: [P, L] coefficients for each of the penalties.
        is_open: [B, n].
        net: [B, n].
        value: [n, L] realised from the decision after the block on.
    """
    advantage = np.empty((*is_open.shape, value.shape[1]), np.float32)
    for k in reversed(range(len(rows))):
        advantage[k] = value - net[k][:, None]
        leaves = (rows[k] @ fitted <= 0.0) & is_open[k][:, None]
        value = np.where(leaves, net[k][:, None], value)
    return advantage, value
