"""The policy of a trained version, restored without the data it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxexit.config import Experiment
from jaxexit.data import Dataset, Market, Trades, resolve_features
from jaxexit.data.calendars import FX_CALENDAR
from jaxexit.data.charges import FREE, Charges
from jaxexit.data.features import with_scales
from jaxexit.data.split import SPLITS
from jaxexit.env import EnvSpec, env_spec
from jaxexit.errors import UserError
from jaxexit.lab.trained import TrainedVersion
from jaxexit.lab.training import agent_params, agent_seeds, state_template
from jaxexit.learners import learner_of
from jaxexit.learning import Learner
from jaxexit.store.checkpoints import Which
from jaxexit.store.documents import Provenance, read_document
from jaxexit.units import PIPS, Unit

Array = jax.Array


@dataclass(frozen=True)
class TrainedPolicy:
    """One agent of a version, as one of its checkpoints has it.

    Attributes:
        experiment: the frozen experiment of the run.
        seed: of the agent.
        spec: structure of its environment.
        learner: what it was learned by.
        params: of the policy.
        step: environment steps that it was trained for.
        sha256: of the checkpoint's content.
        unit: of results; None: the run is older than units, which were pips.
        charges: its costs in its market; None as well.
        calendar: name of its market's calendar; None as well.
    """

    experiment: Experiment
    seed: int
    spec: EnvSpec
    learner: Learner
    params: Any
    step: int
    sha256: str
    unit: Unit | None = None
    charges: Charges | None = None
    calendar: str | None = None

    @property
    def masked(self) -> bool:
        """Whether forbidden actions are never taken (guard mode `mask`)."""
        return self.spec.guard_mode == "mask"


def restore_policy(
    version: TrainedVersion, which: Which = "best", seed: int | None = None
) -> TrainedPolicy:
    """The policy of a version's checkpoint.

    Args:
        version: a trained one.
        which: "best", "final", "last", or a step.
        seed: which of several agents; None where the version has one.

    Raises:
        UserError: there is no such checkpoint or agent, or a version of several agents is asked for
            one without saying which.
    """
    experiment = version.experiment
    seeds = agent_seeds(experiment)
    named = ", ".join(map(str, seeds))
    if seed is None and len(seeds) > 1:
        raise UserError(
            f"{experiment.version} has {len(seeds)} agents: choose one with --seed ({named})"
        )
    if seed is not None and seed not in seeds:
        raise UserError(f"--seed: got {seed}, expected one of {named}")
    template = state_template(experiment, _shapes_only(experiment))
    checkpoint = version.folder.checkpoints(experiment).restore(which, template)
    seed = experiment.seed if seed is None else seed
    features = with_scales(resolve_features(experiment.env.features), experiment.scales or {})
    facts = (read_document(version.folder.path / "provenance.json", Provenance) or {}).get("market")
    unit = None if facts is None else Unit(facts["unit"], facts["unit_size"])
    charges = None if facts is None else Charges(**facts["charges"])
    return TrainedPolicy(
        experiment=experiment,
        seed=seed,
        unit=unit,
        charges=charges,
        calendar=None if facts is None else facts["calendar"]["name"],
        spec=env_spec(experiment, features, unit or PIPS),
        learner=learner_of(experiment),
        params=agent_params(experiment, checkpoint, which)[seeds.index(seed)],
        step=checkpoint.step,
        sha256=checkpoint.sha256,
    )


@partial(jax.jit, static_argnames="learner")
def logits_and_values(learner: Learner, params: Any, observation: Array) -> tuple[Array, Array]:
    """[..., observation_size] -> logits [..., 5] and value [...]."""
    return learner.evaluate(params, observation)


def _shapes_only(experiment: Experiment) -> Dataset:
    """A data set of one bar and one trade: no shape in a checkpoint depends on how many there are."""
    features = resolve_features(experiment.env.features)
    columns = 1 + max((feature.column_index for feature in features), default=-1)
    bar, prices = np.zeros(1, np.float32), np.ones((1, 4), np.float32)
    market: Any = (prices, prices, np.zeros((1, columns), np.float32), bar, bar, bar)
    trades: Any = (np.zeros(1, np.int32), *[np.ones(1, np.float32)] * 5)
    return Dataset(
        market=Market(*market),
        times=np.zeros(1, "datetime64[ns]"),
        features=features,
        splits=dict.fromkeys(SPLITS, Trades(*trades)),
        tables={},
        unit=PIPS,
        calendar=FX_CALENDAR,
        charges=FREE,
        costs=None,
        market_description="",
        scales={},
        summary=(),
        fingerprint={},
        counts={},
        padded_to=1,
    )
