"""Who is trained in a run: one agent, or several in one program; what they have learned, and what is saved.

The host's loop (`lab.training`) does not know how many they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.env import ACTIONS, REASONS, EnvSpec, World
from jaxexit.env.guards import BAR_BINS, PROFIT_BANDS, rule_set_name
from jaxexit.evaluate import Backtest
from jaxexit.lab.checkpoints import Checkpoint, CheckpointStore
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

Line = dict[str, Any]
OF_EACH = ("loss", "net_pips_mean", "bars_held_mean", "entropy", "kl", "minibatches_applied")
"""What a line of metrics says of each of several agents, beside their means."""


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
        """Mean net pips a trade on validation, of the best; of several agents the mean over them."""
        ...

    def start(self, resumed: Checkpoint | None, store: CheckpointStore) -> int:
        """Begin, or go on from a checkpoint; returns the updates that are done."""
        ...

    def advance(self) -> Line:
        """One update; its metrics as JSON values."""
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

    def __init__(self, spec: EnvSpec, learner: PPOSpec, policy: Policy, member: Member) -> None:
        """Args: structures of environment and learner; the policy that is validated; the agent."""
        self._task, self._learner = exit_task(spec), learner
        self._policy, self._member = policy, member
        self.best_step: int | None = None
        self.best_score: float | None = None

    def start(self, resumed: Checkpoint | None, store: CheckpointStore) -> int:
        """See `Crew`."""
        if resumed is None:
            self._state = _fresh(self._learner, self._task, self._member)
        else:
            self._state = resumed.state
            best_step = resumed.manifest["best_step"]
            if best_step in store.steps():  # nobody has removed it
                self.best_step, self.best_score = best_step, resumed.manifest["best_score"]
        return int(self._state.update)

    def advance(self) -> Line:
        """See `Crew`."""
        hyper, world = self._member.hyper, self._member.world
        self._state, metrics = update(self._learner, self._task, hyper, world, self._state)
        return plain(jax.device_get(metrics))

    def validate(self, steps: int) -> tuple[Line, bool]:
        """See `Crew`."""
        score = self._member.validation.score(self._policy, self._state.params)
        better = self.best_score is None or score > self.best_score
        if better:
            self.best_step, self.best_score = steps, score
        return {"validation_net_pips_mean": score}, better

    def saved(self) -> TrainState:
        """See `Crew`."""
        return self._state

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
    ) -> None:
        """Prepare their program.

        Args:
            spec: structure of the environment.
            learner: structure of the learner.
            policy: what is validated.
            members: the agents.
            own: fields of the world that each has its own of (see `ppo.update_agents`).
        """
        self._task, self._learner = exit_task(spec), learner
        self._policy, self._members, self._own = policy, members, own
        self._hyper = stack([member.hyper for member in members])
        theirs = {name: stack([getattr(m.world, name) for m in members]) for name in own}
        self._world = members[0].world._replace(**theirs)
        self.best_step: int | None = None
        self.steps: list[int | None] = [None] * len(members)
        self.scores: list[float | None] = [None] * len(members)

    @property
    def best_score(self) -> float | None:
        """Mean over the agents of the best of each."""
        known = [score for score in self.scores if score is not None]
        return float(np.mean(known)) if known else None

    def start(self, resumed: Checkpoint | None, store: CheckpointStore) -> int:
        """See `Crew`."""
        if resumed is None:
            states = [_fresh(self._learner, self._task, member) for member in self._members]
            self._states = stack(states)
            self._best = jax.tree.map(jnp.copy, self._states.params)
        else:
            self._states, self._best = resumed.state
            each = resumed.manifest["agents"]
            self.steps = [one["best_step"] for one in each]
            self.scores = [one["best_score"] for one in each]
            self.best_step = resumed.manifest["best_step"]
            if self.best_step is not None and self.best_step not in store.steps():
                self.best_step = resumed.step  # it was removed, and this one knows the best too
        return int(self._states.update[0])

    def advance(self) -> Line:
        """See `Crew`. Numbers are means over the agents, guard counts sums; `agents` has each one's own."""
        self._states, metrics = update_agents(
            self._learner,
            self._task,
            self._own,
            batching(),
            self._hyper,
            self._world,
            self._states,
        )
        metrics = jax.device_get(metrics)
        together = {
            name: value.sum(0) if name == "guard_counts" else value.mean(0)
            for name, value in metrics.items()
        }
        each = [
            {"name": member.name, **{name: metrics[name][i].item() for name in OF_EACH}}
            for i, member in enumerate(self._members)
        ]
        return {**plain(together), "agents": each}

    def validate(self, steps: int) -> tuple[Line, bool]:
        """See `Crew`. Each agent has its own best."""
        params = self._states.params
        scores = [
            member.validation.score(self._policy, agent(params, i))
            for i, member in enumerate(self._members)
        ]
        better = [
            best is None or score > best for score, best in zip(scores, self.scores, strict=True)
        ]
        for i in np.flatnonzero(better):
            self.steps[i], self.scores[i] = steps, scores[i]
        if any(better):
            self.best_step = steps
            self._best = _choose(jnp.asarray(better), params, self._best)
        line = {"validation_net_pips_mean": float(np.mean(scores)), "validation_of_each": scores}
        return line, any(better)

    def saved(self) -> Several:
        """See `Crew`."""
        return Several(self._states, self._best)

    def facts(self) -> dict[str, Any]:
        """See `Crew`; `agents` has the best of each."""
        rows = zip(self._members, self.steps, self.scores, strict=True)
        return {
            "best_step": self.best_step,
            "best_score": self.best_score,
            "agents": [
                {"name": member.name, "seed": member.seed, "best_step": step, "best_score": score}
                for member, step, score in rows
            ],
        }


def _fresh(learner: PPOSpec, task: Any, member: Member) -> TrainState:
    return init_state(learner, task, member.hyper, member.world, jax.random.key(member.seed))


@jax.jit
def _choose(better: jax.Array, new: Any, old: Any) -> Any:
    """Of each agent the new or the old; `better` [agents] bool, leaves [agents, ...]."""

    def choose(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.where(better.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return jax.tree.map(choose, new, old)


def plain(metrics: dict[str, Any]) -> Line:
    """Device metrics as JSON values; arrays by name, the guard counts as a sparse list."""
    line: Line = {}
    for name, value in metrics.items():
        if name == "guard_counts":
            line["guards"] = _sparse_counts(value)
        elif name in ("action_share", "blocked_share_by_action"):
            line[name] = dict(zip(ACTIONS, value.tolist(), strict=True))
        elif name == "exit_reason_share":
            line[name] = dict(zip(REASONS[1:], value.tolist()[1:], strict=True))
        else:
            line[name] = value.item()
    return line


def _sparse_counts(counts: np.ndarray) -> list[list[Any]]:
    """[action, rules, bar bin, profit band, attempts] for each kind of attempt that occurred."""
    return [
        [
            ACTIONS[action],
            rule_set_name(int(rules)),
            BAR_BINS[bar],
            PROFIT_BANDS[band],
            int(counts[action, rules, bar, band]),
        ]
        for action, rules, bar, band in zip(*np.nonzero(counts), strict=True)
    ]
