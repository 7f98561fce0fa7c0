"""Matrix products of bfloat16 factors, summed in float32, forward and backward.

Mixed precision as in Micikevicius et al. 2018, without a loss scale: bfloat16 has float32's range
(Kalamkar et al. 2019). A derivative left to JAX would multiply a float32 cotangent with a bfloat16 factor;
here both are rounded.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array

PARTS = 8
"""Samples as two axes: on a CPU a weight gradient over one axis is a float32 product, whatever its factors;
over two it is transposed once and multiplied in half precision (benchmarks/RESULTS.md). A GPU sees one."""


def _product(left: Array, right: Array, left_axes: tuple[int, ...], right_axes: tuple[int, ...]):
    return jax.lax.dot_general(
        left, right, ((left_axes, right_axes), ((), ())), preferred_element_type=jnp.float32
    )


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def half_product(inputs: Array, kernel: Array, axis: int) -> Array:
    """`inputs` times `kernel`, factors rounded to bfloat16, sums in float32.

    Args:
        inputs: [..., features] float32.
        kernel: [features, outputs] float32, or [outputs, features].
        axis: static: which axis of the kernel has the features, 0 or 1.

    Returns:
        [..., outputs] float32. Gradients are float32, their products rounded in the same way.
    """
    return _forwards(inputs, kernel, axis)[0]


def _forwards(inputs: Array, kernel: Array, axis: int) -> tuple[Array, tuple[Array, Array]]:
    halves = inputs.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    return _product(*halves, (inputs.ndim - 1,), (axis,)), halves


def _backwards(axis: int, saved: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    inputs, kernel = saved
    gradient = gradient.astype(jnp.bfloat16)
    of_inputs = _product(gradient, kernel, (gradient.ndim - 1,), (1 - axis,))
    left, right = (inputs, gradient) if axis == 0 else (gradient, inputs)
    if left.ndim == 2 and left.shape[0] % PARTS == 0:
        left, right = (factor.reshape(PARTS, -1, factor.shape[-1]) for factor in (left, right))
    samples = tuple(range(left.ndim - 1))
    return of_inputs, _product(left, right, samples, samples)


half_product.defvjp(_forwards, _backwards)


def half_dot_general(left: Array, right: Array, dimensions: Any, **how: Any) -> Array:
    """`half_product` in the place of `jax.lax.dot_general` in a Flax layer."""
    del how
    (_, (axis,)), _ = dimensions
    return half_product(left, right, axis)
