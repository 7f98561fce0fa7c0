"""The page as a reader meets it: numbers, list, filters, layouts, themes. In a real browser."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jaxexit import names
from jaxexit.evaluate.power import power_line
from jaxexit.report.page import render, write_report
from jaxexit.report.run import ReportedRun
from tests.report.browser import Reader
from tests.report.conftest import FORMULA, HOSTILE, MANY

SECONDS_TO_OPEN = 20.0  # on a busy machine; an idle one needs one or two
FEW = 30  # trades that a reader looks through
ONE_PAGE = ["page", "compared_page"]


def written(value: float, digits: int) -> str:
    """As a trader writes it: a sign, and a real minus; zero has none."""
    rounded = round(abs(value), digits)
    text = f"{rounded:,.{digits}f}"
    if rounded == 0:
        return text
    return ("\u2212" if value < 0 else "+") + text


def test_the_verdict_says_what_the_test_could_have_seen(
    reader: Reader, page: Path, run: ReportedRun
) -> None:
    reader.open(page)
    line = power_line(run.summary)
    assert f"{line[0].upper()}{line[1:]}." in reader.text("#verdict .verdict")


def test_a_result_from_before_power_was_known_has_a_verdict_all_the_same(
    run: ReportedRun, page: Path
) -> None:
    before = replace(run, summary={k: v for k, v in run.summary.items() if k != "power"})
    assert "this test could" not in render([before]).lower()
    assert "this test could" in page.read_text(encoding="utf-8").lower()


def test_a_simulated_market_is_called_one_before_anything_is_claimed(
    reader: Reader, run: ReportedRun, page: Path, tmp_path: Path
) -> None:
    words = "SIMULATED MARKET: not real prices."
    path = tmp_path / "report.html"
    write_report([replace(run, provenance={**run.provenance, "simulated": words})], path)
    reader.open(path)
    for width in (1280, 375):
        reader.look(width=width)
        assert reader.text("p.simulated") == words
        first, then, whole = reader.js(
            """
            const place = (name) => document.querySelector(name).getBoundingClientRect();
            return [place("p.simulated").bottom, place("h1").top, document.documentElement.scrollWidth]"""
        )
        assert first < then
        assert whole <= width
    real = page.read_text(encoding="utf-8")
    assert "simulated" not in real.split("</style>")[1].split("<script")[0].lower()


@pytest.mark.parametrize("which", ONE_PAGE)
def test_there_is_a_card_for_every_trade(
    which: str, request: pytest.FixtureRequest, reader: Reader, run: ReportedRun
) -> None:
    reader.open(request.getfixturevalue(which))
    cards = reader.cards()
    assert [card["id"] for card in cards] == [str(trade) for trade in run.table["trade_id"]]
    assert all(card["setsize"] == len(run.table) and card["drawn"] == 1 for card in cards)


def test_each_total_row_is_the_trade_table_to_the_shown_digit(
    reader: Reader, compared_page: Path, runs: list[ReportedRun]
) -> None:
    reader.open(compared_page)
    losses = 0
    for i, card in enumerate(reader.cards()):
        for run, row in zip(runs, card["rows"], strict=True):
            trade = run.table.iloc[i]
            costs = [trade[f"{kind}_pips"] for kind in ("spread", "commission", "slippage", "swap")]
            assert row[1:-1] == [
                written(trade["gross_pips"], 1),
                *(written(cost, 1).removeprefix("+") for cost in costs),
                written(trade["net_pips"], 1),
                written(trade["net_r"], 2),
            ]
            assert row[-1].replace("BE_STOP", "BREAKEVEN_STOP") == trade["exit_reason"]
        net = runs[0].table["net_pips"].iloc[i]
        assert card["pips"] == f"{written(net, 1)} pips"
        losses += net < -0.05
    assert losses > 10  # so that the sign of a loss was looked at


def test_sums_of_the_page_are_those_of_the_summary(
    reader: Reader, compared_page: Path, runs: list[ReportedRun]
) -> None:
    reader.open(compared_page)
    head, *rows = reader.table("#selection")
    for run, row in zip(runs, rows, strict=True):
        said, metrics = dict(zip(head, row, strict=True)), run.summary["policies"][run.learned]
        assert said["trades"] == f"{metrics['trades']:,}"
        assert said["net pips, total"] == written(metrics["net_pips_total"], 1)
        assert said["net/trade"] == written(metrics["net_pips_mean"], 2)
        assert said["win"] == f"{100 * metrics['win_rate']:.1f}%"
        assert said["gross"] == written(metrics["gross_pips_mean"] * metrics["trades"], 1)


def test_the_metrics_panel_has_every_policy_with_the_summary_s_numbers(
    reader: Reader, page: Path, run: ReportedRun
) -> None:
    reader.open(page)
    head, *rows = reader.table("#metrics-table")
    assert head[1:] == [run.version, *list(run.summary["policies"])[1:]]
    said = {row[0]: row[1:] for row in rows}
    policies = list(run.summary["policies"].values())
    assert said["Net pips a trade"] == [written(m["net_pips_mean"], 2) for m in policies]
    assert said["Net pips, total"] == [written(m["net_pips_total"], 1) for m in policies]
    assert said["Sharpe, annual"] == [
        "\u2013" if m["sharpe_annual"] is None else written(m["sharpe_annual"], 2) for m in policies
    ]


def test_filters_leave_the_right_trades(reader: Reader, page: Path, run: ReportedRun) -> None:
    reader.open(page)
    table = run.table
    reason = str(table["exit_reason"].iloc[0])
    months = table["entry_time"].dt.strftime("%Y-%m")
    ids = table["trade_id"].to_numpy().astype(str)

    def count() -> int:
        return int(reader.text("#count").split(" of ")[0].replace(",", ""))

    number = reader.js(
        "return [...document.querySelectorAll('#by-reason option')].find("
        "(o) => o.textContent === arguments[0]).value",
        reason,
    )
    for name, value, kept in (
        ("by-reason", number, table["exit_reason"] == reason),
        ("by-direction", "-1", table["direction"] < 0),
        ("by-month", str(months.iloc[-1]), months == months.iloc[-1]),
        ("by-kind", "loss", table["net_pips"] < 0),
        ("by-kind", "blocked", table.filter(like="blocked_").sum(axis=1) > 0),
        ("by-kind", "at_once", table["bars_held"] == 0),
        ("search", f"#{ids[3]}", np.char.startswith(ids, ids[3])),
        (
            "search",
            "short " + reason.lower(),
            (table["direction"] < 0) & table["exit_reason"].str.contains(reason),
        ),
        ("search", "no such trade", ids == ""),
    ):
        reader.choose(name, value)
        expected = ids[np.flatnonzero(kept)].tolist()
        assert count() == len(expected), (name, value)
        if len(expected) < FEW:
            assert reader.listed() == expected
        reader.click("#filters [type=reset]")
        reader.wait(lambda: count() == len(table))


def test_sorting_by_result_and_regret(reader: Reader, page: Path, run: ReportedRun) -> None:
    reader.open(page)
    net = run.table["net_pips"].to_numpy(float)
    regret = run.tables["oracle"]["net_pips"].to_numpy(float) - net
    for name, key in (("worst", net), ("best", -net), ("regret", -regret)):
        reader.choose("sort", name)
        order = np.argsort(key, kind="stable")
        assert reader.listed() == [str(trade) for trade in run.table["trade_id"].iloc[order]]


def test_tables_are_copied_as_numbers_a_spreadsheet_reads(
    reader: Reader, page: Path, run: ReportedRun
) -> None:
    reader.open(page)
    reader.click("#trades-csv")
    rows = list(csv.DictReader(io.StringIO(reader.js("return window.copied"))))
    assert [float(row["net_pips"]) for row in rows] == run.table["net_pips"].tolist()
    assert [row["exit_reason"] for row in rows] == run.table["exit_reason"].tolist()
    reader.click("[data-table=metrics-table]")
    panel = {row[0]: row[1:] for row in csv.reader(io.StringIO(reader.js("return window.copied")))}
    total = run.summary["policies"][run.learned]["net_pips_total"]
    assert float(panel["Net pips, total"][0]) == pytest.approx(total, abs=0.05)


@pytest.mark.parametrize("width", [375, pytest.param(1280, marks=pytest.mark.slow)])
def test_nothing_scrolls_sideways(reader: Reader, compared_page: Path, width: int) -> None:
    """A wide window holds what a phone's does: it is looked through with the slow ones."""
    reader.open(compared_page, width=width)
    overflow = (
        "const e = document.querySelector(arguments[0]); return e.scrollWidth - e.clientWidth"
    )
    assert reader.js(overflow, "html") <= 0
    reader.js("scrollTo(0, document.documentElement.scrollHeight / 2)")
    assert reader.js(overflow, "html") <= 0
    reader.open_trade(0)
    assert reader.js(overflow, "#trade") <= 0


@pytest.mark.parametrize("dark", [False, True])
def test_words_can_be_read_in_either_theme(reader: Reader, page: Path, dark: bool) -> None:
    reader.open(page, dark=dark)
    luminance = """
        const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        const of = (name) => {
            canvas.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
            canvas.fillRect(0, 0, 1, 1);
            const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v / 255)
                .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        return Object.fromEntries(arguments[0].map((name) => [name, of(name)]))"""
    pairs = [
        (word, ground)
        for word in ("--text", "--soft", "--gain", "--loss", "--accent")
        for ground in ("--ground", "--raised")
    ]
    pairs.append(("--warn", "--warn-ground"))
    found = reader.js(luminance, sorted({name for pair in pairs for name in pair}))
    assert (found["--ground"] < 0.1) == dark
    for pair in pairs:
        low, high = sorted(found[name] for name in pair)
        assert (high + 0.05) / (low + 0.05) >= 4.5, pair  # WCAG 2.1, AA


def test_text_from_data_is_shown_and_never_run(
    reader: Reader, hostile_page: Path, run: ReportedRun
) -> None:
    reader.open(hostile_page)
    reader.choose("search", HOSTILE)
    assert reader.listed() == [str(trade) for trade in run.table["trade_id"]]
    assert f"{HOSTILE}: {HOSTILE}" in reader.text("#cards .card .tags")
    assert HOSTILE in reader.text("#source")
    reader.choose("search", "breakout")
    assert reader.listed() == [str(run.table["trade_id"].iloc[0])]
    assert reader.js(
        "return window.hacked === undefined && !document.querySelector('#cards script')"
    )


def test_a_table_that_is_copied_computes_nothing(reader: Reader, hostile_page: Path) -> None:
    reader.open(hostile_page)
    reader.click("#trades-csv")
    row = next(csv.DictReader(io.StringIO(reader.js("return window.copied"))))
    safe = names.cell(FORMULA)
    assert (safe[:2], "\x1b" in safe) == ("'=", False)
    assert row[safe] == safe
    assert row[HOSTILE] == HOSTILE


@pytest.mark.slow
def test_a_page_of_20_000_trades_opens_and_filters(reader: Reader, large_page: Path) -> None:
    reader.open(large_page)
    assert int(reader.js("return document.body.dataset.ready")) < 1000 * SECONDS_TO_OPEN
    assert reader.text("#count").startswith(f"{MANY:,} of {MANY:,}")
    assert reader.js("return document.querySelectorAll('.card').length") < 50
    reader.js("scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' })")
    reader.wait(
        lambda: reader.js("return document.querySelector('[data-place=\"19999\"] .stop-line')")
    )
    milliseconds = reader.js("""
        const box = document.getElementById("by-kind");
        box.value = "loss";
        const began = performance.now();
        box.dispatchEvent(new Event("input", { bubbles: true }));
        return performance.now() - began""")
    assert milliseconds < 2000


def test_nothing_is_fetched_from_anywhere(reader: Reader, page: Path) -> None:
    reader.open(page)
    names = reader.js("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in names if not name.startswith(("blob:", "data:"))] == []


def test_on_paper_nothing_is_cut_off_and_every_picture_is_there(
    reader: Reader, compared_page: Path, run: ReportedRun
) -> None:
    """Landscape A4 with 10 mm margins is 1,047 pixels wide."""
    reader.open(compared_page, width=1047)
    reader.js("dispatchEvent(new Event('beforeprint'))")
    reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        cut = reader.js("""
            return [...document.querySelectorAll("table, .picture")].filter((e) => e.checkVisibility())
                .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.className)""")
        assert cut == []
        blank = "return document.querySelectorAll('[data-figure]:not([data-drawn])').length"
        reader.wait(lambda: reader.js(blank) == 0)
        printed = len(reader.table("#print-list table")) - 1
        assert printed == min(len(run.table), 1_000)
    finally:
        reader.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
