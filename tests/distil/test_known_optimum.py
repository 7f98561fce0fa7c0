"""Where the best exit is a level of one number, a rule of one threshold keeps nearly all of a network."""

import jax
import numpy as np
import pytest

from jaxexit.distil.rule import rule_params, rule_policy
from jaxexit.distil.search import chosen, search
from jaxexit.distil.walk import Walker
from jaxexit.env import make_world
from jaxexit.evaluate import Backtest
from jaxexit.learners import learner_of
from jaxexit.truth.few.cells import Learned, dataset_of, fresh_trades, learn, on_this_market
from jaxexit.truth.few.exam import recommended
from jaxexit.truth.few.markets import MARKETS
from jaxexit.truth.known_markets import HORIZON

TRADES, FRESH = 2_000, 8_000
ONE_LEVEL = 0.965  # of the optimum: the best single level of the price (docs: exams)


@pytest.mark.slow
def test_on_ou_one_threshold_keeps_the_network_and_is_the_known_level() -> None:
    """v4's learner from 2,000 trades; judged on fresh trades, the market's luck taken off."""
    experiment, market = on_this_market(recommended(), 1, 0), MARKETS["ou"]
    simulated = market.simulate(np.random.default_rng(3), TRADES)
    dataset, rows = dataset_of(market, simulated, TRADES)
    learned = learn(experiment, dataset)
    spec, world = make_world(experiment, dataset, "train")
    real = slice(len(rows["train"]))  # the list is padded behind them
    trades, hindsight = jax.tree.map(lambda leaf: leaf[real], (world.trades, world.hindsight))
    world = world._replace(trades=trades, hindsight=hindsight)
    walker = Walker(spec, learner_of(experiment), learned.params[0], world, HORIZON)
    best = chosen(search(walker, Backtest(experiment, dataset, "validation"), 1))
    (line,) = best.rule.lines
    assert line.action == "EXIT"
    assert len(line.conditions) == 1
    (condition,) = line.conditions
    assert (condition.number, condition.above) == ("deviation_pips", True)
    assert 1.1 < condition.threshold < 1.7  # 22 to 34 pips above the mean, of 20 pips deviation

    fresh = fresh_trades(experiment, market, np.random.default_rng(4), FRESH)
    rule = Learned(rule_policy(spec), [rule_params(best.rule, spec, 1)], 0.0)
    (network,), (kept,) = fresh.play(learned), fresh.play(rule)
    assert kept > 0.95 * network
    assert kept > (ONE_LEVEL - 0.03) * market.optimum
    assert kept < (ONE_LEVEL + 0.01) * market.optimum  # no single level earns more
