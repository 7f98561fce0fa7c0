"""What is true of fills inside a bar: on a martingale nobody earns anything, once the order is known."""

from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.arrays import key_of, on_device
from jaxexit.config import load_experiment
from jaxexit.data import load_dataset
from jaxexit.data.dataset import device_trades
from jaxexit.data.detail import fitted, packed, unresolved
from jaxexit.data.market import build_market
from jaxexit.data.simulated.types import PIP, enter
from jaxexit.data.types import Market
from jaxexit.env import EnvSpec, Hindsight, World
from jaxexit.evaluate import run_policy
from jaxexit.policies import CLASSICAL, RANDOM, RandomActions
from jaxexit.truth.audit import Subject, fills, look_ahead, make_subject
from jaxexit.truth.reference.records import Rules
from tests.support.device import device_params
from tests.support.finer import hours_of, minutes, times_of, write_market

HOURS, HORIZON, A_DAY = 9_600, 48, 24
SPREAD = 1.0  # pips


class Result(NamedTuple):
    """What longs and shorts at every hour earned, and how sure that is."""

    mean: float  # pips, net
    standard_error: float  # of means of days: trades of neighbouring hours share bars
    net: np.ndarray  # [trades] pips
    ambiguous: float  # share


@pytest.fixture(scope="module")
def markets() -> dict[str, Market]:
    """A Brownian motion in hours: looked into by the minute, and not."""
    mid, half = minutes(1, HOURS), SPREAD / 2 * PIP
    bars = hours_of(mid, SPREAD * PIP)
    inside = packed(fitted("minutes", times_of(len(mid)), mid - half, mid + half, bars), bars)
    market = build_market(bars, np.zeros((HOURS, 0)), np.ones(HOURS), detail=inside)
    whole = unresolved(bars.bid, bars.ask, inside.shape[-1])
    return {
        "minutes": market,
        "hours": market._replace(detail=on_device(whole)),
    }


def classical(market: Market, stop_pips: float, target_pips: float) -> Result:
    """A stop and a target at so many pips, entered at the close of every hour."""
    bars = hours_of(
        np.asarray(market.bid, float) + SPREAD / 2 * PIP, SPREAD * PIP, np.timedelta64(1, "h")
    )
    entry = np.repeat(np.arange(1, HOURS - HORIZON - 1), 2)
    direction = np.resize([1, -1], len(entry))
    table = enter(np.random.default_rng(0), bars, entry, direction, (stop_pips,))
    table["target"] = table["entry_price"] + direction * target_pips * PIP
    trades, count = device_trades(table), len(table)
    nothing = Hindsight(*on_device((np.zeros(count, np.float32), np.zeros(count, np.int32))))
    rules = Rules(max_bars=HORIZON, entry_fill="bar_close")
    world = World(device_params(rules), market, trades, nothing, on_device(np.float32(PIP)))
    spec = EnvSpec("bar_close", "next_open", "penalise", ())
    played = run_policy(spec, CLASSICAL, world, (), key_of(0), horizon=HORIZON).results
    net = np.asarray(played.net, float) * np.asarray(played.entry, float) / PIP
    days = net[: len(net) // (2 * A_DAY) * 2 * A_DAY].reshape(-1, 2 * A_DAY).mean(axis=1)
    error = float(days.std(ddof=1) / np.sqrt(len(days)))
    return Result(float(net.mean()), error, net, float(np.asarray(played.ambiguous).mean()))


@pytest.mark.parametrize(
    ("stop", "target"),
    [
        (4.0, 3.0),
        *(pytest.param(*pips, marks=pytest.mark.slow) for pips in ((3.0, 4.0), (3.0, 3.0))),
    ],
)
def test_a_martingale_pays_the_spread_and_the_assumption_costs_money_that_nobody_lost(
    markets, stop: float, target: float
) -> None:
    """Levels within an hour's range (5.4 pips a deviation): one hour in ten and more reaches both."""
    known, assumed = (classical(markets[name], stop, target) for name in ("minutes", "hours"))
    print(
        f"\nstop {stop:g}, target {target:g}: {known.mean:+.3f} +- {known.standard_error:.3f} pips by "
        f"minutes, {assumed.mean:+.3f} by hours; {(known.net != assumed.net).mean():.1%} changed"
    )
    assert abs(known.mean + SPREAD) < 4 * known.standard_error
    assert known.standard_error < 0.04
    assert assumed.mean + SPREAD < -4 * assumed.standard_error
    assert assumed.mean < known.mean - 0.15
    assert assumed.ambiguous > 0.05
    assert known.ambiguous < 1e-3  # a minute (0.7 pips a deviation) that reaches both is rare
    changed = known.net != assumed.net
    assert 0.02 < changed.mean() <= assumed.ambiguous
    assert (known.net >= assumed.net - 1e-3).all()  # the assumption was the worse of the two


@pytest.fixture(scope="module")
def looked_into(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Random actions on hours that are looked into by the minute; the market jumps inside them."""
    yaml = write_market(tmp_path_factory.mktemp("market"), 900)
    experiment = load_experiment(yaml)
    seldom = RandomActions(jnp.array([0.8, 0.02, 0.08, 0.05, 0.05]))
    return make_subject(
        experiment, "train", RANDOM, seldom, dataset=load_dataset(experiment), seed=0
    )


@pytest.mark.parametrize("check", [fills.check, look_ahead.check])
def test_the_audit_knows_finer_bars(looked_into: Subject, check) -> None:
    found = check(looked_into)
    assert {finding.severity for finding in found} == {"pass"}, found


def test_an_audit_that_did_not_know_them_would_find_other_fills(looked_into: Subject) -> None:
    """Or its silence would prove nothing: the market jumps over stops inside an hour."""
    blind = replace(looked_into, dataset=replace(looked_into.dataset, detail=None))
    *_, last = fills.check(blind)
    assert last.severity == "fail"
    assert "STOP" in last.size
