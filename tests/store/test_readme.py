"""The page in a run folder says what the files beside it say."""

import json
from pathlib import Path

from jaxexit.config import experiment_sha256
from jaxexit.store.readme import write_readme
from jaxexit.store.registry import Registry
from jaxexit.store.run import RunFolder
from tests.support import tiny


def test_training_leaves_a_page_with_the_result_and_where_it_comes_from(
    trained: tiny.Trained,
) -> None:
    page = (trained.folder / "README.md").read_text(encoding="utf-8")
    summary = json.loads((trained.folder / "results/test/summary.json").read_text())
    experiment = RunFolder(trained.yaml.parent, trained.yaml.stem).frozen()
    assert page.startswith("# v1_tiny\n")
    assert summary["checkpoint"]["sha256"] in page
    assert experiment_sha256(experiment) in page
    learned = summary["policies"]["learned"]
    low, high = (learned["intervals"]["net_pips_mean"][end] for end in ("low", "high"))
    assert f"| {learned['net_pips_mean']:+.2f} ({low:+.2f} to {high:+.2f}) |" in page
    for name, policy in summary["policies"].items():
        if name != "learned":
            assert f"| {name} | {policy['net_pips_mean']:+.2f} | " in page
    assert "python -m jaxexit.train" in page


def test_words_of_a_file_are_shown_and_not_obeyed(trained: tiny.Trained, tmp_path: Path) -> None:
    root = trained.copied_to(tmp_path).parent
    folder = RunFolder(root, "v1_tiny")
    words = "[click](http://x) <img src=x> **bold** # head | bar"
    said = folder.frozen().model_copy(update={"description": words})
    page = write_readme(folder, said, Registry(root)).read_text(encoding="utf-8")
    assert r"\[click\](http://x) \<img src=x\> \*\*bold\*\* \# head | bar" in page


def test_a_result_of_what_the_version_was_before_is_not_shown(
    trained: tiny.Trained, tmp_path: Path
) -> None:
    """A walk-forward outlives a change of the file; its numbers are not those of the version any more."""
    root = trained.copied_to(tmp_path).parent
    folder = RunFolder(root, "v1_tiny")
    summary = json.loads((folder.results("test") / "summary.json").read_text())
    fold = {
        "fold": 0,
        "train": {"trades": 9, "first_entry": "2016-01-04", "last_entry": "2016-12-30"},
        "validation": {"trades": 7, "first_entry": "2016-12-31", "last_entry": "2017-01-01"},
        "test": {"trades": 8, "first_entry": "2017-01-02", "last_entry": "2017-01-03"},
        "agents": [{"name": "fold 0", "seed": 0, "best_step": 256, "best_score": 0.5}],
        "interval": {"value": None, "low": None, "high": None},
        "net_pips_mean": 7.77,
    }
    summary |= {"layout": "anchored", "embargo_bars": 0, "folds": [fold]}
    (folder.results("walk_forward")).mkdir()
    for sha256, shown in ((summary["snapshot_sha256"], True), ("0" * 64, False)):
        path = folder.results("walk_forward") / "summary.json"
        path.write_text(json.dumps(summary | {"snapshot_sha256": sha256}))
        page = write_readme(folder, folder.frozen(), Registry(root)).read_text(encoding="utf-8")
        assert ("Results on walk_forward" in page) == ("+7.77" in page) == shown
        assert "## Results on test" in page
