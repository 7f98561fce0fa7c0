"""The reward, term by term.

To add a term, give it a field in `RewardTerms`, its formula in `reward_terms`, and its weight (0 by default:
what was trained before must not change) in `RewardWeights` and in the section `reward` of `config.trading`;
the second simulator (`truth.reference`) needs it too.

Units: fractions of the entry price times `reward_scale` for money.

The dense term is a difference of potentials and therefore cannot change which policy is best
(Ng, Harada and Russell 1999). The regret's hindsight is a constant of the trade, so regret re-weights
money against time and nothing else. Neither is ever reported as a return: results come from `Outcome.net`.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxexit.config.actions import ACTIONS

Array = jax.Array

TIME_SIGMOID_SLOPE = 0.05  # per bar


class RewardWeights(NamedTuple):
    """Weights of the reward's terms: the section `reward`, and the learner's discount. Scalars, float32."""

    w_realized: Array
    w_mtm: Array
    reward_scale: Array
    regret_coef: Array
    time_coef: Array
    time_sigmoid_center: Array  # bars
    tighten_sl_cost: Array
    trail_sl_cost: Array
    invalid_action_penalty: Array
    risk_coef: Array
    dd_threshold: Array  # net fraction
    gamma: Array  # the learner's discount: the dense term is a potential in it


class RewardTerms(NamedTuple):
    """What the agent was paid for, term by term; the reward is their sum. Scalars."""

    realised: Array
    dense: Array
    regret: Array
    time: Array
    action_cost: Array
    invalid: Array
    drawdown: Array


def reward_terms(
    weights: RewardWeights,
    *,
    k: Array,
    action: Array,
    blocked: Array,
    done: Array,
    net: Array,
    realised: Array,
    best_net: Array,
    profit_before: Array,
    remaining_before: Array,
    profit_after: Array,
    remaining_after: Array,
    mfe_after: Array,
) -> RewardTerms:
    """All terms of one step. Scalars; money in net fractions of the entry price.

    Args:
        weights: the experiment's reward numbers.
        k: the decision's index.
        action: the effective action.
        blocked: whether a guard turned the chosen action into HOLD.
        done: whether the trade closed in this step.
        net: net fraction realised in this step.
        realised: net fraction realised since entry, this step included.
        best_net: the trade's hindsight.
        profit_before: unrealised net fraction per open unit at decision k; likewise `_after` at k+1.
        remaining_before: share of the size open at decision k; likewise `_after` at k+1.
        mfe_after: best unrealised net fraction up to k+1.
    """
    scale = weights.reward_scale
    potential_before = weights.w_mtm * remaining_before * profit_before
    potential_after = jnp.where(done, 0.0, weights.w_mtm * remaining_after * profit_after)
    bars_late = TIME_SIGMOID_SLOPE * (k - weights.time_sigmoid_center)
    excess_drawdown = jnp.maximum(0.0, mfe_after - profit_after - weights.dd_threshold)
    action_costs = reduce(
        jnp.add,
        [getattr(weights, a.cost) * (action == i) for i, a in enumerate(ACTIONS) if a.cost],
    )
    return RewardTerms(
        realised=weights.w_realized * scale * net,
        dense=scale * (weights.gamma * potential_after - potential_before),
        regret=jnp.where(
            done, -weights.regret_coef * scale * jnp.maximum(0.0, best_net - realised), 0.0
        ),
        time=jnp.where(done, 0.0, -weights.time_coef * jax.nn.sigmoid(bars_late)),
        action_cost=-action_costs,
        invalid=-weights.invalid_action_penalty * blocked,
        drawdown=jnp.where(done, 0.0, -weights.risk_coef * scale * excess_drawdown),
    )
