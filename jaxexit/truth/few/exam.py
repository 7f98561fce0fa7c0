"""The exam of few trades: a learner and its rivals learn from the same N trades, fresh trades judge them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from jaxexit.config import Experiment
from jaxexit.config.learning import Evaluation
from jaxexit.config.market import Costs
from jaxexit.config.trading import Env, Guards
from jaxexit.truth.few.cells import Fresh, dataset_of, fresh_trades, learn, on_this_market
from jaxexit.truth.few.markets import MARKETS, FewMarket
from jaxexit.truth.few.regressions import fit, held, polynomials, random_layer
from jaxexit.truth.few.rules import fit_rule, seen
from jaxexit.truth.few.scores import (
    HOLD,
    LEARNED,
    LEAVE,
    ORACLE,
    QUICK_SLACK,
    RULE,
    Earned,
    FewScore,
    scores,
)
from jaxexit.truth.known_markets import HORIZON, SPREAD_PIPS
from jaxexit.truth.money import money_experiment

TRADES = (250, 1_000, 4_000, 16_000)
LONGSTAFF_SCHWARTZ, RANDOMISED = "Longstaff-Schwartz", "randomised regression"
BASES = {
    LONGSTAFF_SCHWARTZ: lambda inputs: polynomials,
    RANDOMISED: lambda inputs: random_layer(np.random.default_rng(0), inputs),
}


class Plan(NamedTuple):
    """What is examined, on what, how often."""

    markets: tuple[str, ...] = tuple(MARKETS)
    trades: tuple[int, ...] = TRADES  # of a series
    market_seeds: int = 4
    learning_seeds: int = 8
    fresh: int = 20_000  # trades that judge, of each market seed; whole blocks of every market
    seed: int = 0  # of the markets


QUICK = Plan(("ou", "disorder"), (1_000,), market_seeds=1, learning_seeds=2, fresh=4_000)


def recommended() -> Experiment:
    """The experiment that is examined where none is named: the package itself has no experiment files."""
    env, costs = Env(max_bars=HORIZON), Costs(spread_pips=SPREAD_PIPS)
    paid_in_money = money_experiment("few", env=env, costs=costs, steps=2_000_000, seed=0)
    nothing_forbidden = Guards(
        exit_allows_loss=True, min_profit_for_partial=0.0, min_bars_for_partial=0
    )
    changes = {"guards": nothing_forbidden, "evaluation": Evaluation(validate_every=5)}
    return paid_in_money.model_copy(update=changes | {"learner": "exact"})


def run_cells(
    experiment: Experiment,
    plan: Plan,
    on_step: Callable[[str], None] = lambda what: None,
) -> Iterator[list[Earned]]:
    """Every examinee on every market, market seed and number of trades.

    Args:
        experiment: whose learner is examined.
        plan: markets, numbers of trades, seeds.
        on_step: called with what is being done.

    Yields:
        What each examinee earned after learning from one series.
    """
    experiment = on_this_market(experiment, plan.learning_seeds, experiment.seed)
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
                optimum = market.optimum if market.optimum > 0 else None
                yield [
                    Earned(name, optimum, trades, market_seed, examinee, *result)
                    for examinee, result in results.items()
                ]


def run_exam(
    experiment: Experiment,
    plan: Plan,
    *,
    quick: bool = False,
    on_step: Callable[[str], None] = lambda what: None,
) -> list[FewScore]:
    """The whole exam (see `run_cells`).

    Args:
        experiment: whose learner is examined.
        plan: markets, numbers of trades, seeds.
        quick: less is asked, since one series says little.
        on_step: called with what is being done.
    """
    cells = run_cells(experiment, plan, on_step)
    return scores(
        [earned for cell in cells for earned in cell], slack=QUICK_SLACK if quick else 0.0
    )


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
