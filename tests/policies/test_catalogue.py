"""The catalogue's exits do what their formulas say: against plain rules in the reference simulator."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit.config.baselines import META_LABEL
from jaxexit.data import Market, Trades
from jaxexit.env import EnvSpec, World, compute_hindsight
from jaxexit.env.types import REASONS
from jaxexit.evaluate import run_policy
from jaxexit.evaluate.catalogue import CATALOGUE, Typical
from jaxexit.evaluate.tuning import EVALUATIONS
from jaxexit.policies.catalogue import Columns
from jaxexit.policies.swept import Sweep, swept
from jaxexit.truth.reference.records import Bar, Order, Quote, Rules, Trade
from jaxexit.truth.reference.simulator import Position
from tests.policies.plain_exits import PLAIN, played
from tests.support.device import device_params

BARS, TRADES, HORIZON, PIP = 600, 24, 40, 0.0001
EntryFill = Literal["next_open", "bar_close"]
NAMES = tuple(name for name in CATALOGUE if name != META_LABEL)  # it is fitted: tests/evaluate
OPEN_GUARDS = {
    "exit_allows_loss": True,
    "min_profit_for_exit": -np.inf,
    "min_profit_for_partial": -np.inf,
    "min_bars_for_partial": 0,
}
RULES = Rules(max_bars=HORIZON, slippage_pips=0.3, **OPEN_GUARDS)
ATR = 0.0006


class Scene:
    """Random bars with a spread, longs and shorts with stops of 8 to 20 pips, half of them with a target."""

    def __init__(self) -> None:
        random = np.random.default_rng(5)
        closes = 1.1 + np.cumsum(random.normal(0, 4 * PIP, BARS))
        opens = np.concatenate([[1.1], closes[:-1]]) + random.normal(0, PIP, BARS)
        reach = np.abs(random.normal(0, 3 * PIP, (2, BARS)))
        high, low = np.maximum(opens, closes) + reach[0], np.minimum(opens, closes) - reach[1]
        bid = np.stack([opens, high, low, closes], axis=1).astype(np.float32)
        ask = bid + np.float32(0.8 * PIP)
        self.atr = (ATR * np.exp(random.normal(0, 0.3, BARS))).astype(np.float32)
        hours = 9.25 + np.arange(BARS)
        columns: list[Any] = [
            np.asarray(column, np.float32)
            for column in (
                random.uniform(20, 80, BARS),
                random.normal(0, 1.5, BARS),
                random.normal(0, 1.5, BARS),
                hours % 24,
                hours // 24,
                hours % 168,
            )
        ]
        self.columns = Columns(*columns)
        entry_bar = np.sort(random.integers(30, BARS - HORIZON - 2, TRADES)).astype(np.int32)
        direction = np.where(random.random(TRADES) < 0.5, 1.0, -1.0).astype(np.float32)
        price = np.where(direction > 0, ask[entry_bar, 3], bid[entry_bar, 3])
        risk = (random.uniform(8, 20, TRADES) * PIP).astype(np.float32)
        target = price + direction * 1.5 * risk
        target[::2] = np.nan
        market: dict[str, Any] = {
            "bid": bid,
            "ask": ask,
            "features": np.zeros((BARS, 0), np.float32),
            "atr": self.atr,
            "nights": np.zeros(BARS, np.float32),
            "nights_inside": np.zeros(BARS, np.float32),
        }
        trades: dict[str, Any] = {
            "entry_bar": entry_bar,
            "direction": direction,
            "entry_price": price.astype(np.float32),
            "stop": (price - direction * risk).astype(np.float32),
            "target": target.astype(np.float32),
            "given_fill": np.full(TRADES, np.nan, np.float32),
        }
        self.market, self.trades = Market(**market), Trades(**trades)

    def world(self, entry_fill: EntryFill) -> tuple[EnvSpec, World]:
        spec = EnvSpec(entry_fill, "next_open", "penalise", features=())
        params = device_params(RULES)
        hindsight = compute_hindsight(spec, params, self.market, self.trades)
        return spec, World(params, self.market, self.trades, hindsight, jnp.float32(PIP))

    def position(self, number: int, entry_fill: str) -> Position:
        bid, ask = (np.asarray(side, float).tolist() for side in (self.market.bid, self.market.ask))
        bars = [Bar(Quote(*b), Quote(*a)) for b, a in zip(bid, ask, strict=True)]
        t = self.trades
        target = float(t.target[number])
        trade = Trade(
            entry_bar=int(t.entry_bar[number]),
            direction=int(t.direction[number]),
            entry_price=float(t.entry_price[number]),
            stop=float(t.stop[number]),
            target=None if np.isnan(target) else target,
        )
        rules = Rules(**{**vars(RULES), "entry_fill": entry_fill})
        return Position(bars, trade, rules)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.fixture(scope="module")
def settings() -> dict[str, object]:
    typical = Typical(HORIZON, ATR, 100 * ATR / 1.1, 11)
    return {name: grid(typical) for name, (_, grid) in CATALOGUE.items()}


def test_every_exit_has_a_plain_twin_and_as_many_settings_as_the_others(settings) -> None:
    assert set(PLAIN) == set(NAMES)
    for name, tried in settings.items():
        for leaf in tried:
            assert leaf.shape[0] == EVALUATIONS, name
        different = {tuple(map(str, setting)) for setting in zip(*tried, strict=True)}
        assert len(different) == EVALUATIONS, name


@pytest.mark.parametrize(
    "entry_fill", ["next_open", pytest.param("bar_close", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", NAMES)
def test_it_trades_as_its_plain_twin(
    scene: Scene, settings, name: str, entry_fill: EntryFill
) -> None:
    """Every setting is met: trade i has setting i modulo their number."""
    spec, world = scene.world(entry_fill)
    tried = settings[name]
    order = np.arange(TRADES) * 7 % EVALUATIONS
    mine = {n: jax.tree.map(lambda leaf: leaf[order], settings[n]) for n in NAMES}
    params = Sweep(
        jnp.int32(NAMES.index(name)), jnp.int32(1), tuple(mine[n] for n in NAMES), scene.columns
    )
    policy = swept(tuple(CATALOGUE[n][0] for n in NAMES))
    got = run_policy(spec, policy, world, params, jax.random.key(0), horizon=HORIZON).results
    acted = 0
    for number in range(TRADES):
        numbers = {f: float(leaf[order[number]]) for f, leaf in tried._asdict().items()}
        position = scene.position(number, entry_fill)
        known = played(position, name, numbers, scene.columns, scene.atr.tolist())
        assert REASONS[got.reason[number]] == known.exit_reason, (number, numbers)
        assert got.bars_held[number] == known.bars_held, (number, numbers)
        assert got.net[number] == pytest.approx(known.net, abs=3e-6), (number, numbers)
        held = scene.position(number, entry_fill)
        for k in range(HORIZON):
            held.step(k, Order())
            if not held.is_open:
                break
        acted += abs(known.net - held.result().net) > 1e-6
    assert acted >= 4  # another result than the initial stop's
