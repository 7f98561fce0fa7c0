"""`benchmark published`: ours on published problems of optimal stopping, beside three published methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from benchmarks.peers.stopping import METHODS, Solved
from jaxexit.arrays import key_of
from jaxexit.config.learning import LearnerName
from jaxexit.truth.published.catalogue import MAKERS, named
from jaxexit.truth.published.exam import Row, run_exam

ONE_OF_EACH = (
    "put-36-0.2-1",
    "max-call-2-100",
    "max-call-5-100",
    "fbm-0.3",
    "fbm-0.8",
    "maximum-100",
    "ou-5-25",
)
"""Where no problem is named: the whole table takes hours."""
OURS: tuple[LearnerName, ...] = ("exact",)
Say = Callable[[str], None]


def measure(
    names: Sequence[str],
    say: Say,
    *,
    seed: int = 1,
    learners: Sequence[LearnerName] = OURS,
    overrides: Sequence[str] = (),
    paths: int | None = None,
    methods: dict[str, Callable[[Any, jax.Array], Solved]] = METHODS,
) -> list[dict[str, Any]]:
    """Every problem solved by ours and by each method, one after another on this machine.

    Args:
        names: of problems and tables, as `exam published --problem` takes them; none: one of each table.
        say: called with what is being measured.
        seed: of everything; each method has paths of its own.
        learners: which of ours.
        overrides: `section.key=value` of ours.
        paths: fresh ones that ours plays; None: the exam's own number.
        methods: the references, by name.

    Raises:
        UserError: no problem of such a name.
    """
    records = []
    for name in named(names or ONE_OF_EACH):
        rows = run_exam(
            quick=False,
            seed=seed,
            names=(name,),
            learners=learners,
            overrides=overrides,
            paths=paths,
            on_step=say,
        )
        solved = {row.learner: _of_row(row) for row in rows}
        problem = MAKERS[name]()
        for number, (method, solve) in enumerate(methods.items()):
            say(f"{name}, {method}")
            key = jax.random.fold_in(key_of(seed), 2**31 + 2 + number)
            solved[method] = solve(problem, key)._asdict()
        records.append(
            {
                "problem": name,
                "published": problem.published,
                "lower": problem.lower,
                "upper": problem.upper,
                "minimised": problem.minimised,
                "bound": rows[0].upper,
                "bound_error": rows[0].upper_error,
                "source": problem.source,
                "solved": solved,
            }
        )
    return records


def _of_row(row: Row) -> dict[str, float]:
    return {"value": row.value, "error": row.error, "seconds": row.seconds}
