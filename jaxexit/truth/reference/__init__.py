"""The trade simulator a second time, to disagree with the environment: slow, plain, float64.

It shares nothing with `jaxexit.env`, nor with JAX: not even a constant. The audit derives trades again with
it, and the tests play it against the environment's `step` on every market that they can think of.
"""
