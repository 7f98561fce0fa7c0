"""A backtest with finer bars says how many results they changed; one without says nothing of them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from jaxexit.config import load_experiment
from jaxexit.data import load_dataset
from jaxexit.evaluate import Backtest
from jaxexit.evaluate.assumed import decided, detail_line, without_detail
from jaxexit.policies import CLASSICAL
from tests.support import tiny
from tests.support.finer import write_market


@pytest.mark.slow
def test_a_backtest_says_what_finer_bars_changed(tmp_path: Path) -> None:
    yaml = write_market(tmp_path, 1_200)
    code, _, err = tiny.run("train", yaml, "--quiet")
    assert code == 0, err
    code, out, err = tiny.run("backtest", yaml, "--json")
    assert code == 0, err
    summary = json.loads(out)
    found = summary["detail"]
    assert found["rows"] == 72_000
    assert found["bars_without"] == 0
    assert list(found["policies"]) == ["learned", "classical"]
    for name, one in found["policies"].items():
        assert one["net_pips_mean"] == summary["policies"][name]["net_pips_mean"]
    classical = found["policies"]["classical"]
    assert 0 < classical["changed_share"] < 0.5
    assert classical["changed_trades"] == round(
        classical["changed_share"] * summary["policies"]["classical"]["trades"]
    )
    assert classical["ambiguous_share"] < classical["ambiguous_share_assumed"]
    line = detail_line(summary)
    assert line is not None
    assert f"{classical['changed_share']:.1%} of the trades under classical" in line
    assert line.split("(")[0] in " ".join(err.split())
    frozen = json.loads((yaml.with_suffix("") / "provenance.json").read_text())
    assert frozen["data"]["detail"]["sha256"] == found["sha256"]
    # The file that was there at the training is the one that must be there now.
    finer = tmp_path / "eurusd_m1.csv"
    table = pd.read_csv(finer)
    table.iloc[:-60].to_csv(finer, index=False)
    code, _, err = tiny.run("backtest", yaml, "--json")
    assert code != 0
    assert "detail" in err


@pytest.mark.slow
def test_a_walk_forward_says_it_of_its_folds_together(tmp_path: Path) -> None:
    yaml = write_market(tmp_path, 2_000)
    code, out, err = tiny.run("train", yaml, "--walk-forward", "2", "--json")
    assert code == 0, err
    summary = json.loads(out)["backtest"]
    classical = summary["detail"]["policies"]["classical"]
    assert classical["net_pips_mean"] == summary["policies"]["classical"]["net_pips_mean"]
    assert classical["net_pips_mean"] > classical["net_pips_mean_assumed"]
    assert classical["changed_trades"] == round(
        classical["changed_share"] * summary["policies"]["classical"]["trades"]
    )
    line = detail_line(summary)
    assert line is not None
    assert line.split("(")[0] in " ".join(err.split())


def test_without_finer_bars_nothing_is_said(trained: tiny.Trained) -> None:
    summary = json.loads((trained.folder / "results" / "test" / "summary.json").read_text())
    assert "detail" not in summary
    assert detail_line(summary) is None
    assert "detail" not in json.loads((trained.folder / "provenance.json").read_text())["data"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_market(tmp_path_factory.mktemp("files"), 1_200)


def test_the_share_of_changed_results_is_against_the_same_experiment_without_detail(
    files: Path,
) -> None:
    looked, plain = (load_experiment(files, texts) for texts in ((), ("data.detail=null",)))
    dataset = load_dataset(looked)
    backtest = Backtest(looked, dataset, "train")
    known, assumed = (one.play(CLASSICAL, ()) for one in (backtest, without_detail(backtest)))
    without = Backtest(plain, load_dataset(plain), "train").play(CLASSICAL, ()).table
    pd.testing.assert_frame_equal(assumed.table, without)
    here, there = (table["net_pips"].to_numpy(float) for table in (known.table, without))
    changed = here != there
    assert 0.01 < changed.mean() < 0.5
    assert here[changed].mean() > there[changed].mean()
    assert dataset.detail is not None
    found = decided(dataset.detail.fingerprint, {"classical": known}, {"classical": assumed})
    assert found["bars_without"] == 0
    assert found["policies"]["classical"] == {
        "changed_trades": changed.sum(),
        "changed_share": changed.mean(),
        "net_pips_mean": here.mean(),
        "net_pips_mean_assumed": there.mean(),
        "ambiguous_share": known.table["ambiguous"].mean(),
        "ambiguous_share_assumed": without["ambiguous"].mean(),
    }
    assert without["ambiguous"].to_numpy(float).mean() > 0.02
    assert detail_line({"unit": "pips", "detail": found}) == (
        f"Finer bars changed the result of {changed.mean():.1%} of the trades under classical (net pips a "
        f"trade {here.mean():+.2f}, with the stop assumed {there.mean():+.2f})."
    )
