"""PPO (Schulman et al. 2017), compiled end to end.

The rest of the package knows it as a `learning.Learner`; the other names are for its benchmark and tests.
"""

from jaxexit.ppo.learner import PPO, PPOLearner, ppo_learner, ppo_params
from jaxexit.ppo.types import PPOParams

__all__ = ["PPO", "PPOLearner", "PPOParams", "ppo_learner", "ppo_params"]
