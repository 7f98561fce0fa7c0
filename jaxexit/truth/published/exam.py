"""The exam of published problems: learn each, value it on fresh paths, bound it from above, compare."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxexit.arrays import key_of
from jaxexit.config.learning import LearnerName
from jaxexit.truth.published.catalogue import MAKERS, QUICK, named
from jaxexit.truth.published.dual import fitted, tightest, upper_bound
from jaxexit.truth.published.learning import LEARNERS, experiment_of, learn
from jaxexit.truth.published.problem import Problem
from jaxexit.truth.published.value import valued

WITHIN = 0.005  # of the published value
QUICK_WITHIN = 0.02
ERRORS = 3.0  # standard errors that a difference is given


class Effort(NamedTuple):
    """On how many paths a row is judged."""

    paths: int = 65_536  # that the policy plays
    few: int = 8  # successors of each of their dates, stratified
    outer: int = 512  # of the upper bound
    inner: int = 64  # successors of each of their dates
    fit: int = 131_072  # paths that what going on is worth under the policy is fitted on
    within: float = WITHIN


LITTLE = Effort(paths=16_384, outer=256, inner=32, fit=32_768, within=QUICK_WITHIN)
SHORT = ("exact.updates=10", "ppo.total_timesteps=1_000_000", "ppo.entropy_anneal_steps=1_000_000")
"""Of a quick run."""


@dataclass(frozen=True)
class Row:
    """One problem and one learner. Values in the payoff's units."""

    problem: str
    published: float | None
    lowest: float | None  # the published value, or the bounds that are published instead
    highest: float | None
    value: float  # of the learned policy on fresh paths
    error: float  # standard error
    upper: float  # dual bound: of a cost, a lower one
    upper_error: float
    seconds: float  # of learning, and of compiling what is not in the cache
    learner: str
    minimised: bool
    within: float  # share of the published value that is allowed

    @property
    def gap(self) -> float | None:
        """Distance of the value from what is published; negative: worse. None: nothing is published."""
        if self.lowest is None or self.highest is None:
            return None
        away = max(self.value - self.highest, 0.0) + min(self.value - self.lowest, 0.0)
        return -away if self.minimised else away

    @property
    def share(self) -> float | None:
        """The gap as a share of the published value; None: there is none, or it is 0."""
        return None if self.gap is None or not self.published else self.gap / abs(self.published)

    @property
    def possible(self) -> bool:
        """Whether the value does not pass the upper bound."""
        beyond = (self.value - self.upper) * (-1.0 if self.minimised else 1.0)
        return beyond <= ERRORS * float(np.hypot(self.error, self.upper_error))

    @property
    def near(self) -> bool:
        """Whether the value is what is published.

        Where the share that is allowed is less than one standard error (the published value is 0, or next to
        it), it cannot be measured: three standard errors are allowed.
        """
        if self.gap is None:
            return True
        allowed = self.within * abs(self.published or 0.0)
        return abs(self.gap) <= (allowed if allowed > self.error else ERRORS * self.error)

    @property
    def passed(self) -> bool:
        """Near what is published, and no better than is possible."""
        return self.near and self.possible

    @property
    def words(self) -> str:
        """The verdict in words."""
        if not self.possible:
            return "FAIL: better than is possible"
        if self.gap is None:
            return "nothing published"
        if self.near:
            return "as published"
        return f"FAIL: {'worse' if self.gap < 0 else 'better'} than published"

    def as_json(self) -> dict[str, Any]:
        """The attributes, `share` and `passed`."""
        return asdict(self) | {"share": self.share, "passed": self.passed}


def run_exam(
    *,
    quick: bool,
    seed: int,
    names: Sequence[str] = (),
    learners: Sequence[LearnerName] = (),
    overrides: Sequence[str] = (),
    paths: int | None = None,
    on_step: Callable[[str], None] = lambda what: None,
    on_row: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """The whole exam.

    Args:
        quick: one problem, short learning, few paths, a lower bar.
        seed: of learning, valuing and bounding; each has paths of its own.
        names: of problems and families; none: all, or the quick one.
        learners: none: all.
        overrides: `section.key=value` of the learner's settings.
        paths: that the policy plays, instead of the exam's own number.
        on_step: called with what is being done.
        on_row: called with each row once it is there.

    Raises:
        UserError: no problem of such a name; a setting that cannot be overridden.
    """
    effort = LITTLE if quick else Effort()
    effort = effort._replace(paths=paths or effort.paths)
    chosen = named(names or QUICK if quick else names)
    overrides = (*(SHORT if quick else ()), *overrides)
    rows = []
    for number, name in enumerate(chosen):
        for learner in learners or LEARNERS:
            words = f"{name} ({number + 1} of {len(chosen)}), {learner}"
            on_step(f"{words}: the published value")
            problem = MAKERS[name]()
            rows.append(
                examined(
                    problem,
                    learner,
                    seed,
                    effort,
                    overrides,
                    lambda what, words=words: on_step(f"{words}: {what}"),
                )
            )
            on_row(rows[-1])
    return rows


def examined(
    problem: Problem,
    learner: LearnerName,
    seed: int,
    effort: Effort,
    overrides: Sequence[str] = (),
    on_step: Callable[[str], None] = lambda what: None,
) -> Row:
    """One row: learn, play fresh paths, bound from above.

    Args:
        problem: which.
        learner: whose.
        seed: see `run_exam`.
        effort: on how many paths.
        overrides: see `run_exam`.
        on_step: called with what is being done.

    Raises:
        ConfigError: see `learning.experiment_of`.
    """
    experiment = experiment_of(problem, learner, seed, overrides)
    on_step("compile")
    began = time.perf_counter()
    learned = learn(
        problem, experiment, lambda done, total: on_step(f"learn, {done} of {total} updates")
    )
    jax.block_until_ready(learned.params)
    seconds = time.perf_counter() - began
    on_step("what going on is worth")
    keys = jax.random.split(jax.random.fold_in(key_of(seed), 2**31), 4)
    of_fit, of_choice, of_value, of_bound = keys
    stops = learned.stops
    continuation = tightest(
        problem,
        (learned.continuation, fitted(problem, stops, of_fit, effort.fit)),
        of_choice,
        effort.inner,
    )
    value = valued(
        problem,
        stops,
        continuation,
        of_value,
        effort.paths,
        effort.few,
        lambda done, total: on_step(f"value, {done} of {total}"),
    )
    bound = upper_bound(
        problem,
        continuation,
        of_bound,
        effort.outer,
        effort.inner,
        lambda done, total: on_step(f"upper bound, {done} of {total}"),
    )
    bounds = problem.lower, problem.upper
    if None in bounds:
        bounds = problem.published, problem.published
    return Row(
        problem=problem.name,
        published=problem.published,
        lowest=bounds[0],
        highest=bounds[1],
        value=value.value,
        error=value.error,
        upper=bound.value,
        upper_error=bound.error,
        seconds=seconds,
        learner=learner,
        minimised=problem.minimised,
        within=effort.within,
    )
