"""One trade, open: what is drawn is what happened, and playback knows no more than the agent did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jaxexit.report.run import ReportedRun
from tests.report.browser import Reader
from tests.report.test_page import written

CHART = """
    const of = (name) => document.getElementById("chart").data.filter((t) => t.name.startsWith(name));
    const candles = document.getElementById("chart").data.find((t) => t.type === "candlestick");
    return {
        bars: candles.x,
        stop: of("stop in force").map((t) => ({ x: t.x, y: t.y }))[0],
        marks: document.getElementById("chart").data
            .filter((t) => t.type === "scatter").flatMap((t) => [...t.x]),
        bars_of_probability: of("P(").map((t) => t.y),
        names: document.getElementById("chart").data.map((t) => t.name),
    }"""


def longest(run: ReportedRun) -> int:
    return int(np.argmax(np.diff(run.decisions.offsets)))


def of_few_decisions(run: ReportedRun) -> int:
    """A trade that plays by itself in a second or two, with others before it."""
    decisions = np.diff(run.decisions.offsets)
    return int(np.flatnonzero((decisions >= 4) & (decisions <= 8))[-1])


@pytest.mark.parametrize("each", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_every_trade_opens_with_a_stop_drawn_only_where_it_was_in_force(
    reader: Reader, compared_page: Path, runs: list[ReportedRun], each: int
) -> None:
    reader.open(compared_page)
    reader.open_trade(0)
    table, pip, stopped = runs[0].table, runs[0].dataset.unit.size, 0
    for i in range(0, len(table), each):
        if i:
            reader.open_trade(i)
        trade = table.iloc[i]
        assert reader.text("#trade-title").startswith(f"#{trade['trade_id']} ")
        totals = reader.table("#trade-total table")[1:]
        assert [row[-3] for row in totals] == [
            written(run.table["net_pips"].iloc[i], 1) for run in runs
        ]
        drawn, last = reader.js(CHART)["stop"], trade["fills"][-1]
        bar = last["bar"] - trade["entry_bar"]
        assert max(drawn["x"]) <= bar + 0.5
        assert drawn["y"][0] == trade["stop_path"][0]["price"]
        if last["reason"] == "EXIT":
            assert max(drawn["x"]) == bar - 0.5  # gone before the bar at whose open it left
        if last["reason"] in ("STOP", "BREAKEVEN_STOP"):
            stopped += 1
            beyond = trade["direction"] * (drawn["y"][-1] - last["price"]) / pip
            assert beyond > -0.02  # filled at the level that is drawn, or beyond it through a gap
    assert stopped > 5
    reader.open_trade(len(table) - 1)
    assert reader.js("return document.getElementById('next').disabled")


@pytest.mark.parametrize("which", [of_few_decisions, pytest.param(longest, marks=pytest.mark.slow)])
def test_playback_reveals_no_bar_beyond_the_decision(
    reader: Reader, page: Path, run: ReportedRun, which: Callable[[ReportedRun], int]
) -> None:
    place = which(run)
    reader.open(page)
    reader.open_trade(place)
    result = written(run.table["net_pips"].iloc[place], 1)
    whole = reader.js(CHART)
    count = int(np.diff(run.decisions.offsets)[place])
    assert max(whole["bars"]) >= count
    assert len(reader.table("#trade-decisions")) == count + 2
    for step in range(count):
        reader.click("#first" if step == 0 else "#forward")
        reader.settled()
        seen = reader.js(CHART)
        assert max(seen["bars"]) == step
        assert max(seen["marks"]) <= step + 1.5  # the stop just sent, which rests in the coming bar
        assert len(reader.table("#trade-decisions")) == step + 2
        assert not any(
            name.startswith(("hindsight", "STOP", "EXIT ", "TIME")) for name in seen["names"]
        )
        assert reader.js(
            "return !document.querySelector('#trade-total table, #trade-fills, #trade-policies, tfoot')"
        )
        seen = reader.text("#trade").replace(
            f"{result} pips unrealised", ""
        )  # it may be on the way
        assert f"{result} pips" not in seen
        booked = [row[9] for row in reader.table("#trade-decisions")[1:]]
        assert booked[-1] == ""  # what this decision brings is known a bar later
    reader.click("#forward")
    reader.settled()
    assert reader.js(CHART)["bars"] == whole["bars"]
    assert reader.table("#trade-total table")[1][-3] == result


def test_playing_steps_by_itself_and_keys_do_what_buttons_do(
    reader: Reader, page: Path, run: ReportedRun
) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    reader.open(page)
    reader.open_trade(of_few_decisions(run))
    step = "return document.getElementById('trade').dataset.step"
    reader.js(
        "document.getElementById('speed').value = '200'; document.getElementById('trade').focus()"
    )

    def press(key: str) -> None:
        ActionChains(reader.driver).send_keys(key).perform()

    press(Keys.HOME)
    assert reader.js(step) == "0"
    press(Keys.ARROW_RIGHT)
    assert reader.js(step) == "1"
    press(Keys.ARROW_LEFT)
    reader.click("#play")
    reader.wait(lambda: reader.js(step) == "over")
    title = reader.text("#trade-title")
    press("p")
    assert reader.text("#trade-title") != title
    press(Keys.ESCAPE)
    assert reader.js("return !document.getElementById('trade').open")


def test_bar_by_bar_table_books_what_the_trade_earned(
    reader: Reader, page: Path, run: ReportedRun
) -> None:
    reader.open(page)
    place = longest(run)
    reader.open_trade(place)
    trade = run.table.iloc[place]
    *rows, total = reader.table("#trade-decisions")[1:]
    assert total[0] == "TOTAL"
    assert total[9] == written(trade["net_pips"], 1)
    booked = sum(float(row[9].replace("\u2212", "-")) for row in rows)
    assert booked == pytest.approx(trade["net_pips"], abs=0.06 * len(rows))
    assert [row[2] for row in rows].count("HOLD") == trade["chosen_HOLD"]


def test_insight_shows_the_policy_s_probabilities(
    reader: Reader, page: Path, run: ReportedRun
) -> None:
    reader.open(page)
    place = longest(run)
    reader.open_trade(place)
    first, last = run.decisions.offsets[place : place + 2]
    expected = run.decisions.insight.probabilities[first:last].T
    np.testing.assert_allclose(reader.js(CHART)["bars_of_probability"], expected, atol=1e-6)
    shown = reader.js(
        "return [...document.querySelectorAll('#insight .bars .number')].slice(0, 5)"
        ".map((e) => e.textContent)"
    )
    assert shown == [f"{100 * share:.1f}%" for share in expected[:, -1]]


def test_comparison_shows_both_versions(
    reader: Reader, compared_page: Path, runs: list[ReportedRun]
) -> None:
    reader.open(compared_page)
    difference = (runs[0].table["net_pips"] - runs[1].table["net_pips"]).to_numpy(float)
    panel = {row[0]: row[1:] for row in reader.table("#metrics-table")}
    assert panel["same trades, net of costs"][:2] == ["v1_tiny", "v2_tiny"]
    assert panel["v1_tiny minus this"][1] == written(difference.mean(), 2)
    reader.choose("by-kind", "differ")
    assert reader.text("#count").startswith(f"{(np.abs(difference) > 0.005).sum():,} of ")
    reader.choose("sort", "differ")
    reader.open_trade(0)
    assert [row[0] for row in reader.table("#trade-total table")[1:]] == [
        "TOTAL v1_tiny",
        "TOTAL v2_tiny",
    ]
    assert "v2_tiny: stop" in reader.js(CHART)["names"]
    place = int(np.argmax(np.abs(difference)))
    reader.js(
        "const v = document.getElementById('version'); v.value = '1'; v.dispatchEvent(new Event('change'))"
    )
    reader.settled()
    count = np.diff(runs[1].decisions.offsets)[place]
    assert len(reader.table("#trade-decisions")) == count + 2
    assert "v1_tiny: stop" in reader.js(CHART)["names"]


def test_on_a_phone_an_opened_trade_shows_what_it_came_to_without_scrolling(
    reader: Reader, compared_page: Path, runs: list[ReportedRun]
) -> None:
    reader.open(compared_page, width=375)
    reader.open_trade(0)
    rows = reader.table("#trade-total table")
    place = rows[0].index("net pips")
    assert [row[place] for row in rows[1:]] == [
        written(run.table["net_pips"].iloc[0], 1) for run in runs
    ]
    right = reader.js(
        "return document.querySelector('#trade-total td.net').getBoundingClientRect().right"
    )
    assert right <= 375
