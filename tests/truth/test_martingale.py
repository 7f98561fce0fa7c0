"""The martingale exam passes on the honest simulator, and fails on dishonest ones (see `test_controls`)."""

import json
from typing import Any

import numpy as np
import pytest

from jaxexit import exam
from jaxexit.commands import exam_added
from jaxexit.evaluate.catalogue import columns_at
from jaxexit.truth import adversaries, martingale
from jaxexit.truth.catalogued import of_the_catalogue, tuning_market
from jaxexit.truth.exploiters import TIGHTEN_EVERY_BAR, Examinee, everyone
from jaxexit.truth.martingale import Setting, examine
from jaxexit.truth.verdict import ROUNDING_PIPS, Tally, Verdict
from tests.truth.planted.traps import STOP_THROUGH_GAP, planted

SMOOTH, JUMPY = Setting(False, False, "long"), Setting(True, True, "short")


def run_exam(examinee: Examinee, setting: Setting) -> Verdict:
    return examine([examinee], [setting], trades=4_000, seed=1)[0]


def test_nobody_earns_anything_on_a_martingale() -> None:
    verdicts = examine(everyone(), [SMOOTH, JUMPY], trades=2_000, seed=0)
    assert [verdict for verdict in verdicts if not verdict.passed] == []
    assert [verdict.trades for verdict in verdicts] == [2_000] * 2 * len(everyone())
    for verdict in verdicts:
        # Spread 1, commission 2 x 0.2, slippage 0.3; a limit order does not slip.
        known = 0.0 if verdict.market == SMOOTH.name else -1.7
        slack = 0.3 if verdict.one_sided and known else 1e-3
        assert known - 1e-3 <= verdict.expected <= known + slack


def test_a_stop_filled_at_its_level_is_money_from_nowhere_where_bars_gap_and_only_there() -> None:
    with planted(STOP_THROUGH_GAP):
        verdict = run_exam(Examinee(TIGHTEN_EVERY_BAR), JUMPY)
        assert verdict.t > 4
        assert not verdict.passed
        assert verdict.words == "FAIL: earns more than is possible"
        assert run_exam(Examinee(TIGHTEN_EVERY_BAR), SMOOTH).passed


def test_a_catalogues_exit_earns_nothing_but_where_it_sees_the_next_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All settings of one exit, and the one that was best on another market of the kind."""
    backtest = tuning_market(0, (), 200)
    found = of_the_catalogue(backtest, ("rsi_reversal",))
    assert [examinee.name for examinee in found] == ["rsi_reversal", "rsi_reversal, tuned"]
    at = Setting(True, False, "long")
    assert all(verdict.passed for verdict in examine(found, [at], trades=2_000, seed=1))

    def peeking(market: Any, times: np.ndarray) -> Any:
        close = np.asarray(market.bid)[:, 3]
        falls = np.append(np.diff(close), 0.0) < 0
        return columns_at(market, times)._replace(rsi=np.where(falls, 100.0, 0.0).astype("f4"))

    monkeypatch.setattr(martingale, "columns_at", peeking)
    for verdict in examine(found, [at], trades=20_000, seed=1):
        assert verdict.words == "FAIL: earns more than is possible", verdict


@pytest.mark.slow
def test_finer_bars_are_the_bars_and_their_levels_are_met_in_order() -> None:
    """Stops and targets near the price: with the order known, no result is assumed and none is earned.

    Who moves to break-even at once is out for nothing but after a jump, in one trade of sixty, and then wins
    seldom and much: 4,000 trades have one winner, and look like a loss.
    """
    setting = martingale.FINER[1]
    made = martingale.simulate(setting, np.random.default_rng(0), 50)
    assert made.detail is not None
    bid = made.bars.bid.astype("f4")
    np.testing.assert_array_equal(made.detail[:, 0, 0, 0], bid[:, 0])
    np.testing.assert_array_equal(made.detail[:, 0, 1].max(axis=-1), bid[:, 1])
    np.testing.assert_array_equal(made.detail[:, 0, 2].min(axis=-1), bid[:, 2])
    entered = made.bars.bid[made.trades["entry_bar"], 3]
    np.testing.assert_array_equal(made.trades["entry_price"], entered)
    verdicts = examine(everyone(), martingale.FINER, trades=24_000, seed=0)
    assert [verdict for verdict in verdicts if not verdict.passed] == []


def test_a_tally_in_batches_is_the_mean_and_its_standard_error() -> None:
    rng = np.random.default_rng(0)
    net = rng.standard_normal(1_000) - 1.0
    tally = Tally()
    for part in np.split(net, [100, 400]):
        tally.add(part, part + 1.0)
    verdict = tally.verdict("x", "y", one_sided=False)
    assert verdict.mean == pytest.approx(net.mean())
    assert verdict.expected == pytest.approx(-1.0)
    assert verdict.standard_error == pytest.approx(net.std(ddof=1) / np.sqrt(1_000))


@pytest.mark.parametrize(
    ("mean", "one_sided", "passed"),
    [(0.39, False, True), (0.41, False, False), (-0.41, False, False), (-9.0, True, True)],
)
def test_verdicts(mean: float, one_sided: bool, passed: bool) -> None:
    assert Verdict("x", "y", 10, mean, 0.0, 0.1, one_sided).passed == passed


def test_rounding_is_no_failure() -> None:
    assert Verdict("x", "y", 10, 2 * ROUNDING_PIPS, 0.0, 0.0, False).passed


@pytest.mark.parametrize(("mean", "code"), [(0.0, 0), (1.0, 1)])
def test_the_command_says_and_returns_the_verdict(
    mean: float,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    verdict = Verdict("holder", "long, smooth, free", 100, mean, 0.0, 0.1, False)
    monkeypatch.setattr(martingale, "examine", lambda *_, **__: [verdict])
    monkeypatch.setattr(adversaries, "adversaries", lambda **_: [])
    for added in ("examinees", "advised"):
        monkeypatch.setattr(exam_added, added, lambda *_, **__: [])
    assert exam.main(["martingale", "--quick", "--json"]) == code
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert record["passed"] == (code == 0)
    assert record["verdicts"][0]["examinee"] == "holder"
    assert "holder" in captured.err


def test_a_wrong_exam_or_seed_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert exam.main(["guesswork"]) == 2
    assert exam.main(["martingale", "--seed", "-1"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("error: ") for line in lines)


@pytest.mark.slow
def test_the_quick_exam_is_passed_by_every_policy_and_trained_adversary(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exam.main(["martingale", "--quick", "--json"]) == 0
    examinees = {row["examinee"] for row in json.loads(capsys.readouterr().out)["verdicts"]}
    assert {"adversary_0", "adversary_patient", "adversary_exact", "distilled_rule"} <= examinees
    assert {
        "chandelier",
        "chandelier, tuned",
        "meta_label, tuned",
        "fixed_time, tuned",
    } <= examinees
    assert {"advice", "backtesting.py"} <= examinees
