"""Learning when to stop from whole paths: what leaving would have brought is known at every bar.

The market does not answer a small trader, so one pass over a trade's bars tells what every exit would have
earned: no exploration, no rollout of single actions. The rest of the package knows it as a
`learning.Learner`.
"""

from jaxexit.exact.learner import EXACT, ExactLearner

__all__ = ["EXACT", "ExactLearner"]
