"""Positive controls: each trap is planted, and the exam or audit that is meant to catch it must do so.

An exam that cannot fail proves nothing. The same checks run where nothing is planted, and must then find
nothing. Two traps falsify what is recorded, not how it is computed: they are planted while a backtest is
written, and the audit replays it afterwards without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.data import Feature, resolve_features
from jaxexit.env import env_spec, observation_names
from jaxexit.env.orders import order_from_action
from jaxexit.env.types import EXIT, HOLD
from jaxexit.evaluate import Backtest
from jaxexit.lab import results
from jaxexit.policies import Policy
from jaxexit.policies.types import stateless
from jaxexit.store.registry import Registry
from jaxexit.truth import adversaries, martingale
from jaxexit.truth.audit import Finding, Subject, fills, look_ahead, replay
from jaxexit.truth.exploiters import (
    BREAK_EVEN_AT_ONCE,
    HUG_THE_PRICE,
    ONE_PIP,
    TIGHTEN_EVERY_BAR,
    Examinee,
)
from jaxexit.truth.martingale import Setting, exam_experiment
from jaxexit.truth.verdict import Control, Verdict
from tests.truth.planted import traps
from tests.truth.planted.scene import SPLIT, Scene
from tests.truth.planted.traps import Seam, Trap, planted, replaced

FULL_TRADES, QUICK_TRADES = martingale.BATCH, 2_500  # of an exam
SETTINGS = (Setting(jumps=False, costs=False, side="long"), Setting(True, True, "short"))
# The baselines are not at issue, and to compile them takes a minute.
NO_BASELINES = (
    Seam(results, "tuned_baselines", lambda honest: lambda *_: {}),
    Seam(Backtest, "baselines", lambda honest: lambda *_, **__: iter(())),
    Seam(results, "power_of", lambda honest: lambda *_: None),
)


class Check(NamedTuple):
    """An exam or an audit, ready to be made of a scene."""

    name: str
    see: Callable[[Scene], Any]  # in the world with the trap
    judge: Callable[[Scene, Any], tuple[str, bool]]  # in a sound one: (statistic, caught)


# --- exams ---------------------------------------------------------------------------------


def _observed() -> tuple[Feature, ...]:
    return resolve_features(("return_1",))


def believer() -> Examinee:
    """Leaves when the feature `return_1` is against it: worth nothing if that is the bar that has passed."""
    names = observation_names(env_spec(exam_experiment(SETTINGS[0]), _observed()))
    column = names.index("return_1")

    def act(params: Any, state: Any, view: Any) -> Any:
        del params
        return order_from_action(jnp.where(view.observation[column] < 0, EXIT, HOLD)), state

    return Examinee(Policy("believer", stateless, act, guarded=False))


EXAMINEES = (
    Examinee(HUG_THE_PRICE, jnp.float32(ONE_PIP)),
    Examinee(TIGHTEN_EVERY_BAR),
    Examinee(BREAK_EVEN_AT_ONCE),
    believer(),
)


def _scripted(scene: Scene) -> list[Verdict]:
    verdicts = martingale.examine(
        EXAMINEES, SETTINGS, trades=scene.trades, seed=scene.seed, features=_observed()
    )
    # Among jumps it lives on one trade in two hundred: of so few trades its t is not a normal one.
    odd = (BREAK_EVEN_AT_ONCE.name, SETTINGS[1].name)
    return [verdict for verdict in verdicts if (verdict.examinee, verdict.market) != odd]


def _adversaries(scene: Scene) -> list[Verdict]:
    trained = adversaries.adversaries(seed=scene.seed, quick=True)
    return martingale.examine(
        trained, SETTINGS, trades=scene.trades, seed=scene.seed, features=adversaries.observed()
    )


def _extreme(scene: Scene, verdicts: list[Verdict]) -> tuple[str, bool]:
    """The verdict that is farthest from what it should be."""
    del scene
    worst = max(verdicts, key=lambda verdict: abs(verdict.t))
    words = f"t = {worst.t:+.1f}: {worst.examinee} {worst.mean:+.3f} pips a trade"
    words += f", should be {worst.expected:+.3f} ({worst.market})"
    return words, not worst.passed


# --- audits --------------------------------------------------------------------------------


def _line(findings: list[Finding], what: str) -> tuple[str, bool]:
    """The failure that names the trap; without one the first failure, or the last line that passed."""
    failed = [finding for finding in findings if finding.severity == "fail"]
    named = [finding for finding in failed if what in finding.what]
    shown = (named or failed or findings[-1:])[0]
    return f"{shown.what}: {shown.size}", bool(named)


def _audit(
    name: str,
    look: Callable[[Subject], list[Finding]],
    what: str = "",
    subject: Callable[[Scene], Subject] = Scene.greedy,
) -> Check:
    """An audit's check of a subject; `what`: words of the failure that must be among its findings."""
    return Check(
        f"audit {name}",
        lambda scene: look(subject(scene)),
        lambda _, findings: _line(findings, what),
    )


def _recorded(scene: Scene) -> tuple[dict[str, Any], dict[str, Any]]:
    """Summary and registry row that a backtest writes."""
    registry, experiment = Registry(scene.folder), scene.experiment
    with replaced(*NO_BASELINES):
        summary, _ = results.backtest_version(
            experiment, scene.yaml, scene.dataset, scene.version, registry, split=SPLIT
        )
    return summary, registry.version(experiment.version)["results"][SPLIT]


def _replayed(scene: Scene, recorded: tuple[dict[str, Any], dict[str, Any]]) -> tuple[str, bool]:
    summary, row = recorded
    sha256 = scene.version.checkpoints(scene.experiment).manifest(0)["sha256"]
    return _line(replay.check(scene.greedy(), summary, row, sha256), "does not replay")


EXAM = Check("exam martingale", _scripted, _extreme)
TRAINED = Check("exam martingale, trained adversaries", _adversaries, _extreme)
REPLAY = Check("audit replay", _recorded, _replayed)


def _look_ahead(what: str = "") -> Check:
    return _audit(look_ahead.CHECK, look_ahead.check, what)


def _fills(what: str = "") -> Check:
    return _audit(fills.CHECK, fills.check, what)


def _every_fill(what: str = "") -> Check:
    return _audit(f"{fills.CHECK}, random actions", fills.check, what, Scene.at_random)


# Where nothing is planted.
HONEST = (EXAM, _look_ahead(), _fills(), REPLAY)
ALSO_HONEST = (TRAINED, _every_fill())
# Who must catch what. First the traps that leave compiled programs as they are.
CAUGHT_BY: tuple[tuple[Trap, Check], ...] = (
    (traps.NEXT_RETURN, EXAM),
    (traps.NEXT_RETURN, _look_ahead("feature return_1")),
    (traps.CENTRED_WINDOW, _look_ahead("feature return_1")),
    (traps.TESTS_MEAN, _look_ahead("feature rsi")),
    (traps.ENTRY_OFF_BY_ONE, _fills("trades begin at the wrong bar")),
    (traps.FIRST_FINISHERS, REPLAY),
    (traps.FALLBACK, REPLAY),
    (traps.STOP_THROUGH_GAP, EXAM),
    (traps.STOP_ON_THE_CLOSE, EXAM),
    (traps.FREE_BREAK_EVEN, EXAM),
    (traps.RETROACTIVE_STOP, EXAM),
    (traps.SHAPED_REWARD, EXAM),
)
# Further checks that must catch a trap too; not of the quick exam.
DISAGREES = _every_fill("the reference simulator disagrees with the backtest")
ALSO_CAUGHT_BY: tuple[tuple[Trap, Check], ...] = (
    (traps.NEXT_RETURN, TRAINED),
    (traps.LATE_ENTRY, DISAGREES),
    (traps.ENTRY_OFF_BY_ONE, _look_ahead(f"trades of the {SPLIT} split")),
    (traps.STOP_THROUGH_GAP, _every_fill("impossible fills")),
    (traps.STOP_ON_THE_CLOSE, DISAGREES),
    (traps.FREE_BREAK_EVEN, DISAGREES),
    (traps.RETROACTIVE_STOP, DISAGREES),
    (traps.SHAPED_REWARD, DISAGREES),
)


def run_exam(
    *, quick: bool, seed: int, on_step: Callable[[str], None] = lambda what: None
) -> list[Control]:
    """Every check where nothing is planted, then every trap under the check that must catch it.

    Args:
        quick: fewer trades, about one check a trap, nothing trained.
        seed: of markets, policies and cuts.
        on_step: called with what is being done.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="jaxexit_controls_")))
        if quick:
            stack.enter_context(_compiled_quickly())
        scene = Scene(folder, trades=QUICK_TRADES if quick else FULL_TRADES, seed=seed)
        return list(_controls(scene, quick, on_step))


@contextmanager
def _compiled_quickly() -> Iterator[None]:
    """Programs without XLA's optimisations: with few trades nearly all of the time is compiling."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
        jax.clear_caches()


def _controls(scene: Scene, quick: bool, on_step: Callable[[str], None]) -> Iterator[Control]:
    for check in HONEST + (() if quick else ALSO_HONEST):
        on_step(f"nothing planted, {check.name}")
        statistic, caught = check.judge(scene, check.see(scene))
        yield Control("", "nothing", check.name, statistic, caught)
    # What the scene keeps, the version and its data, has now been made, and nothing was planted then.
    for trap, check in CAUGHT_BY + (() if quick else ALSO_CAUGHT_BY):
        on_step(f"{trap.name}, {check.name}")
        yield try_trap(scene, trap, check)


def try_trap(scene: Scene, trap: Trap, check: Check) -> Control:
    """Plant one trap, and see whether one check catches it; audits want a scene that was audited before."""
    with planted(trap):
        seen = check.see(scene)
    statistic, caught = check.judge(scene, seen)
    return Control(trap.name, trap.planted, check.name, statistic, caught)
