"""A document that was edited or damaged is valid, or one line; never an internal error, never believed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from jaxexit import progress
from jaxexit.commands import cli, distil_tables, many, registry_tables, tables
from jaxexit.commands.registry import main as registry_main
from jaxexit.data.charges import Charges as DataCharges
from jaxexit.distil.rule import Rule
from jaxexit.errors import UserError
from jaxexit.evaluate.joint import spread
from jaxexit.lab.comparison import load_tested, markdown
from jaxexit.results import Result
from jaxexit.store.archived import archived_runs
from jaxexit.store.documents import (
    Baselines,
    Plan,
    Summary,
    SweepTable,
    WandbRun,
    read_document,
    write_document,
)
from jaxexit.store.documents.runs import Charges
from jaxexit.store.readme import _results as results_section
from jaxexit.store.readme import write_readme
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
from jaxexit.store.tracking import read_metrics
from jaxexit.store.verification import with_audit
from tests.support import tiny
from tests.support.attacks import attacks

RUN = "v1_tiny"


@pytest.fixture(scope="module")
def root(trained: tiny.Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained version with every kind of document."""
    root = tmp_path_factory.mktemp("documents")
    trained.copied_to(root)
    folder = RunFolder(root, RUN)
    sha256 = "c" * 64
    Registry(root).count_sweep("lr", RUN, 2, sha256)
    trials = [
        {
            "trial": n,
            "parameters": {"ppo.gamma": 0.9},
            "status": "completed",
            "validation_net_pips_mean": 1.0,
        }
        for n in range(2)
    ]
    table = {
        "sweep": "lr", "experiment": RUN, "trials": 2, "sha256": sha256, "unit": "pips",
        "training": {"trained_steps": 512}, "results": trials,
    }  # fmt: skip
    write_document(root / "sweeps" / "lr.json", table, SweepTable)
    write_document(folder.path / "plan.json", {"sha256": sha256, "folds": 3}, Plan)
    summary = json.loads((folder.results("test") / "summary.json").read_text())
    audit = {
        "version": RUN, "split": "test", "passed": True, "seed": 0,
        "snapshot_sha256": summary["snapshot_sha256"],
        "checkpoint_sha256": summary["checkpoint"]["sha256"],
        "findings": [{"check": "replay", "severity": "pass", "what": "it replays", "size": "1 of 1"}],
    }  # fmt: skip
    (folder.results("test") / "audit.json").write_text(json.dumps(audit))
    (folder.path / "wandb_run.json").write_text('{"id": "abcd", "project": null, "url": null}')
    write_document(root / "folds.json", of_folds(summary), Summary)
    write_document(root / "rule.json", of_a_rule(summary), Summary)
    return root


def of_folds(summary: dict[str, Any]) -> dict[str, Any]:
    """The same as a walk-forward of two agents, with finer bars, would have it."""
    (name, learned), *others = summary["policies"].items()
    net, verdict = learned["net_pips_mean"], summary["verdict"]
    piece = {
        "trades": 9,
        "first_entry": "2022-01-03T10:00:00Z",
        "last_entry": "2022-02-03T10:00:00Z",
    }
    fold = {
        "fold": 0, "train": piece, "validation": piece, "test": piece, "unit": "pips",
        "agents": [{"name": "fold 0", "seed": 0, "best_step": 256, "best_score": 0.5}],
        "net_pips_mean": net, "interval": learned["intervals"]["net_pips_mean"], "tuned": {},
    }  # fmt: skip
    decided = {"changed_share": 0.1, "net_pips_mean": net, "net_pips_mean_assumed": net}
    return summary | {
        "policies": {name: learned, **dict(others[:1])},
        "seeds": [{**learned, "seed": seed, "verdict": verdict} for seed in (0, 1)],
        "across_seeds": spread([learned, learned]),
        "layout": "rolling", "embargo_bars": 20, "folds": [fold],
        "detail": {"policies": {name: decided}},
    }  # fmt: skip


def of_a_rule(summary: dict[str, Any]) -> dict[str, Any]:
    """The same with a distilled rule in the learned policy's place."""
    learned, other = list(summary["policies"].values())[:2]
    line = {"if": [{"number": "unrealised_r", "is": ">", "than": 1.5}], "do": "EXIT"}
    count = {"network": 9, "rule": 8, "both": 7}
    difference, share = other["learned_minus"], learned["intervals"]["net_pips_mean"]
    return summary | {
        "policies": {"rule": learned, "learned": other},
        "rules": 1, "seed": 0, "agents": 1, "network_validation_net_mean": 0.5,
        "rule": {"words": "leave when it is late", "lines": [line], "sha256": "d" * 64},
        "candidates": {"tried": 3, "chosen": {"validation_net_mean": 0.4}, "all": []},
        "agreement": {"decisions": 9, "share": 0.9, "always_hold": 0.5, "by_action": {"HOLD": count}},
        "kept": {"difference": difference, "share": share},
        "parity": {"decisions": 9, "different": {"python": 0}},
    }  # fmt: skip


def folds_page(root: Path) -> None:
    """The tables that are made of a walk-forward's summary."""
    summary, out = read_document(root / "folds.json", Summary), progress.console()
    if "seeds" in summary:
        out.print(tables.seeds_table(summary))
    if "folds" in summary:
        out.print(many.folds_table(summary))
    progress.lines(out, [*tables.in_words(summary), *results_section("walk_forward", summary)])


def rule_page(root: Path) -> None:
    """What is said of a rule."""
    summary = read_document(root / "rule.json", Summary)
    progress.lines(progress.console(), distil_tables.said(summary))
    Rule.from_json(summary["rule"]["lines"])


def page(root: Path) -> None:
    """The tables and pages that are made of a summary."""
    folder = RunFolder(root, RUN)
    experiment = folder.frozen()
    tested = load_tested(root, RUN, "test")
    summary = with_audit(folder, "test", tested.summary)
    out = progress.console()
    tables.backtest(out, summary, tested.table)
    write_readme(folder, experiment, Registry(root))
    metrics = {RUN: tested.metrics}
    shown = {"versions": [RUN], "split": "test", "verdict": "-", "changes": {}, "metrics": metrics}
    markdown(shown)
    out.print(registry_tables.results_table(Registry(root).version(RUN)["results"]))
    result = Result(cast(Any, None), "test", summary, folder.results("test"))
    result.table, result.count, repr(result), result._repr_html_()
    archived_runs(root, RUN)


def shown_registry(root: Path) -> None:
    """Everything that is printed of a registry."""
    registry, out = Registry(root), progress.console()
    out.print(registry_tables.versions_table(registry.versions(), registry.active()))
    row = registry.version(RUN)
    out.print(registry_tables.changes_table(row.get("changes", {}), "changes"))
    out.print(registry_tables.results_table(row.get("results", {})))
    registry.trials(), registry.trial_sharpes(but="v9_x"), registry.file(RUN), registry.doubt()


def checkpoint(root: Path) -> None:
    store = RunFolder(root, RUN).checkpoints(RunFolder(root, RUN).frozen())
    for step in store.steps():
        store.manifest(step)
    store.pointed("best"), store.pointed("final")


def provenance(root: Path) -> None:
    folder = RunFolder(root, RUN)
    folder.began()
    DataCharges(**(folder.provenance().get("market") or {"charges": {}})["charges"])
    write_readme(folder, folder.frozen(), Registry(root))


def reads(path: str, kind: Any) -> Callable[[Path], None]:
    return lambda root: read_document(root / path, kind)


def first_step(root: Path) -> str:
    return next((root / RUN / "models").glob("step_*/manifest.json")).relative_to(root).as_posix()


DOCUMENTS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "registry": ("registry.json", shown_registry),
    "summary": (f"{RUN}/results/test/summary.json", page),
    "folds": ("folds.json", folds_page),
    "rule": ("rule.json", rule_page),
    "audit": (f"{RUN}/results/test/audit.json", page),
    "provenance": (f"{RUN}/provenance.json", provenance),
    "manifest": ("", checkpoint),
    "best": (f"{RUN}/models/best.json", checkpoint),
    "final": (f"{RUN}/models/final.json", checkpoint),
    "baselines": (f"{RUN}/results/baselines.json", reads(f"{RUN}/results/baselines.json", Baselines)),
    "plan": (f"{RUN}/plan.json", reads(f"{RUN}/plan.json", Plan)),
    "sweep": ("sweeps/lr.json", reads("sweeps/lr.json", SweepTable)),
    "wandb": (f"{RUN}/wandb_run.json", reads(f"{RUN}/wandb_run.json", WandbRun)),
}  # fmt: skip


def attacked(
    root: Path, name: str, share: float, capsys: pytest.CaptureFixture[str]
) -> tuple[int, int, list[str]]:
    """How many attacks on a document were tried and were valid, and what became an internal error."""
    where, reader = DOCUMENTS[name]
    path = root / (where or first_step(root))
    before, random = path.read_bytes(), np.random.default_rng(22)
    tried, valid, failed = 0, 0, []
    try:
        for attack in attacks(before.decode()):
            if random.random() > share and not attack.name.startswith("the whole"):
                continue
            tried += 1
            path.write_bytes(attack.content)
            code = cli.run(lambda argv: (reader(root), 0)[1], [])
            err = capsys.readouterr().err
            unchanged = path.read_bytes() == attack.content
            one_line = err == "" if code == 0 else err.count("\n") == 1 and path.name in err
            if code not in (0, 2) or not unchanged or not one_line:
                failed.append(f"{attack.name}: exit {code}, {err.strip()[:200]}")
            valid += code == 0
    finally:
        path.write_bytes(before)
    return tried, valid, failed


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_attacked_document_is_valid_or_one_line(name: str, root: Path, capsys):
    share = {
        "summary": 0.015,
        "folds": 0.02,
        "rule": 0.02,
        "provenance": 0.04,
        "registry": 0.1,
        "audit": 0.15,
        "manifest": 0.3,
    }
    tried, _, failed = attacked(root, name, share.get(name, 1.0), capsys)
    assert not failed, "\n".join(failed[:10])
    assert tried > 20


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_attack_on_a_document_is_valid_or_one_line(name: str, root: Path, capsys):
    tried, valid, failed = attacked(root, name, 1.0, capsys)
    with capsys.disabled():
        print(
            f"\n{name}: {tried:,} attacks, {tried - valid - len(failed):,} refused, {valid:,} valid"
        )
    assert not failed, "\n".join(failed[:10])


def change(root: Path, copy: Path, edit: Callable[[dict[str, Any]], Any]) -> Path:
    shutil.copytree(root, copy)
    path = copy / "registry.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    return copy


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            lambda c: c["versions"][RUN].update(status=7),
            f"versions.{RUN}.status: got 7, expected 'pending'",
        ),
        (lambda c: c["versions"][RUN].update(test_evaluations=None), "got null, expected a list"),
        (lambda c: c["versions"][RUN].update(path=3), f"versions.{RUN}.path: got 3, expected text"),
        (
            lambda c: c["versions"][RUN].update(replaced="x"),
            "replaced: got 'x', expected a mapping",
        ),
        (lambda c: c["sweeps"][0].update(trials=-99), "sweeps.0.trials: got -99, expected a whole"),
        (
            lambda c: c["versions"][RUN]["results"]["test"].update(net_pips_mean="50"),
            "got '50', expected a",
        ),
        (
            lambda c: c["versions"][RUN]["results"]["test"].update(sharpe_annual=float("nan")),
            "got NaN",
        ),
    ],
)
def test_an_edit_is_refused_by_file_field_got_and_expected(root, tmp_path, capsys, edit, said):
    copy = change(root, tmp_path / "copy", edit)
    before = (copy / "registry.json").read_bytes()
    assert registry_main(["set-active", RUN, "--root", str(copy)]) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.startswith(f"error: {copy / 'registry.json'}: ")
    assert (copy / "registry.json").read_bytes() == before


def test_words_of_a_document_are_shown_as_they_are(root: Path, tmp_path: Path, capsys):
    words = "[red]a[/red] [/nothing] [link=x]"
    copy = change(root, tmp_path / "copy", lambda c: c["versions"][RUN].update(
        description=words, changes={words: [words, words]}, git_commit=words))  # fmt: skip
    assert registry_main(["show", RUN, "--root", str(copy)]) == 0
    assert words in capsys.readouterr().out


@pytest.mark.parametrize("name", ["summary", "provenance", "best", "plan", "sweep", "registry"])
def test_a_document_without_its_schema_version_is_read_as_the_first(name: str, root: Path):
    where, reader = DOCUMENTS[name]
    path = root / where
    before = path.read_bytes()
    content = json.loads(before)
    assert content.pop("schema_version") in (1, 2)
    if name == "registry":  # which always had one
        content["schema_version"] = 1
        content.pop("journal")
    path.write_text(json.dumps(content))
    try:
        reader(root)
    finally:
        path.write_bytes(before)


def test_a_newer_schema_is_left_to_the_program_that_wrote_it(tmp_path: Path):
    path = tmp_path / "plan.json"
    path.write_text('{"schema_version": 2, "sha256": "new"}')
    with pytest.raises(
        UserError, match="has schema 2, and this jaxexit reads none above 1; install"
    ):
        read_document(path, Plan)


def test_metrics_of_a_training_are_lines_of_one(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"update": 1, "env_steps": 256}\n{"update": 2, "env_s')
    assert read_metrics(path) == [{"update": 1, "env_steps": 256}]  # a kill
    for line in ("[]", '{"env_steps": 1}', '{"update": "x"}', '{"update": NaN}', "[" * 10_000):
        path.write_text(f'{{"update": 1}}\n{line}\n{{"update": 3}}\n')
        with pytest.raises(UserError, match=r"metrics\.jsonl, line 2: "):
            read_metrics(path)


def test_costs_of_a_market_have_the_same_names_in_the_document():
    assert tuple(Charges.model_fields) == DataCharges._fields


def test_a_result_without_variation_has_no_interval_and_is_kept(root: Path):
    path = root / RUN / "results" / "test" / "summary.json"
    before = path.read_bytes()
    content = json.loads(before)
    learned = content["policies"]["learned"]
    learned["sharpe_annual"] = learned["intervals"]["sharpe_annual"] = None
    learned["deflated_sharpe"] = None
    try:
        write_document(path, content, Summary)
        page(root)
    finally:
        path.write_bytes(before)
