"""What the exact learner is made of: its structure, its numbers, its training state."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

Array = jax.Array


class ExactSpec(NamedTuple):
    """Structure of the learner: static under jit, hashable."""

    horizon: int  # decisions of an episode, at most
    trades: int  # episodes laid out in full at each update
    rounds: int  # an update's rounds: returns computed anew, then minibatches
    minibatches: int  # a round
    minibatch_size: int  # decisions, for each member
    members: int  # networks of each price; the mean of all decides
    prices: int  # of departing from the rule, each with members of its own
    hidden_sizes: tuple[int, ...]  # of each member

    @property
    def batch_size(self) -> int:
        """Environment steps an update."""
        return self.trades * self.horizon


class ExactParams(NamedTuple):
    """Every number of the learner that a user tunes: traced scalars."""

    updates: Array  # of the whole run: the learning rate's schedule ends there
    trace_decay: Array
    sharpness: Array  # logits
    anchor: Array  # [prices], falling; 0: begins at what is expected instead of at the rule
    temperature: Array  # of a decision by what is expected, in deviations of one bar's reward
    policy_weight: Array
    early_exit: Array
    learning_rate: Array
    weight_decay: Array
    max_grad_norm: Array
    target_rate: Array
    luck_removed: Array  # share of a bar's luck, where the regression is certain
    uniform_share: Array  # of the decisions that are drawn


class Scaling(NamedTuple):
    """Fixed at the first update, from paths held to their end."""

    mean: Array  # [observation_size]
    inverse: Array  # [observation_size]: 1 / deviation; 0 for what never changes
    reward: Array  # deviation of one bar's reward


class Rule(NamedTuple):
    """The simple rule that learning begins at: leave once one observed number has passed a level."""

    direction: Array  # [observation_size]: weights of the scaled observation, of deviation 1
    level: Array
    spread: Array  # deviation of an episode's result under the rule, scaled, its luck removed

    def margin(self, inputs: Array) -> Array:
        """[..., observation_size] -> [...]: how far beyond the level, in deviations of the number."""
        return inputs @ self.direction - self.level


class Drift(NamedTuple):
    """What one more bar is expected to bring, scaled: a regression for each fold of the episodes."""

    weights: Array  # [folds, features]
    terms: Array  # int32: features that it has
    explained: Array  # share of the changes' mean square that it predicts in other folds
    share: Array  # of a bar's luck that is removed


class TrainState(NamedTuple):
    """Everything that a run needs to be resumed bit for bit."""

    members: Any  # parameters, leaves [members, ...]
    averaged: Any  # the same, averaged: what computes returns, and the policy
    policy: Any  # `averaged` as one network of plain layers: what is validated and backtested
    optimiser: Any
    scaling: Scaling
    rule: Rule
    drift: Drift
    key: Array  # typed PRNG key
    update: Array  # int32: updates done


class Paths(NamedTuple):
    """Episodes held to their end, with what stopping would have brought at every decision. [H, N] each."""

    observation: Array  # [H, N, observation_size]
    hold: Array  # reward of continuing
    leave: Array  # reward of stopping
    can_leave: Array  # bool: stopping ended the episode (no guard forbade it)
    alive: Array  # bool: the episode reached this decision
    ends: Array  # bool: continuing ended the episode
