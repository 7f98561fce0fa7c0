"""Every trap is caught by the exam or audit that is meant to catch it; without a trap nothing is found.

The exam is sat once, as `exam controls --quick` does, and each trap's rows are then looked at: slow, since
every trap's programs are compiled anew. The quick suite sees the same exams and audits fail in
test_martingale and test_audit.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from jaxexit import checkout, exam
from jaxexit.__main__ import main
from jaxexit.data import contents, features
from jaxexit.env import environment
from jaxexit.evaluate import backtest, lanes
from jaxexit.lab import results
from jaxexit.truth.verdict import Control
from tests.truth.planted import controls, traps
from tests.truth.planted.controls import CAUGHT_BY, EXAM, try_trap
from tests.truth.planted.scene import Scene
from tests.truth.planted.traps import Trap, planted

# The traps that truth demands, and what must see each.
MEANT_TO_CATCH = {
    "next bar's return as a feature": {"exam martingale", "audit look-ahead"},
    "stop filled at its level through a gap": {"exam martingale"},
    "stop detected on the close and filled at its level": {"exam martingale"},
    "break-even buffer granted for free": {"exam martingale"},
    "new stop applied to the bar just passed": {"exam martingale"},
    "entry bar off by one": {"audit fills"},
    "normalisation with the test period's mean": {"audit look-ahead"},
    "shaped reward reported as return": {"exam martingale"},
    "first finishers only": {"audit replay"},
    "a fallback that evaluates another policy": {"audit replay"},
    "a feature whose warm-up reaches the future": {"audit look-ahead"},
}
ALL_TRAPS = {trap.name: trap for trap, _ in CAUGHT_BY}


def attributes() -> tuple[object, ...]:
    """Everything that a trap takes the place of, as it is now."""
    return (
        environment.fill_stop, environment.quote, environment._moved_stop, lanes.step,
        backtest.trade_table, results.learned_policy, results.tuned_baselines,
        backtest.Backtest.baselines, contents.every_bar_candidates,
        *(features._COLUMNS[name] for name in ("return_1", "rsi")),
    )  # fmt: skip


HONEST = attributes()


@pytest.fixture(scope="module")
def sat() -> list[Control]:
    return controls.run_exam(quick=True, seed=0)


def test_every_trap_that_truth_demands_is_planted():
    assert ALL_TRAPS.keys() == MEANT_TO_CATCH.keys()


@pytest.mark.slow
@pytest.mark.parametrize("trap", MEANT_TO_CATCH)
def test_a_trap_is_caught_by_what_is_meant_to_catch_it(sat: list[Control], trap: str):
    rows = [control for control in sat if control.trap == trap]
    assert {control.check for control in rows} == MEANT_TO_CATCH[trap]
    assert [control for control in rows if not control.caught] == []


@pytest.mark.slow
def test_without_a_trap_nothing_is_found(sat: list[Control]):
    rows = [control for control in sat if not control.trap]
    assert {control.check for control in rows} == set.union(*MEANT_TO_CATCH.values())
    assert [control for control in rows if control.caught] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trap", "words"),
    [
        ("stop filled at its level through a gap", "t = +"),
        ("new stop applied to the bar just passed", "t = -"),
        ("entry bar off by one", "trades are -1 bars off"),
        ("a feature whose warm-up reaches the future", "feature return_1: differs from 4 bars"),
        ("first finishers only", "trades 232 -> 464"),
        ("a fallback that evaluates another policy", "net_pips_mean"),
    ],
)
def test_what_was_seen_says_what_was_planted(sat: list[Control], trap: str, words: str):
    assert words in next(control.statistic for control in sat if control.trap == trap)


@pytest.mark.slow
def test_a_break_even_buffer_for_free_is_worth_itself(sat: list[Control]):
    seen = next(c.statistic for c in sat if c.trap == "break-even buffer granted for free")
    assert "break_even_at_once +1.0" in seen


@pytest.mark.slow
def test_the_world_is_sound_again(sat: list[Control], tmp_path: Path):
    """No compiled program remembers the trap; that it met no sound one is seen by its being caught."""
    scene = Scene(tmp_path, trades=1_000, seed=7)
    assert try_trap(scene, traps.STOP_ON_THE_CLOSE, EXAM).caught
    assert not EXAM.judge(scene, EXAM.see(scene))[1]
    assert attributes() == HONEST


@pytest.mark.parametrize("trap", ALL_TRAPS.values(), ids=ALL_TRAPS)
def test_a_trap_is_gone_even_after_a_failure(trap: Trap):
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(KeyError))
        stack.enter_context(planted(trap))
        assert attributes() != HONEST
        raise KeyError
    assert attributes() == HONEST


def seen(caught: bool) -> Callable[..., list[Control]]:
    return lambda **_: [Control("a trap", "somewhere", "an exam", "t = +9.0", caught)]


@pytest.mark.parametrize("caught", [True, False])
def test_the_command_fails_for_a_trap_that_is_not_caught(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caught: bool
):
    monkeypatch.setattr(controls, "run_exam", seen(caught))
    monkeypatch.setenv("JAXEXIT_CACHE_DIR", "")
    assert exam.main(["controls", "--quick", "--json"]) == (0 if caught else 1)
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert record["passed"] == caught
    assert record["verdicts"][0]["trap"] == "a trap"
    assert ("all 1 passed" if caught else "1 of 1 FAILED") in captured.err


def test_a_false_alarm_is_a_failure():
    alarm = Control("", "nothing", "an exam", "t = +9.0", True)
    assert not alarm.passed
    assert alarm.words == "FAIL: false alarm"


def test_an_installed_package_says_that_the_controls_need_a_checkout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    assert exam.main(["controls", "--quick"]) == 2
    assert main(["benchmark", "train", "--peers"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(
        "error: exam controls: needs tests/truth/planted/controls of a checkout"
    )
    assert second.startswith("error: --peers: needs benchmarks/against of a checkout")
