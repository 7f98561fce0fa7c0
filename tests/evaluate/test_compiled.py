"""One program plays whatever differs in numbers only: costs, guards, trades, and a policy's own numbers."""

import inspect
from pathlib import Path

import chex
import jax
import pytest

from jaxexit.data import load_dataset
from jaxexit.env import make_world
from jaxexit.evaluate import run, run_policy
from jaxexit.policies import FIXED_TIME
from jaxexit.policies.fixed import FixedTime
from tests.data.made import bar_table, experiment, write_bars


def test_numbers_do_not_recompile_what_plays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chex.clear_trace_counter()
    monkeypatch.setattr(
        run,
        "play_bars",
        jax.jit(
            chex.assert_max_traces(inspect.unwrap(run.play_bars), n=1),
            static_argnames=("spec", "policy", "lanes"),
            donate_argnames="progress",
            keep_unused=True,
        ),
    )
    bars = write_bars(tmp_path, bar_table())
    nets = []
    for bar, *overrides in (
        (4, "costs.commission=0.0"),
        (4, "costs.commission=0.00003", "guards.min_bars_for_exit=3", "env.tighten_fraction=0.7"),
        (9, "env.initial_stop_atr=3.0", "reward.regret_coef=0.1"),
    ):
        made = experiment(tmp_path, "data.every=4", *overrides, bars=bars)
        spec, world = make_world(made, load_dataset(made), "test")
        played = run_policy(
            spec, FIXED_TIME, world, FixedTime(jax.numpy.int32(bar)), jax.random.key(0), horizon=20
        )
        nets.append(float(played.results.net.mean()))
    assert len(set(nets)) == len(nets)
