"""The command `benchmark`: what it refuses, and that what it prints follows from what it measured."""

import json
from pathlib import Path

import pytest

from jaxexit.__main__ import main
from tests.support import tiny

SMALL = (
    "ppo.num_envs=8",
    "ppo.num_steps=32",
    "ppo.minibatch_size=64",
    "ppo.num_epochs=2",
    "network.hidden_sizes=[16, 16]",
    "data.every=30",
)
SETTINGS = [word for one in SMALL for word in ("--set", one)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "--updates", "0"], "--updates: got 0, expected a whole number from 1 up"),
        (["train", "--set", "ppo.num_envs=0"], "ppo.num_envs"),
        (["train", "--root", "nowhere"], "no such experiment file"),
        (["start", "audit"], "audit: COMMAND is only for compile, not for start"),
        (["start", "--peers"], "--peers: only for train, gpu and all, not for start"),
        (["train", "--peers", "--set", "guards.mode=mask"], "which the peers of --peers cannot do"),
        (["train", "--target", "h100"], "--target: only for gpu, not for train"),
        (["gpu", "--target", "h200"], "invalid choice: 'h200'"),
        (["train", "--problem", "put"], "--problem: only for published, not for train"),
        (["nonsense"], "invalid choice: 'nonsense'"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str], repository: Path
) -> None:
    assert main(["benchmark", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err


@pytest.mark.slow
def test_a_training_and_its_backtest_build_four_programs_each_once() -> None:
    """The instrument against relapse: no program twice for another shape, and nothing small beside them."""
    code, out, err = tiny.run("benchmark", "compile", "train", "--json", *SETTINGS)
    assert code == 0, err
    record = json.loads(out)
    assert record["command"] == "train"
    programs = {one["name"]: one for one in record["programs"]}
    assert programs.keys() == {"update_agents", "play_bars", "_first_state", "compute_hindsight"}
    for one in programs.values():
        assert one["count"] == len(one["shapes"]) == 1
        assert one["operations"]["before"] > 0 < one["operations"]["after"]
        assert min(one["trace_s"], one["lower_s"], one["compile_s"]) > 0
    total = sum(one["compile_s"] for one in record["programs"])
    assert record["compile_seconds"] == pytest.approx(total, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "others"),
    [
        ("backtest", set()),
        ("report", {"_follow", "_insight"}),
        ("audit", {"_trace", "_logits"}),
    ],
)
def test_what_plays_trades_is_compiled_once_in_every_command(
    command: str, others: set[str]
) -> None:
    code, out, err = tiny.run("benchmark", "compile", command, "--json", *SETTINGS)
    assert code == 0, err
    programs = json.loads(out)["programs"]
    assert {one["name"] for one in programs} == {"play_bars", "compute_hindsight"} | others
    assert [one["count"] for one in programs] == [1] * len(programs)


@pytest.mark.slow
def test_train_reports_a_share_of_what_the_machine_can_do() -> None:
    code, out, err = tiny.run("benchmark", "train", "--json", "--updates", "2", *SETTINGS)
    assert code == 0, err
    record = json.loads(out)
    train = record["train"]
    assert record["machine"]["packages"]["jax"]
    assert train["job"]["overrides"][-len(SMALL) :] == list(SMALL)
    assert train["steps_per_second"]["runs"] == 2
    speed = train["steps_per_second"]["median"] * train["job"]["flops_per_step"]
    assert train["mfu"] == pytest.approx(
        speed / train["matrix_flops_per_second"]["median"], rel=0.2
    )
    assert train["as_configured"]["minibatches_without_stop"] == 8
    assert [one["seeds"] for one in train["marginal_seed"]] == [2, 4]
    for one in train["marginal_seed"]:
        assert one["marginal"] == pytest.approx((one["over_lone"] - 1) / (one["seeds"] - 1))
    cold, cached = train["compiling"]["cold"], train["compiling"]["cached"]
    assert cached["seconds"]["compile"] < cold["seconds"]["compile"]


@pytest.mark.slow
def test_backtest_plays_every_policy_and_its_peer_the_same_trades() -> None:
    code, out, err = tiny.run("benchmark", "backtest", "--json")
    assert code == 0, err
    record = json.loads(out)["backtest"]
    assert record["trades"] == 1_681
    assert {"learned", "classical", "oracle"} <= set(record["policies"])
    # Different rules (docs/third_party.md) part a few exits by a bar, not more.
    assert record["backtesting_py"]["same_exit_bar"] > 0.95


@pytest.mark.slow
def test_memory_of_the_arrays_is_of_the_order_of_bars_plus_trades() -> None:
    code, out, err = tiny.run("benchmark", "data", "--json")
    assert code == 0, err
    half, whole, more_trades = json.loads(out)["data"]["sizes"]
    assert whole["market_bytes"] == 2 * half["market_bytes"]
    assert more_trades["market_bytes"] == whole["market_bytes"]
    for one in (half, whole, more_trades):
        assert one["trades_bytes"] == 24 * one["trades_kept"]  # six numbers of four bytes each
        assert one["trades_kept"] > 0.95 * one["trades"]
