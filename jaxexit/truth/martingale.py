"""The martingale exam: where no exit rule can earn or lose anything but its costs.

By the optional stopping theorem, a position in a driftless market that is closed at any time chosen
without knowledge of the future is worth 0 on average. Trades share no bars and what follows an entry is
independent of all before it, so results of different trades are uncorrelated whatever the policy looks at:
the standard error of the mean is the trades' standard deviation over the root of their number.

A policy with both a stop and a target is judged from above only: where both lie in one bar the stop is
taken, which costs it something. Settings that are looked into have finer bars, which know what came first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.config import Experiment
from jaxexit.config.market import Costs
from jaxexit.config.trading import Env, Guards
from jaxexit.data.charges import charges_of
from jaxexit.data.features import Feature
from jaxexit.data.simulated import FAR_PIPS, PIP, Simulated, brownian, device, finer_brownian
from jaxexit.env import EnvSpec, Hindsight, World, env_params, env_spec
from jaxexit.env.types import BY_TARGET
from jaxexit.evaluate import TradeResults, run_policy
from jaxexit.evaluate.catalogue import columns_at
from jaxexit.evaluate.tuning import EVALUATIONS
from jaxexit.policies import together
from jaxexit.policies.catalogue import Columns
from jaxexit.policies.swept import Sweep
from jaxexit.truth.exploiters import Examinee
from jaxexit.truth.verdict import Tally, Verdict

HORIZON = 60  # bars
STOP_PIPS = (8.0, 15.0, 30.0, FAR_PIPS)  # a bar's noise is 5 pips
JUMP_PROBABILITY = 0.2  # of a gap at an open, with a deviation of 10 pips
SPREAD_PIPS = 1.0
COMMISSION = 2e-5  # fraction of notional a side: 0.2 pips
SLIPPAGE_PIPS = 0.3
BATCH = 25_000  # trades made and played at once: some two million bars
FINER_BATCH = 5_000  # and of those that are looked into
FULL_TRADES, QUICK_TRADES = 200_000, 6_000


class Setting(NamedTuple):
    """One martingale market and the rules under which it is traded."""

    jumps: bool
    costs: bool
    side: str  # "long" or "short"
    fills: str = "next_open"  # of entries and orders: "next_open" or "bar_close"
    finer: bool = False  # whether its bars are looked into

    @property
    def name(self) -> str:
        """What the table calls it."""
        words = [self.side, "jumps" if self.jumps else "smooth", "costs" if self.costs else "free"]
        words += ["at close"] * (self.fills == "bar_close")
        return ", ".join(words + ["finer"] * self.finer)


SETTINGS = tuple(
    Setting(jumps, costs, side)
    for jumps, costs, side in product((False, True), (False, True), ("long", "short"))
)
AT_CLOSE = (Setting(True, True, "long", "bar_close"), Setting(True, True, "short", "bar_close"))
FINER = (Setting(True, False, "long", finer=True), Setting(True, True, "short", finer=True))


def exam_experiment(setting: Setting) -> Experiment:
    """The experiment behind a setting. Its guards are v2's; they bind guarded policies only."""
    costs = Costs(spread_pips=0.0)
    if setting.costs:
        costs = Costs(spread_pips=SPREAD_PIPS, commission=COMMISSION, slippage_pips=SLIPPAGE_PIPS)
    fills = setting.fills
    return Experiment(
        version="exam_martingale",
        env=Env(max_bars=HORIZON, entry_fill=fills, order_fill=fills),  # type: ignore[arg-type]
        guards=Guards(
            min_profit_for_exit=0.001,
            min_bars_for_exit=2,
            min_profit_for_partial=0.002,
            min_bars_for_partial=2,
        ),
        costs=costs,
    )


def make_world(
    setting: Setting, rng: np.random.Generator, trades: int, features: tuple[Feature, ...] = ()
) -> tuple[EnvSpec, World]:
    """A fresh market of a setting and `trades` trades in it. Its hindsight is blank: money only."""
    return world_of(setting, simulate(setting, rng, trades), features)


def simulate(setting: Setting, rng: np.random.Generator, trades: int) -> Simulated:
    """The bars and trades of a setting."""
    return (finer_brownian if setting.finer else brownian)(
        rng,
        trades,
        horizon=HORIZON,
        jump_probability=JUMP_PROBABILITY if setting.jumps else 0.0,
        spread_pips=SPREAD_PIPS if setting.costs else 0.0,
        side=setting.side,
        stop_pips=STOP_PIPS,
    )


def world_of(
    setting: Setting, simulated: Simulated, features: tuple[Feature, ...] = ()
) -> tuple[EnvSpec, World]:
    """The world of a simulated market, with blank hindsight."""
    experiment, trades = exam_experiment(setting), len(simulated.trades)
    market, entered = device(simulated, features)
    world = World(
        params=env_params(experiment, charges_of(experiment.costs, simulated.bars)),
        market=market,
        trades=entered,
        hindsight=Hindsight(jnp.zeros(trades), jnp.zeros(trades, jnp.int32)),
        unit=jnp.float32(PIP),
    )
    return env_spec(experiment, features), world


def known_costs(setting: Setting, results: TradeResults) -> np.ndarray:
    """[N] pips that each trade must have paid, from the setting alone and not from its bookkeeping.

    The spread once, commission twice, slippage once unless the trade ended on a limit order.
    """
    if not setting.costs:
        return np.zeros(len(results.net))
    slipped = np.asarray(results.reason) != BY_TARGET
    commission = 2.0 * COMMISSION * np.asarray(results.entry, np.float64) / PIP
    return SPREAD_PIPS + commission + SLIPPAGE_PIPS * slipped


def examine(
    examinees: Sequence[Examinee],
    settings: Iterable[Setting],
    *,
    trades: int,
    seed: int,
    features: tuple[Feature, ...] = (),
    on_setting: Callable[[str], None] = lambda name: None,
) -> list[Verdict]:
    """Examine every policy on every market.

    Args:
        examinees: policies with their numbers; a trained network is one of them.
        settings: markets; each examinee of a setting plays the same trades.
        trades: a setting; made and played in batches, memory does not grow with it.
        seed: of markets and of policies that draw.
        features: what networks observe; scripted examinees need none.
        on_setting: called with each setting's name before it begins.
    """
    verdicts = []
    swept = any(isinstance(examinee.params, Sweep) for examinee in examinees)
    for number, setting in enumerate(settings):
        on_setting(setting.name)
        tallies = [Tally() for _ in examinees]
        for batch, size in enumerate(_batches(trades, FINER_BATCH if setting.finer else BATCH)):
            rng = np.random.default_rng([seed, number, batch])
            simulated = simulate(setting, rng, size)
            spec, world = world_of(setting, simulated, features)
            columns = columns_at(world.market, simulated.bars.times) if swept else None
            played = together([(one.policy, _here(one.params, columns, size)) for one in examinees])
            key = jax.random.fold_in(jax.random.key(seed), batch)
            for (policy, params), tally in zip(played, tallies, strict=True):
                results = run_policy(spec, policy, world, params, key, horizon=HORIZON).results
                net = np.asarray(results.net, np.float64) * np.asarray(results.entry) / PIP
                tally.add(net, net + known_costs(setting, results))
        verdicts += [
            tally.verdict(examinee.name, setting.name, one_sided=examinee.has_target)
            for examinee, tally in zip(examinees, tallies, strict=True)
        ]
    return verdicts


def _here(params: Any, columns: Columns | None, trades: int) -> Any:
    """What an examinee plays with on a market: a sweep's settings take turns, each over as many trades."""
    if columns is None or not isinstance(params, Sweep):
        return params
    each: Any = np.int32(-(-trades // EVALUATIONS))
    return params._replace(trades=each, columns=columns)


def _batches(trades: int, most: int) -> list[int]:
    whole, rest = divmod(trades, most)
    return [most] * whole + [rest] * (rest > 0)
