"""`jaxexit demo`: a market whose best exit is known, an agent that comes close, a report that says so."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import pytest
from rich.console import Console

from jaxexit.commands.demo import FEWEST_STEPS
from jaxexit.commands.demo_live import BLOCKS, DRAWN, Watched, sparkline
from jaxexit.config import load_experiment
from jaxexit.data import load_dataset
from jaxexit.data.simulated import PIP
from jaxexit.data.split import SPLITS
from jaxexit.env.types import BY_EXIT
from jaxexit.evaluate.played import no_results
from jaxexit.truth.demo import MARKET, NAME, STOP, WORDS, Demo, demo
from jaxexit.truth.demo_scores import Judge, clustered_error
from jaxexit.truth.known_markets import HORIZON, SPREAD_PIPS
from tests.support import tiny

FEW = 600  # trades of a quick look
KEYS = {
    "simulated",
    "seed",
    "optimum_pips",
    "shares",
    "final",
    "exits",
    "report",
    "folder",
    "seconds",
}


class Shown(NamedTuple):
    """A small demo, and what it left."""

    record: dict[str, Any]
    said: str
    folder: Path
    opened: int
    before: Any
    after: Any


def left_behind() -> tuple[list[str], dict[str, tuple[int, str]]]:
    """What is in the folder that commands are run from, and in its experiments."""
    experiments = tiny.contents(tiny.REPOSITORY / "experiments")
    return sorted(path.name for path in tiny.REPOSITORY.iterdir()), experiments


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder, before = tmp_path_factory.mktemp("demo") / "out", left_behind()
    words = ("--trades", str(FEW), "--steps", str(2 * FEWEST_STEPS), "--json", "--out", folder)
    with patch("webbrowser.open") as opened:
        code, out, err = tiny.run("demo", *words)
    assert code == 0, err
    return Shown(json.loads(out), err, folder, opened.call_count, before, left_behind())


@pytest.fixture(scope="module")
def market() -> Demo:
    return demo(seed=3, trades=4_000)


@pytest.mark.slow
def test_json_has_the_shares_over_time_and_the_final_one_with_its_error(shown: Shown) -> None:
    record = shown.record
    assert set(record) == KEYS
    assert record["simulated"] is True
    assert [moment["steps"] for moment in record["shares"]] == [2 * FEWEST_STEPS]
    assert set(record["shares"][0]) == {"steps", "seconds", "share", "standard_error"}
    assert record["final"]["standard_error"] > 0
    learned = next(score for score in record["exits"] if score["exit"] == "learned")
    assert record["final"]["share"] == learned["share"] <= 1.0 + 3 * learned["standard_error"]


@pytest.mark.slow
def test_its_files_are_in_its_folder_and_nowhere_else(shown: Shown) -> None:
    assert shown.after == shown.before
    assert Path(shown.record["report"]) == shown.folder / "report.html"
    registered = json.loads((shown.folder / "registry.json").read_text())
    assert list(registered["versions"]) == [NAME]


@pytest.mark.slow
def test_no_browser_is_opened_where_nobody_looks(shown: Shown) -> None:
    assert shown.opened == 0


@pytest.mark.slow
def test_the_report_says_first_that_the_market_is_simulated(shown: Shown) -> None:
    page = (shown.folder / "report.html").read_text(encoding="utf-8")
    assert page.index(WORDS) < page.index('<h1 id="verdict-title">')
    assert '<span class="simulated">simulated market</span>' in page


@pytest.mark.slow
def test_a_report_that_is_written_again_says_so_too(shown: Shown) -> None:
    again = shown.folder.parent / "again.html"
    code, _, err = tiny.run("report", shown.folder / f"{NAME}.yaml", "--out", again)
    assert code == 0, err
    assert WORDS in again.read_text(encoding="utf-8")


@pytest.mark.slow
def test_without_a_terminal_it_says_in_lines_where_it_is(shown: Shown) -> None:
    assert "compiling the update" in shown.said
    assert re.search(r"32,768 steps +[0-9.]+ s +-?[0-9.]+% of the optimum", shown.said)
    assert "\r" not in shown.said
    assert "\x1b" not in shown.said


@pytest.mark.slow
def test_it_compares_what_was_learned_with_simple_exits_and_the_optimum(shown: Shown) -> None:
    exits = {score["exit"]: score for score in shown.record["exits"]}
    assert list(exits) == [
        "leave_at_once",
        "hold_to_horizon",
        "best_simple_rule",
        "learned",
        "optimum",
    ]
    assert exits["leave_at_once"]["pips"] == pytest.approx(-SPREAD_PIPS, abs=0.001)
    assert exits["optimum"]["share"] == 1.0


def test_the_splits_are_those_of_the_training(tmp_path: Path) -> None:
    market = demo(seed=1, trades=FEW)
    dataset = load_dataset(load_experiment(market.write(tmp_path)))
    for name in SPLITS[1:]:
        entered = dataset.tables[name]["entry_bar"].to_numpy(np.int64)
        assert np.array_equal(entered, market.entry_bar[market.rows[name]])
    assert not [line for line in dataset.summary if line.startswith("note")]


def test_the_best_exit_earns_the_optimum(market: Demo) -> None:
    everyone = np.arange(len(market.best))
    net = market.net(market.best, everyone)
    skill = net - MARKET.luck(market.simulated)[market.best, everyone]
    assert skill.mean() == pytest.approx(market.optimum, abs=0.02)
    assert net.mean() == pytest.approx(market.optimum, abs=4 * net.std() / len(net) ** 0.5)


@pytest.mark.parametrize("bars", [1, 20, HORIZON])
def test_a_fixed_time_earns_nothing_and_pays_the_spread(market: Demo, bars: int) -> None:
    everyone = np.arange(len(market.best))
    net = market.net(np.full(len(everyone), bars), everyone)
    error = clustered_error(net, market.entry_bar // (2 * HORIZON))
    assert net.mean() == pytest.approx(-SPREAD_PIPS, abs=4 * error + 0.1)


def test_no_trade_comes_near_its_stop(market: Demo) -> None:
    assert market.paths.gain.min() > -STOP


def test_the_share_is_of_what_is_expected_and_not_of_what_fell(market: Demo) -> None:
    judge = Judge(market, "validation")
    best = market.best[judge.rows]
    share, error = judge.share(market.net(best, judge.rows), best)
    assert share == pytest.approx(1.0, abs=0.001)
    assert error < 0.001
    at_once = np.zeros_like(best)
    share, _ = judge.share(market.net(at_once, judge.rows), at_once)
    assert share == pytest.approx(-SPREAD_PIPS / market.optimum, abs=0.01)


def test_trades_that_share_bars_count_as_one_in_the_standard_error() -> None:
    of_days = np.random.default_rng(0).standard_normal(500)
    error = clustered_error(np.repeat(of_days, 8), np.repeat(np.arange(500), 8))
    assert error == pytest.approx(of_days.std() / 500**0.5)


def test_a_rise_of_the_share_is_a_line_of_its_own_in_a_log(market: Demo) -> None:
    """Played with more and more of the best exit's patience."""
    text = io.StringIO()
    judge = Judge(market, "validation")
    watched = Watched(Console(file=text, width=100), judge)
    prices = market.simulated.trades["entry_price"].to_numpy(float)[judge.rows]
    with watched.training("v1_demo", 40, 100, 1) as live:
        for update, patience in enumerate((0.0, 0.7, 0.72, 1.0), 1):
            decision = np.rint(patience * market.best[judge.rows]).astype(int)
            net = market.net(decision, judge.rows) * PIP / prices
            played = no_results(len(net))._replace(
                net=net, entry=prices, bars_held=decision, reason=np.full(len(net), BY_EXIT)
            )
            watched.validated("train", played)
            assert watched.came(0) is None
            watched.validated("validation", played)
            live.update({"env_steps": 100 * update})
            live.update({"env_steps": 100 * update + 50})
    shares = [float(x) for x in re.findall(r"(-?[0-9.]+)% of the optimum", text.getvalue())]
    assert [moment.steps for moment in watched.moments] == [100, 200, 300, 400]
    assert len(shares) == 3
    assert shares[0] == pytest.approx(-4.8, abs=0.5)
    assert shares == sorted(shares)
    assert shares[-1] == 100.0


def test_the_small_picture_goes_from_the_first_share_to_the_last() -> None:
    assert sparkline([-0.2, 1.3]) == BLOCKS[0] + BLOCKS[-1]
    many = sparkline(np.linspace(0.0, 1.0, 100).tolist())
    assert len(many) == DRAWN
    assert (many[0], many[-1]) == (BLOCKS[0], BLOCKS[-1])
    assert list(many) == sorted(many)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--steps", "100"), "--steps: got 100, expected 16384 or more"),
        (("--trades", "10"), "--trades: got 10, expected 400 or more"),
        (("--seed", "-1"), "--seed: got -1, expected a whole number from 0"),
        (("--out", "tests"), "--out: tests is not an empty folder; name a new one"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(words: tuple[str, ...], said: str) -> None:
    code, _, err = tiny.run("demo", *words)
    assert code == 2
    assert err.startswith(f"error: {said}")
    assert err.count("\n") == 1


@pytest.mark.slow
def test_ctrl_c_ends_it_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with tiny.running("demo", "--trades", "800") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "of the optimum" in line and "steps" in line:
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=tiny.PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert list(tmp_path.glob("jaxexit_demo_*")) == []


@pytest.mark.slow
def test_on_a_terminal_the_agent_comes_close_to_the_optimum_and_the_report_opens(
    tmp_path: Path,
) -> None:
    """The demo as it is: another market and another agent than those that its settings were chosen on."""
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "jaxexit.demo", "--seed", "101", "--out", tmp_path / "out"]
    environment = {**os.environ, "BROWSER": f"{browser} %s", "TERM": "xterm", "COLUMNS": "100"}
    # As the commands compile; unoptimised programs of other tests are of no use here.
    del environment["XLA_FLAGS"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65_536)
            except OSError:  # how Linux says that the terminal's other end is closed
                break
    assert process.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    shares = [float(share) for share in re.findall(r"steps +(-?[0-9.]+)% of the optimum", text)]
    assert shares[0] < 50.0
    assert shares[-1] > 95.0
    final = {
        name: float(share)
        for name, share in re.findall(r"│ (learned|best simple rule) +│.*?│ +([0-9.]+)%", text)
    }
    assert final["learned"] > 95.0
    assert final["learned"] > final["best simple rule"]
    assert opened.read_text().strip() == (tmp_path / "out" / "report.html").as_uri()
