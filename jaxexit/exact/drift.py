"""What one more bar is expected to bring: a sparse regression. The rest of a bar's change is luck.

Every number that learning compares (what a rule earned, what holding on would have brought) is a sum of
single bars' changes. Replacing a change by its conditional expectation leaves the expectation of the sum
unchanged: what is removed is a control variate, of mean zero where the regression is right. It removes noise
where trades move more by luck than by drift, which is where few trades tell least.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.exact.types import Drift, Paths, Scaling

Array = jax.Array

FOLDS = 8  # of the episodes, by time
TERMS = 16  # of the regression, at most
WIDEST = 5.0  # deviations from its mean at which a number is clipped
FAR = 3.0  # deviations: a mean farther from 0 is taken off
AGES = (3.0, 12.0, 48.0)  # bars, decay of what follows from an entry
LEAST = 0.02  # share of a candidate's mean square that the chosen ones must leave
SLAB = 16  # decisions of an episode that are multiplied at once
RIDGE = 1e-4  # of features of deviation 1
MOST_PAIRED = 64  # numbers of which products are candidates: theirs grow with the square


def changes(paths: Paths) -> Array:
    """What one more bar brought over leaving at each decision, [H, N]."""
    after = jnp.concatenate([paths.leave[1:], jnp.zeros_like(paths.leave[:1])])
    return paths.hold + jnp.where(paths.ends, 0.0, after) - paths.leave


def numbers_of(inputs: Array, scaling: Scaling) -> Array:
    """What the drift is regressed on: [..., D] scaled observations, clipped, and 0 where 0 is observed.

    A drift that is 0 there needs no constant. Numbers that are never near 0 stay centred.
    """
    mean = scaling.mean * scaling.inverse
    return jnp.clip(inputs, -WIDEST, WIDEST) + jnp.where(jnp.abs(mean) > FAR, 0.0, mean)


def features(numbers: Array, decision: Array) -> Array:
    """Candidates for the drift: [..., D] and the decision's number -> [..., F].

    A constant, the numbers, their pairwise products (of `MOST_PAIRED` numbers or fewer), and constant and
    numbers fading with the age of the trade: what an entry promises is seldom constant.

    Args:
        numbers: as `numbers_of` returns them.
        decision: [...] or a scalar, bars since the entry.
    """
    first, second = np.triu_indices(_paired(numbers.shape[-1]))
    linear = jnp.concatenate([jnp.ones_like(numbers[..., :1]), numbers], axis=-1)
    fading = [jnp.exp(-decision / age)[..., None] * linear for age in AGES]
    return jnp.concatenate([linear, numbers[..., first] * numbers[..., second], *fading], axis=-1)


def number_of_features(numbers: int) -> int:
    """F of D observed numbers."""
    paired = _paired(numbers)
    return (1 + numbers) * (1 + len(AGES)) + paired * (paired + 1) // 2


def _paired(numbers: int) -> int:
    return numbers if numbers <= MOST_PAIRED else 0


class Moments(NamedTuple):
    """Sums over decisions; of several folds, with a leading dimension."""

    gram: Array  # [F, F] products of features
    cross: Array  # [F] features times the change
    square: Array  # of the change
    decisions: Array
    forbidden: Array  # decisions at which a guard forbids leaving; not among the others


def moments(paths: Paths, numbers: Array, weight: Array) -> Moments:
    """Sums over all decisions.

    Args:
        paths: [H, N].
        numbers: [H, N, D] as `numbers_of` returns them.
        weight: [N] of each episode.
    """
    change, weights = changes(paths), weight * (paths.alive & paths.can_leave)
    height, size = len(numbers), number_of_features(numbers.shape[-1])
    decision = jnp.broadcast_to(jnp.arange(height, dtype=jnp.float32)[:, None], weights.shape)

    def slabs(table: Array) -> Array:
        """[H, N, ...] -> [slabs, SLAB N, ...], weight 0 where there is no decision."""
        filled = jnp.pad(table, [(0, -height % SLAB), *[(0, 0)] * (table.ndim - 1)])
        return filled.reshape(-1, SLAB * table.shape[1], *table.shape[2:])

    def add(total: tuple[Array, Array], slab: tuple[Array, Array, Array, Array]):
        x, y, w, k = slab
        seen = features(x, k)
        weighted = w[:, None] * seen
        return (total[0] + weighted.T @ seen, total[1] + weighted.T @ y), None

    zero = jnp.zeros((size, size)), jnp.zeros(size)
    (gram, cross), _ = jax.lax.scan(
        add, zero, jax.tree.map(slabs, (numbers, change, weights, decision))
    )
    return Moments(
        gram=gram,
        cross=cross,
        square=(weights * jnp.square(change)).sum(),
        decisions=weights.sum(),
        forbidden=(paths.alive & ~paths.can_leave).sum().astype(jnp.float32),
    )


def pursuit(gram: Array, cross: Array) -> Array:
    """Least squares on 0, 1, ... `TERMS` features, each the one that explains most of the rest.

    Forward selection by orthogonal least squares (Chen, Billings and Luo 1989).

    Args:
        gram: [F, F] means of products of features.
        cross: [F] means of products with what is explained.

    Returns:
        [TERMS + 1, F] weights.
    """
    variance = jnp.diag(gram)
    scale = jnp.where(variance > 1e-6, jax.lax.rsqrt(jnp.maximum(variance, 1e-6)), 0.0)
    gram, cross = scale[:, None] * gram * scale, scale * cross
    number = jnp.arange(TERMS)

    def fit(chosen: Array, count: Array) -> tuple[Array, Array, Array]:
        used = number < count
        rows = jnp.where(used[:, None], gram[chosen], 0.0)
        among = jnp.where(used, rows[:, chosen], 0.0) + jnp.diag(jnp.where(used, RIDGE, 1.0))
        inverse = jnp.linalg.inv(among)
        return rows, inverse, inverse @ jnp.where(used, cross[chosen], 0.0)

    def add(chosen: Array, count: Array) -> tuple[Array, Array]:
        rows, inverse, weights = fit(chosen, count)
        left = jnp.diag(gram) - (rows * (inverse @ rows)).sum(axis=0)
        gain = jnp.square(cross - weights @ rows) / jnp.maximum(left, LEAST)
        chosen = chosen.at[count].set(jnp.argmax(jnp.where(left > LEAST, gain, -1.0)))
        weights = fit(chosen, count + 1)[2]
        weights = jnp.where(number <= count, weights, 0.0)
        return chosen, jnp.zeros_like(cross).at[chosen].add(weights) * scale

    _, weights = jax.lax.scan(add, jnp.zeros(TERMS, jnp.int32), number)
    return jnp.concatenate([jnp.zeros((1, cross.shape[0])), weights])


def fitted_drift(folds: Moments, share: Array) -> Drift:
    """The drift for each fold from all other folds, with the number of terms that predicts best.

    A bar's own change enters what is expected of it by the number of terms alone, and where trades of two
    folds share bars. Where a guard forbids leaving, what leaving would pay is not observed: no luck is then
    removed.

    Args:
        folds: [FOLDS, ...].
        share: of a bar's luck to be removed, at most.
    """
    total = jax.tree.map(lambda leaf: leaf.sum(axis=0), folds)

    def fold(number: Array) -> tuple[Array, Array]:
        others = (jnp.arange(FOLDS) != number).astype(jnp.float32)
        own = jax.tree.map(lambda leaf: leaf[number], folds)
        rest = jax.tree.map(lambda leaf: jnp.tensordot(others, leaf, 1), folds)
        count = jnp.maximum(rest.decisions, 1.0)
        weights = pursuit(rest.gram / count, rest.cross / count)
        missed = jnp.einsum("tf,fg,tg->t", weights, own.gram, weights)
        return weights, 2.0 * weights @ own.cross - missed

    weights, gain = jax.lax.map(fold, jnp.arange(FOLDS))
    explained = gain.sum(axis=0) / jnp.maximum(total.square, 1e-12)
    best = jnp.argmax(explained)
    share = share * jnp.where(total.forbidden > 0.0, 0.0, evidence(gain[:, best]))
    return Drift(weights[:, best], best.astype(jnp.int32), explained[best], share)


def evidence(gain: Array) -> Array:
    """How far a regression is to be believed that has gained this much in each fold: 0 to 1.

    1 - 1 / t^2, where t is the mean gain in standard errors; 0 below one (positive-part shrinkage, James and
    Stein 1961). [FOLDS] -> scalar.
    """
    mean, error = gain.mean(), gain.std(ddof=1) / jnp.sqrt(len(gain))
    return jnp.where(mean > error, 1.0 - jnp.square(error / jnp.maximum(mean, 1e-9)), 0.0)


def no_drift(size: int) -> Drift:
    """Nothing is expected of a bar, and no luck is removed."""
    nothing = jnp.float32(0.0)
    return Drift(jnp.zeros((FOLDS, number_of_features(size))), jnp.int32(0), nothing, nothing)


def without_luck(paths: Paths, numbers: Array, drift: Drift, fold: Array) -> Paths:
    """Paths with the drift's share of each bar's luck removed from the reward of holding.

    Args:
        paths: [H, N].
        numbers: [H, N, D] as `numbers_of` returns them.
        drift: of each fold.
        fold: [N] of each episode.
    """
    weights = drift.weights[fold]

    def row(numbers_and_decision: tuple[Array, Array]) -> Array:
        return (features(*numbers_and_decision) * weights).sum(axis=-1)

    expected = jax.lax.map(row, (numbers, jnp.arange(len(numbers), dtype=jnp.float32)))
    luck = jnp.where(paths.can_leave, changes(paths) - expected, 0.0)
    return paths._replace(hold=paths.hold - drift.share * luck)
