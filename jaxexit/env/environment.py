"""The environment's `step`: a pure function of one trade; batch it with `vmap`.

Training, backtest, baselines, audits, the report and live use all call this `step`. The timeline
(docs: "Timeline of a trade"): decision k is taken at the close of bar e+k; a market order sent there fills
at the open of bar b = e+k+1 (or at that close); stops and targets then meet bar b. Written in long form.
"""

from __future__ import annotations

import chex
import jax
import jax.numpy as jnp

from jaxexit.env.book import (
    commission_fraction,
    fill_stop,
    fill_target,
    first_touched,
    holding_fractions,
    late_entry,
    market_net,
    net_fraction,
    quote,
    slippage,
)
from jaxexit.env.guards import blocks
from jaxexit.env.orders import level_wanted, order_reason, size_wanted
from jaxexit.env.reward import reward_terms
from jaxexit.env.situation import situation
from jaxexit.env.types import (
    BY_BREAKEVEN_STOP,
    BY_STOP,
    BY_TARGET,
    BY_TIME,
    HOLD,
    NOT_CLOSED,
    PARTIAL,
    TIGHTEN_SL,
    CostFractions,
    EnvParams,
    EnvSpec,
    EnvState,
    Fill,
    Order,
    Outcome,
    Situation,
    World,
)

Array = jax.Array


def _moved_stop(params: EnvParams, now: Situation, action: Array, asked: Array) -> Array:
    """The stop in force from the coming bar on, from what is known at the decision."""
    distance = params.orders.min_stop_distance * jnp.abs(now.entry)
    wanted = jnp.maximum(level_wanted(params, now, action), asked)
    candidate = jnp.minimum(wanted, now.close - distance)
    return jnp.maximum(now.stop, candidate)


def step(spec: EnvSpec, world: World, state: EnvState, order: Order) -> tuple[EnvState, Outcome]:
    """Take decision k and let bar e+k+1 pass.

    Args:
        spec: static structure.
        world: numbers, bars (one row is gathered, two if orders fill at the close), trades, and the
            hindsight that only the reward reads.
        state: an open trade (`remaining` > 0) at decision k.
        order: what the policy asks for.

    Returns:
        The state at decision k+1 (`remaining` is 0 if the trade has closed) and what happened.
    """
    chex.assert_rank(jax.tree.leaves((state, order)), 0)  # one trade: `vmap` batches
    params, market, trades = world.params, world.market, world.trades
    costs = params.costs
    now = situation(spec, params, trades, state)

    # 1. Guards turn a forbidden action into HOLD.
    fired = blocks(params, now)[:, order.action]
    blocked = fired.any()
    action = jnp.where(blocked, HOLD, order.action)

    bar = quote(market, now.bar + 1, now.direction)
    entry, half_spread_in = state.entry, state.entry_half_spread
    mfe, mae = state.mfe, state.mae
    fills_now = jnp.bool_(False)  # whether the position comes into being at this bar's open
    if spec.enters_next_bar:
        fills_now = state.k == 0
        fill, half_spread = late_entry(spec, bar, trades, state.trade)
        entry = jnp.where(fills_now, fill, entry)
        half_spread_in = jnp.where(fills_now, half_spread, half_spread_in)
        # What decision 0 showed was provisional; the excursions begin with the fill.
        mfe = jnp.where(fills_now, -jnp.inf, mfe)
        mae = jnp.where(fills_now, jnp.inf, mae)

    # 2. EXIT and PARTIAL send a market order.
    sold = jnp.minimum(size_wanted(params, now, action), state.remaining)
    left = state.remaining - sold
    order_price, order_bar, half_spread_order = bar.open, now.bar + 1, bar.half_spread_open
    if spec.order_fill == "bar_close":
        # Nothing can be sold before it was bought: where the entry fills at an open, that open.
        close_half_spread = 0.5 * (market.ask[now.bar, 3] - market.bid[now.bar, 3])
        order_price = jnp.where(fills_now, bar.open, state.close)
        order_bar = jnp.where(fills_now, now.bar + 1, now.bar)
        half_spread_order = jnp.where(fills_now, bar.half_spread_open, close_half_spread)
    order_slippage = slippage(costs, order_price)
    order_price = order_price - order_slippage

    # 3. The stop moves on what is known at decision k, and acts from the coming bar on.
    stop = _moved_stop(params, now, action, order.stop)

    # 4. What is still open meets the bar: the stop first, then the target.
    still_open = left > 0
    target = order.target
    if trades.inside_bar is not None:  # the bar may have reached the target before the fill
        target = jnp.where(fills_now & trades.inside_bar[state.trade], jnp.inf, target)
    met = bar
    if market.detail is not None:  # it meets the bar's finer bars, one after the other
        met = first_touched(market.detail, now.bar + 1, now.direction, stop, target)
    stop_reached, stop_price = fill_stop(stop, met.open, met.low)
    target_reached, target_price = fill_target(target, met.open, met.high)
    stopped = still_open & stop_reached
    gapped = bar.open <= stop
    jumped = gapped if market.detail is None else met.open <= stop  # inside the bar, perhaps
    on_target = still_open & target_reached & ~stop_reached
    # 6. The horizon, or the end of a session: real money, at the close.
    last = state.k + 1 >= params.orders.max_bars
    if market.flat is not None:
        last |= market.flat[now.bar + 1]
    timed_out = still_open & ~stopped & ~on_target & last
    bar_closed = stopped | on_target | timed_out
    stop_slippage, close_slippage = (slippage(costs, price) for price in (stop_price, bar.close))
    bar_price = jnp.where(
        stopped,
        stop_price - stop_slippage,
        jnp.where(on_target, target_price, bar.close - close_slippage),
    )
    bar_size = jnp.where(bar_closed, left, 0.0)
    remaining = left - bar_size
    done = remaining <= 0
    at_open = (stopped & gapped) | (on_target & (bar.open >= order.target))
    half_spread_bar = jnp.where(at_open, bar.half_spread_open, bar.half_spread_close)
    moved = stop > now.direction * trades.stop[state.trade]
    stop_reason = jnp.where(moved & (stop >= entry), BY_BREAKEVEN_STOP, BY_STOP)
    bar_reason = jnp.where(stopped, stop_reason, jnp.where(on_target, BY_TARGET, BY_TIME))

    # Money. Swap is charged as a rollover is crossed, on the size that crosses it. Between two bars: an
    # order at the open fills after the crossing, an order at the close before it. Inside the bar (four
    # hours and longer): on what is open through it; where it closes inside, before or after the rollover
    # is unknown, so swap that costs is charged and swap that is a credit is not granted.
    crossing = state.remaining if spec.order_fill == "next_open" else left
    crossing = jnp.where(fills_now, 0.0, crossing)
    crossed, inside = holding_fractions(costs, market, now.bar + 1, now.direction, entry)
    swap, inside = crossing * crossed, left * inside
    closed_inside = (stopped | on_target) & ~at_open
    inside = jnp.where(closed_inside, jnp.maximum(inside, 0.0), inside)
    swap += jnp.where((stopped | on_target) & at_open, 0.0, inside)
    order_net = net_fraction(costs, order_price, entry, sold)
    bar_net = net_fraction(costs, bar_price, entry, bar_size, on_target)
    net = sold * order_net + bar_size * bar_net - swap
    realised = state.realised + net
    size_entry = jnp.abs(entry)
    charged = CostFractions(
        spread=(
            sold * (half_spread_in + half_spread_order)
            + bar_size * (half_spread_in + half_spread_bar)
        )
        / size_entry,
        commission=sold * commission_fraction(costs, order_price, entry, sold)
        + bar_size * commission_fraction(costs, bar_price, entry, bar_size, on_target),
        slippage=(
            sold * order_slippage
            + jnp.where(on_target, 0.0, bar_size)
            * jnp.where(stopped, stop_slippage, close_slippage)
        )
        / size_entry,
        swap=swap,
    )

    # Excursions: a bar held to its end counts whole; one in which the trade closed only by its fills,
    # since its extremes may come after them.
    profit = market_net(costs, bar.close, entry, remaining)
    best = jnp.where(sold > 0, order_net, -jnp.inf)
    worst = jnp.where(sold > 0, order_net, jnp.inf)
    best = jnp.maximum(best, jnp.where(bar_closed, bar_net, -jnp.inf))
    worst = jnp.minimum(worst, jnp.where(bar_closed, bar_net, jnp.inf))
    held_whole = ~done | timed_out
    best = jnp.where(held_whole, market_net(costs, bar.high, entry, left), best)
    worst = jnp.where(held_whole, market_net(costs, bar.low, entry, left), worst)
    mfe = jnp.maximum(mfe, best)
    mae = jnp.minimum(mae, worst)

    terms = reward_terms(
        params.reward,
        k=state.k,
        action=action,
        blocked=blocked,
        done=done,
        net=net,
        realised=realised,
        best_net=world.hindsight.best_net[state.trade],
        profit_before=now.profit,
        remaining_before=state.remaining,
        profit_after=profit,
        remaining_after=remaining,
        mfe_after=mfe,
    )
    after = EnvState(
        trade=state.trade,
        k=state.k + 1,
        entry=entry,
        entry_half_spread=half_spread_in,
        stop=stop,
        close=bar.close,
        remaining=remaining,
        partials_used=state.partials_used + (action == PARTIAL),
        last_action=action,
        last_tighten=jnp.where(action == TIGHTEN_SL, state.k, state.last_tighten),
        mfe=mfe,
        mae=mae,
        realised=realised,
    )
    outcome = Outcome(
        reward=jax.tree.reduce(jnp.add, terms),
        terms=terms,
        done=done,
        action=action,
        blocked=blocked,
        fired=fired,
        profit=now.profit,
        stop=now.direction * stop,
        order_fill=Fill(
            size=sold,
            bar=order_bar,
            price=now.direction * order_price,
            reason=jnp.where(sold > 0, order_reason(action), NOT_CLOSED),
        ),
        bar_fill=Fill(
            size=bar_size,
            bar=now.bar + 1,
            price=now.direction * bar_price,
            reason=jnp.where(bar_closed, bar_reason, NOT_CLOSED),
        ),
        ambiguous=stopped & ~jumped & target_reached,
        net=net,
        costs=charged,
        bars_held=state.k + still_open,
        mfe=mfe,
        mae=mae,
    )
    return after, outcome
