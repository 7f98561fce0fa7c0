"""A small market, an untrained network and hand-written rules: what rules and code are tried on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxexit.config import Experiment, load_experiment
from jaxexit.data import Dataset, load_dataset
from jaxexit.distil.code import Source, source
from jaxexit.distil.rule import Condition, Line, Rule, rule_params
from jaxexit.distil.walk import Met, Walker
from jaxexit.env import observation_size
from jaxexit.evaluate import Backtest
from jaxexit.learners import learner_of
from jaxexit.policies import initial_params, network_spec
from tests.support import tiny

LINES = 5
GUARDED = """
costs: {spread_pips: 0.0}
guards:
  {min_profit_for_exit: 0.0003, min_bars_for_exit: 2, min_profit_for_partial: 0.0007, min_bars_for_partial: 3,
    min_bars_for_trail: 2, exit_allows_loss: true, tighten_cooldown: 3}
"""


def rule(*lines: tuple[str, str]) -> Rule:
    """A rule in short: ("EXIT", "unrealised > 1.8 and bars_held <= 12"), ..."""
    made = []
    for action, text in lines:
        parts = [part.split() for part in text.split(" and ")]
        conditions = [Condition(name, sign == ">", float(than)) for name, sign, than in parts]
        made.append(Line(tuple(conditions), action))
    return Rule(tuple(made))


EVERY_ACTION = rule(
    ("EXIT", "unrealised > 1.2 and behind_best_atr > 0.6"),
    ("PARTIAL", "unrealised_atr > 0.7 and rsi > 0.05"),
    ("TRAIL_BE", "mfe > 0.6 and given_back <= 0.3"),
    ("TIGHTEN_SL", "bars_since_best > 2 and adx <= 0.3"),
    ("EXIT", "bars_held > 14"),
)
"""Each action of the environment, and guards that hold each of them back."""


@dataclass(frozen=True)
class Ground:
    """Where rules are played."""

    experiment: Experiment
    dataset: Dataset
    backtest: Backtest
    walker: Walker

    def walk(self, rule: Rule, *, by_rule: bool = True) -> Met:
        """Every decision of the split."""
        params = rule_params(rule, self.walker.spec, LINES)
        every = np.arange(len(self.dataset.tables["test"]))
        return self.walker.walk(every, params, by_rule=by_rule)

    def source(self, rule: Rule) -> Source:
        """What code of a rule is written from."""
        return source(
            rule,
            self.walker.spec,
            self.experiment,
            checkpoint="0" * 64,
            charges=self.dataset.charges,
        )


def ground(folder: Path, more: str = GUARDED) -> Ground:
    """A market in a folder."""
    experiment = load_experiment(tiny.write_tiny(folder, more=more))
    dataset = load_dataset(experiment)
    backtest = Backtest(experiment, dataset, "test")
    size = observation_size(backtest.spec)
    params = initial_params(network_spec(experiment.network), size, (0,))
    horizon = experiment.env.max_bars
    walker = Walker(backtest.spec, learner_of(experiment), params, backtest.world, horizon)
    return Ground(experiment, dataset, backtest, walker)
