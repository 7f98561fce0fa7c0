"""The reward, term by term. Units: fractions of the entry price times `reward_scale` for money.

The dense term is a difference of potentials and therefore cannot change which policy is best
(Ng, Harada and Russell 1999). The regret's hindsight is a constant of the trade, so regret re-weights
money against time and nothing else. Neither is ever reported as a return: results come from `Outcome.net`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxexit.env.types import TIGHTEN_SL, TRAIL_BE, RewardTerms, RewardWeights

Array = jax.Array

TIME_SIGMOID_SLOPE = 0.05  # per bar


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
    return RewardTerms(
        realised=weights.w_realized * scale * net,
        dense=scale * (weights.gamma * potential_after - potential_before),
        regret=jnp.where(
            done, -weights.regret_coef * scale * jnp.maximum(0.0, best_net - realised), 0.0
        ),
        time=jnp.where(done, 0.0, -weights.time_coef * jax.nn.sigmoid(bars_late)),
        action_cost=-weights.tighten_sl_cost * (action == TIGHTEN_SL)
        - weights.trail_sl_cost * (action == TRAIL_BE),
        invalid=-weights.invalid_action_penalty * blocked,
        drawdown=jnp.where(done, 0.0, -weights.risk_coef * scale * excess_drawdown),
    )
