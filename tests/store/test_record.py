"""`registry verify`: what was edited, removed or reset in a record of trades is named."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jaxexit.config import load_experiment
from jaxexit.lab.comparison import compare_versions, load_tested
from jaxexit.store.journal import NAME
from jaxexit.store.looks import differing, overlap_before
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
from jaxexit.store.verification import trials_note
from tests.support import tiny

RUN = "v1_tiny"
SUMMARY = f"{RUN}/results/test/summary.json"
PROOF = {"snapshot_sha256": "a" * 64, "checkpoint_sha256": "b" * 64, "step": 512}


@pytest.fixture(scope="module")
def kept(trained: tiny.Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained and tested version, a second that waits, and a sweep of four settings; not to be changed."""
    root = tmp_path_factory.mktemp("kept")
    trained.copied_to(root)
    registry = Registry(root)
    second = root / "v2_waits.yaml"
    second.write_text(f"extends: {RUN}.yaml\nguards: {{min_bars_for_exit: 2}}\n")
    registry.register(load_experiment(second), second)
    registry.count_sweep("lr", RUN, 4, "c" * 64)
    return root


@pytest.fixture
def root(kept: Path, tmp_path: Path) -> Path:
    """A copy, to be tampered with."""
    return Path(shutil.copytree(kept, tmp_path / "root"))


def verified(root: Path, code: int) -> dict[str, Any]:
    """What the command says, as JSON."""
    got, out, err = tiny.run("registry", "verify", "--root", root, "--json")
    assert (got, err) == (code, ""), (out, err)
    return json.loads(out)


def edited(
    root: Path, change: Callable[[dict[str, Any]], Any], name: str = "registry.json"
) -> None:
    """Let somebody change a JSON file by hand."""
    path = root / name
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content, indent=2) + "\n")


def row(content: dict[str, Any]) -> dict[str, Any]:
    return content["versions"][RUN]


def lines_of(root: Path) -> list[str]:
    return (root / NAME).read_text().splitlines()


def rewrite(root: Path, lines: list[str]) -> None:
    (root / NAME).write_text("".join(f"{line}\n" for line in lines))


def swap_entries(root: Path) -> None:
    first, *others = lines_of(root)
    rewrite(root, [first, *reversed(others)])


def edit_entry(root: Path) -> None:
    lines = lines_of(root)
    rewrite(root, [lines[0], lines[1].replace(RUN, "v9_mine"), *lines[2:]])


def journal_anew(root: Path) -> None:
    """A journal of the same length, whole in itself, of something else."""
    (root / NAME).unlink()
    other = root / "other"
    other.mkdir()
    registry = Registry(other)
    yaml = other / "v3_other.yaml"
    yaml.write_text((root / f"{RUN}.yaml").read_text())
    registry.register(load_experiment(yaml), yaml)
    while (other / NAME).stat().st_size < 60_000:
        registry.record_test_evaluation("v3_other", {"checkpoint": "best", **PROOF})
    shutil.copy(other / NAME, root / NAME)
    shutil.rmtree(other)


def older_registry(root: Path) -> None:
    before = (root / "registry.json").read_bytes()
    for _ in range(2):
        Registry(root).record_test_evaluation(RUN, {"checkpoint": "best", **PROOF})
    (root / "registry.json").write_bytes(before)


def reset(root: Path) -> None:
    """Registry and journal away, and a new registry over the run that is there."""
    (root / "registry.json").unlink()
    (root / NAME).unlink()
    yaml = root / f"{RUN}.yaml"
    Registry(root).register(load_experiment(yaml), yaml)


def better_trades(root: Path) -> None:
    path = root / f"{RUN}/results/test/trades.parquet"
    table = pd.read_parquet(path)
    table.loc[table["policy"] == "learned", "net_pips"] += 50.0
    table.to_parquet(path, index=False)


def flip_a_byte(root: Path) -> None:
    state = next((root / RUN / "models").glob("step_*/state"))
    path = max((p for p in state.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def learned(summary: dict[str, Any]) -> dict[str, Any]:
    return summary["policies"]["learned"]


TAMPERINGS: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    # --- the registry
    "a net result": (
        lambda r: edited(r, lambda c: row(c)["results"]["test"].update(net_pips_mean=50.0)),
        "edited", f"versions.{RUN}.results.test.net_pips_mean"),
    "looks removed": (
        lambda r: edited(r, lambda c: row(c).update(test_evaluations=[])),
        "removed", f"versions.{RUN}.test_evaluations"),
    "the key of the looks removed": (
        lambda r: edited(r, lambda c: row(c).pop("test_evaluations")),
        "removed", f"versions.{RUN}.test_evaluations"),
    "a look of another checkpoint": (
        lambda r: edited(
            r, lambda c: row(c)["test_evaluations"][0].update(checkpoint_sha256="d" * 64)),
        "edited", f"versions.{RUN}.test_evaluations.0.checkpoint_sha256"),
    "fewer trials of a sweep": (
        lambda r: edited(r, lambda c: c["sweeps"][0].update(trials=1)),
        "edited", "sweeps.0.trials"),
    "a sweep removed": (
        lambda r: edited(r, lambda c: c.update(sweeps=[])), "removed", "sweeps"),
    "a status": (
        lambda r: edited(r, lambda c: c["versions"]["v2_waits"].update(status="completed")),
        "edited", "versions.v2_waits.status"),
    "longer training": (
        lambda r: edited(r, lambda c: row(c).update(trained_steps=10_000_000)),
        "edited", f"versions.{RUN}.trained_steps"),
    "a version removed": (
        lambda r: edited(r, lambda c: c["versions"].pop("v2_waits")), "removed", "v2_waits"),
    "a version added": (
        lambda r: edited(r, lambda c: c["versions"].update(v9_mine={"status": "pending"})),
        "added", "versions.v9_mine"),
    "a word": (
        lambda r: edited(r, lambda c: row(c).update(description="Sharpe 4, audited")),
        "edited", f"versions.{RUN}.description"),
    "its standing removed": (
        lambda r: edited(r, lambda c: c.pop("journal")), "edited", "registry.json"),
    "the registry removed": (
        lambda r: (r / "registry.json").unlink(), "removed", "registry.json"),
    "an older registry put back": (older_registry, "reset", "registry.json"),
    "registry and journal made anew": (reset, "reset", f"{NAME}, entry 1"),
    # --- the journal
    "an entry edited": (edit_entry, "edited", f"{NAME}, line 3"),
    "an entry removed": (
        lambda r: rewrite(r, [line for n, line in enumerate(lines_of(r)) if n != 2]),
        "removed", f"{NAME}, line 3"),
    "an entry twice": (
        lambda r: rewrite(r, [*lines_of(r)[:3], *lines_of(r)[2:]]), "moved", f"{NAME}, line 4"),
    "entries in another order": (swap_entries, "moved", NAME),
    "an entry that is none": (
        lambda r: rewrite(r, [*lines_of(r)[:2], "{}", *lines_of(r)[3:]]),
        "edited", f"{NAME}, line 3"),
    "the end of the journal removed": (
        lambda r: rewrite(r, lines_of(r)[:-2]), "removed", NAME),
    "the journal removed": (lambda r: (r / NAME).unlink(), "removed", NAME),
    "the journal made anew": (journal_anew, "reset", NAME),
    # --- the run
    "a summary's net result": (
        lambda r: edited(r, lambda c: learned(c).update(net_pips_mean=50.0), SUMMARY),
        "edited", SUMMARY),
    "better trades": (better_trades, "edited", f"{RUN}/results/test/trades.parquet"),
    "a result removed": (
        lambda r: shutil.rmtree(r / RUN / "results"), "removed", SUMMARY),
    "a snapshot edited": (
        lambda r: (r / RUN / "experiment.yaml").write_text(
            (r / RUN / "experiment.yaml").read_text().replace("max_bars: 20", "max_bars: 21")),
        "edited", f"{RUN}/experiment.yaml"),
    "another best checkpoint": (
        lambda r: edited(r, lambda c: c.update(step=0), f"{RUN}/models/best.json"),
        "edited", f"{RUN}/models/best.json"),
    "a byte of a checkpoint": (flip_a_byte, "edited", "/state/"),
    "other data in the provenance": (
        lambda r: edited(
            r, lambda c: c["data"]["bars"].update(rows=1), f"{RUN}/provenance.json"),
        "edited", f"{RUN}/provenance.json"),
    "the run removed": (lambda r: shutil.rmtree(r / RUN), "removed", RUN),
    "a run of which nobody has heard": (
        lambda r: shutil.copytree(r / RUN, r / "v7_guest") and edited(
            r, lambda c: c["checkpoint"].update(sha256="e" * 64), "v7_guest/results/test/summary.json"),
        "unknown", "v7_guest/results/test"),
}  # fmt: skip


def test_a_record_as_the_program_left_it_is_whole(kept: Path):
    found = verified(kept, 0)
    assert (found["whole"], found["findings"], found["looks"]) == (True, [], 1)
    assert found["chained_from_the_start"]
    assert found["looks_known"]
    assert Registry(kept).doubt() is None


@pytest.mark.parametrize("name", TAMPERINGS)
def test_every_tampering_is_named(name: str, root: Path):
    tamper, kind, where = TAMPERINGS[name]
    tamper(root)
    before = {path: path.read_bytes() for path in root.glob("registry*")}
    findings = verified(root, 1)["findings"]
    assert any(one["kind"] == kind and where in one["where"] for one in findings), findings
    assert {path: path.read_bytes() for path in root.glob("registry*")} == before  # only looked at


def test_an_edit_is_told_for_good_though_the_program_went_on(root: Path):
    edited(root, lambda c: row(c)["results"]["test"].update(sharpe_annual=4.0))
    registry = Registry(root)
    registry.set_active("v2_waits")
    registry.set_active(RUN)
    findings = verified(root, 1)["findings"]
    assert any(f"{RUN}.results.test" in one["said"] for one in findings if NAME in one["where"])
    assert "edited" in str(registry.doubt())


def test_looks_that_an_older_registry_lacks_are_counted_all_the_same(root: Path):
    older_registry(root)
    assert len(Registry(root).test_evaluations()) == 3
    (root / "registry.json").unlink()
    assert len(Registry(root).test_evaluations()) == 3
    Registry(root).set_active("v2_waits")
    assert (
        len(json.loads((root / "registry.json").read_text())["versions"][RUN]["test_evaluations"])
        == 3
    )


def test_looks_are_unknown_and_not_zero_where_a_registry_was_made_anew(root: Path):
    reset(root)
    found = verified(root, 1)
    assert (found["looks"], found["looks_known"]) == (0, False)
    doubt = Registry(root).doubt()
    assert "unknown" in str(doubt)
    assert f"NOT CERTAIN: {doubt}" in trials_note(1, doubt)
    code, out, _ = tiny.run("registry", "list", "--root", root)
    assert code == 0
    assert "NOT CERTAIN: how often is unknown" in " ".join(out.split())


def test_an_older_registry_is_chained_from_its_next_change_on(root: Path):
    edited(root, lambda c: c.pop("journal"))
    (root / NAME).unlink()
    found = verified(root, 0)
    assert (found["chained_since"], found["entries"], found["looks"]) == (None, 0, 1)
    Registry(root).set_active("v2_waits")
    found = verified(root, 0)
    assert found["chained_since"] is not None
    assert not found["chained_from_the_start"]
    code, out, _ = tiny.run("registry", "verify", "--root", root)
    assert (code, "what was before is unchained" in out) == (0, True)


def test_a_run_that_was_moved_aside_is_found_where_it_is(root: Path):
    registry, folder = Registry(root), RunFolder(root, RUN)
    experiment, provenance = folder.frozen(), folder.provenance()
    registry.begin(folder, experiment, "overwrite", provenance)
    assert verified(root, 0)["whole"]
    (root / f"{RUN}.1" / "experiment.yaml").unlink()
    findings = verified(root, 1)["findings"]
    assert {"kind": "removed", "where": f"{RUN}.1/experiment.yaml", "said": "is gone"} in findings


DATA = {
    "bars": "x", "file": "eurusd.csv", "first": "2024-01-02T00:00:00Z", "last": "2024-06-01T00:00:00Z",
    "split": "1" * 64, "costs": "2" * 64, "entries": "3" * 64,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, []),
        ({"split": "9" * 64, "first": "2024-03-01T00:00:00Z"}, ["another split"]),
        ({"costs": "9" * 64}, ["other costs"]),
        ({"entries": "9" * 64, "costs": "9" * 64}, ["other costs", "other entries"]),
        ({"bars": "y", "costs": "9" * 64}, ["other costs"]),  # the file has grown
        ({"bars": "y", "file": "gbpusd.csv"}, None),
        ({"first": "2024-07-01T00:00:00Z", "last": "2024-08-01T00:00:00Z"}, None),
    ],
)
def test_a_moved_split_or_other_costs_are_another_look_at_the_same_data(root: Path, changed, words):
    registry = Registry(root)
    first = {**PROOF, "looked_at": DATA}
    registry.record_test_evaluation("v2_waits", first)
    later = {**PROOF, "snapshot_sha256": "f" * 64, "looked_at": {**DATA, **changed}}
    assert differing(later, first) == words
    said = overlap_before(registry, later)
    assert said == (
        ""
        if words is None
        else ", 1 of them at data that overlap" + (f" ({', '.join(words)})" if words else "")
    )
    registry.record_test_evaluation("v2_waits", later)
    assert verified(root, 0)["looks_again"] == bool(words)


def test_a_deflated_sharpe_says_that_its_trials_are_not_certain(root: Path):
    tested = load_tested(root, RUN, "test")
    both = [tested, replace(tested, version="v2_waits")]
    assert "NOT CERTAIN" not in compare_versions(both, Registry(root), "test")["verdict"]
    reset(root)
    found = compare_versions(both, Registry(root), "test")
    assert "NOT CERTAIN: how often is unknown" in found["verdict"]
    assert "unknown" in found["metrics"][RUN]["deflated_sharpe"]["doubt"]
