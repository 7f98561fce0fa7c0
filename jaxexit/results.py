"""What a run earned, how it compares, and what an audit found: tables, verdicts and pictures for people."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jaxexit import units
from jaxexit.errors import UserError
from jaxexit.metrics import METRICS, RESULT_TABLE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from jaxexit.data import Dataset
    from jaxexit.lab.trained import TrainedVersion

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Result:
    """A backtest: every policy on the same trades. Made by `Run.backtest`.

    Attributes:
        trained: whose.
        split: on which trades.
        summary: `summary.json`.
        folder: where it is kept.
    """

    trained: TrainedVersion
    split: Split
    summary: dict[str, Any]
    folder: Path

    @property
    def version(self) -> str:
        """The version's name."""
        return self.summary["version"]

    @property
    def count(self) -> int:
        """How many trades."""
        return next(iter(self.summary["policies"].values()))["trades"]

    @property
    def verdict(self) -> str:
        """What is verified, and whether the learned exits can be told from simple ones; one sentence each."""
        return self.summary["verdict"]

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row a policy, the learned one first; metrics, 95% intervals, paired differences to it."""
        import pandas as pd

        rows = {name: _flat(metrics) for name, metrics in self.summary["policies"].items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("policy")

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Every trade under every policy (column `policy`)."""
        import pandas as pd

        return pd.read_parquet(self.folder / "trades.parquet")

    @property
    def learned(self) -> pd.DataFrame:
        """The learned policy's trades."""
        name = next(iter(self.summary["policies"]))
        return self.trades.query(f"policy == {name!r}")

    @cached_property
    def daily(self) -> pd.DataFrame:
        """Net results by day, open trades marked to market; a column a policy."""
        import pandas as pd

        return pd.read_parquet(self.folder / "daily.parquet").set_index("date")

    def plot(self, policies: Iterable[str] | None = None) -> Axes:
        """Draw the equity of the learned policy and of the baselines, marked to market.

        Args:
            policies: which; None: all but the oracle, which is not attainable.
        """
        import matplotlib.pyplot as plt

        names = [name for name in self.daily.columns if name != "oracle"]
        shown = names if policies is None else list(policies)
        _, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
        for i, name in enumerate(shown):
            equity = self.daily[name].cumsum()
            axes.plot(
                equity.index,
                equity.to_numpy(),
                label=name,
                linewidth=2.2 if i == 0 else 1.1,
                color="black" if i == 0 else None,
            )
        axes.axhline(0, color="grey", linewidth=0.8)
        unit = units.words(units.of(self.summary))
        axes.set(
            title=f"{self.version} on {self.split}: equity, open trades marked to market",
            ylabel=f"net {unit}",
        )
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
        return axes

    def report(self, path: str | Path | None = None) -> Path:
        """Write the page that shows every decision; see `Run.report`.

        Args:
            path: where to; None: report.html beside the results.

        Raises:
            UserError: it is not the greedy backtest of the best checkpoint.
        """
        if self.summary["which"] != "best" or self.summary["sampled"]:
            raise UserError("report: shows the greedy best checkpoint; backtest that one")
        from jaxexit.report import report_versions

        return report_versions([self.trained], self.split, path)

    def __repr__(self) -> str:
        return f"Result({self.version} on {self.split}: {self.verdict})"

    def _repr_html_(self) -> str:
        import pandas as pd

        policies = self.summary["policies"]
        shown = {
            METRICS[name].heading: [METRICS[name].text(metrics) for metrics in policies.values()]
            for name in RESULT_TABLE
        }
        table = pd.DataFrame(shown, index=pd.Index(policies))
        return f"<p>{html.escape(self.verdict)}</p>{table.to_html()}"


@dataclass(frozen=True)
class Distilled(Result):
    """A policy as a short rule, played on test: the first policy of its tables. Made by `Run.distil`.

    Attributes:
        dataset: what the run was trained on.
    """

    dataset: Dataset

    @property
    def words(self) -> str:
        """The rule in one sentence."""
        return self.summary["rule"]["words"]

    @property
    def agreement(self) -> float:
        """Share of the decisions that the network met at which the rule does the same."""
        return self.summary["agreement"]["share"]

    def code(self, language: str) -> str:
        """The rule as code.

        Args:
            language: "python", "pine", "mql5", "freqtrade" or "json".

        Raises:
            UserError: another one.
        """
        from jaxexit.distil import code_of

        return code_of(self.trained, self.dataset, self.summary, language)

    def report(self, path: str | Path | None = None) -> Path:
        """A report shows networks; see `Run.report`.

        Raises:
            UserError: always.
        """
        raise UserError("report: shows a network's decisions, not a rule's; report the run itself")

    def __repr__(self) -> str:
        return f"Distilled({self.version}: {self.words})"


@dataclass(frozen=True)
class Comparison:
    """Runs compared on the same trades. Made by `Run.compare`.

    Attributes:
        record: what `compare --json` prints.
    """

    record: dict[str, Any]

    @property
    def verdict(self) -> str:
        """What can be told apart, and on what terms."""
        return self.record["verdict"]

    @property
    def table(self) -> pd.DataFrame:
        """A column a version, a row a metric, as text."""
        import pandas as pd

        from jaxexit.store.metric_rows import cells_of

        versions = self.record["versions"]
        rows = dict(cells_of([self.record["metrics"][version] for version in versions]))
        return pd.DataFrame.from_dict(rows, orient="index", columns=versions)

    def __repr__(self) -> str:
        return f"Comparison({' against '.join(self.record['versions'])}: {self.verdict})"

    def _repr_html_(self) -> str:
        lines = "<br>".join(html.escape(text) for text in self.verdict.split("; "))
        return f"<p>{lines}</p>{self.table.to_html()}"


@dataclass(frozen=True)
class Audit:
    """What an audit found. Made by `Run.audit`.

    Attributes:
        record: version, split, seed, checkpoint, whether it passed, all findings.
        summary: the result's, as it reads after the audit.
    """

    record: dict[str, Any]
    summary: dict[str, Any]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return self.record["passed"]

    @property
    def findings(self) -> pd.DataFrame:
        """A row a finding: severity, check, what, how bad, where, what to do."""
        import pandas as pd

        return pd.DataFrame(self.record["findings"])

    def __repr__(self) -> str:
        return f"Audit({self.record['version']} on {self.record['split']}: passed {self.passed})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.findings.to_html(index=False)}"


def _flat(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """One policy's metrics as a row: numbers, and intervals as `<metric>_low` and `<metric>_high`."""
    row = {
        name: value
        for name, value in metrics.items()
        if value is None or isinstance(value, int | float | str)
    }
    for name, interval in metrics["intervals"].items():
        if interval is None:  # of a Sharpe ratio without variation
            interval = {"low": None, "high": None}
        row |= {f"{name}_low": interval["low"], f"{name}_high": interval["high"]}
    if "learned_minus" in metrics:
        difference = metrics["learned_minus"]
        interval = difference[units.of(metrics)]
        row |= {f"learned_minus_{end}": interval[end] for end in ("value", "low", "high")}
        row["learned_is"] = difference["verdict"]
    return row
