"""The tab of forensics in a report, and a diagnosis as a page of its own. In a real browser."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from jaxexit.errors import UserError
from jaxexit.forensics import Diagnosis, of_backtest
from jaxexit.forensics.shown import shown
from jaxexit.lab.trained import open_trained
from jaxexit.report.diagnosis_page import write_diagnosis
from jaxexit.report.run import ReportedRun
from jaxexit.runs import Run
from tests.report.browser import Reader
from tests.support import tiny

TOO_WIDE = """
    return [...document.querySelectorAll("#forensics *")].filter((e) => e.checkVisibility())
        .filter((e) => !e.closest(".scroll, .plot") && e.getBoundingClientRect().right > innerWidth + 1)
        .map((e) => e.tagName + "." + e.className)"""


@pytest.fixture(scope="module")
def diagnosis(run: ReportedRun) -> Diagnosis:
    """The learned policy's trades."""
    return Diagnosis(of_backtest(run.backtest, run.table, run.learned))


@pytest.fixture(scope="module")
def own_page(diagnosis: Diagnosis, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diagnosis alone."""
    path = tmp_path_factory.mktemp("diagnosis") / "mine.html"
    write_diagnosis(diagnosis, path)
    return path


def test_its_tables_are_the_diagnosis_to_the_shown_digit(
    reader: Reader, page: Path, diagnosis: Diagnosis
) -> None:
    reader.open(page)
    for table in shown(diagnosis):
        if not table.rows:
            continue
        head, *rows = reader.table(f"#f0-{table.key}")
        assert head == list(table.head)
        plain = [
            [cell.replace("\u2212", "-").replace("\u2013", "-") for cell in row] for row in rows
        ]
        assert plain == [list(row) for row in table.rows], table.key


def test_of_several_policies_one_is_shown(reader: Reader, page: Path, run: ReportedRun) -> None:
    reader.open(page)
    names = "return [...document.getElementById('forensics-policy').options].map((o) => o.text)"
    assert reader.js(names) == [run.learned, "classical"]
    seen = (
        "return [...document.querySelectorAll('[data-forensics]')].map((e) => e.checkVisibility())"
    )
    assert reader.js(seen) == [True, False]
    reader.choose("forensics-policy", "f1")
    assert reader.js(seen) == [False, True]
    reader.js("document.querySelector('[data-figure=f1-equity]').scrollIntoView()")
    drawn = "return document.querySelector('[data-figure=f1-equity]').dataset.drawn"
    reader.wait(lambda: reader.js(drawn))


@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("which", ["page", "own_page"])
def test_nothing_is_wider_than_the_window(
    which: str, width: int, request: pytest.FixtureRequest, reader: Reader
) -> None:
    reader.open(request.getfixturevalue(which), width=width)
    assert reader.js(TOO_WIDE) == []
    assert reader.js("return document.documentElement.scrollWidth") <= width


def test_a_page_of_its_own_draws_every_picture(reader: Reader, own_page: Path) -> None:
    reader.open(own_page)
    reader.js("dispatchEvent(new Event('beforeprint'))")
    blank = "return document.querySelectorAll('[data-figure]:not([data-drawn])').length"
    reader.wait(lambda: reader.js(blank) == 0)
    assert reader.js("return document.querySelectorAll('[data-figure] .main-svg').length") > 0


def test_a_run_diagnoses_its_learned_policy_and_its_baselines(trained: tiny.Trained) -> None:
    run = Run(open_trained(trained.yaml, None))
    learned, classical = run.forensics("test"), run.forensics("test", "classical")
    table = pd.read_parquet(trained.folder / "results" / "test" / "trades.parquet")
    for found in (learned, classical):
        mine = table[table["policy"] == found.name]
        assert found.trades["net_r"].tolist() == pytest.approx(mine["net_r"].tolist())
        assert found.trades["mfe_r"].tolist() == pytest.approx(mine["mfe_r"].tolist())
    with pytest.raises(UserError, match="expected one of"):
        run.forensics("test", "nothing")
