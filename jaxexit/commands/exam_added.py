"""Who sits the martingale exam beside scripted exploiters and adversaries: all that was built since."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxexit.truth.exploiters import Examinee
    from jaxexit.truth.verdict import Verdict

Progress = Callable[[str], None]


def examinees(
    trained: Sequence[Examinee], *, seed: int, quick: bool, on_step: Progress
) -> list[Examinee]:
    """Tuned exits and the catalogue, the exact learner, a distilled rule.

    Args:
        trained: the adversaries; the rule stands for the first of them.
        seed: of what they are tuned and trained on.
        quick: on little.
        on_step: called with what is being done.
    """
    from jaxexit.distil.exam import distilled
    from jaxexit.truth import adversaries
    from jaxexit.truth.catalogued import catalogued

    features = adversaries.observed()
    return [
        *catalogued(seed=seed, features=features, quick=quick, on_exit=on_step),
        adversaries.exact_adversary(seed=seed, quick=quick, on_update=on_step),
        distilled(trained[0].params, seed=seed, quick=quick, on_part=on_step),
    ]


def advised(
    trained: Sequence[Examinee], *, seed: int, quick: bool, on_step: Progress
) -> list[Verdict]:
    """What the first adversary earns through the adapters; arguments as above."""
    from jaxexit.adapters import exam

    return exam.advised(trained[0].params, seed=seed, quick=quick, on_part=on_step)
