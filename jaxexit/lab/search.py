"""A search across programs: Optuna proposes a round of trials, they are trained, it learns from them.

Each round is a sweep (`lab.sweep`), or one for each structure in it (layers, environments), which needs a
program of its own: <root>/sweeps/<name>.round_<n>.<structure>. A search can be resumed: the sampler is
seeded, so given the same scores it proposes the same trials; finished rounds are read, not trained again.
"""

from __future__ import annotations

import importlib.util
import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxexit import terminal, units
from jaxexit.config import Experiment
from jaxexit.config.text import dump_value
from jaxexit.data import Dataset
from jaxexit.errors import ConfigError, RunError
from jaxexit.lab.lines import Line
from jaxexit.lab.sweep import next_command, note_of, run_sweep, side_run
from jaxexit.lab.sweep_plan import SweepPlan, field_of, structure_of
from jaxexit.store.documents import SweepTable, read_document, write_document
from jaxexit.store.files import explain_write_errors
from jaxexit.store.folders import set_aside
from jaxexit.store.registry import Registry
from jaxexit.store.run import Start

if TYPE_CHECKING:
    import optuna


def check_search(plan: SweepPlan, root: Path, start: Start) -> None:
    """Check whether a search may start this way; writes nothing.

    Raises:
        ConfigError: Optuna is not installed.
        RunError: it was started before, and neither --resume nor --overwrite was given.
    """
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError("method 'optuna': needs a package; pip install \"jaxexit[sweep]\"")
    rounds = list(_started_rounds(plan, root))
    if rounds and start == "new":
        raise RunError(
            f"search {plan.name}: was started before in {rounds[0]}; continue with --resume, or start over "
            "with --overwrite"
        )
    if start == "resume" and not rounds:
        raise RunError(
            f"{root / 'sweeps' / plan.name}: nothing to resume; run the command without --resume"
        )


def run_search(
    plan: SweepPlan,
    dataset: Dataset,
    root: Path,
    start: Start,
    *,
    devices: int | None = None,
    on_round: Callable[[SweepPlan], Callable[[Line], None]] = lambda plan: lambda line: None,
) -> tuple[int, dict[str, Any] | None]:
    """Propose, train and learn, round after round; every trial is compared on validation and counted.

    Args:
        plan: what is varied; method optuna.
        dataset: the base experiment's data.
        root: of registry and sweeps.
        start: whether it is new, resumed, or replaces an earlier one.
        devices: see `learning.make_mesh`.
        on_round: called with each sweep that is trained; returns what is called with its lines of metrics.

    Returns:
        (environment steps of the last training, the table of all trials as written to
        <root>/sweeps/<name>.json, the best on validation first; None if it was interrupted)

    Raises:
        RunError: see `check_search`; or every trial has diverged.
    """
    import optuna

    check_search(plan, root, start)
    if start == "overwrite":
        _set_aside(plan, root)
    optuna.logging.set_verbosity(logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=plan.base.seed, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    results: list[dict[str, Any]] = []
    steps, unit = 0, units.PIPS.name
    for number in range(math.ceil(plan.trials / plan.at_once)):
        size = min(plan.at_once, plan.trials - len(results))
        asked = [study.ask() for _ in range(size)]
        settings = [
            {key: _proposed(trial, key, v) for key, v in plan.parameters.items()} for trial in asked
        ]
        rows: dict[int, dict[str, Any]] = {}
        for part, members in enumerate(_by_structure(plan.base, settings)):
            sweep = plan.drawn([settings[i] for i in members], f"{plan.name}.round_{number}.{part}")
            steps, table = _trained(sweep, dataset, root, devices, on_round)
            if table is None:
                return steps, None
            for row in table["results"]:
                rows[members[row["trial"]]] = row
            unit = units.of(table)
        for i, trial in enumerate(asked):
            score = rows[i][units.score_key(unit)]
            if score is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, score)
            results.append({**rows[i], "trial": len(results), "round": number})
    table = _table(plan, results, root, unit)
    write_document(root / "sweeps" / f"{plan.name}.json", table, SweepTable)
    return steps, table


def _started_rounds(plan: SweepPlan, root: Path) -> Iterator[Path]:
    """Folders of its rounds, the first one first."""
    yield from sorted(
        path
        for path in (root / "sweeps").glob(f"{plan.name}.round_*")
        if path.is_dir() and path.name.count(".") == plan.name.count(".") + 2
    )


def _set_aside(plan: SweepPlan, root: Path) -> None:
    """Move an earlier search aside, into one folder: its rounds and its tables.

    They are gathered in <name>, the last round first: after a kill the rounds that are left can be resumed.
    """
    folder = root / "sweeps" / plan.name
    set_aside(folder)  # what a kill left gathered
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for table in folder.parent.glob(f"{plan.name}.json"):
            table.rename(folder / table.name)
        for path in reversed(list(_started_rounds(plan, root))):
            for name in (path.with_name(f"{path.name}.json"), path):
                if name.exists():
                    name.rename(folder / name.name)
    aside = set_aside(folder)
    terminal.note(f"the earlier search is kept in {aside}" if aside else None)


def _trained(
    sweep: SweepPlan,
    dataset: Dataset,
    root: Path,
    devices: int | None,
    on_round: Callable[[SweepPlan], Callable[[Line], None]],
) -> tuple[int, dict[str, Any] | None]:
    """Steps trained, and the table of a round's sweep: read if it is there, else trained or resumed."""
    run = side_run(sweep, root)
    table = read_document(root / "sweeps" / f"{sweep.name}.json", SweepTable)
    if table is not None and table["sha256"] == run.sha256:
        return table["training"]["trained_steps"], table
    start: Start = "resume" if run.store.steps() else "overwrite"
    on_update = on_round(sweep)
    result, table = run_sweep(sweep, dataset, root, start, devices=devices, on_update=on_update)
    return result.trained_steps, table


def _by_structure(base: Experiment, settings: list[dict[str, Any]]) -> list[list[int]]:
    """Indices of the trials that one program can train, in the order of their first ones."""
    groups: dict[str, list[int]] = {}
    for i, setting in enumerate(settings):
        structure = structure_of(base, setting)
        groups.setdefault(dump_value(structure), []).append(i)
    return list(groups.values())


def _proposed(trial: optuna.Trial, key: str, values: Any) -> Any:
    """Optuna's choice: of a list one of its values, of a range a number."""
    if isinstance(values, tuple):
        return values[trial.suggest_categorical(key, list(range(len(values))))]
    low, high, log = values["low"], values["high"], values.get("log", False)
    if field_of(key) is int:
        return trial.suggest_int(key, math.ceil(low), math.floor(high), log=log)
    return float(f"{trial.suggest_float(key, low, high, log=log):.6g}")


def _table(plan: SweepPlan, results: list[dict[str, Any]], root: Path, unit: str) -> dict[str, Any]:
    """All trials, best on validation first, failed ones last."""

    def place(row: dict[str, Any]) -> float:
        score = row[units.score_key(unit)]
        return math.inf if score is None else -score

    ranked = sorted(results, key=place)
    failed = sum(row["status"] == "failed" for row in results)
    return {
        "sweep": plan.name,
        "experiment": plan.base.version,
        "overrides": list(plan.base.overrides),
        "method": plan.method,
        "parameters": {
            key: list(v) if isinstance(v, tuple) else dict(v) for key, v in plan.parameters.items()
        },
        "trials": len(results),
        "registry_trials": Registry(root).trials(),
        "seeds": list(range(plan.base.seed, plan.base.seed + plan.base.seeds)),
        "judged_on": "validation",
        "judged_by": units.key(unit, "net", "mean"),
        "unit": unit,
        "results": ranked,
        "failed": failed,
        "note": note_of(len(results)),
        "next": next_command(plan, ranked[0]["parameters"], root),
    }
