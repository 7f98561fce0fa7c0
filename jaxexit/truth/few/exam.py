"""The exam of few trades: a learner and its rivals learn from the same N trades, fresh trades judge them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from jaxexit.config import Experiment
from jaxexit.config.market import Costs
from jaxexit.config.trading import Env
from jaxexit.truth.few.cells import Fresh, dataset_of, fresh_trades, learn, on_this_market
from jaxexit.truth.few.markets import MARKETS, FewMarket
from jaxexit.truth.few.regressions import fit, held, polynomials, random_layer
from jaxexit.truth.few.rules import fit_rule, seen
from jaxexit.truth.known_markets import HORIZON, SPREAD_PIPS
from jaxexit.truth.money import money_experiment

TRADES = (250, 1_000, 4_000, 16_000)
QUICK_MARKETS, QUICK_TRADES = ("ou", "disorder"), (1_000,)
FRESH, QUICK_FRESH = 20_000, 4_000  # trades that judge, of each market seed; even numbers of blocks
MARKET_SEEDS, LEARNING_SEEDS, QUICK_LEARNING_SEEDS = 4, 8, 2

LEARNED, RULE, LONGSTAFF_SCHWARTZ, RANDOMISED, LEAVE, HOLD, ORACLE = (
    "learned",
    "fitted rule",
    "Longstaff-Schwartz",
    "randomised regression",
    "leave at once",
    "hold",
    "oracle's rule",
)


BASES = {
    LONGSTAFF_SCHWARTZ: lambda inputs: polynomials,
    RANDOMISED: lambda inputs: random_layer(np.random.default_rng(0), inputs),
}


class Plan(NamedTuple):
    """What is examined, on what, how often."""

    markets: tuple[str, ...] = tuple(MARKETS)
    trades: tuple[int, ...] = TRADES
    market_seeds: int = MARKET_SEEDS
    learning_seeds: int = LEARNING_SEEDS
    fresh: int = FRESH
    seed: int = 0

    def quick(self) -> Plan:
        """A look of a minute, at what of it is not asked for otherwise."""
        return self


class Earned(NamedTuple):
    """What an examinee earned after learning from one series. Pips a trade, luck taken off."""

    market: str
    trades: int
    market_seed: int
    examinee: str
    pips: tuple[float, ...]  # of each learning seed
    seconds: float | None = None  # of one learning
    words: str = ""  # which rule it is


def recommended() -> Experiment:
    """The experiment that is examined where none is named."""
    env, costs = Env(max_bars=HORIZON), Costs(spread_pips=SPREAD_PIPS)
    return money_experiment("few", env=env, costs=costs, steps=2_000_000, seed=0)


def run_cells(
    experiment: Experiment,
    plan: Plan,
    on_step: Callable[[str], None] = lambda what: None,
    on_earned: Callable[[Sequence[Earned]], None] = lambda earned: None,
) -> list[Earned]:
    """Every examinee on every market, number of trades and market seed.

    Args:
        experiment: whose learner is examined.
        plan: markets, numbers of trades, seeds.
        on_step: called with what is being done.
        on_earned: called with the results of each cell.
    """
    experiment = on_this_market(experiment, plan.learning_seeds, experiment.seed)
    earned: list[Earned] = []
    for name in plan.markets:
        market, number = MARKETS[name], tuple(MARKETS).index(name)
        for market_seed in range(plan.market_seeds):
            at = f"{name}, market seed {market_seed}"
            on_step(f"{at}: make {plan.fresh:,} fresh trades")
            seeds = [plan.seed, number, market_seed]
            fresh = fresh_trades(experiment, market, np.random.default_rng([*seeds, 0]), plan.fresh)
            bound = fit_rule(fresh.seen, fresh.skill)
            for trades in plan.trades:
                rng = np.random.default_rng([*seeds, trades])
                say = partial(_say, on_step, f"{at}, {trades:,} trades")
                results = _cell(experiment, market, fresh, rng, trades, max(plan.trades), say)
                results[ORACLE] = (bound.mean,), None, bound.name
                some = [
                    Earned(name, trades, market_seed, examinee, *result)
                    for examinee, result in results.items()
                ]
                earned += some
                on_earned(some)
    return earned


def _say(on_step: Callable[[str], None], at: str, what: str) -> None:
    on_step(f"{at}: {what}")


Result = tuple[tuple[float, ...], float | None, str]


def _cell(
    experiment: Experiment,
    market: FewMarket,
    fresh: Fresh,
    rng: np.random.Generator,
    trades: int,
    most: int,
    say: Callable[[str], None],
) -> dict[str, Result]:
    """All examinees after learning from one series of so many trades."""
    say("make the series")
    simulated = market.simulate(rng, trades)
    dataset, rows = dataset_of(market, simulated, most)

    learned = learn(experiment, dataset, lambda update: say(f"{update} updates"))
    say("play fresh trades")
    results: dict[str, Result] = {LEARNED: (tuple(fresh.play(learned)), learned.seconds, "")}

    say("fit rules and regressions")
    kept = np.concatenate([rows["train"], rows["validation"]])
    own, observed = (
        seen(simulated).take(kept),
        held(experiment, dataset, simulated.trades.iloc[kept]),
    )
    net = observed.until_stopped(own.net)
    rule = fit_rule(own, net)
    results[RULE] = (fresh.value(rule.decision(fresh.seen)),), None, rule.name
    first, second = np.split(np.arange(len(kept)), [len(rows["train"])])
    for name, basis in BASES.items():
        validation = observed.take(second), net[:, second]
        fitted = fit(basis, observed.take(first), net[:, first], validation)
        results[name] = (fresh.value(fitted.decision(fresh.held)),), None, ""
    for name, decision in ((LEAVE, 0), (HOLD, HORIZON)):
        results[name] = (float(fresh.skill[decision].mean()),), None, ""
    return results
