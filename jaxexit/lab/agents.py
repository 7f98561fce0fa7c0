"""The agents of a run, trained in one program: what they have learned, and what is saved.

One agent is a batch of one: the host's loop (`lab.training`) does not know how many they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from jaxexit.arrays import key_of
from jaxexit.env import EnvSpec, World
from jaxexit.evaluate import Backtest
from jaxexit.lab import hosts
from jaxexit.lab.lines import Line, json_line
from jaxexit.learning import (
    AGENTS,
    Learner,
    batching,
    exit_task,
    gathered,
    place,
    stack,
    take,
    update_agents,
)
from jaxexit.policies import Policy
from jaxexit.store.checkpoint_layout import Saved
from jaxexit.store.checkpoints import Checkpoint, CheckpointStore
from jaxexit.units import key, score_key

METRICS_OF_EACH = ("loss", "bars_held_mean", "entropy", "kl", "minibatches_applied")
"""Which metrics a line keeps of each of several agents, beside their means; with the net result a trade."""


class Agent(NamedTuple):
    """One agent: what makes it, and what it is judged by."""

    name: str  # "seed 3"
    seed: int
    hyper: Any  # numbers of its learner
    world: World  # of its training split
    validation: Backtest


class AgentBatch:
    """The agents of a run; every checkpoint has all of them, and the best of each so far.

    Attributes:
        unit: name of the unit of the scores.
        best_step: environment steps when the best of one of them was last improved: what the pointer `best`
            names.
        best_steps: [agents] the same of each agent; None before its first validation.
        best_scores: [agents] mean net result a trade on validation, of the best of each.
        failed_after: [agents] environment steps after which an agent was no longer finite, None if it is.
    """

    def __init__(
        self,
        spec: EnvSpec,
        learner: Learner,
        policy: Policy,
        agents: Sequence[Agent],
        per_agent: tuple[str, ...] = (),
        *,
        independent: bool = False,
        mesh: Mesh | None = None,
    ) -> None:
        """Prepare their program.

        Args:
            spec: structure of the environment.
            learner: structure of the learner.
            policy: what is validated.
            agents: at least one.
            per_agent: fields of the world that differ from agent to agent (see `learning.update_agents`).
            independent: one that diverges is marked as failed and the others continue; else it ends the run.
            mesh: the devices (see `learning.make_mesh`), None for one.
        """
        self._task, self._learner, self._policy = exit_task(spec), learner, policy
        self._agents, self._per_agent, self._independent = agents, per_agent, independent
        self.mesh = mesh
        hyper = stack([agent.hyper for agent in agents])
        fields = {name: stack([getattr(a.world, name) for a in agents]) for name in per_agent}
        self._hyper, fields = place(mesh, (hyper, fields), P(AGENTS))
        shared = agents[0].world._replace(**dict.fromkeys(per_agent))
        self._world = place(mesh, shared, P())._replace(**fields)
        self.unit = agents[0].validation.unit
        self.best_step: int | None = None
        self.best_steps: list[int | None] = [None] * len(agents)
        self.best_scores: list[float | None] = [None] * len(agents)
        self.failed_after: list[int | None] = [None] * len(agents)

    def __len__(self) -> int:
        """How many they are."""
        return len(self._agents)

    @property
    def best_score(self) -> float | None:
        """Mean over the agents of the best score of each; those that failed do not count."""
        both = zip(self.best_scores, self.failed_after, strict=True)
        known = [score for score, failed in both if score is not None and failed is None]
        return float(np.mean(known)) if known else None

    def start(self, resumed: Checkpoint | None, store: CheckpointStore) -> int:
        """Begin, or resume from a checkpoint; returns the updates that are done."""
        if resumed is None:
            self._updates = 0
            states = stack([self._initial(agent) for agent in self._agents])
            # A copy: the states are donated.
            self._best = jax.tree.map(np.array, self._learner.policy_params(states))
        else:
            self._updates = resumed.manifest["update"]
            states, self._best = resumed.state
            self._best = jax.device_get(self._best)
            each = resumed.manifest["agents"]
            self.best_steps = [agent["best_step"] for agent in each]
            self.best_scores = [agent["best_score"] for agent in each]
            self.failed_after = [agent.get("failed_after") for agent in each]
            self.best_step = resumed.manifest["best_step"]
            if self.best_step is not None and self.best_step not in store.steps():
                self.best_step = resumed.step  # it was removed, and this one has the best too
        self._states = place(self.mesh, states, self._learner.state_specs(AGENTS))
        return self._updates

    def _initial(self, agent: Agent) -> Any:
        return self._learner.init(self._task, agent.hyper, agent.world, key_of(agent.seed))

    def advance(self) -> Line:
        """One update; its metrics as JSON values.

        Of several agents they are means, guard counts sums, over those that have not failed; `agents` has
        the main ones of each.
        """
        self._states, metrics = update_agents(
            self._learner,
            self._task,
            self._per_agent,
            batching(),
            self._hyper,
            self._world,
            self._states,
            self.mesh,
        )
        self._updates += 1
        metrics = jax.device_get(gathered(self.mesh, metrics))
        finite = np.isfinite(metrics["loss"]) & metrics.pop("finite")
        for i in np.flatnonzero(~finite):
            self.failed_after[i] = self.failed_after[i] or self._updates * self._learner.batch_size
        if len(self._agents) == 1:
            return json_line({name: value[0] for name, value in metrics.items()})
        alive = np.array([failed is None for failed in self.failed_after])
        joint = {
            name: value[alive].sum(0) if name == "guard_counts" else value[alive].mean(0)
            for name, value in metrics.items()
            if alive.any()
        }
        names = [key(self.unit, "net", "mean"), *(n for n in METRICS_OF_EACH if n in metrics)]
        each = [
            {"name": agent.name, **{name: metrics[name][i].item() for name in names}}
            if alive[i]
            else {"name": agent.name, "failed_after": self.failed_after[i]}
            for i, agent in enumerate(self._agents)
        ]
        return {**json_line(joint), "agents": each}

    def diverged(self) -> list[str]:
        """Names of those whose loss or network is no longer finite, if the run is worth nothing without them.

        Of independent agents none is returned until all have diverged.
        """
        each = zip(self._agents, self.failed_after, strict=True)
        names = [agent.name for agent, failed in each if failed is not None]
        return [] if self._independent and len(names) < len(self._agents) else names

    def prepare_validation(self) -> None:
        """Begin to compile what plays the validation split, beside the training. The agents share it."""
        self._agents[0].validation.prepare()

    def validate(self, steps: int) -> tuple[Line, bool]:
        """Play the validation split: what to add to the line of metrics, and whether any agent improved.

        Each agent has its own best; those that failed are not played (null).
        """
        params = gathered(self.mesh, self._learner.policy_params(self._states))
        alive = [i for i, failed in enumerate(self.failed_after) if failed is None]
        played = np.zeros(len(self._agents))
        for number in hosts.share_of(len(alive)):
            i = alive[number]
            played[i] = self._agents[i].validation.score(self._policy, take(params, i))
        played = hosts.sum_over_processes(played).tolist()
        scores = [score if i in alive else None for i, score in enumerate(played)]
        better = np.array(
            [
                score is not None and (best is None or score > best)
                for score, best in zip(scores, self.best_scores, strict=True)
            ]
        )
        for i in np.flatnonzero(better):
            self.best_steps[i], self.best_scores[i] = steps, scores[i]
        if better.any():
            self.best_step = steps
            self._best = jax.tree.map(
                lambda new, old: np.where(better.reshape(-1, *[1] * (old.ndim - 1)), new, old),
                jax.device_get(params),
                self._best,
            )
        mean = float(np.mean([score for score in scores if score is not None]))
        line: Line = {score_key(self.unit): mean}
        if len(self._agents) > 1:
            line["validation_of_each"] = scores
        return line, bool(better.any())

    def saved(self) -> Saved:
        """What a checkpoint keeps."""
        return Saved(gathered(self.mesh, self._states), self._best)

    def facts(self) -> dict[str, Any]:
        """What its manifest says: the best of each agent, and when it failed, if it did."""
        rows = zip(self._agents, self.best_steps, self.best_scores, self.failed_after, strict=True)
        return {
            "update": self._updates,
            "best_step": self.best_step,
            "best_score": self.best_score,
            "agents": [
                {"name": agent.name, "seed": agent.seed, "best_step": step, "best_score": score}
                | ({} if failed is None else {"failed_after": failed})
                for agent, step, score, failed in rows
            ],
        }
