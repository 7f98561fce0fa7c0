"""What one more bar was expected to bring: a sparse regression. The rest of a bar's change is luck.

Every number that learning compares (what a rule earned, what holding on would have brought) is a sum of
what single bars brought. Where a bar's change gives way to its conditional expectation, the sum keeps its
own: what is taken off is a control variate, of mean zero where the regression is right. It takes noise away
where trades move more by luck than by drift, which is where few trades tell least.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.exact.types import Drift, Paths

Array = jax.Array

FOLDS = 8  # of the episodes, by time
TERMS = 16  # of the regression, at most
WIDEST = 5.0  # deviations at which a number is clipped
AGES = (3.0, 12.0, 48.0)  # bars, decay of what follows from an entry
LEAST = (
    0.02  # share of a feature's variance that the chosen ones must leave, for it to be a candidate
)
RIDGE = 1e-4  # of features of deviation 1


def changes(paths: Paths) -> Array:
    """What one more bar brought over leaving at each decision, [H, N]."""
    after = jnp.concatenate([paths.leave[1:], jnp.zeros_like(paths.leave[:1])])
    return paths.hold + jnp.where(paths.ends, 0.0, after) - paths.leave


def features(numbers: Array, decision: Array) -> Array:
    """Candidates for the drift: [..., D] and the decision's number -> [..., F].

    A constant, the numbers, their products by twos, and constant and numbers as they fade with the age of the
    trade: what an entry promises is seldom constant.

    Args:
        numbers: observed, in deviations, 0 where they are naturally 0: so that drift is shrunk towards 0.
        decision: bars since the entry.
    """
    x = jnp.clip(numbers, -WIDEST, WIDEST)
    first, second = np.triu_indices(x.shape[-1])
    linear = jnp.concatenate([jnp.ones_like(x[..., :1]), x], axis=-1)
    fading = [jnp.exp(-decision / age) * linear for age in AGES]
    return jnp.concatenate([linear, x[..., first] * x[..., second], *fading], axis=-1)


def number_of_features(numbers: int) -> int:
    """F of D observed numbers."""
    return (1 + numbers) * (1 + len(AGES)) + numbers * (numbers + 1) // 2


def moments(paths: Paths, numbers: Array) -> tuple[Array, Array, Array]:
    """Means over all decisions: of products of features [F, F], with the change [F], of its square.

    Args:
        paths: [H, N].
        numbers: [H, N, D].
    """
    weight = (paths.alive & paths.can_leave).astype(jnp.float32)
    change = jnp.where(weight > 0, changes(paths), 0.0)
    size = number_of_features(numbers.shape[-1])

    def add(total: tuple[Array, Array, Array], row: tuple[Array, Array, Array, Array]):
        x, y, w, decision = row
        seen = features(x, decision)
        weighted = w[:, None] * seen
        parts = (weighted.T @ seen, weighted.T @ y, (y * y).sum())
        return jax.tree.map(jnp.add, total, parts), None

    zero = (jnp.zeros((size, size)), jnp.zeros(size), jnp.float32(0.0))
    rows = (numbers, change, weight, jnp.arange(len(numbers), dtype=jnp.float32))
    total, _ = jax.lax.scan(add, zero, rows)
    return jax.tree.map(lambda leaf: leaf / jnp.maximum(weight.sum(), 1.0), total)


def pursuit(gram: Array, cross: Array) -> Array:
    """Least squares on 0, 1, ... `TERMS` features, each the one that explains most of the rest.

    Orthogonal matching pursuit (Pati, Rezaiifar and Krishnaprasad 1993).

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


def fitted_drift(gram: Array, cross: Array, square: Array) -> Drift:
    """The drift for each fold from all other folds, with the number of terms that predicts best.

    No bar's own change takes part in what is expected of it, but for those of trades that lie on both sides
    of a fold's end. Where nothing predicts, nothing is expected.

    Args:
        gram: [FOLDS, F, F], see `moments`.
        cross: [FOLDS, F].
        square: [FOLDS].
    """

    def fold(number: Array) -> tuple[Array, Array]:
        others = (jnp.arange(FOLDS) != number) / (FOLDS - 1)
        weights = pursuit(jnp.einsum("k,kfg->fg", others, gram), others @ cross)
        own = jnp.einsum("tf,fg,tg->t", weights, gram[number], weights)
        return weights, 2.0 * weights @ cross[number] - own

    weights, gain = jax.lax.map(fold, jnp.arange(FOLDS))
    explained = gain.mean(axis=0) / jnp.maximum(square.mean(), 1e-12)
    best = jnp.argmax(explained)
    return Drift(weights[:, best], best.astype(jnp.int32), explained[best])


def without_luck(paths: Paths, numbers: Array, drift: Drift, fold: Array, share: Array) -> Paths:
    """Paths on which a share of each bar's luck is taken off the reward of holding.

    Args:
        paths: [H, N].
        numbers: [H, N, D] as `features` takes them.
        drift: of each fold.
        fold: [N] of each episode.
        share: 0: paths as they are; 1: bars bring what was expected of them and no more.
    """
    weights = drift.weights[fold]

    def row(numbers_and_decision: tuple[Array, Array]) -> Array:
        return (features(*numbers_and_decision) * weights).sum(axis=-1)

    expected = jax.lax.map(row, (numbers, jnp.arange(len(numbers), dtype=jnp.float32)))
    luck = jnp.where(paths.can_leave, changes(paths) - expected, 0.0)
    return paths._replace(hold=paths.hold - share * luck)
