"""A trained version, from Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from jaxexit import machine
from jaxexit.errors import UserError
from jaxexit.progress import Reporter, reporter_of
from jaxexit.results import Audit, Comparison, Distilled, Result, Split

if TYPE_CHECKING:
    import pandas as pd

    from jaxexit.config import Experiment
    from jaxexit.data import Dataset
    from jaxexit.forensics import Diagnosis
    from jaxexit.lab.trained import TrainedVersion
    from jaxexit.lab.training import TrainingResult
    from jaxexit.store.checkpoints import Which


@dataclass(frozen=True)
class Run:
    """A trained version. Made by `Study.train` or `open_run`.

    Attributes:
        trained: the version: its frozen experiment, run folder and registry.
        training: how the training ended; None where it was opened.
    """

    trained: TrainedVersion
    training: TrainingResult | None = None

    @property
    def version(self) -> str:
        """Its name."""
        return self.experiment.version

    @property
    def experiment(self) -> Experiment:
        """As it was frozen when the training began."""
        return self.trained.experiment

    @property
    def path(self) -> Path:
        """Its run folder."""
        return self.trained.folder.path

    @property
    def metrics(self) -> pd.DataFrame:
        """The metrics of training, a row an update: what metrics.jsonl holds."""
        import pandas as pd

        from jaxexit.store.tracking import read_metrics

        return pd.DataFrame(read_metrics(self.trained.folder.metrics)).set_index("update")

    @cached_property
    def dataset(self) -> Dataset:
        """The data that it was trained on.

        Raises:
            UserError: they have changed since, or were DataFrames and are not given.
        """
        machine.prepare_jax()
        return self.trained.dataset()

    def backtest(
        self,
        split: Split = "test",
        *,
        checkpoint: Which = "best",
        sample: bool = False,
        baselines: str | Sequence[str] = "usual",
        again: bool = False,
        progress: bool | Reporter = True,
    ) -> Result:
        """Play every trade of a split once, under the learned policy and every baseline.

        A look at the test split is counted, and significance pays for it; the best checkpoint's is taken
        once, and read from the run folder when it is asked for again.

        Args:
            split: "train", "validation" or "test".
            checkpoint: "best" on validation, "final", "last", or a number of steps.
            sample: draw actions instead of taking the likeliest.
            baselines: "usual", "all", or names of the catalogue's exits to play beside the usual ones; each
                is tuned on train, and on test a trial.
            again: play and count it although it is known.
            progress: whether to show it.

        Raises:
            UserError: there is no such checkpoint or baseline, or the data have changed.
        """
        from jaxexit.config.baselines import catalogue_names

        catalogue = catalogue_names(baselines)
        machine.prepare_jax()
        from jaxexit.lab.recorded import result_of

        with reporter_of(progress).working(f"backtest on {split}") as say:
            summary, folder = result_of(
                self.trained,
                self.dataset,
                which=checkpoint,
                split=split,
                sample=sample,
                catalogue=catalogue,
                again=again,
                on_policy=say,
            )
        return Result(self.trained, split, summary, folder)

    def result(self, split: Split = "test") -> Result:
        """The result that is recorded on a split; nothing is played.

        Raises:
            UserError: there is none.
        """
        from jaxexit.store.documents import Summary, read_document

        folder = self.trained.folder.results(split)
        summary = read_document(folder / "summary.json", Summary)
        if summary is None:
            raise UserError(f"{folder}: no result of {self.version} on {split}; backtest it first")
        return Result(self.trained, split, summary, folder)

    def forensics(self, split: Split = "test", policy: str | None = None) -> Diagnosis:
        """What a recorded result's trades say about their exits: excursions, what followed, stops, chance.

        Args:
            split: whose result; nothing is played again but what would have been.
            policy: a baseline's name; None: the learned one, of several agents the first.

        Raises:
            UserError: there is no result, or no such policy in it.
        """
        machine.prepare_jax()
        from jaxexit.diagnosing import of_result

        known = self.result(split)
        return of_result(self.experiment, self.dataset, known.summary, known.folder, policy)

    def compare(self, *others: Run, split: Split = "test") -> Comparison:
        """The same trades through this run and others: paired differences, intervals, what was changed.

        Runs that have no result on the split are backtested first.

        Args:
            *others: at least one; of other names than this one.
            split: which trades.

        Raises:
            UserError: data, costs or horizon differ, or two runs have the same name.
        """
        from jaxexit.lab.comparison import compare_versions, load_tested

        runs = (self, *others)
        names = [run.version for run in runs]
        if len(runs) < 2 or len(set(names)) < len(names):
            raise UserError(
                f"compare: got {', '.join(names)}, expected at least two different versions; "
                'jaxexit.load(..., version="v<N>_<what_changed>") names one'
            )
        tested = []
        for run in runs:
            if not (run.path / "results" / split / "summary.json").is_file():
                run.backtest(split)
            tested.append(load_tested(run.path.parent, run.version, split))
        return Comparison(compare_versions(tested, self.trained.registry, split))

    def audit(
        self, split: Split = "test", *, seed: int = 0, progress: bool | Reporter = True
    ) -> Audit:
        """Try to prove the recorded result false: replay, look-ahead, warm-up, fills, luck.

        Args:
            split: whose result.
            seed: of cuts, histories and null markets.
            progress: whether to show it.

        Raises:
            UserError: there is no result on the split.
        """
        from jaxexit.truth.audit.recorded import audit_and_record

        machine.prepare_jax()
        with reporter_of(progress).working("audit") as say:
            record, summary = audit_and_record(
                self.trained, self.dataset, split, seed=seed, on_check=say
            )
        return Audit(record, summary)

    def export(
        self,
        folder: str | Path | None = None,
        *,
        split: Split = "test",
        checkpoint: Which = "best",
        seed: int | None = None,
        progress: bool | Reporter = True,
    ) -> Path:
        """Write the policy as ONNX and StableHLO, if both decide as JAX does on every decision of a split.

        Args:
            folder: where to; None: `export` in the run folder.
            split: whose decisions are compared.
            checkpoint: which one.
            seed: which agent, of a run with several.
            progress: whether to show it.

        Returns:
            The folder.

        Raises:
            UserError: the extra `export` is not installed, or there is no such checkpoint.
            ParityError: a graph decides otherwise; nothing was written.
        """
        for name in ("onnx", "onnxruntime"):
            if find_spec(name) is None:
                raise UserError(f'{name} is not installed, run: pip install "jaxexit[export]"')
        machine.prepare_jax()
        from jaxexit.live.exported import write_export
        from jaxexit.live.policy import restore_policy

        to = self.path / "export" if folder is None else Path(folder)
        policy = restore_policy(self.trained, checkpoint, seed)
        with reporter_of(progress).working("export") as say:
            write_export(policy, self.dataset, self.trained.folder, split, to, on_part=say)
        return to

    def distil(
        self,
        rules: int = 3,
        *,
        checkpoint: Which = "best",
        seed: int | None = None,
        again: bool = False,
        progress: bool | Reporter = True,
    ) -> Distilled:
        """The policy as a short rule: fitted on train, chosen on validation, played on test beside it.

        Playing it on test is a look that is counted; a rule that is known is read from the run folder.

        Args:
            rules: lines of the rule, at most.
            checkpoint: which one.
            seed: which agent, of a run with several.
            again: search, play and count anew although it is known.
            progress: whether to show it.

        Raises:
            UserError: too few or too many rules, or there is no such checkpoint or agent.
            ParityError: written code decides otherwise than the rule.
        """
        machine.prepare_jax()
        from jaxexit.distil import Asked, distil_version

        with reporter_of(progress).working("distil") as say:
            summary, folder = distil_version(
                self.trained, self.dataset, Asked(rules, checkpoint, seed), again=again, on_part=say
            )
        return Distilled(self.trained, "test", summary, folder, self.dataset)

    def report(
        self,
        path: str | Path | None = None,
        *,
        split: Split = "test",
        against: Sequence[Run] = (),
        audit: bool = False,
        progress: bool | Reporter = True,
    ) -> Path:
        """Write the page that shows every decision of a backtest: one file, for a browser.

        Args:
            path: where to; None: report.html beside the results.
            split: whose results; they are there already.
            against: runs that are compared with it on the same trades.
            audit: whether the page shows what an audit finds.
            progress: whether to show it.

        Raises:
            UserError: there are no results, or others than a replay of them gives.
        """
        machine.prepare_jax()
        from jaxexit.report import report_versions

        with reporter_of(progress).working("report") as say:
            versions = [self.trained, *(run.trained for run in against)]
            return report_versions(versions, split, path, audit=audit, on_part=say)

    def __repr__(self) -> str:
        return f"Run({self.version} in {self.path})"
