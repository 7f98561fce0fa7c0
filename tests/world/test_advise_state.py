"""Live advice that is killed goes on as if it had not been: no advice is missing, none comes twice."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jaxexit.data.export import bar_table
from jaxexit.errors import UserError
from jaxexit.lab.trained import open_trained
from jaxexit.live import journal
from jaxexit.live.advisor import Advisor
from jaxexit.live.history import load_bars_of
from jaxexit.live.policy import TrainedPolicy, restore_policy
from tests.support import tiny

KILLS = 50
HISTORY = 400
Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def policy(trained: tiny.Trained) -> TrainedPolicy:
    return restore_policy(open_trained(trained.yaml, None))


@pytest.fixture(scope="module")
def history(policy: TrainedPolicy, tmp_path_factory) -> tuple[Path, Lines]:
    """A history file, and the bars that come after it."""
    name = str(policy.experiment.data.bars)
    table = bar_table(load_bars_of(policy.experiment, name, "mid"), ("bid", "ask"))
    table["time"] = table["time"].astype(str)
    path = tmp_path_factory.mktemp("state") / "history.csv"
    table.iloc[:HISTORY].to_csv(path, index=False)
    return path, table.iloc[HISTORY:].to_dict("records")


def script(bars: Lines, *, opened_every: int = 2) -> Lines:
    """Lines of a stream: bars, trades that are opened at them, some closed by hand, some of no use."""
    lines: Lines = []
    for i, bar in enumerate(bars):
        if i % opened_every == 0:
            side = ("long", "short")[i // opened_every % 2]
            lines.append({"open": {"trade": f"t{i}", "entry_time": bar["time"], "direction": side}})
        lines.append(bar)
        if i % 17 == 5:
            lines.append({"close": f"t{2 * opened_every * (i // (2 * opened_every))}"})
        if i % 23 == 7:
            lines += [bar, {**bar, "bid_high": 0.5}, {"close": "nobody"}]
    return [{**line, "line": number} for number, line in enumerate(lines, 1)]


def taken(advisor: Advisor, line: dict[str, Any]) -> Lines:
    """A line of the script, as the command gives it to the advisor."""
    content = dict(line)
    number = content.pop("line")
    if "open" in content and isinstance(content["open"], dict):
        return advisor.open_many([content["open"]], line=number)
    if "close" in content:
        return advisor.close(content["close"], line=number)
    return advisor.on_bar(content, line=number)


@pytest.mark.parametrize("compacted", [7, 1000])
def test_an_advisor_that_is_left_at_any_line_goes_on_alike(
    policy, history, tmp_path, monkeypatch, compacted
):
    """Restored from snapshots and from lines alone: every answer to the last digit."""
    monkeypatch.setattr(journal, "COMPACTED", compacted)
    path, bars = history
    lines = script(bars[:45])
    undisturbed = Advisor(policy, history=path)
    expected = [taken(undisturbed, line) for line in lines]
    assert sum(one["type"] == "advice" for said in expected for one in said) > 50
    said: list[Lines] = []
    random = np.random.default_rng(5)
    while len(said) < len(lines):
        advisor = Advisor(policy, history=path, state=tmp_path / "state")
        assert advisor.lines == len(said)
        if said:  # the answer to the last line was lost on its way
            assert taken(advisor, lines[len(said) - 1]) == said[-1]
        some = lines[len(said) : len(said) + int(random.integers(1, 30))]
        said += [taken(advisor, line) for line in some]
        advisor.stop()
    assert said == expected


def test_a_line_without_a_number_is_answered_once_more_after_a_restart_only(
    policy, history, tmp_path
):
    path, bars = history
    state = tmp_path / "state"
    first = Advisor(policy, history=path, state=state)
    first.open({"trade": "a", "entry_time": bars[0]["time"], "direction": "long"})
    advice = first.on_bar(bars[0])
    assert [line["type"] for line in advice] == ["advice"]
    assert [line["code"] for line in first.on_bar(bars[0])] == ["repeated"]
    second = first.on_bar(bars[1])
    first.stop()
    again = Advisor(policy, history=path, state=state)
    assert again.open_trades == ("a",)
    assert again.on_bar(bars[1]) == second
    assert [line["code"] for line in again.on_bar(bars[1])] == ["repeated"]
    again.stop()


def test_lines_that_do_not_follow_are_refused_and_change_nothing(policy, history, tmp_path):
    path, bars = history
    advisor = Advisor(policy, history=path, state=tmp_path / "state")
    advisor.on_bar(bars[0], line=1)
    for wrong in (advisor.on_bar(bars[2], line=3), advisor.on_bar(bars[1], line=1)):
        assert [(line["type"], line["code"]) for line in wrong] == [("error", "bad_line")]
        assert "send number 2" in wrong[0]["message"]
    assert advisor.lines == 1
    assert advisor.ready()["bars"] == HISTORY + 1
    advisor.stop()


def test_a_state_of_something_else_is_refused_in_one_line(policy, history, tmp_path):
    path, bars = history
    state = tmp_path / "state"
    advisor = Advisor(policy, history=path, state=state)
    advisor.on_bar(bars[0])
    with pytest.raises(UserError, match="used by another advisor"):
        Advisor(policy, history=path, state=state)
    advisor.stop()
    with pytest.raises(UserError, match="another --history") as error:
        Advisor(policy, state=state)
    assert "\n" not in str(error.value)
    content = state.read_bytes()
    for damaged in (b"", b"{}\n", content.replace(b"lines", b"lanes"), b"\x00" * 90):
        state.write_bytes(damaged)
        with pytest.raises(UserError, match="no state of an advisor"):
            Advisor(policy, history=path, state=state)
    state.write_bytes(content)
    (tmp_path / "state.bars").write_bytes(b"")
    with pytest.raises(UserError, match="lacks bars"):
        Advisor(policy, history=path, state=state)


def test_a_list_is_followed_once_over_all_restarts(policy, history, tmp_path):
    path, bars = history
    listed = tmp_path / "open.csv"
    rows = [
        {"trade_id": f"t{i}", "entry_time": bars[i]["time"], "direction": "long"} for i in (0, 3)
    ]
    pd.DataFrame(rows).to_csv(listed, index=False)
    state = tmp_path / "state"
    first = Advisor(policy, history=path, state=state)
    assert first.load(listed) == []
    assert [line["trade"] for line in first.on_bar(bars[0])] == ["t0"]
    first.stop()
    rows.append({"trade_id": "t9", "entry_time": bars[0]["time"], "direction": "short"})
    pd.DataFrame(rows).to_csv(listed, index=False)
    again = Advisor(policy, history=path, state=state)
    assert {line["trade"] for line in again.load(listed)} == {"t9"}
    assert set(again.open_trades) == {"t0", "t9"}
    assert again.ready()["waiting"] == 1
    again.stop()


class Service:
    """The command as a process, asked line by line."""

    def __init__(self, yaml: Path, history: Path, state: Path | None) -> None:
        words = [str(yaml), "--history", str(history), "--bars", "-"]
        words += [] if state is None else ["--state", str(state)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jaxexit.advise", *words],
            cwd=tiny.REPOSITORY,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def send(self, line: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def answer(self) -> list[str] | None:
        """The answer to the line that was sent; None: the process ended in the middle of it."""
        said = []
        while (text := self.read()).endswith("\n"):
            said.append(text)
            if json.loads(text)["type"] == "answered":
                return said
        return None

    def end(self) -> None:
        """Kill it, if it lives."""
        self.process.kill()
        self.process.communicate()


@pytest.mark.slow
def test_advice_killed_at_fifty_random_moments_is_the_undisturbed_one_line_by_line(
    trained, history, tmp_path
):
    """SIGKILL while lines are read, decided, noted and answered, and at the start; one line is sent again."""
    path, bars = history
    lines = script(bars[:700], opened_every=1)
    straight = Service(trained.yaml, path, tmp_path / "straight")
    assert json.loads(straight.read())["type"] == "ready"
    expected = []
    for line in lines:
        straight.send(line)
        expected.append(straight.answer())
    straight.end()

    random = np.random.default_rng(3)
    said: list[list[str] | None] = []
    kills, in_the_middle, resent = 0, 0, 0
    while len(said) < len(lines):
        service = Service(trained.yaml, path, tmp_path / "state")
        ready = service.read() if random.uniform() > 0.1 else ""
        if not ready:  # killed while it starts
            time.sleep(random.uniform(0.0, 6.0))
            service.end()
            kills += 1
            continue
        held = json.loads(ready)["lines"]
        assert held in (len(said), len(said) + 1)
        resent += held > len(said)
        until = random.uniform(0.0, 0.6) if kills < KILLS else np.inf
        began = time.monotonic()
        while len(said) < len(lines):
            service.send(lines[len(said)])
            if time.monotonic() - began > until:
                time.sleep(random.uniform(0.0, 0.02))
                service.process.kill()
            answer = service.answer()
            if answer is None:
                in_the_middle += 1
                break
            said.append(answer)
        kills += service.process.poll() is not None or len(said) < len(lines)
        service.end()
    print(
        f"{kills} kills, {in_the_middle} in the middle of a line, {resent} lines held but not answered"
    )
    assert said == expected
    assert kills >= KILLS
    assert sum("advice" in text for answer in said if answer for text in answer) > 1_000
