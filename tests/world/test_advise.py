"""Live advice is the backtest's, decision by decision; bad bars are said and change nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import jaxexit
from jaxexit import advise
from jaxexit.data.export import bar_table
from jaxexit.env import ACTIONS, RULES
from jaxexit.lab.trained import open_trained
from jaxexit.lab.training import learned_policy
from jaxexit.live.advisor import Advisor
from jaxexit.live.history import load_bars_of
from jaxexit.live.policy import restore_policy
from jaxexit.truth.audit.subject import make_subject
from jaxexit.truth.audit.trace import trace
from tests.support import tiny

ROUNDING = (
    2e-6  # of float32: one trade in a program of its own is fused otherwise than 512 side by side
)


@pytest.fixture(scope="module")
def subject(trained: tiny.Trained):
    """The trained policy on its test split."""
    version = open_trained(trained.yaml, None)
    policy = restore_policy(version)
    learned = learned_policy(version.experiment)
    made = make_subject(
        version.experiment, "test", learned, policy.params, dataset=version.dataset()
    )
    assert made.result is not None
    return made


@pytest.fixture(scope="module")
def bars(subject) -> list[dict[str, Any]]:
    """Every bar of the file, both sides, as JSON would bring it."""
    table = bar_table(subject.bars, ("bid", "ask"))
    table["time"] = table["time"].astype(str)
    return [json.loads(json.dumps(row)) for row in table.to_dict("records")]


@pytest.fixture(scope="module")
def open_list(subject, tmp_path_factory) -> Any:
    """The test split's trades as a trader lists them: time, direction, nothing else."""
    table = subject.dataset.tables["test"]
    path = tmp_path_factory.mktemp("advise") / "open.csv"
    listed = table[["trade_id", "entry_time", "direction"]]
    listed.assign(direction=np.where(table["direction"] > 0, "long", "short")).to_csv(
        path, index=False
    )
    return path


def _streamed(advisor: Advisor, bars: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for bar in bars for line in advisor.on_bar(bar)]


def _written(bars: list[dict[str, Any]], folder: Path) -> Path:
    """Bars as a history file."""
    path = folder / "history.csv"
    pd.DataFrame(bars).to_csv(path, index=False)
    return path


def _compare(subject, lines: list[dict[str, Any]]) -> int:
    """Every decision and every close beside the backtest's; how many decisions there were."""
    table, records = subject.result.table, subject.records
    seen = trace(subject, subject.dataset, np.arange(len(table)))
    taken, chosen = np.asarray(records.taken), np.asarray(records.chosen)
    fired, stop = np.asarray(records.fired), np.asarray(records.stop)
    advised: dict[str, list[dict[str, Any]]] = {}
    closed = {}
    for line in lines:
        if line["type"] == "advice":
            advised.setdefault(line["trade"], []).append(line)
        elif line["type"] == "closed":
            assert line["trade"] not in closed
            closed[line["trade"]] = line
    assert len(closed) == len(table)
    times = subject.dataset.times
    for i, row in enumerate(table.itertuples()):
        told = advised[str(row.trade_id)]
        assert [line["k"] for line in told] == list(range(int(taken[i].sum())))
        for k, line in enumerate(told):
            assert pd.Timestamp(line["time"]).tz_localize(None) == times[row.entry_bar + k]
            assert line["chosen"] == ACTIONS[chosen[i, k]]
            rules = [rule.name for bit, rule in enumerate(RULES) if fired[i, k] >> bit & 1]
            assert line["why"] == rules
            assert line["blocked"] == bool(rules)
            assert line["action"] == ("HOLD" if rules else line["chosen"])
            assert line["stop"] == pytest.approx(stop[i, k], abs=1e-6)
            assert sum(line["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
        end = closed[str(row.trade_id)]
        assert end["reason"] == row.exit_reason
        assert end["bars_held"] == row.bars_held
        assert end["net_pips"] == pytest.approx(row.net_pips, abs=0.01)
    assert np.isfinite(seen.observation).all()
    return int(taken.sum())


def test_every_decision_of_every_trade_is_the_backtests(
    trained, subject, bars, open_list, tmp_path
):
    first = int(subject.dataset.tables["test"]["entry_bar"].iloc[0])
    advisor = jaxexit.Advisor(trained.yaml, history=_written(bars[:first], tmp_path))
    assert advisor.load(open_list) == []
    lines = _streamed(advisor, bars[first:])
    assert {line["type"] for line in lines} == {"advice", "fill", "closed"}
    assert _compare(subject, lines) > 300
    assert advisor.open_trades == ()


def test_a_restart_in_the_middle_catches_up_and_goes_on_alike(
    trained, subject, bars, open_list, tmp_path
):
    """The first bars come as a history file; trades entered in them are replayed, and said to be."""
    at = int(np.median(subject.dataset.tables["test"]["entry_bar"])) + 3
    advisor = Advisor(trained.yaml, history=_written(bars[:at], tmp_path))
    caught_up = advisor.load(open_list)
    assert advisor.open_trades
    last = bars[at - 1]["time"]
    for line in caught_up:
        before = pd.Timestamp(line["time"]) < pd.Timestamp(last)
        assert line.get("replayed", False) == before
    assert _compare(subject, caught_up + _streamed(advisor, bars[at:])) > 300


def test_what_is_observed_is_what_the_backtest_observed(
    trained, subject, bars, open_list, tmp_path
):
    table = subject.dataset.tables["test"]
    first = int(table["entry_bar"].iloc[0])
    advisor = Advisor(trained.yaml, history=_written(bars[:first], tmp_path))
    advisor.load(open_list)
    some = np.arange(0, len(table), 5)
    seen = trace(subject, subject.dataset, some)
    compared = 0
    for i, bar in enumerate(bars[first:], first):
        advisor.on_bar(bar)
        for place, row in enumerate(some):
            name = str(table["trade_id"].iloc[row])
            if name in advisor.open_trades:
                k = i - int(table["entry_bar"].iloc[row])
                observed = advisor._follower.observed(name)
                np.testing.assert_allclose(
                    observed, seen.observation[place, k], rtol=ROUNDING, atol=ROUNDING
                )
                compared += 1
    assert compared > 50


def test_many_bars_at_once_are_the_same_as_one_after_the_other(
    trained, subject, bars, open_list, tmp_path
):
    """Read as one table while nothing is followed, then bar by bar: the same bars, the same decisions."""
    first = int(subject.dataset.tables["test"]["entry_bar"].iloc[0])
    single = Advisor(trained.yaml, history=_written(bars[: first - 50], tmp_path))
    table = Advisor(trained.yaml, history=_written(bars[: first - 50], tmp_path))
    assert _streamed(single, bars[first - 50 : first]) == []
    assert table.on_bars(pd.DataFrame(bars[first - 50 : first])) == []
    for one, other in zip(single._feed.rows()[0], table._feed.rows()[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert single.load(open_list) == table.load(open_list) == []
    coming = bars[first : first + 30]
    assert _streamed(single, coming) == table.on_bars(pd.DataFrame(coming))


def test_a_table_that_is_not_sound_is_refused_whole(trained, bars, tmp_path):
    advisor = Advisor(trained.yaml, history=_written(bars[:400], tmp_path))
    for wrong, code in (
        (bars[399:402], "out_of_order"),
        ([bars[400], {**bars[401], "bid_high": 0.5}], "bad_bar"),
    ):
        (line,) = advisor.on_bars(pd.DataFrame(wrong))
        assert (line["type"], line["code"]) == ("error", code)
        assert advisor.ready()["bars"] == 400


def _fed(trained, bars, history: int, tmp_path) -> Advisor:
    advisor = Advisor(trained.yaml, history=_written(bars[:history], tmp_path))
    advisor.open({"trade": "a", "entry_time": bars[history]["time"], "direction": "long"})
    return advisor


def test_repeated_late_revised_and_broken_bars_are_said_and_change_nothing(trained, bars, tmp_path):
    clean, disturbed = (_fed(trained, bars, 400, tmp_path) for _ in range(2))
    expected = _streamed(clean, bars[400:415])
    disturbances = [
        (bars[401], "warning", "repeated"),
        ({**bars[401], "bid_close": bars[401]["bid_close"] - 1e-5}, "error", "revised"),
        ({**bars[401], "time": "2022-01-03 00:07:00"}, "error", "out_of_order"),
        ({**bars[402], "bid_high": 0.5}, "error", "bad_bar"),
        ({"time": bars[402]["time"]}, "error", "bad_bar"),
        ({**bars[402], "time": "soon"}, "error", "bad_bar"),
    ]
    got = _streamed(disturbed, bars[400:402])
    for bar, level, code in disturbances:
        (line,) = disturbed.on_bar(bar)
        assert (line["type"], line["code"]) == (level, code)
        assert line["message"]
    assert got + _streamed(disturbed, bars[402:415]) == expected


def test_missing_bars_are_counted_and_the_next_one_is_taken_as_it_is(trained, bars, tmp_path):
    advisor = _fed(trained, bars, 400, tmp_path)
    advisor.on_bar(bars[400])
    warning, *rest = advisor.on_bar(bars[404])
    assert (warning["type"], warning["code"], warning["missing"]) == ("warning", "missing", 3)
    assert rest[0]["k"] == 1


def test_a_bar_that_comes_late_or_before_its_close_is_said(trained, bars, tmp_path):
    history = _written(bars[:400], tmp_path)
    advisor = Advisor(trained.yaml, history=history, max_delay=30)
    closes = [pd.Timestamp(bar["time"]).tz_localize(None).to_datetime64() for bar in bars[401:404]]
    clocks = [close + np.timedelta64(s, "s") for close, s in zip(closes, (20, 31, -1), strict=True)]
    found = [
        [line["code"] for line in advisor.on_bar(bar, now=clock)]
        for bar, clock in zip(bars[400:403], clocks, strict=True)
    ]
    assert found == [[], ["late"], ["not_closed"]]


@pytest.mark.parametrize(
    ("trade", "says"),
    [
        ({"trade": "x", "direction": "up"}, "a direction: long or short"),
        ({"trade": "x", "direction": "long"}, "entry_time"),
        ({"direction": "long", "entry_time": "2022-01-03"}, "needs a name"),
        (
            {"trade": "x", "direction": "long", "entry_time": "2022-01-03T00:05"},
            "entry times lie inside bars",
        ),
        (
            {"trade": "x", "direction": "long", "entry_time": "2022-01-03T02:00"},
            "before the warm-up",
        ),
        ({"trade": "x", "direction": "long", "entry_time": "2022-01-07", "stop": 9}, "losing side"),
        ({"trade": "x", "direction": "long", "when": 1}, "unknown key 'when'"),
    ],
)
def test_a_trade_that_cannot_be_followed_is_said(trained, bars, tmp_path, trade, says):
    history = _written(bars[:500], tmp_path)
    advisor = Advisor(trained.yaml, history=history)
    (line,) = advisor.open(trade)
    assert (line["type"], line["code"]) == ("error", "bad_trade")
    assert says in line["message"]
    assert advisor.open_trades == ()


def test_a_trade_closed_by_hand_is_no_longer_followed(trained, bars, tmp_path):
    advisor = _fed(trained, bars, 400, tmp_path)
    assert [line["type"] for line in advisor.on_bar(bars[400])] == ["advice"]
    assert advisor.close("a")[0]["code"] == "forgotten"
    assert advisor.on_bar(bars[401]) == []
    assert advisor.close("a")[0]["code"] == "no_trade"


def test_the_command_answers_json_lines_with_json_lines(
    trained, bars, open_list, tmp_path, monkeypatch, capsys, subject
):
    first = int(subject.dataset.tables["test"]["entry_bar"].iloc[0])
    history = _written(bars[:first], tmp_path)
    lines = [json.dumps(bar) for bar in bars[first : first + 3]]
    lines.insert(1, "no json")
    lines.insert(2, json.dumps({"close": "nobody"}))
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
    words = [
        str(trained.yaml),
        "--trades",
        str(open_list),
        "--bars",
        "-",
        "--history",
        str(history),
    ]
    assert advise.main(words) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert said[0]["type"] == "ready"
    assert said[0]["bars"] == first
    codes = [line.get("code") for line in said if line["type"] == "error"]
    assert codes == ["bad_line", "no_trade"]
    assert sum(line["type"] == "advice" and line["k"] == 0 for line in said) >= 2


@pytest.mark.slow
def test_every_decision_on_the_sample_is_the_backtests(tmp_path):
    """Real bars with weekends and holidays, 1,468 trades of up to 200 bars."""
    yaml = tmp_path / "v1_sample.yaml"
    yaml.write_text(
        "description: sample\nhypothesis: none\nguards: {min_bars_for_exit: 2}\n"
        "ppo: {num_envs: 8, num_steps: 128, minibatch_size: 256, num_epochs: 2, total_timesteps: 4096}\n"
        "network: {hidden_sizes: [32]}\n"
    )
    assert tiny.run("train", yaml, "--quiet")[0] == 0
    version = open_trained(yaml, None)
    policy, dataset = restore_policy(version), version.dataset()
    made = make_subject(
        version.experiment,
        "test",
        learned_policy(version.experiment),
        policy.params,
        dataset=dataset,
    )
    table = dataset.tables["test"]
    path = tmp_path / "open.csv"
    table[["trade_id", "entry_time", "direction"]].to_csv(path, index=False)
    rows = bar_table(load_bars_of(version.experiment, "sample"), ("bid", "ask")).to_dict("records")
    first = int(table["entry_bar"].iloc[0])
    advisor = Advisor(policy, history=_written(rows[:first], tmp_path))
    advisor.load(path)
    lines = _streamed(advisor, rows[first:])
    missing = [line for line in lines if line.get("code") == "missing"]
    assert len(missing) < 10  # weekends are none
    assert _compare(made, lines) > 5_000
