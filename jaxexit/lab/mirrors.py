"""Where a run's metrics are shown besides metrics.jsonl: Weights & Biases, TensorBoard.

Both are views. A mirror may fail in any way (no network, no login, a crash of its service, a full disk): that
is said once, and training goes on without it. It does not slow training either: W&B's service is a process of
its own that is handed each line and sends it when it can, TensorBoard's file is appended to by a thread.
"""

from __future__ import annotations

import contextlib
import importlib.util
import secrets
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from jaxexit.config import Experiment, resolved
from jaxexit.errors import ConfigError
from jaxexit.lab.files import write_json
from jaxexit.lab.run import RunFolder, read_json

if TYPE_CHECKING:
    import wandb

INIT_SECONDS = 15  # W&B itself would wait 90 for a network that is not there
X_AXIS = "env_steps"


class Mirror(Protocol):
    """A view of the metrics. Every method may raise anything: the mirror is given up then."""

    name: str

    def begin(self, experiment: Experiment, folder: RunFolder, done: int) -> None:
        """Begin, or go on after `done` environment steps; the run's folder exists."""
        ...

    def log(self, scalars: Mapping[str, float], step: int) -> None:
        """Show one update's numbers."""
        ...

    def hand_in(self, experiment: Experiment, folder: RunFolder, summary: dict[str, Any]) -> None:
        """Show what the finished run came to; `summary` is that of the backtest."""
        ...

    def close(self, *, failed: bool) -> None:
        """End it."""
        ...

    def abandon(self) -> None:
        """It is broken: let nothing of it hold up or clutter the end of the program."""
        ...


class Mirrors:
    """All that mirror one run. Nothing that they do raises."""

    def __init__(self, *mirrors: Mirror) -> None:
        self._mirrors = list(mirrors)

    def begin(self, experiment: Experiment, folder: RunFolder, done: int) -> None:
        """See `Mirror.begin`."""
        self._each(lambda mirror: mirror.begin(experiment, folder, done))

    def log(self, line: dict[str, Any]) -> None:
        """Show the scalars of a line of metrics."""
        scalars = {k: v for k, v in line.items() if isinstance(v, int | float)}
        self._each(lambda mirror: mirror.log(scalars, line[X_AXIS]))

    def hand_in(self, experiment: Experiment, folder: RunFolder, summary: dict[str, Any]) -> None:
        """See `Mirror.hand_in`."""
        self._each(lambda mirror: mirror.hand_in(experiment, folder, summary))

    def close(self, *, failed: bool) -> None:
        """End them all; what is closed already stays so."""
        self._each(lambda mirror: mirror.close(failed=failed))
        self._mirrors.clear()

    def _each(self, act: Callable[[Mirror], None]) -> None:
        for mirror in list(self._mirrors):
            try:
                act(mirror)
            except Exception as error:
                self._mirrors.remove(mirror)
                with contextlib.suppress(Exception):  # it is broken: that is why we are here
                    mirror.abandon()
                words = " ".join(str(error).split())[:200]
                print(
                    f"note: {mirror.name} is off from here on ({words}); metrics.jsonl goes on",
                    file=sys.stderr,
                )


def mirrors_of(experiment: Experiment, wandb_mode: str) -> Mirrors:
    """Those that an experiment asks for.

    Args:
        experiment: its section `tracking`.
        wandb_mode: disabled, online or offline; the command line may say otherwise than the experiment.

    Raises:
        ConfigError: the package of one is not installed.
    """
    wanted: list[Mirror] = []
    if wandb_mode != "disabled":
        wanted.append(WandbMirror(wandb_mode))
    if experiment.tracking.tensorboard:
        if importlib.util.find_spec("tensorboardX") is None:
            raise ConfigError(
                'tracking.tensorboard: needs a package; pip install "jaxexit[tensorboard]"'
            )
        wanted.append(TensorBoardMirror())
    return Mirrors(*wanted)


class WandbMirror:
    """A Weights & Biases run; one for the version's whole life, however often it is resumed.

    Its id is kept in the run folder (wandb_run.json). What a killed run had sent past its last checkpoint
    is sent again after resuming; W&B keeps what it has, and the numbers are the same bit for bit.
    """

    name = "W&B"

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self._run: wandb.Run | None = None

    def begin(self, experiment: Experiment, folder: RunFolder, done: int) -> None:
        """Open the run, or the one that this version had."""
        import wandb

        tracking, kept = experiment.tracking, folder.path / "wandb_run.json"
        known = read_json(kept) or {"id": secrets.token_hex(4)}
        self._run = wandb.init(
            id=known["id"],
            resume="allow",
            mode=self._mode,  # type: ignore[arg-type]
            project=tracking.project,
            entity=tracking.entity,
            group=tracking.group,
            tags=list(tracking.tags),
            name=experiment.version,
            config=resolved(experiment),
            dir=str(folder.path),
            # Silent, since stdout may carry our JSON; and it must not hold up a training for long.
            settings=wandb.Settings(
                silent=True, console="off", init_timeout=INIT_SECONDS, login_timeout=INIT_SECONDS
            ),
        )
        write_json(kept, known | {"project": tracking.project, "url": self._run.url})
        self._run.define_metric(X_AXIS)
        self._run.define_metric("*", step_metric=X_AXIS)

    def log(self, scalars: Mapping[str, float], step: int) -> None:
        """Hand one update's numbers to the service."""
        if self._run is not None:
            self._run.log(dict(scalars), step=step)

    def hand_in(self, experiment: Experiment, folder: RunFolder, summary: dict[str, Any]) -> None:
        """The test result as the run's summary; with `tracking.artifacts` what it is made of, too."""
        if self._run is None:
            return
        import pandas as pd
        import wandb

        split, learned = summary["split"], summary["policies"]["learned"]
        self._run.summary.update(
            {f"{split}/{name}": x for name, x in learned.items() if isinstance(x, int | float)}
        )
        if not experiment.tracking.artifacts:
            return
        names = [n for n, x in learned.items() if isinstance(x, int | float | None)]
        table = pd.DataFrame(
            [{"policy": who} | of for who, of in summary["policies"].items()],
            columns=pd.Index(["policy", *names]),
        )
        self._run.log({f"{split}/policies": wandb.Table(dataframe=table)})
        about = {"version": experiment.version, "split": split}
        results = wandb.Artifact(f"{experiment.version}-results", "results", metadata=about)
        results.add_dir(str(folder.results(split)), name=split)
        for name in ("experiment.yaml", "provenance.json", "README.md"):
            results.add_file(str(folder.path / name))
        model = wandb.Artifact(f"{experiment.version}-checkpoint", "model", metadata=about)
        model.add_dir(str(folder.models))
        for artifact in (results, model):
            self._run.log_artifact(artifact)

    def close(self, *, failed: bool) -> None:
        """End the run; waits until the service has written or sent what it holds."""
        if self._run is not None:
            self._run.finish(exit_code=int(failed))

    def abandon(self) -> None:
        """Stop its service: else that would print a traceback when the program ends."""
        import wandb

        wandb.teardown(exit_code=0)


class TensorBoardMirror:
    """Event files in <run folder>/tensorboard."""

    name = "TensorBoard"

    def __init__(self) -> None:
        self._writer: Any = None

    def begin(self, experiment: Experiment, folder: RunFolder, done: int) -> None:
        """Open a file; of those of a killed run, steps after `done` are not shown."""
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(folder.path / "tensorboard"), purge_step=done + 1)

    def log(self, scalars: Mapping[str, float], step: int) -> None:
        """Queue one update's numbers; flushed, so that they can be watched."""
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def hand_in(self, experiment: Experiment, folder: RunFolder, summary: dict[str, Any]) -> None:
        """The backtest's numbers, at the last step."""
        split, learned = summary["split"], summary["policies"]["learned"]
        self.log(
            {f"{split}/{name}": x for name, x in learned.items() if isinstance(x, int | float)},
            experiment.ppo.total_timesteps,
        )

    def close(self, *, failed: bool) -> None:
        """Write what is queued."""
        if self._writer is not None:
            self._writer.close()

    def abandon(self) -> None:
        """Nothing of it runs on but a daemon thread."""
