"""Where a run's metrics are logged besides metrics.jsonl: Weights & Biases, TensorBoard.

Both are views. A logger may fail in any way (no network, no login, a crash of its service, a full disk): that
is said once, and training continues without it. It does not slow training either: W&B's service is a process
of its own that is handed each line and sends it when it can, TensorBoard's file is appended to by a thread.
"""

from __future__ import annotations

import contextlib
import importlib.util
import secrets
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from jaxexit import units
from jaxexit.config import Experiment, resolved
from jaxexit.errors import ConfigError
from jaxexit.metrics import METRICS
from jaxexit.store.documents import WandbRun, read_document, write_document
from jaxexit.store.run import RunFolder

if TYPE_CHECKING:
    import wandb

INIT_SECONDS = 15  # W&B itself would wait 90 for a network that is not there
X_AXIS = "env_steps"


class MetricLogger(Protocol):
    """A service or file format that shows a run's metrics; where a method raises it is switched off."""

    name: str

    def begin(self, experiment: Experiment, folder: RunFolder, done: int) -> None:
        """Begin, or continue after `done` environment steps; the run's folder exists."""
        ...

    def log(self, scalars: Mapping[str, float], step: int) -> None:
        """Log one update's numbers, at its environment step."""
        ...

    def finish(self, summary: dict[str, Any] | None, *, failed: bool) -> None:
        """End it; `summary` is that of the finished run's backtest, None where there is no result."""
        ...

    def abort(self) -> None:
        """Switch it off after an error: nothing of it may hold up or clutter the end of the program."""
        ...


class MetricLoggers:
    """All loggers of one run. Nothing that they do raises."""

    def __init__(self, *loggers: MetricLogger) -> None:
        self._loggers = list(loggers)

    def begin(self, experiment: Experiment, folder: RunFolder, done: int) -> None:
        """See `MetricLogger.begin`."""
        self._each(lambda logger: logger.begin(experiment, folder, done))

    def log(self, line: dict[str, Any]) -> None:
        """Log the scalars of a line of metrics."""
        scalars = {k: v for k, v in line.items() if isinstance(v, int | float)}
        self._each(lambda logger: logger.log(scalars, line[X_AXIS]))

    def finish(self, summary: dict[str, Any] | None = None, *, failed: bool = False) -> None:
        """End them all; see `MetricLogger.finish`. A second call does nothing."""
        self._each(lambda logger: logger.finish(summary, failed=failed))
        self._loggers.clear()

    def _each(self, act: Callable[[MetricLogger], None]) -> None:
        for logger in list(self._loggers):
            try:
                act(logger)
            except Exception as error:
                self._loggers.remove(logger)
                with contextlib.suppress(Exception):  # it is broken: that is why we are here
                    logger.abort()
                words = " ".join(str(error).split())[:200]
                print(
                    f"note: {logger.name} is switched off ({words}); metrics.jsonl is written as before",
                    file=sys.stderr,
                )


def metric_loggers(experiment: Experiment, wandb_mode: str) -> MetricLoggers:
    """Those that an experiment asks for.

    Args:
        experiment: its section `tracking`.
        wandb_mode: disabled, online or offline; the command line may say otherwise than the experiment.

    Raises:
        ConfigError: the package of one is not installed.
    """
    wanted: list[MetricLogger] = []
    if wandb_mode != "disabled":
        wanted.append(WandbLogger(wandb_mode))
    if experiment.tracking.tensorboard:
        if importlib.util.find_spec("tensorboardX") is None:
            raise ConfigError(
                'tracking.tensorboard: needs a package; pip install "jaxexit[tensorboard]"'
            )
        wanted.append(TensorBoardLogger())
    return MetricLoggers(*wanted)


class WandbLogger:
    """A Weights & Biases run; one for the version's whole life, however often it is resumed.

    Its id is kept in the run folder (wandb_run.json). What a killed run had sent past its last checkpoint
    is sent again after resuming; W&B keeps what it has, and the numbers are the same bit for bit.
    """

    name = "W&B"

    def __init__(self, mode: str) -> None:
        """Args: online or offline."""
        self._mode = mode
        self._run: wandb.Run | None = None

    def begin(self, experiment: Experiment, folder: RunFolder, done: int) -> None:
        """Open the run, or the one that this version had."""
        import wandb

        self._experiment, self._folder = experiment, folder
        tracking, kept = experiment.tracking, folder.path / "wandb_run.json"
        known = read_document(kept, WandbRun) or {"id": secrets.token_hex(4)}
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
        known |= {"project": tracking.project, "url": self._run.url}
        write_document(kept, known, WandbRun)
        self._run.define_metric(X_AXIS)
        self._run.define_metric("*", step_metric=X_AXIS)

    def log(self, scalars: Mapping[str, float], step: int) -> None:
        """Pass one update's numbers to the service."""
        if self._run is not None:
            self._run.log(dict(scalars), step=step)

    def finish(self, summary: dict[str, Any] | None, *, failed: bool) -> None:
        """Upload the results, and end the run; waits until the service has written or sent what it holds."""
        if self._run is None:
            return
        if summary is not None:
            self._upload(self._run, summary)
        self._run.finish(exit_code=int(failed))

    def _upload(self, run: wandb.Run, summary: dict[str, Any]) -> None:
        """The test result as the run's summary; with `tracking.artifacts` what it is made of, too."""
        import pandas as pd
        import wandb

        experiment, folder = self._experiment, self._folder
        split, learned = summary["split"], summary["policies"]["learned"]
        run.summary.update(_scalars_of(split, learned))
        year = units.year_of(summary)
        definitions = _definitions(units.of(learned), year)
        run.config.update({"metrics": definitions}, allow_val_change=True)
        if not experiment.tracking.artifacts:
            return
        names = [n for n, x in learned.items() if isinstance(x, int | float | None)]
        table = pd.DataFrame(
            [{"policy": name} | metrics for name, metrics in summary["policies"].items()],
            columns=pd.Index(["policy", *names]),
        )
        run.log({f"{split}/policies": wandb.Table(dataframe=table)})
        about = {"version": experiment.version, "split": split}
        results = wandb.Artifact(f"{experiment.version}-results", "results", metadata=about)
        results.add_dir(str(folder.results(split)), name=split)
        for name in ("experiment.yaml", "provenance.json", "README.md"):
            results.add_file(str(folder.path / name))
        model = wandb.Artifact(f"{experiment.version}-checkpoint", "model", metadata=about)
        model.add_dir(str(folder.models))
        for artifact in (results, model):
            run.log_artifact(artifact)

    def abort(self) -> None:
        """Stop its service: else that would print a traceback when the program ends."""
        import wandb

        wandb.teardown(exit_code=0)


class TensorBoardLogger:
    """Event files in <run folder>/tensorboard."""

    name = "TensorBoard"

    def __init__(self) -> None:
        self._writer: Any = None
        self._last_step = 0  # environment steps

    def begin(self, experiment: Experiment, folder: RunFolder, done: int) -> None:
        """Open a file; of those of a killed run, steps after `done` are not shown."""
        from tensorboardX import SummaryWriter

        self._last_step = done
        self._writer = SummaryWriter(str(folder.path / "tensorboard"), purge_step=done + 1)

    def log(self, scalars: Mapping[str, float], step: int) -> None:
        """Queue one update's numbers; flushed, so that they can be watched."""
        self._last_step = step
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def finish(self, summary: dict[str, Any] | None, *, failed: bool) -> None:
        """Log the backtest's numbers at the last step, and write what is queued."""
        if self._writer is None:
            return
        if summary is not None:
            learned = summary["policies"]["learned"]
            self.log(_scalars_of(summary["split"], learned), self._last_step)
        self._writer.close()

    def abort(self) -> None:
        """Nothing of it runs on but a daemon thread."""


def _scalars_of(split: str, metrics: Mapping[str, Any]) -> dict[str, float]:
    """A policy's metrics on a split that are numbers, under names such as `test/net_pips_mean`."""
    unit = units.of(metrics)
    numbers = {name: x for name, x in metrics.items() if isinstance(x, int | float)}
    for metric in METRICS.values():
        value = metric.value(metrics)
        if value is not None:
            numbers.setdefault(metric.key(unit), value)
    return {f"{split}/{name}": x for name, x in numbers.items()}


def _definitions(unit: str, year: float) -> dict[str, str]:
    """What each metric is, by its key in results of this unit; `year`: trading days a year."""
    return {
        metric.key(unit): f"{metric.title(unit)}: {metric.definition.format(year=year)}"
        for metric in METRICS.values()
    }
