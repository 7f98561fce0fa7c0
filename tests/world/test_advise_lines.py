"""What a stream of lines may do to an advisor: nothing that is not said in one line of strict JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from jaxexit import advise
from jaxexit.data.export import bar_table
from jaxexit.lab.trained import open_trained
from jaxexit.live.advisor import Advisor
from jaxexit.live.following import MOST_OPEN
from jaxexit.live.history import load_bars_of
from jaxexit.live.policy import TrainedPolicy, restore_policy
from jaxexit.live.roster import MOST_WAITING
from jaxexit.live.schema import LineOut, schema
from tests.support import tiny

HISTORY = 400


@pytest.fixture(scope="module")
def policy(trained: tiny.Trained) -> TrainedPolicy:
    return restore_policy(open_trained(trained.yaml, None))


@pytest.fixture(scope="module")
def bars(policy: TrainedPolicy) -> list[dict[str, Any]]:
    name = str(policy.experiment.data.bars)
    table = bar_table(load_bars_of(policy.experiment, name, "mid"), ("bid", "ask"))
    table["time"] = table["time"].astype(str)
    return table.iloc[: HISTORY + 20].to_dict("records")


@pytest.fixture
def history(bars, tmp_path) -> Path:
    import pandas as pd

    path = tmp_path / "history.csv"
    pd.DataFrame(bars[:HISTORY]).to_csv(path, index=False)
    return path


def strict(line: str) -> dict[str, Any]:
    """A line of output, by its schema."""

    def never(word: str) -> None:
        raise AssertionError(f"{word} in {line}")

    found = TypeAdapter(LineOut).validate_json(line)
    assert found.type == json.loads(line, parse_constant=never)["type"]
    return json.loads(line)


def attacks(bars: list[dict[str, Any]]) -> list[str]:
    """Lines of no use; none of them may change what is advised."""
    sound = {"trade": "x", "entry_time": bars[HISTORY - 1]["time"], "direction": "long"}
    stops = (0, -1, 1e308, "1.1", True, [], 1e-9, 1e9, 9.0)
    trades: list[Any] = [{**sound, "stop": stop} for stop in stops]
    trades += [{**sound, "direction": "short", "stop": stop} for stop in (0.0, 1e-9, 100.0, 0.5)]
    trades += [{**sound, "target": 1e11}, {**sound, "target": -1.0}, {**sound, "trade": ""}]
    years = ("0001-01-01", "9999-12-31", "1700-01-01", "2261-01-01", "now", "", 5, None)
    trades += [{**sound, "entry_time": year} for year in years]
    trades += [{**sound, "trade": "x" * 201}, {**sound, "more": 1}, [], "x", 7]
    bar = bars[HISTORY]
    broken = [{**bar, "time": year} for year in (*years[:4], "9999-12-31T00:00:00Z", 1e300)]
    broken += [{**bar, "bid_open": value} for value in (0, -1, 1e308, "x", None, True, [1], {})]
    hundred = {k: v if k == "time" else 100 * v for k, v in bar.items()}
    broken += [
        hundred,
        {**bar, "time": "2031-01-01"},
        {**bar, "line": 0},
        {**bar, "accept_jump": 1},
    ]
    lines = [json.dumps({"open": trade}) for trade in trades] + [json.dumps(b) for b in broken]
    lines += [
        json.dumps(bar).replace(str(bar["bid_open"]), word) for word in ("NaN", "Infinity", "1e999")
    ]
    lines += [json.dumps({"open": {**sound, "stop": 1}}).replace(": 1}", ": Infinity}")]
    lines += [
        "[" * 5_000,
        '{"a": 1, "a": 2}',
        "7",
        "null",
        '"x"',
        "{",
        '{"close": []}',
        '{"close": null}',
    ]
    lines += [
        '{"open": ["x"]}',
        '{"open": {}, "line": "x"}',
        '{"open": {}, "close": "x"}',
        '{"open": []}',
        "{}",
        '{"x": ' + "9" * 5_000 + "}",
    ]
    return lines


def test_lines_of_no_use_are_refused_one_by_one_and_the_stream_goes_on(
    trained, bars, history, monkeypatch, capsys
):
    """Stops of 0, infinite, far or on the wrong side, years 1 and 9999, prices times 100, NaN: all."""
    wrong = attacks(bars)
    trade = {"trade": "a", "entry_time": bars[HISTORY]["time"], "direction": "long"}
    sound = [json.dumps({"open": trade}), *map(json.dumps, bars[HISTORY : HISTORY + 6])]

    def said(lines: list[str]) -> list[dict[str, Any]]:
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
        assert advise.main([str(trained.yaml), "--bars", "-", "--history", str(history)]) == 0
        return [strict(line) for line in capsys.readouterr().out.splitlines()]

    clean = said(sound)
    disturbed = said([sound[0], *wrong, *sound[1:]])
    errors = [line for line in disturbed if line["type"] == "error"]
    assert len(errors) == len(wrong) - 2  # an empty list of trades opens none
    assert all("\n" not in line["message"] for line in errors)
    codes = {"bad_trade", "bad_bar", "bad_line", "jump", "out_of_order"}
    assert {line["code"] for line in errors} == codes
    assert [line for line in disturbed if line["type"] != "error"] == clean
    assert sum(line["type"] == "advice" for line in clean) > 1


def test_a_bar_that_jumps_is_held_back_until_it_is_accepted(policy, bars, history):
    jumped = {k: v if k == "time" else 1.5 * v for k, v in bars[HISTORY].items()}
    advisor = Advisor(policy, history=history)
    (line,) = advisor.on_bar(jumped)
    assert (line["type"], line["code"]) == ("error", "jump")
    assert line["atr"] > 100
    assert "accept_jump" in line["message"]
    assert advisor.ready()["bars"] == HISTORY
    assert advisor.on_bar(jumped, accept_jump=True) == []
    assert advisor.ready()["bars"] == HISTORY + 1
    assert Advisor(policy, history=history, accept_jumps=True).on_bar(jumped) == []
    assert Advisor(policy, history=history, jump_atr=1e6).on_bar(jumped) == []


def test_no_bar_of_the_sample_is_held_back(policy):
    """Seven years of real hours, weekends and all."""
    from jaxexit.data.sample import sample_path
    from jaxexit.live.jumps import MOST_ATR, distances

    pytest.importorskip("gym_anytrading")
    assert sample_path().exists()
    known = load_bars_of(policy.experiment, "sample")
    import numpy as np

    distance, measure = distances(known.times, known.mid, np.timedelta64(1, "h"))
    assert float((distance / measure).max()) < MOST_ATR / 2


def test_limits_are_said(policy, bars, history):
    advisor = Advisor(policy, history=history)
    ready = advisor.ready()
    assert (ready["most_open"], ready["most_waiting"]) == (MOST_OPEN, MOST_WAITING)
    later = {"entry_time": bars[HISTORY + 5]["time"], "direction": "long"}
    assert advisor.open_many([{"trade": f"w{i}", **later} for i in range(3)]) == []
    assert advisor.ready()["waiting"] == 3


def test_the_schema_in_the_documentation_is_the_models(repository):
    published = json.loads((repository / "docs/reference/advise_lines.json").read_text())
    assert published == json.loads(json.dumps(schema()))
