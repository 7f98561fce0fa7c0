"""A search across programs: it learns from its own trials, counts them, and can be stopped anywhere."""

import json
import shutil
from pathlib import Path

import pytest

from jaxexit.__main__ import main
from jaxexit.store.registry import Registry
from tests.support import tiny

SEARCH = """\
experiment: {yaml}
method: optuna
trials: 6
at_once: 3
parameters:
  ppo.learning_rate: {{low: 1e-5, high: 1e-2, log: true}}
  network.hidden_sizes: [[8], [16, 8]]
"""


def test_what_cannot_be_searched_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    yaml = tiny.write_tiny(tmp_path)
    for text, said in (
        (SEARCH.replace("trials: 6\n", ""), "trials: got null"),
        (SEARCH.replace("at_once: 3", "at_once: 0"), "at_once: got 0"),
        (
            SEARCH.replace("optuna", "random"),
            "at_once: got 3, expected a whole number from 1 up, for method 'optuna' only",
        ),
        (
            SEARCH.replace("network.hidden_sizes", "env.max_bars"),
            "with method 'optuna' ppo.num_envs",
        ),
    ):
        (tmp_path / "find.yaml").write_text(text.format(yaml=yaml))
        before = tiny.contents(tmp_path)
        assert main(["train", "--sweep", str(tmp_path / "find.yaml")]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert said in err
        assert tiny.contents(tmp_path) == before


@pytest.mark.slow
def test_a_search_is_counted_ranked_and_goes_on_where_it_was_stopped(tmp_path: Path):
    yaml = tiny.write_tiny(tmp_path, updates=4)
    (tmp_path / "find.yaml").write_text(SEARCH.format(yaml=yaml))
    code, _, err = tiny.run("train", "--sweep", tmp_path / "find.yaml", "--quiet")
    assert code == 0, err
    sweeps = tmp_path / "sweeps"
    table = json.loads((sweeps / "find.json").read_text())
    scores = [row["validation_net_pips_mean"] for row in table["results"]]
    assert scores == sorted(scores, reverse=True)
    assert sorted(row["trial"] for row in table["results"]) == list(range(6))
    assert [row["round"] for row in sorted(table["results"], key=lambda row: row["trial"])] == [
        *[0] * 3,
        *[1] * 3,
    ]
    shapes = {tuple(row["parameters"]["network.hidden_sizes"]) for row in table["results"]}
    assert shapes == {(8,), (16, 8)}, "another seed would try both shapes"
    assert Registry(tmp_path).trials() == table["registry_trials"] == 6

    assert tiny.run("train", "--sweep", tmp_path / "find.yaml", "--quiet")[0] == 2  # started before
    for path in sweeps.glob("find.round_1.*"):  # as if it had been stopped after the first round
        path.unlink() if path.is_file() else shutil.rmtree(path)
    (sweeps / "find.json").unlink()
    first = tiny.contents(sweeps / "find.round_0.0")
    code, _, err = tiny.run("train", "--sweep", tmp_path / "find.yaml", "--quiet", "--resume")
    assert code == 0, err
    assert json.loads((sweeps / "find.json").read_text()) == table
    assert tiny.contents(sweeps / "find.round_0.0") == first, (
        "a finished round is not trained again"
    )
    assert Registry(tmp_path).trials() == 6, "the same trials count once"
