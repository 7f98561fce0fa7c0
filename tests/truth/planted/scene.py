"""What the exams and audits look at: a small experiment on a made market, its version, and its subjects."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.config import Experiment, load_experiment
from jaxexit.data import Dataset, Sources, load_dataset
from jaxexit.data.simulated import brownian
from jaxexit.env import make_world
from jaxexit.lab.training import agent_params, learned_policy, state_template
from jaxexit.learners import hyper_of, learner_of
from jaxexit.learning import exit_task, stack
from jaxexit.policies import RANDOM, Policy, RandomActions
from jaxexit.store.checkpoint_layout import Saved
from jaxexit.store.run import RunFolder
from jaxexit.truth import martingale
from jaxexit.truth.audit import Subject, make_subject

SPLIT = "test"
EPISODES = 19  # of 80 bars each: the market that is audited
ANY_ACTION = (0.6, 0.05, 0.15, 0.15, 0.05)  # so that every kind of fill occurs
AUDITED = """\
description: A market of jumping bars, to be audited.
data: {bars: simulated.parquet, price_side: mid, warmup: 300}
costs: {spread_pips: 1.3, slippage_pips: 0.2, commission: 0.00002, swap_long_pips: 0.5}
env: {max_bars: 20}
guards: {min_profit_for_exit: -1.0, min_profit_for_partial: -1.0, min_profit_for_trail: -1.0}
ppo: {num_envs: 4, num_steps: 64, minibatch_size: 64, total_timesteps: 256}
network: {hidden_sizes: [16]}
"""


class Scene:
    """What is examined: the number of trades of an exam, and a small experiment to be audited."""

    def __init__(self, folder: Path, *, trades: int, seed: int) -> None:
        """Args: a folder to write to; trades of an exam; seed of markets, policies and cuts."""
        self.folder, self.trades, self.seed = folder, trades, seed

    @cached_property
    def yaml(self) -> Path:
        """The audited experiment's file; its bars come from memory (`sources`)."""
        yaml = self.folder / "v1_controls.yaml"
        yaml.write_text(AUDITED)
        return yaml

    @cached_property
    def sources(self) -> Sources:
        """The audited bars: a fifth of them open with a gap."""
        rng = np.random.default_rng([self.seed, 1])
        bars = brownian(rng, EPISODES, jump_probability=martingale.JUMP_PROBABILITY).bars
        prices = dict(zip(("open", "high", "low", "close"), bars.mid.T, strict=True))
        return Sources(bars=bars.table.assign(time=bars.times, **prices)[["time", *prices]])

    @cached_property
    def experiment(self) -> Experiment:
        """The audited experiment."""
        return load_experiment(self.yaml)

    @cached_property
    def version(self) -> RunFolder:
        """Its run folder, with the network as it is before training: a checkpoint like any other."""
        run = RunFolder(self.folder, self.experiment.version)
        spec, world = make_world(self.experiment, self.dataset, "train")
        learner, hyper = learner_of(self.experiment), hyper_of(self.experiment)
        state = learner.init(exit_task(spec), hyper, world, jax.random.key(self.seed))
        states = stack([state])
        saved = Saved(states, learner.policy_params(states))
        run.checkpoints(self.experiment).save(0, saved, pointers=("best", "final"))
        return run

    @cached_property
    def dataset(self) -> Dataset:
        """The audited experiment's data, with nothing planted."""
        return load_dataset(self.experiment, self.sources)

    def greedy(self) -> Subject:
        """That network on the audited market, the data read anew."""
        template = state_template(self.experiment, self.dataset)
        checkpoint = self.version.checkpoints(self.experiment).restore("best", template)
        (params,) = agent_params(self.experiment, checkpoint, "best")
        return self._subject(learned_policy(self.experiment), params)

    def at_random(self) -> Subject:
        """Random actions on the audited market, the data read anew: every kind of fill occurs."""
        actions = RandomActions(jnp.asarray(ANY_ACTION, jnp.float32))
        return self._subject(RANDOM, actions)

    def _subject(self, policy: Policy, params: Any) -> Subject:
        anew = load_dataset(self.experiment, self.sources)
        return make_subject(self.experiment, SPLIT, policy, params, dataset=anew, seed=self.seed)
