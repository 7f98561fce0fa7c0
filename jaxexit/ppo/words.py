"""A tree as one array of words: a loop carries and stacks one array, one kernel on a GPU, not thirty.

Nothing is rounded: a word holds a leaf's bits.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array

WORD_TYPES = (jnp.int32, jnp.uint32, jnp.float32)


def pack(tree: Any) -> Array:
    """Leaves [num_envs, ...] of 32 bits or bool -> [words, num_envs] uint32.

    Words come first: each lies in one piece.

    Raises:
        TypeError: a leaf is of another size, or a typed key.
    """
    columns = []
    for leaf in jax.tree.leaves(tree):
        if leaf.dtype != bool and leaf.dtype not in WORD_TYPES:
            raise TypeError(f"got {leaf.dtype}, expected bool, int32, uint32 or float32")
        bits = leaf.astype(jnp.uint32) if leaf.dtype == bool else _as(leaf, jnp.uint32)
        flat = bits.reshape(bits.shape[0], -1)
        columns += [flat[:, i] for i in range(flat.shape[1])]
    return jnp.stack(columns)


def unpack(words: Array, like: Any) -> Any:
    """The tree again, of leaves [..., num_envs, ...].

    Args:
        words: [..., words, num_envs] uint32.
        like: the packed tree, or its shapes and types.
    """
    leaves, structure = jax.tree.flatten(like)
    found, start = [], 0
    for leaf in leaves:
        shape = leaf.shape[1:]
        size = math.prod(shape)
        part = words[..., start : start + size, :]
        start += size
        bits = part[..., 0, :] if not shape else jnp.moveaxis(part, -2, -1)
        bits = bits.reshape(*words.shape[:-2], words.shape[-1], *shape)
        found.append(bits != 0 if leaf.dtype == bool else _as(bits, leaf.dtype))
    return jax.tree.unflatten(structure, found)


def _as(leaf: Array, dtype: Any) -> Array:
    if leaf.dtype == dtype:
        return leaf
    return jax.lax.bitcast_convert_type(leaf, dtype)
