"""Positive controls: each trap is planted, and the exam or audit that is meant to catch it must do so.

An exam that cannot fail proves nothing. The same checks are run where nothing is planted, and must then
find nothing. Two traps spoil what is recorded, not how: they are planted while a backtest is written, and
the audit's replay looks at it in a sound world.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.config import Experiment, load_experiment
from jaxexit.data import Dataset, Feature, load_dataset, resolve_features
from jaxexit.data.simulated import brownian
from jaxexit.env import env_spec, make_world, observation_names
from jaxexit.env.environment import order_from_action
from jaxexit.env.types import EXIT, HOLD
from jaxexit.evaluate import Backtest
from jaxexit.lab import results
from jaxexit.lab.checkpoint_layout import Saved
from jaxexit.lab.registry import Registry
from jaxexit.lab.run import RunFolder
from jaxexit.lab.training import agent_params, learned_policy, state_template
from jaxexit.learners import hyper_of, learner_of
from jaxexit.learning import exit_task, stack
from jaxexit.policies import RANDOM, Policy, RandomActions
from jaxexit.policies.types import stateless
from jaxexit.truth import martingale, traps
from jaxexit.truth.audit import Finding, Subject, fills, look_ahead, make_subject, replay
from jaxexit.truth.exploiters import (
    BREAK_EVEN_AT_ONCE,
    HUG_THE_PRICE,
    ONE_PIP,
    TIGHTEN_EVERY_BAR,
    Examinee,
)
from jaxexit.truth.martingale import Setting, exam_experiment
from jaxexit.truth.traps import Seam, Trap, planted, replaced
from jaxexit.truth.verdict import Verdict

FULL_TRADES, QUICK_TRADES = martingale.BATCH, 2_500  # of an exam
SETTINGS = (Setting(jumps=False, costs=False, side="long"), Setting(True, True, "short"))
SPLIT = "test"
EPISODES = 19  # of 80 bars each: the market that is audited
ANY_ACTION = (0.6, 0.05, 0.15, 0.15, 0.05)  # so that every kind of fill occurs
AUDITED = """\
description: A market of jumping bars, to be audited.
data: {{bars: '{bars}', price_side: mid, warmup: 300}}
costs: {{spread_pips: 1.3, slippage_pips: 0.2, commission: 0.00002, swap_long_pips: 0.5}}
env: {{max_bars: 20}}
guards: {{min_profit_for_exit: -1.0, min_profit_for_partial: -1.0, min_profit_for_trail: -1.0}}
ppo: {{num_envs: 4, num_steps: 64, minibatch_size: 64, total_timesteps: 256}}
network: {{hidden_sizes: [16]}}
"""
# The baselines are not at issue, and to compile them takes a minute.
NO_BASELINES = (
    Seam(results, "tuned_baselines", lambda honest: lambda *_: {}),
    Seam(Backtest, "baselines", lambda honest: lambda *_, **__: iter(())),
)


@dataclass(frozen=True)
class Control:
    """One trap and one check; or a check where there is nothing to be caught."""

    trap: str  # empty: nothing is planted
    planted: str
    check: str
    statistic: str  # t of the exam, or the audit's line
    caught: bool

    @property
    def passed(self) -> bool:
        """Whether what is planted was caught, and nothing where nothing is."""
        return self.caught == bool(self.trap)

    @property
    def words(self) -> str:
        """The verdict in words."""
        if self.trap:
            return "caught" if self.caught else "FAIL: not caught"
        return "FAIL: false alarm" if self.caught else "nothing found"

    def as_json(self) -> dict[str, Any]:
        """The attributes and `passed`."""
        return asdict(self) | {"passed": self.passed}


class Scene:
    """What is examined: the number of trades of an exam, and a small experiment to be audited."""

    def __init__(self, folder: Path, *, trades: int, seed: int) -> None:
        """Args: a folder to write to; trades of an exam; seed of markets, policies and cuts."""
        self.folder, self.trades, self.seed = folder, trades, seed

    @cached_property
    def yaml(self) -> Path:
        """The audited experiment's file, its bars beside it: a fifth of them open with a gap."""
        rng = np.random.default_rng([self.seed, 1])
        bars = brownian(rng, EPISODES, jump_probability=martingale.JUMP_PROBABILITY).bars
        path = self.folder / "bars.parquet"
        prices = dict(zip(("open", "high", "low", "close"), bars.mid.T, strict=True))
        table = bars.table.assign(time=bars.times, **prices)
        table[["time", *prices]].to_parquet(path, index=False)
        yaml = self.folder / "v1_controls.yaml"
        yaml.write_text(AUDITED.format(bars=path))
        return yaml

    @cached_property
    def experiment(self) -> Experiment:
        """The audited experiment."""
        return load_experiment(self.yaml)

    @cached_property
    def version(self) -> RunFolder:
        """Its run folder, with the network as it is before training: a checkpoint like any other."""
        run = RunFolder(self.folder, self.experiment.version)
        spec, world = make_world(self.experiment, self.dataset, "train")
        learner, hyper = learner_of(self.experiment), hyper_of(self.experiment)
        state = learner.init(exit_task(spec), hyper, world, jax.random.key(self.seed))
        states = stack([state])
        saved = Saved(states, learner.policy_params(states))
        run.checkpoints(self.experiment).save(0, saved, pointers=("best", "final"))
        return run

    @cached_property
    def dataset(self) -> Dataset:
        """The audited experiment's data, of a sound world."""
        return load_dataset(self.experiment)

    def greedy(self) -> Subject:
        """That network on the audited market, the data read anew."""
        template = state_template(self.experiment, self.dataset)
        checkpoint = self.version.checkpoints(self.experiment).restore("best", template)
        (params,) = agent_params(self.experiment, checkpoint, "best")
        policy = learned_policy(self.experiment)
        return make_subject(self.experiment, SPLIT, policy, params, seed=self.seed)

    def at_random(self) -> Subject:
        """Random actions on the audited market, the data read anew: every kind of fill occurs."""
        actions = RandomActions(jnp.asarray(ANY_ACTION, jnp.float32))
        return make_subject(self.experiment, SPLIT, RANDOM, actions, seed=self.seed)


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
    found = martingale.examine(
        EXAMINEES, SETTINGS, trades=scene.trades, seed=scene.seed, features=_observed()
    )
    # Among jumps it lives on one trade in two hundred: of so few trades its t is not a normal one.
    odd = (BREAK_EVEN_AT_ONCE.name, SETTINGS[1].name)
    return [verdict for verdict in found if (verdict.examinee, verdict.market) != odd]


def _adversaries(scene: Scene) -> list[Verdict]:
    from jaxexit.truth import adversaries

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
    (traps.ENTRY_OFF_BY_ONE, _fills("trades begin at another bar")),
    (traps.FIRST_FINISHERS, REPLAY),
    (traps.FALLBACK, REPLAY),
    (traps.STOP_THROUGH_GAP, EXAM),
    (traps.STOP_ON_THE_CLOSE, EXAM),
    (traps.FREE_BREAK_EVEN, EXAM),
    (traps.RETROACTIVE_STOP, EXAM),
    (traps.SHAPED_REWARD, EXAM),
)
# Further checks that must catch a trap too; not of the quick exam.
DISAGREES = _every_fill("the plain simulator disagrees with the backtest")
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


def sit(
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
