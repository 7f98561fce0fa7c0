"""What must hold for any bars and any actions."""

from dataclasses import replace
from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxexit.config import load_experiment
from jaxexit.data import Dataset, load_dataset
from jaxexit.data.detail import unresolved
from jaxexit.env import (
    REASONS,
    Order,
    compute_hindsight,
    make_world,
    observation_names,
    observation_size,
    observe,
    order_from_action,
    reset,
    situation,
    step,
    valid_actions,
)
from jaxexit.truth.reference.records import EXIT, LONG, Bar, Quote, Rules, Trade
from jaxexit.truth.reference.records import Order as RecordedOrder
from jaxexit.truth.reference.simulator import simulate
from tests.support.device import device_orders, device_world, play
from tests.support.markets import (
    TICK,
    Case,
    cases,
    make_case,
    mirrored,
    numpy_pick,
    with_finer_bars,
)

TINY = 1e-6


@settings(max_examples=40, deadline=None)
@given(cases())
def test_sizes_closed_sum_to_one_and_net_is_what_the_fills_paid(case: Case) -> None:
    spec, world = device_world(case)
    _, outcome, after = play(spec, world, device_orders(case))
    last = int(np.flatnonzero(outcome.done)[0])
    sizes = outcome.order_fill.size[: last + 1].sum() + outcome.bar_fill.size[: last + 1].sum()
    assert sizes == pytest.approx(1.0, abs=TINY)
    net = outcome.net[: last + 1].sum()
    assert net == pytest.approx(float(after.realised[last]), abs=TINY)
    if last:
        assert not outcome.done[:last].any()


@settings(max_examples=40, deadline=None)
@given(cases())
def test_a_stop_never_loosens(case: Case) -> None:
    spec, world = device_world(case)
    _, outcome, after = play(spec, world, device_orders(case))
    last = int(np.flatnonzero(outcome.done)[0])
    in_long_form = np.asarray(after.stop[: last + 1])
    assert (np.diff(in_long_form) >= 0).all()
    assert in_long_form[0] >= case.trade.direction * case.trade.stop


@settings(max_examples=40, deadline=None)
@given(cases())
def test_no_fill_outside_its_bar_except_at_a_gaps_open(case: Case) -> None:
    """Before slippage; a fill at the open is inside the bar by definition of its range."""
    rules = case.rules
    spec, world = device_world(case)
    _, outcome, _ = play(spec, world, device_orders(case))
    last = int(np.flatnonzero(outcome.done)[0])
    slack = rules.slippage_pips * rules.pip + TINY
    for fill in (outcome.order_fill, outcome.bar_fill):
        for k in np.flatnonzero(np.asarray(fill.size[: last + 1]) > 0):
            bar = case.bars[int(fill.bar[k])]
            side = bar.bid if case.trade.direction > 0 else bar.ask
            assert side.low - slack <= fill.price[k] <= side.high + slack


@settings(max_examples=40, deadline=None)
@given(cases())
def test_a_trade_and_its_mirror_image_have_the_same_result(case: Case) -> None:
    image = mirrored(case)
    # The image has no level-dependent terms; its own rules with the swaps back give the original.
    rules = replace(
        image.rules,
        swap_long_pips=image.rules.swap_short_pips,
        swap_short_pips=image.rules.swap_long_pips,
    )
    plain = replace(case, rules=rules)
    results = []
    for one in (plain, image):
        spec, world = device_world(one)
        now, outcome, after = play(spec, world, device_orders(one))
        last = int(np.flatnonzero(outcome.done)[0])
        results.append((last, after.realised[last], outcome.terms.regret[last], now.profit))
    (last, net, regret, profit), (image_last, image_net, image_regret, image_profit) = results
    assert last == image_last
    assert net == pytest.approx(float(image_net), abs=TINY)
    assert regret == pytest.approx(float(image_regret), abs=100 * TINY)
    np.testing.assert_allclose(profit[: last + 1], image_profit[: last + 1], atol=TINY)


@settings(max_examples=40, deadline=None)
@given(cases(), st.integers(0, 7))
def test_bars_after_the_coming_one_never_change_what_has_happened(case: Case, cut: int) -> None:
    """Everything after bar e+cut+1 is replaced; decisions and outcomes up to `cut` stay to the bit."""
    cut = min(cut, case.rules.max_bars - 1)
    keep = case.trade.entry_bar + cut + 2
    crash = case.bars[0]
    other = Case(
        [*case.bars[:keep], *[crash] * (len(case.bars) - keep)], case.trade, case.rules, case.orders
    )
    spec, world = device_world(case)
    _, changed = device_world(other)
    # Hindsight may differ, and must: it is the future. Only regret, at the close, reads it.
    before = play(spec, world, device_orders(case))
    after = play(spec, changed, device_orders(case))

    def up_to_cut(played):
        now, outcome, state = played
        outcome = outcome._replace(reward=None, terms=outcome.terms._replace(regret=None))
        return jax.tree.map(lambda leaf: leaf[: cut + 1], (now, outcome, state))

    chex.assert_trees_all_equal(up_to_cut(before), up_to_cut(after))


def given_at_the_next_open(order_fill, fill_ticks: int) -> Case:
    """A long signalled at 1.0 whose fill at the next open the file gives, so many ticks away."""
    quiet = Rules(
        max_bars=3,
        entry_fill="given_next_open",
        order_fill=order_fill,
        min_profit_for_exit=-1.0,
        min_bars_for_exit=0,
    )
    price = 1.0 + fill_ticks * TICK
    later = Bar(Quote(price, price, price, price), Quote(price, price, price, price))
    bars = [Bar(Quote(1.0, 1.0, 1.0, 1.0), Quote(1.0, 1.0, 1.0, 1.0)), later, later, later]
    trade = Trade(0, LONG, 1.0, 1.0 - 900 * TICK, given_fill=price)
    return Case(bars, trade, quiet, [RecordedOrder(EXIT)])


@pytest.mark.parametrize("order_fill", ["next_open", "bar_close"])
def test_an_order_sent_before_the_fill_earns_nothing_from_the_gap_it_cannot_know(
    order_fill,
) -> None:
    """Filled 300 ticks below the signal's close; sold at once: not at that close, at the fill's open."""
    spec, world = device_world(given_at_the_next_open(order_fill, -300))
    _, outcome, after = play(spec, world, device_orders(given_at_the_next_open(order_fill, -300)))
    assert outcome.done[0]
    assert float(after.realised[0]) == 0.0
    assert world.hindsight.best_net[0] == 0.0


def test_decision_0_sees_nothing_of_a_fill_given_for_the_next_open() -> None:
    seen = []
    for ticks in (-300, 200):
        case = given_at_the_next_open("next_open", ticks)
        spec, world = device_world(case)
        now, _, _ = play(spec, world, device_orders(case))
        seen.append(jax.tree.map(lambda leaf: leaf[0], now))
    chex.assert_trees_all_equal(*seen)


def test_dense_reward_is_a_potential_and_regret_is_affine_in_money() -> None:
    """With gamma 1 the dense terms sum to zero; regret is coef * scale * (hindsight - net) exactly."""
    checked = 0
    for seed in range(60):
        case = make_case(numpy_pick(seed), 8)
        rules = replace(case.rules, gamma=1.0, order_fill="next_open", entry_fill="next_open")
        case = replace(case, rules=rules, orders=[replace(o, target=None) for o in case.orders])
        spec, world = device_world(case)
        _, outcome, after = play(spec, world, device_orders(case))
        last = int(np.flatnonzero(outcome.done)[0])
        dense = float(outcome.terms.dense[: last + 1].sum())
        assert dense == pytest.approx(0.0, abs=rules.reward_scale * TINY)
        missed = float(world.hindsight.best_net[0] - after.realised[last])
        expected = -rules.regret_coef * rules.reward_scale * max(missed, 0.0)
        assert outcome.terms.regret[last] == pytest.approx(expected, abs=1e-4)
        checked += missed > 1e-5
    assert checked > 20


@pytest.fixture(scope="module")
def real() -> tuple[Dataset, object, object]:
    experiment = load_experiment("v2_exit_guards")
    dataset = load_dataset(experiment)
    return dataset, *make_world(experiment, dataset, "train")


@pytest.fixture(scope="module")
def states(real):
    """256 states in the middle of real trades, after random actions."""
    _, spec, world = real
    key = jax.random.key(3)

    def play_one(trade, actions):
        def once(state, action):
            after, outcome = step(spec, world, state, order_from_action(action))
            return jax.tree.map(lambda a, b: jnp.where(outcome.done, b, a), after, state), None

        state = reset(spec, world.params, world.market, world.trades, trade)
        return jax.lax.scan(once, state, actions)[0]

    @jax.jit
    def play():
        trades = jax.random.randint(key, (256,), 0, world.trades.entry_bar.shape[0])
        actions = jax.random.choice(key, jnp.array([0, 0, 0, 2, 3, 4]), (256, 12))
        return jax.vmap(play_one)(trades, actions)

    return jax.device_get(play())


def first(states, count: int):
    return jax.tree.map(lambda leaf: leaf[:count], states)


@partial(jax.jit, static_argnames="spec")
def looked_at(spec, world, states):
    """What is known at each state, what the agent sees of it, and what it may do."""

    def look(state):
        now = situation(spec, world.params, world.trades, state)
        return (
            now,
            observe(spec, world.params, world.market, now),
            valid_actions(world.params, now),
        )

    return jax.vmap(look)(states)


def test_observation_is_finite_clipped_and_named(real, states) -> None:
    _, spec, world = real
    seen = np.asarray(looked_at(spec, world, states)[1])
    assert seen.shape == (256, observation_size(spec)) == (256, len(observation_names(spec)))
    assert 25 <= observation_size(spec) <= 32
    assert np.isfinite(seen).all()
    assert np.abs(seen).max() <= 10.0
    spread_of_values = seen.std(axis=0)
    constant = [n for n, s in zip(observation_names(spec), spread_of_values, strict=True) if s == 0]
    assert constant == ["last_exit"], "an observation that never changes tells nothing"


def test_observation_does_not_see_the_next_bar(real, states) -> None:
    """All bars after each state's own are replaced by noise: nothing the agent sees changes."""
    _, spec, world = real
    rows = jnp.arange(world.market.bid.shape[0])
    noise = jax.random.key(0)

    @jax.jit
    def see(replace_future, states):
        return jax.lax.map(partial(see_one, replace_future), states)

    def see_one(replace_future, state):
        later = replace_future & (rows > world.trades.entry_bar[state.trade] + state.k)
        market = jax.tree.map(
            lambda leaf: jnp.where(
                later.reshape(-1, *[1] * (leaf.ndim - 1)),
                jax.random.normal(noise, leaf.shape),
                leaf,
            ),
            world.market,
        )
        now = situation(spec, world.params, world.trades, state)
        return observe(spec, world.params, market, now), valid_actions(world.params, now)

    some = first(states, 32)
    chex.assert_trees_all_equal(see(np.bool_(False), some), see(np.bool_(True), some))


def test_observation_does_not_see_inside_a_bar(real, states) -> None:
    """Finer bars of noise, of the past, the present and the future: nothing the agent sees changes."""
    _, spec, world = real
    bid, ask = np.asarray(world.market.bid), np.asarray(world.market.ask)
    noise = np.random.default_rng(0).standard_normal((len(bid), 2, 3, 4)).astype(np.float32)
    seen = []
    for detail in (unresolved(bid, ask, 4), noise):
        market = world.market._replace(detail=detail)
        seen.append(looked_at(spec, world._replace(market=market), states))
    chex.assert_trees_all_equal(*seen)


@settings(max_examples=30, deadline=None)
@given(cases(), st.integers(0, 10_000))
def test_finer_bars_decide_what_came_first_and_never_whether_a_bar_closes_a_trade(
    plain: Case, seed: int
) -> None:
    case = with_finer_bars(plain, numpy_pick(seed))
    played = []
    for finer in (True, False):
        bars = [replace(bar, finer=bar.finer if finer else ()) for bar in case.bars]
        one = replace(case, bars=bars)
        spec, world = device_world(one, detail=True)
        played.append(play(spec, world, device_orders(one)))
    (_, known, _), (_, assumed, _) = played
    last = int(np.flatnonzero(known.done)[0])
    np.testing.assert_array_equal(known.done[: last + 1], assumed.done[: last + 1])
    assert known.ambiguous[last] <= assumed.ambiguous[last]
    if known.bar_fill.reason[last] != assumed.bar_fill.reason[last]:
        assert assumed.ambiguous[last]
        assert REASONS[known.bar_fill.reason[last]] == "TARGET"


def test_mirrored_market_looks_the_same(real) -> None:
    """The book negated around the entry and every directional column flipped: one observation."""
    _, spec, world = real
    trade = 123
    entry = float(world.trades.entry_price[trade])
    flips = np.ones(world.market.features.shape[1], np.float32)
    for feature in spec.features:
        if feature.directional:
            flips[feature.column_index] = -1.0
    bid, ask, way = (np.asarray(leaf) for leaf in (*world.market[:2], world.trades.direction))
    price, stop = np.asarray(world.trades.entry_price), np.asarray(world.trades.stop)
    turned = [0, 2, 1, 3]  # the high of one side is the low of the other
    market = world.market._replace(
        bid=2 * entry - ask[:, turned],
        ask=2 * entry - bid[:, turned],
        features=np.asarray(world.market.features) * flips,
    )
    trades = world.trades._replace(
        direction=-way, entry_price=2 * entry - price, stop=2 * entry - stop
    )

    @jax.jit
    def see(world):
        def once(state, action):
            return step(spec, world, state, order_from_action(action))[0], None

        state = reset(spec, world.params, world.market, world.trades, jnp.int32(trade))
        state, _ = jax.lax.scan(once, state, np.array([0, 2, 0, 0], np.int32))
        now = situation(spec, world.params, world.trades, state)
        return observe(spec, world.params, world.market, now)

    seen = [see(one) for one in (world, world._replace(market=market, trades=trades))]
    np.testing.assert_allclose(seen[0], seen[1], atol=2e-3)


def test_jit_vmap_and_plain_python_agree(real, states) -> None:
    _, spec, world = real
    some = first(states, 8)
    actions = np.array([0, 1, 2, 3, 4, 0, 2, 1], np.int32)

    def act(state, action):
        return step(spec, world, state, order_from_action(action))

    batched, compiled = jax.device_get(jax.jit(jax.vmap(act))(some, actions)), jax.jit(act)
    for i in range(8):
        state = jax.tree.map(lambda leaf, i=i: leaf[i], some)
        alone = compiled(state, actions[i])
        mine = jax.tree.map(lambda leaf, i=i: leaf[i], batched)
        chex.assert_trees_all_close(mine, alone, rtol=0, atol=1e-6)
        if i < 2:  # plain Python takes its time
            with jax.disable_jit():
                plain = act(jax.tree.map(jnp.asarray, state), jnp.asarray(actions[i]))
            chex.assert_trees_all_close(plain, alone, rtol=0, atol=1e-6)


def test_order_from_action_asks_for_nothing_else() -> None:
    order = order_from_action(jnp.int32(2))
    assert order == Order(jnp.int32(2), jnp.float32(-jnp.inf), jnp.float32(jnp.inf))


def test_hindsight_is_never_beaten_by_market_orders_and_stops(real) -> None:
    """An upper bound on a real market: no sequence of the five actions earns more."""
    _, spec, world = real
    best = compute_hindsight(spec, world.params, world.market, world.trades).best_net

    def play_one(trade, actions):
        state = reset(spec, world.params, world.market, world.trades, trade)

        def once(state, action):
            after, outcome = step(spec, world, state, order_from_action(action))
            frozen = jax.tree.map(lambda a, b: jnp.where(state.remaining > 0, a, b), after, state)
            return frozen, outcome.done

        return jax.lax.scan(once, state, actions)[0].realised

    trades = jnp.arange(0, 7_000, 7)
    actions = jax.random.randint(jax.random.key(0), (trades.shape[0], 200), 0, 5)
    realised = jax.jit(jax.vmap(play_one))(trades, actions)
    assert bool((realised <= best[trades] + 1e-6).all())
    assert float((best[trades] - realised).mean()) > 0.001


def test_the_plain_simulator_and_hypothesis_reach_every_exit() -> None:
    """Guards against a generator that grew tame: see the seeded cases of the reference."""
    reasons = {
        simulate(c.bars, c.trade, c.rules, c.orders).exit_reason
        for c in (make_case(numpy_pick(seed), 8) for seed in range(200))
    }
    assert reasons == {"EXIT", "STOP", "BREAKEVEN_STOP", "TARGET", "TIME"}
