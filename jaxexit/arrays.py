"""Arrays that begin on the host. An eager `jnp` call compiles a program of its own; these compile nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import jax

SEEDS = 2**32


def on_device(tree: Any) -> Any:
    """Host arrays of the right types as arrays of the default device."""
    import jax  # here, so that reading files does not wait for jax

    return jax.device_put(tree)


def key_of(seed: int) -> jax.Array:
    """The typed PRNG key of a seed, the same as `jax.random.key(seed)`.

    Args:
        seed: from 0 to 2^32 - 1.
    """
    import jax

    words: Any = np.array([0, seed % SEEDS], np.uint32)
    return jax.random.wrap_key_data(words)


def seed_words(key: jax.Array) -> list[int]:
    """The words of a typed PRNG key: a seed for a generator on the host."""
    import jax

    return np.asarray(jax.random.key_data(key)).ravel().tolist()
