"""Any problem of optimal stopping as a task of the package's learners: go on or stop, on simulated paths."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.learning.types import Task
from jaxexit.truth.published.problem import PathsOfProblem, Problem

Array = jax.Array

GO_ON, STOP = 0, 1


class Pool(NamedTuple):
    """Paths that episodes are drawn from, scaled: what the task works on."""

    observed: Array  # [N, D + 1, G]
    earned: Array  # [N, D + 1] by stopping at that date; at the last date also by never stopping


class Units(NamedTuple):
    """What a learner sees is near 0 and of deviation 1: fixed on the first paths."""

    view: Array  # [F, G] sums of what is observed
    mean: Array  # [G] of them
    deviation: Array  # [G]
    earned: Array  # payoff: the deviation of its change from date to date


class Place(NamedTuple):
    """Where an episode stands: the state."""

    path: Array  # int32
    date: Array  # int32


class Step(NamedTuple):
    """What is kept of each step for the metrics. Scalars."""

    earned: Array  # by stopping where the episode ended; meaningful where done
    date: Array
    done: Array


LAGS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)  # dates


def view_of(problem: Problem, size: int) -> np.ndarray:
    """[F, G]: all that is observed; of a path's level and its latest changes also those over `LAGS` dates.

    Args:
        problem: which.
        size: F.
    """
    everything = np.eye(size, dtype=np.float32)
    if problem.family != "fbm":
        return everything
    latest = np.arange(-1, size - 1)[:, None] < np.array(LAGS)
    latest[0] = False  # the level
    return np.concatenate([everything, latest], axis=1, dtype=np.float32)


def units_of(problem: Problem, paths: PathsOfProblem) -> Units:
    """Mean and deviation of what is seen; the deviation of a date's change of what stopping earns."""
    view = jnp.asarray(view_of(problem, paths.observed.shape[-1]))
    earned, seen = problem.earned(paths), paths.observed @ view
    deviation = seen.std(axis=(0, 1))
    moved = jnp.diff(earned[:, problem.first :], axis=1)
    return Units(
        view=view,
        mean=seen.mean(axis=(0, 1)),
        deviation=jnp.where(deviation > 1e-6, deviation, 1.0),
        earned=jnp.sqrt(jnp.mean(jnp.square(moved))),
    )


def scaled(units: Units, observed: Array) -> Array:
    """[..., F] -> [..., G] as a learner sees it."""
    return (observed @ units.view - units.mean) / units.deviation


def pool_of(problem: Problem, units: Units, paths: PathsOfProblem) -> Pool:
    """Paths as learners see them."""
    return Pool(scaled(units, paths.observed), problem.earned(paths) / units.earned)


def observe(observed: Array, earned: Array, date: Array, dates: int) -> Array:
    """What a learner sees: the market, what stopping now earns, and the share of the time that is left.

    Args:
        observed: [..., G], scaled.
        earned: [...] by stopping now, scaled.
        date: int32, broadcasts with `earned`.
        dates: the last one.

    Returns:
        [..., G + 2].
    """
    left = jnp.broadcast_to(1.0 - date / dates, earned.shape)
    return jnp.concatenate([observed, earned[..., None], left[..., None]], axis=-1)


def _see(dates: int, data: Pool, place: Place) -> Array:
    at = place.path, place.date
    return observe(data.observed[at], data.earned[at], place.date, dates)


def _draw(dates: int, first: int, data: Pool, key: Array, shape: tuple[int, ...]) -> Place:
    of_path, of_date = jax.random.split(key)
    return Place(
        jax.random.randint(of_path, shape, 0, data.earned.shape[0], dtype=jnp.int32),
        jax.random.randint(of_date, shape, first, dates, dtype=jnp.int32),
    )


def _episodes(first: int, data: Pool, numbers: Array) -> tuple[Place, Array]:
    count = jnp.int32(data.earned.shape[0])
    return Place(numbers % count, jnp.full_like(numbers, first)), count


def _reset(dates: int, data: Pool, start: Place) -> tuple[Place, Array]:
    return start, _see(dates, data, start)


def _valid(data: Pool, place: Place) -> Array:
    """[2] of an option: see `may_stop`."""
    return jnp.stack([jnp.bool_(True), may_stop(False, data.earned[place.path, place.date])])


def may_stop(forced: bool, earned: Array) -> Array:
    """Whether stopping is worth a thought: an option that pays nothing now cannot pay less later."""
    return jnp.bool_(forced) | (earned > 0.0)


def _step(
    dates: int, forced: bool, data: Pool, place: Place, action: Array, start: Place
) -> tuple[Place, Array, Array, Array, Step]:
    now = data.earned[place.path, place.date]
    stops = (action == STOP) & may_stop(forced, now)
    date = jnp.where(stops, place.date, place.date + 1)
    done = stops | (date == dates)
    earned = data.earned[place.path, date]
    reward = earned - now
    onward = Place(jnp.where(done, start.path, place.path), jnp.where(done, start.date, date))
    return onward, _see(dates, data, onward), reward, done, Step(earned, date, done)


def _summarise(data: Pool, steps: Step) -> dict[str, Array]:
    del data
    ends = jnp.maximum(steps.done.sum(), 1)
    return {
        "episodes": steps.done.sum(),
        "earned_mean": jnp.where(steps.done, steps.earned, 0.0).sum() / ends,
        "date_mean": jnp.where(steps.done, steps.date, 0).sum() / ends,
    }


@lru_cache(maxsize=32)
def stopping_task(dates: int, first: int, forced: bool) -> Task:
    """The task of all problems with these dates. Cached: the same dates are the same task.

    An episode begins at any date at which stopping is allowed, all being equally likely (exploring starts,
    Sutton and Barto 2018, section 5.3): who left at once everywhere would never see that waiting pays. Laid
    out in order (`episodes`) each begins at the first of them. The reward of going on is the change of
    what stopping would earn; that of stopping is 0: the rewards of an episode add up to what it earned over
    stopping at once. At the last date nothing is left to decide.

    Args:
        dates: the last date.
        first: the first date at which stopping is allowed.
        forced: see `Problem`; where it is not, who stops for nothing goes on (`may_stop`).
    """
    return Task(
        num_actions=2,
        draw=partial(_draw, dates, first),
        reset=partial(_reset, dates),
        valid=None if forced else _valid,
        step=partial(_step, dates, forced),
        summarise=_summarise,
        stopping=(GO_ON, STOP),
        episodes=partial(_episodes, first),
    )
