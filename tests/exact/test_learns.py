"""Where there is something to learn it is learned: a market whose best exit is known, and fresh trades."""

import numpy as np
import pytest

from jaxexit.config.learning import Exact
from jaxexit.config.market import Costs
from jaxexit.config.trading import Env
from jaxexit.policies import DEFAULT_PARAMS, LEAVE_AT_ONCE
from jaxexit.truth.known_markets import HORIZON, MARKETS, SPREAD_PIPS
from jaxexit.truth.money import money_experiment, train
from jaxexit.truth.optimal_exits import Entrant, examine, learned, make_world

SMALL = Exact(
    updates=3,
    trades=256,
    rounds=4,
    minibatches=20,
    minibatch_size=512,
    members=2,
    hidden_sizes=(16,),
)


@pytest.mark.slow
def test_a_thousand_trades_tell_it_where_to_leave_a_price_that_returns_to_its_mean():
    known = MARKETS["ou"]()
    experiment = money_experiment(
        "ou", env=Env(max_bars=HORIZON), costs=Costs(spread_pips=SPREAD_PIPS), steps=200_000, seed=0
    ).model_copy(update={"learner": "exact", "exact": SMALL})
    spec, world = make_world(experiment, known, known.simulate(np.random.default_rng(1), 1_000))
    params = train(experiment, spec, world)
    entrants = [
        Entrant("leave", LEAVE_AT_ONCE, DEFAULT_PARAMS[LEAVE_AT_ONCE]),
        *learned(experiment, params, None),
    ]
    shares = {share.examinee: share for share in examine(known, entrants, trades=4_000, seed=3)}
    assert shares["leave"].share < 0.0
    assert shares["learned, greedy"].share > 0.9
    assert shares["learned, sampled"].share > 0.7
    assert not any(share.leaks for share in shares.values())
