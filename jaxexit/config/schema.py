"""The `Experiment`: everything that decides a result. Frozen, strict; every field says its unit.

Its sections are in `market`, `trading` and `learning`. Shapes and structure are read from here once, as
static arguments; every other number becomes a traced leaf (see `env.params`, `ppo.learner`), so changing it
never recompiles.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from jaxexit.config.kinds import MOST_SEEDS, Section, Seed
from jaxexit.config.learning import PPO, Evaluation, Exact, LearnerName, Network, Tracking
from jaxexit.config.market import Costs, Data, Recipe
from jaxexit.config.trading import Env, Guards, Reward

SET_BY_PROGRAM = (
    "version",
    "parent",
    "overrides",
    "recipe",
    "scales",
    "precision_used",
)  # fields that no file may write


class Experiment(Section):
    """One version: everything that decides its result."""

    version: str = Field(description="name, from the file: v<N>_<what_changed>")
    parent: str | None = Field(default=None, description="version that the file extends")
    overrides: tuple[str, ...] = Field(default=(), description="what --set changed")
    recipe: Recipe | None = Field(default=None, description="what data.recipe names, read")
    scales: dict[str, float] | None = Field(
        default=None,
        description="what columns of features are divided by, by name, as it was fixed at training",
    )
    precision_used: Literal["float32", "bfloat16"] | None = Field(
        default=None,
        description="what network.precision: auto became where the training began, which has it in its "
        "provenance",
    )
    description: str = Field(default="", description="what this version is")
    hypothesis: str = Field(default="", description="what it is expected to show")
    seed: Seed = Field(default=0, description="seed of every random number of the run")
    seeds: Annotated[int, Field(ge=1, le=MOST_SEEDS)] = Field(
        default=1,
        description="agents trained side by side, seeds seed, seed + 1, ...; the result is that of all",
    )
    data: Data = Data()
    costs: Costs = Costs()
    env: Env = Env()
    guards: Guards = Guards()
    reward: Reward = Reward()
    learner: LearnerName = Field(
        default="ppo", description="what learns; its settings are the section of that name"
    )
    ppo: PPO = PPO()
    exact: Exact = Exact()
    network: Network = Network()
    evaluation: Evaluation = Evaluation()
    tracking: Tracking = Tracking()

    @model_validator(mode="after")
    def _given_prices_come_from_a_file(self) -> Experiment:
        if self.env.entry_fill == "given" and self.data.entries != "trades":
            raise ValueError(
                "env.entry_fill: got 'given', expected 'next_open' or 'bar_close' with data.entries "
                f"'{self.data.entries}'"
            )
        return self

    @model_validator(mode="after")
    def _every_agent_has_a_seed(self) -> Experiment:
        if self.seed + self.seeds > 2**32:
            raise ValueError(
                f"seeds: got {self.seeds}, expected at most {2**32 - self.seed} with seed {self.seed}"
            )
        return self
