"""The martingale exam passes on the honest simulator, and fails on dishonest ones.

The traps are planted by patching what `env.environment` calls: there is no flag for them in the product.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxexit import exam
from jaxexit.env import environment
from jaxexit.evaluate import run_policy
from jaxexit.truth import martingale
from jaxexit.truth.exploiters import (
    BREAK_EVEN_AT_ONCE,
    HUG_THE_PRICE,
    TIGHTEN_EVERY_BAR,
    Examinee,
    everyone,
)
from jaxexit.truth.martingale import Setting, examine
from jaxexit.truth.verdict import ROUNDING_PIPS, Tally, Verdict

Plant = Callable[[str, object], None]

SMOOTH, JUMPY = Setting(False, False, "long"), Setting(True, True, "short")
CLOSE_STOP = Examinee(HUG_THE_PRICE, jnp.float32(0.0001))


def forget() -> None:
    """Drop what has been compiled, and with it the traced environment."""
    cast(Any, run_policy).clear_cache()


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    """Put a trap into the environment; afterwards nothing compiled with it survives."""

    def put(name: str, trap: object) -> None:
        monkeypatch.setattr(environment, name, trap)
        forget()

    yield put
    monkeypatch.undo()
    forget()


def sit(examinee: Examinee, setting: Setting) -> Verdict:
    return examine([examinee], [setting], trades=4_000, seed=1)[0]


def at_its_level(stop: jax.Array, open: jax.Array, low: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The trap of traps: every stop fills where it lies."""
    return (open <= stop) | (low <= stop), stop


def test_nobody_earns_anything_on_a_martingale() -> None:
    verdicts = examine(everyone(), [SMOOTH, JUMPY], trades=4_000, seed=0)
    assert [verdict for verdict in verdicts if not verdict.passed] == []
    assert [verdict.trades for verdict in verdicts] == [4_000] * 2 * len(everyone())
    for verdict in verdicts:
        # Spread 1, commission 2 x 0.2, slippage 0.3; a limit order does not slip.
        known = 0.0 if verdict.market == SMOOTH.name else -1.7
        slack = 0.3 if verdict.one_sided and known else 1e-3
        assert known - 1e-3 <= verdict.expected <= known + slack


@pytest.mark.parametrize("examinee", [CLOSE_STOP, Examinee(TIGHTEN_EVERY_BAR)])
def test_a_stop_filled_at_its_level_through_a_gap_is_caught(
    plant: Plant, examinee: Examinee
) -> None:
    plant("fill_stop", at_its_level)
    verdict = sit(examinee, JUMPY)
    assert verdict.t > 4
    assert not verdict.passed
    assert verdict.words == "FAIL: money from nowhere"


def test_a_stop_detected_on_the_close_and_filled_at_its_level_is_caught(plant: Plant) -> None:
    honest = environment.quote

    def closes_only(*arguments):
        bar = honest(*arguments)
        return bar._replace(low=bar.close)

    plant("quote", closes_only)
    plant("fill_stop", lambda stop, _, low: (low <= stop, stop))
    verdict = sit(Examinee(TIGHTEN_EVERY_BAR), SMOOTH)
    assert verdict.t > 10
    assert not verdict.passed


def test_a_break_even_with_a_buffer_for_free_is_caught(plant: Plant) -> None:
    """Granted even below it, and filled there: in a market without gaps only the buffer can pay."""

    def granted(params, now, action, asked):
        buffer = now.entry + 0.0001
        return jnp.where(action == environment.TRAIL_BE, jnp.maximum(now.stop, buffer), now.stop)

    plant("fill_stop", at_its_level)
    assert sit(Examinee(BREAK_EVEN_AT_ONCE), SMOOTH).passed, "harmless alone: nothing gaps here"
    plant("_moved_stop", granted)
    verdict = sit(Examinee(BREAK_EVEN_AT_ONCE), SMOOTH)
    assert verdict.mean == pytest.approx(1.0, abs=0.05)
    assert not verdict.passed


def test_a_trap_leaves_nothing_behind() -> None:
    assert environment.fill_stop.__module__ == "jaxexit.env.book"
    assert sit(CLOSE_STOP, JUMPY).passed


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
    def found(*_, **__):
        return [Verdict("holder", "long, smooth, free", 100, mean, 0.0, 0.1, False)]

    monkeypatch.setattr(martingale, "examine", found)
    monkeypatch.setenv("JAXEXIT_CACHE_DIR", "")
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
