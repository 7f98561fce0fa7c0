"""What learns (`learner`), its sections `ppo` and `network`, and the sections `evaluation` and `tracking`.

A new learner is a name in `LearnerName` and a section of that name in `schema.Experiment`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from jaxexit.config.kinds import Count, NonNegative, Positive, Section, Share, UnitInterval
from jaxexit.errors import ConfigError

MOST_SIDE = 2**20  # environments, and steps of each
MOST_SAMPLES = 2**28  # a rollout of 30 numbers each: 32 GB
MOST_EPOCHS = 1000
MOST_UNITS = 8192
MOST_LAYERS = 16

Side = Annotated[int, Field(ge=1, le=MOST_SIDE)]
Units = Annotated[int, Field(ge=1, le=MOST_UNITS)]

LearnerName = Literal["ppo", "exact"]  # those of `learners.LEARNERS`
LENGTH: dict[LearnerName, str] = {"ppo": "ppo.total_timesteps", "exact": "exact.updates"}
"""The key that says how long a learner trains."""


def check_counts_steps(learner: LearnerName, option: str) -> None:
    """Whether `option`, a number of environment steps, is how long a learner trains.

    Raises:
        ConfigError: its length is another number.
    """
    if LENGTH[learner] != LENGTH["ppo"]:
        raise ConfigError(
            f"{option}: learner {learner} does not count steps; set {LENGTH[learner]}"
        )


class PPO(Section):
    """Proximal policy optimisation."""

    num_envs: Side = Field(default=64, description="environments played side by side")
    num_steps: Side = Field(default=2048, description="steps of each environment between updates")
    total_timesteps: Count = Field(
        default=10_000_000,
        description="environment steps of the whole run, rounded up to whole updates",
    )
    num_epochs: Annotated[int, Field(ge=1, le=MOST_EPOCHS)] = Field(
        default=10, description="passes over each rollout, at most"
    )
    minibatch_size: Count = Field(default=2048, description="samples a gradient step")
    gamma: UnitInterval = Field(default=0.99, description="discount a bar")
    gae_lambda: UnitInterval = Field(default=0.95, description="lambda of the advantage estimate")
    clip_epsilon: Positive = Field(default=0.2, description="clip of the probability ratio")
    value_clip: Positive = Field(
        default=0.2, description="clip of the value's change, in reward units"
    )
    value_coef: NonNegative = Field(default=0.5, description="weight of the value loss")
    target_kl: Positive | None = Field(
        default=0.015,
        description="nats: no minibatch is applied once the KL is above; null: never stop",
    )
    learning_rate: Positive = Field(default=3e-4, description="Adam's rate at the start")
    learning_rate_end: NonNegative = Field(
        default=1e-5, description="Adam's rate at the end; linear"
    )
    max_grad_norm: Positive = Field(default=0.5, description="clip of the gradient's global norm")
    entropy_coef_start: NonNegative = Field(
        default=0.05, description="weight of the entropy at the start"
    )
    entropy_coef_end: NonNegative = Field(
        default=0.001, description="weight of the entropy at the end"
    )
    entropy_anneal_steps: Count = Field(
        default=5_000_000, description="environment steps from start to end; linear"
    )

    polyak_window: UnitInterval = Field(
        default=0.0,
        description="share of the run's updates over which parameters are averaged (exponentially) for "
        "validation and backtest; 0: the last parameters",
    )

    @model_validator(mode="after")
    def _consistent(self) -> PPO:
        batch = self.num_envs * self.num_steps
        if batch > MOST_SAMPLES:
            raise ValueError(
                f"num_steps: got {self.num_steps}, expected at most {MOST_SAMPLES // self.num_envs} "
                f"with num_envs {self.num_envs}"
            )
        if self.minibatch_size > batch or batch % self.minibatch_size:
            raise ValueError(
                f"minibatch_size: got {self.minibatch_size}, expected a divisor of "
                f"num_envs x num_steps = {batch}"
            )
        if self.total_timesteps < batch:
            raise ValueError(
                f"total_timesteps: got {self.total_timesteps}, expected at least one update: "
                f"num_envs x num_steps = {batch}"
            )
        for name in ("entropy_coef", "learning_rate"):
            start = getattr(self, f"{name}_start" if name == "entropy_coef" else name)
            end = getattr(self, f"{name}_end")
            if end > start:
                raise ValueError(f"{name}_end: got {end}, expected at most its start, {start}")
        return self


class Exact(Section):
    """Learning from whole paths when to leave: HOLD and EXIT only."""

    updates: Count = Field(default=10, description="updates of the whole run")
    trades: Annotated[int, Field(ge=1, le=MOST_SIDE)] = Field(
        default=1024, description="trades laid out in full at each update"
    )
    rounds: Count = Field(
        default=4, description="times that returns are computed anew in an update"
    )
    minibatches: Count = Field(default=30, description="gradient steps a round")
    minibatch_size: Count = Field(
        default=1024, description="decisions a gradient step, for each member"
    )
    members: Annotated[int, Field(ge=1, le=64)] = Field(
        default=3, description="networks of each price; the mean of all decides"
    )
    hidden_sizes: tuple[Units, ...] = Field(
        default=(32, 32),
        min_length=1,
        max_length=MOST_LAYERS,
        description="units a layer, of each member",
    )
    trace_decay: UnitInterval = Field(
        default=0.97,
        description="share of a path's own future that is believed, a bar; the rest is what is expected",
    )
    policy_weight: UnitInterval = Field(
        default=0.5,
        description="weight of the result of the decisions against the error of what is expected",
    )
    sharpness: Positive = Field(
        default=6.0,
        description="logits a deviation of the rule's number by which it leaves beyond its level",
    )
    anchor: tuple[NonNegative, ...] = Field(
        default=(1.0, 0.0),
        min_length=1,
        max_length=8,
        description="prices of departing from the rule, decreasing; 0: starts from the estimated advantage",
    )
    temperature: Positive = Field(
        default=0.2,
        description="where the price is 0: how far apart leaving and holding are before one is certain, in "
        "deviations of a bar",
    )
    luck_removed: UnitInterval = Field(
        default=0.75,
        description="share of each bar's change that gives way to the change expected by regression",
    )
    uniform_share: UnitInterval = Field(
        default=0.5,
        description="share of the decisions sampled uniformly; the rest as often as the policy meets them",
    )
    early_exit: UnitInterval = Field(
        default=0.7,
        description="how surely learning leaves where the policy does; below 1 it sees what comes after",
    )
    learning_rate: Positive = Field(
        default=3e-3, description="Adam's rate at the start; cosine to 0"
    )
    weight_decay: NonNegative = Field(default=1e-4, description="decoupled weight decay")
    max_grad_norm: Positive = Field(default=1.0, description="clip of the gradient's global norm")
    target_rate: Share = Field(
        default=0.2, description="share of the newest parameters in what decides, a round"
    )

    @model_validator(mode="after")
    def _falling(self) -> Exact:
        if list(self.anchor) != sorted(set(self.anchor), reverse=True):
            raise ValueError(f"anchor: got {list(self.anchor)}, expected prices that fall")
        return self


class Network(Section):
    """The actor-critic's shared trunk."""

    hidden_sizes: tuple[Units, ...] = Field(
        default=(256, 256), min_length=1, max_length=MOST_LAYERS, description="units a layer"
    )
    layer_norm: bool = Field(default=True, description="LayerNorm after each dense layer")
    initial_hold_probability: Share | None = Field(
        default=None,
        description="probability of HOLD before any learning, the others share the rest; null: uniform",
    )
    precision: Literal["float32", "bfloat16", "auto"] = Field(
        default="float32",
        description="of the factors of every matrix product while learning; sums, parameters and all else "
        "are float32, and so are validation, backtest and advice (products of float32 on an NVIDIA GPU are "
        "TF32, JAX's default there). auto: bfloat16 where the device is faster with it, decided once, when "
        "the training begins",
    )


class Evaluation(Section):
    """When a run is validated and saved."""

    validate_every: Count = Field(default=5, description="updates between two validations (greedy)")
    checkpoint_every: Count = Field(default=10, description="updates between two checkpoints")
    score: Literal["net_pips_mean"] = Field(
        default="net_pips_mean",
        description="what selects the best checkpoint, on validation: the mean net result a trade in "
        "data.unit, whatever that is",
    )


class Tracking(Section):
    """Where metrics go besides metrics.jsonl."""

    wandb: Literal["disabled", "online", "offline"] = Field(
        default="disabled", description="W&B mode"
    )
    project: str = Field(default="jaxexit", description="W&B project")
    entity: str | None = Field(default=None, description="W&B entity; null: your default")
    group: str | None = Field(default=None, description="W&B group")
    tags: tuple[str, ...] = Field(default=(), description="W&B tags")
    artifacts: bool = Field(
        default=False,
        description="upload results, report and checkpoint to W&B when the run has ended",
    )
    tensorboard: bool = Field(
        default=False,
        description='also write TensorBoard event files (pip install "jaxexit[tensorboard]")',
    )
