"""What both adapters share: the world of a split, and the environment's own functions, compiled once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.config import Experiment, load_experiment
from jaxexit.data import load_dataset
from jaxexit.data.split import SPLITS
from jaxexit.env import (
    ACTIONS,
    REASONS,
    EnvSpec,
    EnvState,
    World,
    in_units,
    make_world,
    observation_size,
    observe,
    order_from_action,
    reset,
    situation,
    step,
    valid_actions,
)
from jaxexit.env.observation import CLIP
from jaxexit.errors import UserError
from jaxexit.learning import exit_task
from jaxexit.units import key

Array = jax.Array

SEEDS = 2**32  # of a PRNG key


class Seen(NamedTuple):
    """What an agent is shown after a reset or a step, of one trade or of [n]."""

    observation: Any  # [..., observation_size] float32
    action_mask: Any  # [..., 5] bool: actions that no guard forbids
    trade: Any  # int32: row of the split's trades
    k: Any  # int32: the decision's index
    net: Any  # float32: booked since entry, net, in the unit of results; the trade's result once it closed


class Happened(NamedTuple):
    """What a step did, of one trade or of [n]."""

    reward: Any  # float32
    done: Any  # bool
    action: Any  # int32: the effective action, HOLD where a guard blocked the chosen one
    blocked: Any  # bool
    exit_reason: Any  # int32: index into REASONS, 0 while the trade is open


class Split(NamedTuple):
    """One split of an experiment as the adapters work on it."""

    spec: EnvSpec
    world: World
    trades: int

    @property
    def observation_space(self) -> gymnasium.spaces.Box:
        """Of one trade."""
        return gymnasium.spaces.Box(-CLIP, CLIP, (observation_size(self.spec),), np.float32)

    @property
    def action_space(self) -> gymnasium.spaces.Discrete:
        """Of one trade: the ids of `jaxexit.env.ACTIONS`."""
        return gymnasium.spaces.Discrete(len(ACTIONS))

    def draw(self, random: np.random.Generator, count: int) -> np.ndarray:
        """Trades for new episodes, drawn as the learner draws them; [count] int32."""
        seed = np.uint32(random.integers(SEEDS))
        return np.asarray(_drawn(self.spec, self.world, seed, count=count))

    def chosen(self, options: dict[str, Any] | None, count: int) -> np.ndarray | None:
        """The trades that `options={"trade": ...}` asks for, [count] int32; None where it asks for none.

        Raises:
            UserError: an option that there is not, or no such trade.
        """
        unknown = set(options or ()) - {"trade"}
        if unknown:
            raise UserError(f"options: got '{min(unknown)}', expected trade")
        if not options:
            return None
        asked = np.asarray(options["trade"])
        numbers = asked.reshape(-1)
        sound = asked.dtype.kind in "iu" and ((numbers >= 0) & (numbers < self.trades)).all()
        if not sound or numbers.size not in (1, count):
            each = "a whole number" if count == 1 else f"a whole number, or {count} of them,"
            raise UserError(
                f"options: trade: got {options['trade']}, expected {each} from 0 to {self.trades - 1}"
            )
        return np.broadcast_to(numbers, (count,)).astype(np.int32)


def open_split(
    experiment: Experiment | str | Path, split: str, overrides: Sequence[str], root: str | Path
) -> Split:
    """Load what an environment is made with.

    Args:
        experiment: an experiment, its YAML file, or the name of a version under `root`.
        split: "train", "validation" or "test".
        overrides: `a.b=value`, as `--set`; for a file or a name.
        root: where versions live.

    Raises:
        UserError: the experiment, its data or the split's name are not right.
    """
    if split not in SPLITS:
        raise UserError(f"split: got '{split}', expected one of {', '.join(SPLITS)}")
    if not isinstance(experiment, Experiment):
        experiment = load_experiment(experiment, overrides, root=Path(root))
    elif overrides:
        raise UserError("overrides: are for an experiment's file or name; load it with them")
    dataset = load_dataset(experiment)
    return Split(*make_world(experiment, dataset, split), len(dataset.tables[split]))


@partial(jax.jit, static_argnames=("spec", "count"))
def _drawn(spec: EnvSpec, world: World, seed: Array, *, count: int) -> Array:
    return exit_task(spec).draw(world, jax.random.key(seed), (count,))


def info(seen: Seen, unit: str) -> dict[str, Any]:
    """The info of an observation; `unit` names the unit of results."""
    return {
        "action_mask": seen.action_mask,
        "trade": seen.trade,
        "k": seen.k,
        key(unit, "net"): seen.net,
    }


def step_info(seen: Seen, happened: Happened, unit: str) -> dict[str, Any]:
    """The info of a step: that of the observation it led to, and what it did."""
    return {
        **info(seen, unit),
        "effective_action": happened.action,
        "blocked": happened.blocked,
        "exit_reason": np.asarray(REASONS)[happened.exit_reason],
    }


def begin(spec: EnvSpec, world: World, trade: Array) -> tuple[EnvState, Seen]:
    """Decision 0 of one trade."""
    state = reset(spec, world.params, world.market, world.trades, trade)
    return state, see(spec, world, state)


def see(spec: EnvSpec, world: World, state: EnvState) -> Seen:
    """What is shown of one trade at its decision."""
    now = situation(spec, world.params, world.trades, state)
    return Seen(
        observation=observe(spec, world.params, world.market, now),
        action_mask=valid_actions(world.params, now),
        trade=state.trade,
        k=state.k,
        net=in_units(spec, world.unit, state.realised, state.entry, now.risk),
    )


def advance(
    spec: EnvSpec, world: World, state: EnvState, action: Array
) -> tuple[EnvState, Seen, Happened]:
    """One step of one open trade."""
    after, outcome = step(spec, world, state, order_from_action(action))
    fill = jax.tree.map(
        lambda bar, order: jnp.where(outcome.bar_fill.size > 0, bar, order),
        outcome.bar_fill,
        outcome.order_fill,
    )
    happened = Happened(
        reward=outcome.reward,
        done=outcome.done,
        action=outcome.action,
        blocked=outcome.blocked,
        exit_reason=jnp.where(outcome.done, fill.reason, 0),
    )
    return after, see(spec, world, after), happened


begin_one = partial(jax.jit, static_argnames="spec")(begin)
advance_one = partial(jax.jit, static_argnames="spec")(advance)


@partial(jax.jit, static_argnames="spec")
def many_begin(spec: EnvSpec, world: World, trades: Array) -> tuple[EnvState, Seen]:
    """Decision 0 of trades [n]."""
    return jax.vmap(partial(begin, spec, world))(trades)


def many_advance(
    spec: EnvSpec, world: World, states: EnvState, actions: Array
) -> tuple[EnvState, Seen, Happened]:
    """One step of open trades [n]."""
    return jax.vmap(partial(advance, spec, world))(states, actions)


@partial(jax.jit, static_argnames="spec")
def advance_or_begin(
    spec: EnvSpec, world: World, states: EnvState, over: Array, actions: Array, trades: Array
) -> tuple[EnvState, Seen, Happened]:
    """Next-step autoreset: lanes that are `over` begin their new trade, without a reward; all [n]."""
    after, seen, happened = many_advance(spec, world, states, actions)
    fresh = many_begin(spec, world, trades)
    after, seen = where(over, fresh, (after, seen))
    nothing = jax.tree.map(jnp.zeros_like, happened)
    return after, seen, where(over, nothing, happened)


@partial(jax.jit, static_argnames="spec")
def advance_then_begin(
    spec: EnvSpec, world: World, states: EnvState, actions: Array, trades: Array
) -> tuple[EnvState, Seen, Happened, Seen]:
    """Same-step autoreset: lanes that close begin their new trade at once; all [n].

    Returns: states, what is shown, what the step did, and what was to be seen before the reset.
    """
    after, last, happened = many_advance(spec, world, states, actions)
    fresh = many_begin(spec, world, trades)
    after, seen = where(happened.done, fresh, (after, last))
    return after, seen, happened, last


def where(condition: Array, new: Any, old: Any) -> Any:
    """Lanes [n] of one tree or of another."""

    def choose(a: Array, b: Array) -> Array:
        return jnp.where(condition.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return jax.tree.map(choose, new, old)
