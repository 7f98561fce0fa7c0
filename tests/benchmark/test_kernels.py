"""What a GPU would be asked to launch is counted by loop, as often as each loop runs, without a GPU."""

import jax
import jax.numpy as jnp

from jaxexit.benchmark.kernels import PRODUCTS, UNFUSED, loops


def test_operations_are_counted_as_often_as_their_loops_run() -> None:
    def inner(x: jax.Array, _: None) -> tuple[jax.Array, None]:
        return jnp.sin(x), None

    def outer(x: jax.Array, _: None) -> tuple[jax.Array, None]:
        x, _ = jax.lax.scan(inner, x @ x, None, 3)
        return jnp.sort(x), None

    @jax.jit
    def program(x: jax.Array) -> jax.Array:
        return jax.lax.scan(outer, jnp.cos(x), None, 5)[0]

    lowered = program.trace(jnp.ones((4, 4))).lower(lowering_platforms=("cuda",))
    whole, around, within = loops(lowered.compiler_ir("stablehlo"))
    assert (whole.times, around.times, within.times) == (1, 5, 15)
    assert whole.counts["stablehlo.cosine"] == 1
    assert within.counts["stablehlo.sine"] == 1
    assert (around.of(PRODUCTS), around.of(UNFUSED)) == (1, 2)  # the product; and the sort
    assert within.of(UNFUSED) == 0
