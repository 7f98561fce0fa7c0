"""A tree packed into words comes back bit for bit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.ppo.words import pack, unpack


def test_what_is_packed_comes_back_bit_for_bit() -> None:
    tree = {
        "number": jnp.array([1.5, -0.0, np.inf, np.nan], jnp.float32),
        "small": jnp.array([1e-42, -1e-45, 1e-38, 0.0], jnp.float32),  # denormal
        "count": jnp.array([0, -1, 2**31 - 1, -(2**31)], jnp.int32),
        "flag": jnp.array([True, False, True, True]),
        "rules": jnp.array([[True, False, True]] * 4),
        "table": jnp.arange(24, dtype=jnp.float32).reshape(4, 3, 2),
    }
    words = jax.jit(pack)(tree)
    assert words.shape == (4 + 3 + 6, 4)
    back = jax.jit(lambda words: unpack(words, tree))(words)
    for name, leaf in tree.items():
        assert back[name].dtype == leaf.dtype
        assert np.asarray(back[name]).tobytes() == np.asarray(leaf).tobytes(), name


def test_stacked_over_time_every_step_is_its_own() -> None:
    trees = [
        {"a": jnp.full(3, t, jnp.float32), "b": jnp.full((3, 2), t, jnp.int32)} for t in range(5)
    ]
    stacked = unpack(jnp.stack([pack(tree) for tree in trees]), trees[0])
    assert stacked["a"].shape == (5, 3)
    assert stacked["b"].shape == (5, 3, 2)
    for t in range(5):
        assert (stacked["b"][t] == t).all()


@pytest.mark.parametrize("kind", [jnp.int8, jnp.bfloat16, jnp.uint16])
def test_a_leaf_of_another_size_is_refused(kind: jnp.dtype) -> None:
    with pytest.raises(TypeError, match="expected bool, int32, uint32 or float32"):
        pack({"small": jnp.zeros(4, kind)})
