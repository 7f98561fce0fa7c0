"""The exit environment for Gymnasium: `jaxexit/Exit-v0`, registered when this module is imported.

    import gymnasium
    import jaxexit.gym

    env = gymnasium.make("jaxexit/Exit-v0", experiment="experiments/v2_exit_guards.yaml")
    envs = gymnasium.make_vec("jaxexit/Exit-v0", num_envs=64, experiment="v2_exit_guards")

Thin adapters: trades, fills, guards, reward and observation are those of `jaxexit.env`, which training and
backtest use. An episode is one trade and always ends in a termination (`terminated`), never a truncation.
"""

from gymnasium.envs.registration import register, registry

from jaxexit.gym.single import ExitEnv
from jaxexit.gym.vector import ExitVectorEnv

__all__ = ["ENV_ID", "ExitEnv", "ExitVectorEnv"]

ENV_ID = "jaxexit/Exit-v0"

if ENV_ID not in registry:  # a reload must not warn that it replaces itself
    register(
        ENV_ID,
        entry_point="jaxexit.gym.single:ExitEnv",
        vector_entry_point="jaxexit.gym.vector:ExitVectorEnv",
    )
