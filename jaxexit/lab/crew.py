"""Who is trained in a run: one agent, or several in one program; what they have learned, and what is saved.

The host's loop (`lab.training`) does not know how many they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from jaxexit.arrays import key_of
from jaxexit.env import EnvSpec, World
from jaxexit.evaluate import Backtest
from jaxexit.lab import hosts
from jaxexit.lab.checkpoints import Checkpoint, CheckpointStore
from jaxexit.lab.lines import Line, plain
from jaxexit.policies import Policy
from jaxexit.ppo import (
    PPOParams,
    PPOSpec,
    TrainState,
    agent,
    batching,
    exit_task,
    init_state,
    stack,
    update,
    update_agents,
)
from jaxexit.ppo.devices import AGENTS, gathered, place, state_specs
from jaxexit.units import key, score_key

OF_EACH = ("loss", "bars_held_mean", "entropy", "kl", "minibatches_applied")
"""What a line of metrics says of each of several agents, beside their means; with the net result a trade."""


class Member(NamedTuple):
    """One agent: what makes it, and what it is judged by."""

    name: str  # "seed 3"
    seed: int
    hyper: PPOParams
    world: World  # of its training split
    validation: Backtest


class Several(NamedTuple):
    """The saved state of several agents. All leaves [agents, ...]."""

    agents: TrainState
    best: Any  # parameters of each, as they were at its best validation


class Crew(Protocol):
    """The agents of a run."""

    best_step: int | None
    """Environment steps when the best of one of them was last found: what the pointer `best` names."""

    @property
    def best_score(self) -> float | None:
        """Mean net result a trade on validation, of the best; of several agents the mean over them."""
        ...

    @property
    def unit(self) -> str:
        """Name of the unit of the scores."""
        ...

    def start(self, resumed: Checkpoint | None, store: CheckpointStore) -> int:
        """Begin, or go on from a checkpoint; returns the updates that are done."""
        ...

    def advance(self) -> Line:
        """One update; its metrics as JSON values."""
        ...

    def diverged(self) -> list[str]:
        """Those whose loss or network is no longer finite, if the run is worth nothing without them."""
        ...

    def prepare_validation(self) -> None:
        """Begin to compile what plays the validation split, beside the training."""
        ...

    def validate(self, steps: int) -> tuple[Line, bool]:
        """Play the validation split: what to add to the line of metrics, and whether a best was found."""
        ...

    def saved(self) -> Any:
        """What a checkpoint keeps."""
        ...

    def facts(self) -> dict[str, Any]:
        """What its manifest says of the best."""
        ...


class LoneAgent:
    """One agent; its checkpoints are plain training states, `best` is one of them."""

    def __init__(
        self,
        spec: EnvSpec,
        learner: PPOSpec,
        policy: Policy,
        member: Member,
        mesh: Mesh | None = None,
    ) -> None:
        """Prepare its program.

        Args:
            spec: structure of the environment.
            learner: structure of the learner.
            policy: what is validated.
            member: the agent.
            mesh: the devices (see `ppo.make_mesh`), None for one.
        """
        self._task, self._learner = exit_task(spec), learner
        self._policy, self._member = policy, member
        self._sound = True
        self.mesh = mesh
        self._hyper, self._world = place(self.mesh, (member.hyper, member.world), P())
        self.unit = member.validation.unit
        self.best_step: int | None = None
        self.best_score: float | None = None

    def start(self, resumed: Checkpoint | None, store: CheckpointStore) -> int:
        """See `Crew`."""
        if resumed is None:
            state = _fresh(self._learner, self._task, self._member)
        else:
            state = resumed.state
            best_step = resumed.manifest["best_step"]
            if best_step in store.steps():  # nobody has removed it
                self.best_step, self.best_score = best_step, resumed.manifest["best_score"]
        self._state = place(self.mesh, state, state_specs())
        return int(state.update)

    def advance(self) -> Line:
        """See `Crew`."""
        self._state, metrics = update(
            self._learner, self._task, self._hyper, self._world, self._state, self.mesh
        )
        line = plain(jax.device_get(metrics))
        self._sound = line.pop("finite") and math.isfinite(line["loss"])
        return line

    def diverged(self) -> list[str]:
        """See `Crew`."""
        return [] if self._sound else [self._member.name]

    def prepare_validation(self) -> None:
        """See `Crew`."""
        self._member.validation.prepare()

    def validate(self, steps: int) -> tuple[Line, bool]:
        """See `Crew`."""
        params = gathered(self.mesh, self._state.averaged)
        score = self._member.validation.score(self._policy, params)
        better = self.best_score is None or score > self.best_score
        if better:
            self.best_step, self.best_score = steps, score
        return {score_key(self.unit): score}, better

    def saved(self) -> TrainState:
        """See `Crew`."""
        return gathered(self.mesh, self._state)

    def facts(self) -> dict[str, Any]:
        """See `Crew`."""
        return {"best_step": self.best_step, "best_score": self.best_score}


class AgentsTogether:
    """Several agents in one program; every checkpoint has all of them, and the best of each so far."""

    def __init__(
        self,
        spec: EnvSpec,
        learner: PPOSpec,
        policy: Policy,
        members: Sequence[Member],
        own: tuple[str, ...] = (),
        *,
        independent: bool = False,
        mesh: Mesh | None = None,
    ) -> None:
        """Prepare their program.

        Args:
            spec: structure of the environment.
            learner: structure of the learner.
            policy: what is validated.
            members: the agents.
            own: fields of the world that each has its own of (see `ppo.update_agents`).
            independent: one that diverges is marked as failed and the others go on; else it ends the run.
            mesh: the devices (see `ppo.make_mesh`), None for one.
        """
        self._independent = independent
        self._task, self._learner = exit_task(spec), learner
        self._policy, self._members, self._own = policy, members, own
        self.mesh = mesh
        hyper = stack([member.hyper for member in members])
        theirs = {name: stack([getattr(m.world, name) for m in members]) for name in own}
        self._hyper, theirs = place(self.mesh, (hyper, theirs), P(AGENTS))
        shared = members[0].world._replace(**dict.fromkeys(own))
        self._world = place(self.mesh, shared, P())._replace(**theirs)
        self.unit = members[0].validation.unit
        self.best_step: int | None = None
        self.steps: list[int | None] = [None] * len(members)
        self.scores: list[float | None] = [None] * len(members)
        self.failed_after: list[int | None] = [None] * len(members)  # environment steps

    @property
    def best_score(self) -> float | None:
        """Mean over the agents of the best of each; those that failed do not count."""
        both = zip(self.scores, self.failed_after, strict=True)
        known = [score for score, failed in both if score is not None and failed is None]
        return float(np.mean(known)) if known else None

    def start(self, resumed: Checkpoint | None, store: CheckpointStore) -> int:
        """See `Crew`."""
        if resumed is None:
            fresh = [_fresh(self._learner, self._task, member) for member in self._members]
            states = stack(fresh)
            best = jax.tree.map(
                np.array, states.averaged
            )  # the states are donated: no buffer twice
        else:
            states, best = resumed.state
            each = resumed.manifest["agents"]
            self.steps = [one["best_step"] for one in each]
            self.scores = [one["best_score"] for one in each]
            self.failed_after = [one.get("failed_after") for one in each]
            self.best_step = resumed.manifest["best_step"]
            if self.best_step is not None and self.best_step not in store.steps():
                self.best_step = resumed.step  # it was removed, and this one knows the best too
        self._states = place(self.mesh, states, state_specs(AGENTS))
        self._best = place(self.mesh, best, P(AGENTS))
        return int(np.asarray(states.update)[0])

    def advance(self) -> Line:
        """See `Crew`. Numbers are means over the agents, guard counts sums; `agents` has each one's own.

        Of those that failed nothing counts but when they did.
        """
        self._states, metrics = update_agents(
            self._learner,
            self._task,
            self._own,
            batching(),
            self._hyper,
            self._world,
            self._states,
            self.mesh,
        )
        found = (metrics, self._states.update)
        metrics, updates = jax.device_get(gathered(self.mesh, found))
        sound = np.isfinite(metrics["loss"]) & metrics.pop("finite")
        steps = int(updates[0]) * self._learner.batch_size
        for i in np.flatnonzero(~sound):
            self.failed_after[i] = self.failed_after[i] or steps
        going = np.array([failed is None for failed in self.failed_after])
        together = {
            name: value[going].sum(0) if name == "guard_counts" else value[going].mean(0)
            for name, value in metrics.items()
            if going.any()
        }
        names = (key(self.unit, "net", "mean"), *OF_EACH)
        each = [
            {"name": member.name, **{name: metrics[name][i].item() for name in names}}
            if going[i]
            else {"name": member.name, "failed_after": self.failed_after[i]}
            for i, member in enumerate(self._members)
        ]
        return {**plain(together), "agents": each}

    def diverged(self) -> list[str]:
        """See `Crew`. Of independent ones nobody, until nobody is left."""
        each = zip(self._members, self.failed_after, strict=True)
        names = [member.name for member, failed in each if failed is not None]
        return [] if self._independent and len(names) < len(self._members) else names

    def prepare_validation(self) -> None:
        """See `Crew`. The agents share a program."""
        self._members[0].validation.prepare()

    def validate(self, steps: int) -> tuple[Line, bool]:
        """See `Crew`. Each agent has its own best; those that failed are not played (null)."""
        params = gathered(self.mesh, self._states.averaged)
        going = [i for i, failed in enumerate(self.failed_after) if failed is None]
        found = np.zeros(len(self._members))
        for number in hosts.in_turn(len(going)):
            i = going[number]
            found[i] = self._members[i].validation.score(self._policy, agent(params, i))
        found = hosts.summed(found).tolist()
        scores = [score if i in going else None for i, score in enumerate(found)]
        better = [
            score is not None and (best is None or score > best)
            for score, best in zip(scores, self.scores, strict=True)
        ]
        for i in np.flatnonzero(better):
            self.steps[i], self.scores[i] = steps, scores[i]
        if any(better):
            self.best_step = steps
            self._best = _choose(np.asarray(better), self._states.averaged, self._best)
        mean = float(np.mean([score for score in scores if score is not None]))
        line = {score_key(self.unit): mean, "validation_of_each": scores}
        return line, any(better)

    def saved(self) -> Several:
        """See `Crew`."""
        return gathered(self.mesh, Several(self._states, self._best))

    def facts(self) -> dict[str, Any]:
        """See `Crew`; `agents` has the best of each, and when it failed, if it did."""
        rows = zip(self._members, self.steps, self.scores, self.failed_after, strict=True)
        return {
            "best_step": self.best_step,
            "best_score": self.best_score,
            "agents": [
                {"name": member.name, "seed": member.seed, "best_step": step, "best_score": score}
                | ({} if failed is None else {"failed_after": failed})
                for member, step, score, failed in rows
            ],
        }


def _fresh(learner: PPOSpec, task: Any, member: Member) -> TrainState:
    return init_state(learner, task, member.hyper, member.world, key_of(member.seed))


@jax.jit
def _choose(better: jax.Array, new: Any, old: Any) -> Any:
    """Of each agent the new or the old; `better` [agents] bool, leaves [agents, ...]."""

    def choose(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.where(better.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return jax.tree.map(choose, new, old)
