"""What one more bar is expected to bring, by regression; the rest of it is luck, and is taken off."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.exact.types import Paths

Array = jax.Array

FOLDS = int(os.environ.get("FOLDS", "8"))
TERMS = int(os.environ.get("TERMS", "12"))
KIND = os.environ.get("KIND", "quadage")
KNOTS = (-1.0, 0.0, 1.0)


def increments(paths: Paths) -> Array:
    """What one more bar brought over leaving at each decision, [H, N]."""
    after = jnp.concatenate([paths.leave[1:], jnp.zeros_like(paths.leave[:1])])
    return paths.hold + jnp.where(paths.ends, 0.0, after) - paths.leave


TAUS = (3.0, 12.0, 48.0)


def basis(inputs: Array, k: Array = 0.0) -> Array:
    """[..., D] -> [..., F]"""
    x = jnp.clip(inputs, -5.0, 5.0)
    cols = [jnp.ones_like(x[..., :1]), x]
    if "quad" in KIND:
        i, j = np.triu_indices(x.shape[-1])
        cols.append(x[..., i] * x[..., j])
    if "hinge" in KIND:
        cols += [jax.nn.relu(x - k) for k in KNOTS]
    if "step" in KIND:
        cols += [(x > k) * 1.0 for k in KNOTS]
    if "age" in KIND:
        for tau in TAUS:
            early = jnp.exp(-k / tau)
            cols += [early * jnp.concatenate(cols[:2], axis=-1)]
    return jnp.concatenate(cols, axis=-1)


class Moments(NamedTuple):
    gram: Array  # [FOLDS, F, F]
    cross: Array  # [FOLDS, F]
    square: Array  # [FOLDS]
    count: Array


def moments(paths: Paths, inputs: Array, fold: Array, weight: Array) -> Moments:
    delta = jnp.where(weight > 0, increments(paths), 0.0)
    member = jax.nn.one_hot(fold, FOLDS).T  # [K, N]
    size = jax.eval_shape(basis, inputs[0]).shape[-1]

    def row(carry, now):
        x, d, w, k = now
        b = basis(x, k); bw = b * w[:, None]
        def one(m):
            bm = bw * m[:, None]
            return bm.T @ b, bm.T @ d, (m * w * d * d).sum(), (m * w).sum()
        return jax.tree.map(jnp.add, carry, Moments(*jax.lax.map(one, member))), None

    zero = Moments(jnp.zeros((FOLDS, size, size)), jnp.zeros((FOLDS, size)), jnp.zeros(FOLDS), jnp.zeros(FOLDS))
    return jax.lax.scan(row, zero, (inputs, delta, weight, jnp.arange(len(inputs)) * 1.0))[0]


def pursuit(gram, cross):
    """OMP: [TERMS+1, F] weights after each number of terms."""
    size = cross.shape[-1]
    scale = 1.0 / jnp.sqrt(jnp.maximum(jnp.diag(gram), 1e-9))
    scale = jnp.where(jnp.diag(gram) > 1e-6, scale, 0.0)
    g, c = gram * scale[:, None] * scale, cross * scale
    def step(carry, _):
        chosen, w = carry  # bool [F], [F]
        rest = c - g @ w
        # partial variance of each candidate given chosen
        inv = jnp.linalg.inv(jnp.where(chosen[:, None] & chosen, g, 0.0) + jnp.diag(jnp.where(chosen, 1e-4, 1.0)))
        gm = jnp.where(chosen[:, None], g, 0.0)
        left = jnp.diag(g) - (gm * (inv @ gm)).sum(axis=0)
        score = jnp.where(chosen | (left < 0.02), -1.0, rest**2 / jnp.maximum(left, 0.02))
        chosen = chosen.at[jnp.argmax(score)].set(True)
        inv = jnp.linalg.inv(jnp.where(chosen[:, None] & chosen, g, 0.0) + jnp.diag(jnp.where(chosen, 1e-4, 1.0)))
        w = inv @ jnp.where(chosen, c, 0.0)
        w = jnp.where(chosen, w, 0.0)
        return (chosen, w), w * scale
    w0 = jnp.zeros(size)
    _, ws = jax.lax.scan(step, (jnp.zeros(size, bool), w0), None, length=TERMS)
    return jnp.concatenate([w0[None], ws])


def solve(m: Moments) -> tuple[Array, Array]:
    total = jax.tree.map(lambda leaf: leaf.sum(axis=0), m)
    def fold(args):
        g, b, y, n = args
        rest = total.count - n
        w = pursuit((total.gram - g) / rest, (total.cross - b) / rest)
        err = jnp.einsum("tf,fg,tg->t", w, g, w) - 2 * w @ b
        return w, err
    w, err = jax.lax.map(fold, tuple(m))
    sq, count, err0 = total.square, total.count, err
    err = err.sum(axis=0)
    best = jnp.argmin(err)
    if os.environ.get("SHOW"):
        jax.debug.print("gain x1e4 {} best {}", -1e4 * err / sq, best)
        ww = w[:, best]
        jax.debug.callback(show, ww)
    return w[:, best], -err / sq

def show(w):
    for f in range(0, FOLDS, 3):
        print([(int(i), round(float(w[f, i]), 4)) for i in np.flatnonzero(np.abs(w[f]) > 0)], flush=True)


def smoothed(paths: Paths, inputs: Array, fold: Array, weights: Array, share: float) -> Paths:
    def row(now):
        b = basis(*now)
        return (b * weights[fold]).sum(axis=-1)
    expected = jax.lax.map(row, (inputs, jnp.arange(len(inputs)) * 1.0))
    luck = jnp.where(paths.can_leave & paths.alive, increments(paths) - expected, 0.0)
    return paths._replace(hold=paths.hold - share * luck)
