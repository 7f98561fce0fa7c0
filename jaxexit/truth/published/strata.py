"""Successors of a state that share out the normal law among them, so that their mean is nearly exact."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri

Array = jax.Array

EDGE = 1e-7  # of a probability: float32 has no more below 1


def normals(key: Array, states: int, successors: int, dimensions: int = 1) -> Array:
    """Standard normal shocks of the successors of each state, stratified.

    Each dimension has one shock from each of `successors` slices of equal probability, in an order of its
    own where there are several: a Latin hypercube (McKay, Beckman and Conover 1979). A mean over the
    successors has the right expectation, and much less noise than that of independent ones: of a smooth
    function of one shock it falls with the power 3/2 of their number instead of 1/2. The successors of one
    state are not independent.

    Args:
        key: of all.
        states: M.
        successors: n of each.
        dimensions: of the shock.

    Returns:
        [M, n, dimensions].
    """
    within, order = jax.random.split(key)
    shape = (states, successors, dimensions)
    slices = jnp.arange(successors, dtype=jnp.float32)[:, None]
    if dimensions > 1:
        slices = jnp.argsort(jax.random.uniform(order, shape), axis=1)
    chance = (slices + jax.random.uniform(within, shape)) / successors
    return ndtri(jnp.clip(chance, EDGE, 1.0 - EDGE))
