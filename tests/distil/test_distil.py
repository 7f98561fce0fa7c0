"""A trained version distilled by the command and from Python: chosen, counted, kept, compared."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import jaxexit
import jaxexit.commands.distil as command
from jaxexit.distil import Asked
from jaxexit.distil.code import LANGUAGES
from jaxexit.distil.rule import Rule
from jaxexit.errors import UserError
from jaxexit.evaluate import mean_per_trade, share_kept
from jaxexit.store.registry import Registry
from tests.support import tiny


@pytest.fixture(scope="module")
def distilled(
    tmp_path_factory: pytest.TempPathFactory, trained: tiny.Trained
) -> tuple[Path, str, str]:
    """A copy of the tiny version, and what the command said on stdout and stderr."""
    yaml = trained.copied_to(tmp_path_factory.mktemp("version"))
    code, out, err = tiny.run("distil", yaml, "--json", "--as", "python")
    assert code == 0, err
    return yaml, out, err


@pytest.fixture(scope="module")
def summary(distilled: tuple[Path, str, str]) -> dict:
    return json.loads(distilled[1])


def looks(yaml: Path) -> list[dict]:
    return Registry(yaml.parent).test_evaluations()


def test_playing_the_rule_on_test_is_a_look_that_is_counted_once(
    distilled: tuple[Path, str, str], summary: dict
) -> None:
    """The version's own backtest, then the rule's; asking again for what is known plays nothing."""
    yaml = distilled[0]
    own, rule = looks(yaml)
    assert "distilled" not in own
    assert rule["distilled"] == summary["rule"]["sha256"]
    assert rule["checkpoint_sha256"] == summary["checkpoint"]["sha256"]
    assert summary["policies"]["rule"]["deflated_sharpe"]["trials"] == 2
    run = jaxexit.open_run(yaml)
    for language in LANGUAGES:
        assert run.distil(progress=False).code(language)
    assert len(looks(yaml)) == 2


def test_a_new_search_finds_the_same_and_is_another_look(
    distilled: tuple[Path, str, str], summary: dict, tmp_path: Path
) -> None:
    shutil.copytree(distilled[0].parent, tmp_path, dirs_exist_ok=True)
    yaml = tmp_path / distilled[0].name
    again = jaxexit.open_run(yaml).distil(again=True, progress=False).summary
    assert again["rule"] == summary["rule"]
    assert again["candidates"] == summary["candidates"]
    assert again["policies"]["learned"]["intervals"] == summary["policies"]["learned"]["intervals"]
    assert len(looks(yaml)) == 3
    assert again["policies"]["rule"]["deflated_sharpe"]["trials"] == 3


def test_the_command_offers_every_language() -> None:
    assert tuple(LANGUAGES) == command.LANGUAGES


def test_another_question_has_another_folder() -> None:
    assert Asked().folder() == "distil"
    assert Asked(rules=1, checkpoint="final", seed=4).folder() == "distil_final_seed_4_rules_1"


def test_the_rule_stands_first_beside_network_and_baselines(summary: dict) -> None:
    first, second, *others = summary["policies"]
    assert (first, second) == ("rule", "learned")
    assert {"leave_at_once", "atr_trailing", "break_even_then_trail", "oracle"} <= {*others}
    assert summary["verdict"].count("rule: net") == 1
    difference = summary["policies"]["learned"]["learned_minus"]
    assert difference == summary["kept"]["difference"]


def test_every_candidate_is_counted_and_the_best_on_validation_is_chosen(summary: dict) -> None:
    candidates = summary["candidates"]
    rules = [json.dumps(one["rule"]) for one in candidates["all"]]
    assert len({*rules}) == len(rules) == candidates["tried"] > 3
    best = max(one["validation_net_mean"] for one in candidates["all"])
    assert candidates["chosen"]["validation_net_mean"] == best
    assert candidates["chosen"]["rule"] == summary["rule"]["lines"]
    assert all(one["lines"] <= summary["rules"] == 3 for one in candidates["all"])


def test_agreement_counts_the_decisions_that_the_network_met(summary: dict) -> None:
    """As many as its trades had, by action after guards as the backtest's table has them."""
    agreement, network = summary["agreement"], summary["policies"]["learned"]
    assert agreement["decisions"] == sum(network["actions"].values())
    done = {
        name: network["actions"][name] - network["blocked"][name]
        for name in ("EXIT", "TIGHTEN_SL", "TRAIL_BE", "PARTIAL")
    }
    said = {name: count["network"] for name, count in agreement["by_action"].items()}
    assert {n: c for n, c in said.items() if n != "HOLD" and c} == {
        n: c for n, c in done.items() if c
    }
    both = sum(count["both"] for count in agreement["by_action"].values())
    assert agreement["share"] == pytest.approx(both / agreement["decisions"])
    assert agreement["always_hold"] == said["HOLD"] / agreement["decisions"]


def test_the_code_was_run_on_every_decision_of_test(summary: dict) -> None:
    ruled = sum(summary["policies"]["rule"]["actions"].values())
    network = sum(summary["policies"]["learned"]["actions"].values())
    assert summary["parity"] == {
        "decisions": ruled + network,
        "different": {"python": 0, "json": 0},
    }
    assert summary["code"].startswith('"""A rule distilled from v1_tiny (checkpoint ')


def test_what_is_kept_of_it(distilled: tuple[Path, str, str], summary: dict) -> None:
    folder = distilled[0].with_suffix("") / "results" / "distil"
    kept = json.loads((folder / "summary.json").read_text())
    said = {name: value for name, value in summary.items() if name != "code"}
    assert kept == {"schema_version": 1, **said}
    trades = pd.read_parquet(folder / "trades.parquet")
    assert {*trades["policy"]} == {*summary["policies"]}
    own = json.loads((folder.with_name("test") / "summary.json").read_text())
    network, backtested = summary["policies"]["learned"], own["policies"]["learned"]
    assert network["net_pips_total"] == backtested["net_pips_total"]


def test_the_command_says_it_in_words(distilled: tuple[Path, str, str], summary: dict) -> None:
    _, _, err = distilled
    assert f"v1_tiny as a rule: {summary['rule']['words']}." in err
    assert f"among {summary['candidates']['tried']} candidates" in err
    assert "Decisions kept: " in err
    assert "rule minus network: " in err
    assert "the rule is" in err


def test_code_goes_to_a_file(distilled: tuple[Path, str, str], tmp_path: Path) -> None:
    code, out, err = tiny.run(
        "distil", distilled[0], "--as", "json", "--out", tmp_path / "rule.json", "--quiet"
    )
    assert (code, out) == (0, ""), err
    content = json.loads((tmp_path / "rule.json").read_text())
    assert Rule.from_json(content["rules"]) == Rule.from_json(
        json.loads(distilled[1])["rule"]["lines"]
    )


def test_a_rule_that_was_edited_is_not_believed(
    distilled: tuple[Path, str, str], tmp_path: Path
) -> None:
    shutil.copytree(distilled[0].parent, tmp_path, dirs_exist_ok=True)
    (path,) = [p for p in tmp_path.rglob("summary.json") if '"candidates"' in p.read_text()]
    content = json.loads(path.read_text())
    content["rule"]["lines"].append({"if": [], "do": "EXIT"})
    path.write_text(json.dumps(content))
    code, _, err = tiny.run("distil", tmp_path / distilled[0].name, "--quiet")
    assert code == 2
    assert err == f"error: {path}: rule.lines: are not those of rule.sha256; distil it --again\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--rules", "0"], "--rules: got 0, expected a whole number from 1 to 10"),
        (["--out", "rule.py"], "--out: writes code; say in which language: --as python|pine|"),
        (["--as", "cobol"], "invalid choice: 'cobol'"),
        (["--seed", "7"], "--seed: got 7, expected one of 0"),
        (["--checkpoint", "77"], "no checkpoint '77'"),
    ],
)
def test_what_cannot_be_asked(
    distilled: tuple[Path, str, str], words: list[str], says: str
) -> None:
    code, out, err = tiny.run("distil", distilled[0], *words)
    assert (code, out.count("error")) == (2, 0)
    assert says in err
    assert len(looks(distilled[0])) == 2


def test_from_python(distilled: tuple[Path, str, str], summary: dict) -> None:
    found = jaxexit.open_run(distilled[0]).distil(rules=3, progress=False)
    assert found.words == summary["rule"]["words"]
    assert found.agreement == summary["agreement"]["share"]
    assert list(found.table.index[:2]) == ["rule", "learned"]
    assert found.words in repr(found)
    with pytest.raises(UserError, match="report the run itself"):
        found.report()
    with pytest.raises(UserError, match="expected one of python, pine, mql5, freqtrade, json"):
        found.code("cobol")


def table(net: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """Trades of an hour each, one after the other, with these net results in pips."""
    entry = np.datetime64("2020-01-06", "ns") + np.arange(len(net)) * np.timedelta64(3, "h")
    return pd.DataFrame(
        {
            "trade_id": np.arange(len(net)),
            "entry_time": pd.DatetimeIndex(entry, tz="UTC"),
            "exit_time": pd.DatetimeIndex(entry + np.timedelta64(1, "h"), tz="UTC"),
            "direction": np.resize([1.0, -1.0], len(net)),
            "net_pips": net,
            "net_r": net / 10,
        }
    )


def test_the_share_kept_is_a_ratio_of_totals_and_its_interval_covers_the_truth() -> None:
    """A rule that earns 80% of a network on average, trade by trade with noise of its own."""
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        network = rng.normal(5.0, 10.0, 600)
        rule = 0.8 * 5.0 + (network - 5.0) + rng.normal(0.0, 3.0, 600)
        kept = share_kept(table(rule), table(network), resamples=200)
        assert kept.value == pytest.approx(rule.sum() / network.sum())
        held += kept.low <= 0.8 <= kept.high
    assert held >= 54  # 95% of 60, less two standard deviations


def test_pairing_makes_the_share_sharp() -> None:
    """What both did alike cancels: half of every result is kept for certain."""
    rng = np.random.default_rng(0)
    network = rng.normal(5.0, 10.0, 600)
    kept = share_kept(table(0.5 * network), table(network))
    assert kept.value == pytest.approx(0.5)
    assert kept.high - kept.low < 0.01
    assert mean_per_trade(table(network)).low > 0
