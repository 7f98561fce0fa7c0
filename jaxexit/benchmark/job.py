"""The fixed job: what speed is measured on, so that machines, versions and peers can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from jaxexit.arrays import key_of
from jaxexit.benchmark.flops import flops_per_step, forward_flops
from jaxexit.config import Experiment, find_experiment, load_experiment
from jaxexit.data import Dataset, load_dataset
from jaxexit.env import EnvSpec, World, make_world, observation_size
from jaxexit.learning import AGENTS, Task, batching, exit_task, place, stack
from jaxexit.learning.precision import decided
from jaxexit.ppo import PPOLearner, PPOParams, ppo_learner, ppo_params

VERSION = "v2_exit_guards"
FIXED = (
    "ppo.num_envs=64",
    "ppo.num_steps=2048",
    "ppo.num_epochs=10",
    "ppo.minibatch_size=2048",
    "network.hidden_sizes=[256, 256]",
    "network.layer_norm=true",
    "seeds=1",
)
WITHOUT_STOP = "ppo.target_kl=null"


class Job(NamedTuple):
    """A learner at its environment, with everything that an update needs."""

    experiment: Experiment
    dataset: Dataset
    env: EnvSpec
    task: Task
    learner: PPOLearner
    hyper: PPOParams
    world: World

    @property
    def observation_size(self) -> int:
        """Numbers in an observation."""
        return observation_size(self.env)

    @property
    def flops_per_step(self) -> int:
        """Operations of one environment step (see `benchmark.flops`)."""
        return flops_per_step(self.learner, self.observation_size)

    def initial(self, seed: int = 0) -> Any:
        """The training state before the first update."""
        return self.learner.init(self.task, self.hyper, self.world, key_of(seed))

    def arguments(
        self, mesh: Mesh | None = None, *, hyper: PPOParams | None = None, seeds: int = 1
    ) -> tuple[Any, ...]:
        """What `update_agents` takes of the first update: one agent a seed.

        Args:
            mesh: devices, None for one.
            hyper: other numbers than the job's; they are traced, the program stays the same.
            seeds: agents.
        """
        hypers = place(mesh, stack([hyper or self.hyper] * seeds), P(AGENTS))
        states = stack([self.initial(seed) for seed in range(seeds)])
        states = place(mesh, states, self.learner.state_specs(AGENTS))
        world = place(mesh, self.world, P())
        return self.learner, self.task, (), batching(), hypers, world, states, mesh

    def as_json(self) -> dict[str, Any]:
        """What the job is."""
        return {
            "version": self.experiment.version,
            "overrides": list(self.experiment.overrides),
            "num_envs": self.learner.num_envs,
            "num_steps": self.learner.num_steps,
            "num_epochs": self.learner.num_epochs,
            "minibatch_size": self.learner.minibatch_size,
            "hidden_sizes": list(self.learner.network.hidden_sizes),
            "precision": self.learner.precision,
            "observation_size": self.observation_size,
            "trades": len(self.dataset.tables["train"]),
            "bars": len(self.dataset.times),
            "flops_forward": forward_flops(self.learner.network, self.observation_size),
            "flops_per_step": self.flops_per_step,
        }


def yaml_file(root: Path) -> Path:
    """The file of the version that is measured."""
    return find_experiment(VERSION, root)


def open_job(yaml: Path, overrides: Sequence[str], *, kl_stop: bool = False) -> Job:
    """The fixed job, changed by `overrides`; with its KL stop it is the version as configured.

    Raises:
        UserError: one line; an override that is not allowed, or the sample's bars are not installed.
    """
    experiment = job_experiment(yaml, overrides, kl_stop=kl_stop)
    return make_job(experiment, load_dataset(experiment))


def job_experiment(yaml: Path, overrides: Sequence[str], *, kl_stop: bool = False) -> Experiment:
    """The experiment of the fixed job.

    Raises:
        ConfigError: an override that is not allowed.
    """
    stop = () if kl_stop else (WITHOUT_STOP,)
    return load_experiment(yaml, (*FIXED, *stop, *overrides))


def make_job(experiment: Experiment, dataset: Dataset) -> Job:
    """The job of an experiment and its data."""
    env, world = make_world(experiment, dataset, "train")
    learner, hyper = ppo_learner(decided(experiment)), ppo_params(experiment)
    return Job(experiment, dataset, env, exit_task(env), learner, hyper, world)
