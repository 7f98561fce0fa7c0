"""`benchmark train --peers`: other learners on the fixed job, timed in turn with it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from benchmarks.peers.work import Learner, Work
from jaxexit.benchmark.job import Job
from jaxexit.benchmark.timing import Stopwatch, timed
from jaxexit.config import Experiment
from jaxexit.errors import UserError
from jaxexit.store.provenance import package_version

PATIENCE = 30.0  # seconds an update of a peer may take; a slower one gets shorter rollouts
SHORTEST = 8  # the fraction of a rollout with which a peer on the host is tried first
OURS = "ours"
Say = Callable[[str], None]


class Peer(NamedTuple):
    """A learner to be timed.

    Attributes:
        name: what it is called.
        module: where it is; imported only if what it needs is installed.
        made_by: the class there.
        needs: installed packages, by the names of pip; the first one's version is the peer's.
        network: what it computes.
        on_host: it steps the environments from Python, so that its rollouts may be shortened at will.
    """

    name: str
    module: str
    made_by: str
    needs: tuple[str, ...]
    network: str
    on_host: bool = False

    def missing(self) -> list[str]:
        """What it needs and is not installed."""
        return [name for name in self.needs if find_spec(name.replace("-", "_")) is None]

    def make(self, work: Work) -> Learner:
        """The learner, not yet run."""
        return getattr(import_module(self.module), self.made_by)(work)


PLACE = "benchmarks.peers"
PEERS = (
    Peer(
        "PureJaxRL-style",
        f"{PLACE}.purejaxrl",
        "PureJaxRL",
        ("flax", "optax"),
        "the same network",
    ),
    Peer(
        "rejax",
        f"{PLACE}.rejax_ppo",
        "Rejax",
        ("rejax", "gymnax"),
        "separate networks for policy and value, no LayerNorm",
    ),
    Peer(
        "Stable-Baselines3",
        f"{PLACE}.sb3",
        "StableBaselines3",
        ("stable-baselines3", "torch"),
        "the same network",
        on_host=True,
    ),
    Peer(
        "PyTorch",
        f"{PLACE}.torch_ppo",
        "TorchPPO",
        ("torch",),
        "the same trunk, heads with a hidden layer of half its width",
        on_host=True,
    ),
)
PACKAGES = tuple(dict.fromkeys(name for peer in PEERS for name in peer.needs))


def check(experiment: Experiment) -> None:
    """That peers can do the job of an experiment.

    Raises:
        UserError: it masks actions, which no peer can.
    """
    if experiment.guards.mode == "mask":
        raise UserError(
            "guards.mode: got mask, which the peers of --peers cannot do; expected penalise"
        )


def measure(job: Job, advance: Callable[[], Any], updates: int, say: Say) -> list[dict[str, Any]]:
    """What each peer does in turn with the learner itself; ratios from the same run.

    Args:
        job: the fixed job.
        own: one update of the learner itself, compiled.
        updates: timed updates of each.
        say: called with what is being measured.
    """
    check(job.experiment)
    work = Work(job.learner, job.task, job.hyper, job.world)
    learners, works = {}, {}
    for peer in PEERS:
        if not peer.missing():
            say(f"{peer.name}, first update")
            learners[peer.name], works[peer.name] = _made(peer, work)
    watch = Stopwatch(
        {OURS: advance} | {name: learner.advance for name, learner in learners.items()}
    )
    for number in range(updates):
        watch.round(lambda name, n=number: say(f"{name}, {n + 1} of {updates}"))
    ours = watch[OURS].rate(work.learner.batch_size)
    records = []
    for peer in PEERS:
        record: dict[str, Any] = {"name": peer.name, "network": peer.network}
        record["versions"] = {name: package_version(name) for name in peer.needs}
        record["missing"] = peer.missing()
        if not record["missing"]:
            learner = works[peer.name].learner
            theirs = watch[peer.name].rate(learner.batch_size)
            record |= {
                "num_steps": learner.num_steps,
                "shortened": learner.num_steps < work.learner.num_steps,
                "update_seconds": watch[peer.name].as_json(),
                "steps_per_second": theirs,
                "ours_over_theirs": ours["median"] / theirs["median"],
            }
        records.append(record)
    return records


def _made(peer: Peer, work: Work) -> tuple[Learner, Work]:
    """A peer that was run once, and its work: shorter where a whole update would take too long."""
    if peer.on_host:
        work = work.shortened(_affordable(peer, work))
    learner = peer.make(work)
    timed(learner.advance)
    return learner, work


def _affordable(peer: Peer, work: Work) -> int:
    """Steps of a rollout whose update is done in time, from the time that a short one takes."""
    steps, envs = work.learner.num_steps, work.learner.num_envs
    least = -(-work.learner.minibatch_size // envs)
    short = max(least, steps // SHORTEST)
    trial = peer.make(work.shortened(short))
    timed(trial.advance)  # compiles the environment's step
    seconds, _ = timed(trial.advance)
    while steps > short and seconds * steps / short > PATIENCE:
        steps = max(short, steps // 2)
    return steps
