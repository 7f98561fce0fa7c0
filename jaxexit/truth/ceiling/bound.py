"""What no exit can earn more than: the dual bound, by a martingale of one-step conditional expectations.

For every martingale M with M_0 = 0 and every time tau at which a policy leaves without knowing the future,
E Z_tau = E (Z_tau - M_tau) <= E max_k (Z_k - M_k) (Rogers 2002; Haugh and Kogan 2004). With M the martingale
part of the true value it is equal. Here M is that of an approximate value, from two parts: the price's own
change less what the model expects of it, which is known exactly; and the change of what holding on is still
worth over leaving, less its mean over n successors of the state (Andersen and Broadie 2004). The second is a
mean of fresh draws, so it errs by a martingale too: the bound holds for any approximation and any n, and
both only make it looser.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.truth.ceiling.model import Model, left_at
from jaxexit.truth.ceiling.scene import Entries, Money, Path

Array = jax.Array

KNOTS, KNOTS_ALONE = 5, 24  # of each number's broken line; of the only number
RIDGE = 1e-5
BELIEVED = 200.0  # decisions: how much the fit of the next decision weighs in that of this one
WIDEST = 6.0  # deviations at which a number is clipped


class Fills(NamedTuple):
    """When orders fill: static."""

    enters_next: bool  # the entry at the next bar's open
    leaves_next: bool  # EXIT at the next bar's open


class Basis(NamedTuple):
    """How a model's numbers are looked at. Broken lines at `knots`, and products of pairs."""

    mean: Array  # [D]
    inverse: Array  # [D] of the deviation
    knots: Array  # [D, K] in deviations


class Value(NamedTuple):
    """What holding on is worth over leaving, about."""

    basis: Basis
    weights: Array  # [H + 1, F], a row for each decision


class Bounded(NamedTuple):
    """The bound of each of N trades, and the martingale that any policy's result can be relieved of."""

    upper: Array  # [N]: their mean is the bound
    ours: Array  # [N] what leaving where holding on is worth no more brings, luck taken off
    left: Array  # [N] int32: at which decision that was; H: never
    luck: Array  # [H + 1, N] the martingale at each decision
    fill: Array  # [H, N] what the fill of an order sent at this decision brings unforeseen


def basis_of(model: Model, entries: Entries, path: Path, alive: Array) -> Basis:
    """The numbers' scale, from the decisions that there are."""
    numbers = np.asarray(_numbers(model, entries, path, alive))
    mean, deviation = numbers.mean(axis=0), numbers.std(axis=0)
    inverse = np.where(deviation > 1e-7, 1.0 / np.maximum(deviation, 1e-7), 0.0)
    count = KNOTS_ALONE if numbers.shape[1] == 1 else KNOTS
    quantiles = np.quantile((numbers - mean) * inverse, np.linspace(0, 1, count + 2)[1:-1], axis=0)
    leaves: Any = (np.asarray(leaf, np.float32) for leaf in (mean, inverse, quantiles.T))
    return Basis(*leaves)


def _numbers(model: Model, entries: Entries, path: Path, alive: Array) -> np.ndarray:
    @jax.jit
    def each(model: Model, entries: Entries, path: Path) -> Array:
        def row(given: tuple[Any, Array, Array]) -> Array:
            state, price, slot = given
            return model.numbers(state, slot, entries.side, _room(entries, price))

        states = jax.tree.map(lambda leaf: leaf[:-1], path.states)
        return jax.lax.map(row, (states, path.price[:-1], entries.slots[:-1]))

    found = np.asarray(each(model, entries, path))
    return found[np.asarray(alive)]


def _room(entries: Entries, price: Array) -> Array:
    return entries.side * (entries.stop - price) / price


def features(basis: Basis, numbers: Array, later: Array) -> Array:
    """[N, D] and [N] -> [N, F]."""
    scaled = ((numbers - basis.mean) * basis.inverse).clip(-WIDEST, WIDEST)
    broken = jax.nn.relu(scaled[..., None] - basis.knots).reshape(len(scaled), -1)
    first, second = np.triu_indices(scaled.shape[-1], 1)
    ones = jnp.ones_like(scaled[:, :1])
    pairs = scaled[:, first] * scaled[:, second]
    return jnp.concatenate([ones, scaled, broken, pairs, later[:, None]], axis=-1)


class _Decision(NamedTuple):
    """Everything at a decision k, and of the bar that follows."""

    k: Array
    state: Any
    price: Array
    half: Array  # of the last bar
    slot: Array  # of the coming bar
    slot_after: Array
    later_after: Array
    weights_after: Array
    closes: Array
    carried: Array
    key: Array


def _decisions(entries: Entries, path: Path, money: Money, weights: Array, key: Array) -> _Decision:
    """All decisions, leaves [H, ...]."""
    horizon = len(money.alive)
    return _Decision(
        k=jnp.arange(horizon),
        state=jax.tree.map(lambda leaf: leaf[:-1], path.states),
        price=path.price[:-1],
        half=path.halves[:-1],
        slot=entries.slots[:-1],
        slot_after=entries.slots[1:],
        later_after=entries.later[1:],
        weights_after=weights,
        closes=entries.closes,
        carried=money.carried,
        key=jax.random.split(key, horizon),
    )


def _after(
    model: Model,
    fills: Fills,
    basis: Basis,
    entries: Entries,
    now: _Decision,
    state: Any,
    half: Array,
    price: Array,
    stopped: Array,
) -> Array:
    """What a bar's end is worth beside the price: what holding on is, less the half spread to pay. [M].

    States are of M = N times n successors, in order.
    """
    times = half.shape[0] // now.price.shape[0]

    def each(leaf: Array) -> Array:
        return jnp.repeat(leaf, times)

    side, slot, per_price = each(entries.side), each(now.slot_after), each(entries.per_price)
    room = side * (each(entries.stop) - price) / price
    seen = features(basis, model.numbers(state, slot, side, room), each(now.later_after))
    worth = jnp.maximum(seen @ now.weights_after, 0.0)
    to_pay = model.expected_half(state, slot) * price if fills.leaves_next else half
    over = stopped | each(now.closes)
    return jnp.where(over, -half * per_price, worth - to_pay * per_price)


def _ahead(
    model: Model, fills: Fills, basis: Basis, entries: Entries, now: _Decision, n: int
) -> tuple[Array, Array, Array]:
    """What is expected at a decision, [N] each.

    Returns:
        (of the price up to the next decision, in shares; of `_after`; of holding on over leaving now).
    """
    room = _room(entries, now.price)
    expected = model.expected(now.state, now.slot, entries.side, room)
    begins = (now.k == 0) & fills.enters_next
    change = expected.change - jnp.where(begins, expected.gap, 0.0)
    state, move = model.onward(now.state, now.slot, now.key, n)
    stopped, _ = left_at(move, entries.side[:, None], room[:, None])
    price = now.price[:, None] * (1.0 + move.close)
    half = now.price[:, None] * move.half
    flat = jax.tree.map(jnp.ravel, (state, half, price, stopped))
    after = _after(model, fills, basis, entries, now, *flat).reshape(-1, n).mean(axis=1)
    to_pay = now.half
    if fills.leaves_next:
        to_pay = model.expected_half(now.state, now.slot) * now.price
    gain = (to_pay + change * now.price) * entries.per_price - now.carried
    return change, after, gain + after


@partial(jax.jit, static_argnames=("fills", "n"))
def fitted(
    model: Model,
    fills: Fills,
    basis: Basis,
    entries: Entries,
    path: Path,
    money: Money,
    key: Array,
    n: int,
) -> Value:
    """The value by backward induction, each decision's a least squares fit (Tsitsiklis and Van Roy 2001).

    What is fitted is a conditional expectation already, a mean over n successors. The weights of a decision
    are drawn to those of the next one: the value changes slowly, and noise would be taken for value.
    """

    def back(weights: Array, given: tuple[_Decision, Array, Array]) -> tuple[Array, Array]:
        now, alive, later = given
        _, _, advantage = _ahead(
            model, fills, basis, entries, now._replace(weights_after=weights), n
        )
        room = _room(entries, now.price)
        seen = features(basis, model.numbers(now.state, now.slot, entries.side, room), later)
        weighted = seen * alive[:, None]
        missed = jnp.where(alive, advantage - seen @ weights, 0.0)
        count = 1.0 + alive.sum()
        gram = weighted.T @ seen
        # As if so many more decisions had been met that agree with the decision after.
        prior = BELIEVED * jnp.diag(gram) / count + RIDGE * count
        return weights + jnp.linalg.solve(gram + jnp.diag(prior), weighted.T @ missed), weights

    numbers = basis.mean.shape[0]
    size = 2 + numbers + basis.knots.size + numbers * (numbers - 1) // 2
    horizon = len(money.alive)
    nothing = jnp.zeros((horizon, size))
    steps = _decisions(entries, path, money, nothing, key), money.alive, entries.later[:-1]
    first, weights = jax.lax.scan(back, jnp.zeros(size), steps, reverse=True)
    return Value(basis, jnp.concatenate([first[None], weights]))


@partial(jax.jit, static_argnames=("fills", "n"))
def bounded(
    model: Model,
    fills: Fills,
    value: Value,
    entries: Entries,
    path: Path,
    money: Money,
    key: Array,
    n: int,
) -> Bounded:
    """The dual bound on paths that the value was not fitted on."""
    opening = model.expected_half(jax.tree.map(lambda leaf: leaf[0], path.states), entries.slots[0])
    # What the entry's own spread is more than expected: paid by every exit alike.
    paid = -(path.halves[1] - opening * entries.price) * entries.per_price * fills.enters_next

    def forward(carry: Any, given: Any) -> tuple[Any, Any]:
        luck, upper, ours, left = carry
        now, row, move, state, price, half = given
        change, after, advantage = _ahead(model, fills, value.basis, entries, now, n)
        scale = now.price * entries.per_price
        begins = (now.k == 0) & fills.enters_next
        fill = jnp.zeros_like(luck)
        if fills.leaves_next:
            room = _room(entries, now.price)
            gap = model.expected(now.state, now.slot, entries.side, room).gap
            surprise = jnp.where(begins, 0.0, entries.side * move.open - gap)
            wider = half - model.expected_half(now.state, now.slot) * now.price
            fill = surprise * scale - wider * entries.per_price
        out = row.leave - luck - fill
        upper = jnp.where(row.alive, jnp.maximum(upper, out), upper)
        leaves = row.alive & (advantage <= 0.0) & (left < 0)
        ours, left = jnp.where(leaves, out, ours), jnp.where(leaves, now.k, left)
        stopped, moved = left_at(move, entries.side, _room(entries, now.price))
        moved = moved - jnp.where(begins, entries.side * move.open, 0.0)
        real = _after(model, fills, value.basis, entries, now, state, half, price, stopped)
        grown = luck + jnp.where(row.alive, (moved - change) * scale + real - after, 0.0)
        ended = row.hold - grown
        upper = jnp.where(row.ends, jnp.maximum(upper, ended), upper)
        over = row.ends & (left < 0)
        ours, left = jnp.where(over, ended, ours), jnp.where(over, len(money.alive), left)
        return (grown, upper, ours, left), (grown, fill)

    count = len(entries.price)
    start = (paid, jnp.full(count, -jnp.inf), jnp.zeros(count), jnp.full(count, -1))
    steps = (
        _decisions(entries, path, money, value.weights[1:], key),
        money,
        path.moves,
        jax.tree.map(lambda leaf: leaf[1:], path.states),
        path.price[1:],
        path.halves[1:],
    )
    (_, upper, ours, left), (luck, fill) = jax.lax.scan(forward, start, steps)
    return Bounded(upper, ours, left, jnp.concatenate([paid[None], luck]), fill)
