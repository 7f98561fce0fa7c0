"""Products in half precision round their factors to bfloat16 and nothing else, forward and backward."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.policies.half import PARTS, half_product


def _rounded(x: np.ndarray) -> np.ndarray:
    return np.asarray(jnp.asarray(x).astype(jnp.bfloat16).astype(jnp.float32), np.float64)


@pytest.mark.parametrize("samples", [PARTS * 5, PARTS * 5 + 3, 1])
@pytest.mark.parametrize("axis", [0, 1])
def test_values_and_gradients_are_products_of_rounded_factors(samples: int, axis: int) -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(samples, 24)).astype(np.float32)
    kernel = random.normal(size=(24, 7) if axis == 0 else (7, 24)).astype(np.float32)
    gradient = random.normal(size=(samples, 7)).astype(np.float32)

    @jax.jit
    def both(inputs: jax.Array, kernel: jax.Array) -> Any:
        out, back = jax.vjp(lambda x, w: half_product(x, w, axis), inputs, kernel)
        return out, *back(jnp.asarray(gradient))

    out, of_inputs, of_kernel = (np.asarray(x, np.float64) for x in both(inputs, kernel))
    x, w, g = (_rounded(one) for one in (inputs, kernel, gradient))
    w = w if axis == 0 else w.T
    np.testing.assert_allclose(out, x @ w, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(of_inputs, g @ w.T, rtol=1e-5, atol=1e-5)
    expected = x.T @ g
    np.testing.assert_allclose(
        of_kernel, expected if axis == 0 else expected.T, rtol=1e-5, atol=1e-5
    )
    # The test could fail: unrounded factors give something else.
    assert (
        np.abs(out - inputs.astype(np.float64) @ (kernel if axis == 0 else kernel.T)).max() > 1e-4
    )


def test_one_observation_and_agents_side_by_side_give_the_same() -> None:
    random = np.random.default_rng(1)
    inputs = random.normal(size=(3, 16, 24)).astype(np.float32)
    kernels = random.normal(size=(3, 24, 7)).astype(np.float32)
    together = jax.jit(jax.vmap(lambda x, w: half_product(x, w, 0)))(inputs, kernels)
    for agent in range(3):
        alone = np.asarray(half_product(inputs[agent, 0], kernels[agent], 0))
        np.testing.assert_allclose(together[agent, 0], alone, rtol=1e-6, atol=1e-6)
