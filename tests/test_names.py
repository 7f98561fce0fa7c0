"""Fifty hostile names through every output: a terminal, a page, Markdown, a CSV file, code, a shell."""

from __future__ import annotations

import ast
import contextlib
import csv
import io
import re
import shlex
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.text import Text

from jaxexit import names, progress, terminal
from jaxexit.commands import cli, registry_tables, tables
from jaxexit.commands.compare import comparison_table
from jaxexit.commands.diagnose_tables import tables as shown_on_a_terminal
from jaxexit.data.export import write_csv
from jaxexit.diagnosing import diagnose
from jaxexit.lab.comparison import compare_versions, load_tested, markdown
from jaxexit.lab.sweep import next_command
from jaxexit.report.diagnosis_page import write_diagnosis
from jaxexit.report.page import template
from jaxexit.report.words import typographic
from jaxexit.store.documents import Summary, read_document
from jaxexit.store.registry import Registry
from tests.forensics.hand import bars, trade
from tests.support import hostile, tiny

EUR = ["data.bars=EURUSD", "data.filled_at=bar_close"]
ALL = (*hostile.STRINGS, *hostile.ONLY_PATHS)


def on_a_console(*shown: Any) -> str:
    """What a command prints."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        out = progress.console()
        for each in shown:
            out.print(each)
    return text.getvalue()


def plain(text: str) -> str:
    """Without what tells cells and lines apart."""
    return re.sub(r"[\s\u2500-\u257f]+", "", text)


def is_shown(name: str, text: str) -> bool:
    """The whole name, written out."""
    return plain(names.visible(name)) in plain(text)


# --- the terminal ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_nothing_that_a_command_prints_steers_the_terminal(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def body(argv: object) -> int:
        print(name)
        terminal.note(name)
        reporter = progress.Reporter(progress.console())
        reporter.lines(name)
        with reporter.working(name), reporter.training(name, 1, 1, 1):
            pass
        reporter.out.print(name, Text(name))
        return 0

    assert cli.run(body, []) == 0
    out, err = capsys.readouterr()
    assert hostile.steers(out + err) == []
    assert out.count(names.visible(name)) >= 3  # rich itself drops some, of a Text
    assert names.visible(name) in err


def test_colours_of_ours_are_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with terminal.streams():
        progress.console().print(Text("ours", "bold"), Text(hostile.STEERING[0]))
    assert screen.getvalue().startswith("\x1b[1mours\x1b[0m")
    assert screen.getvalue().count("\x1b") == 2


def test_tables_of_registry_and_backtest(trained: tiny.Trained) -> None:
    versions = Registry(trained.yaml.parent).versions()
    row = versions["v1_tiny"]
    summary = read_document(trained.folder / "results/test/summary.json", Summary)
    assert summary is not None
    learned = pd.read_parquet(trained.folder / "results/test/trades.parquet")
    for name in hostile.STRINGS:
        unverified = {**row["results"]["test"], "verified": {name: False}}
        rows = {name: {**row, "status": name, "parent": name, "results": {"test": unverified}}}
        said = on_a_console(
            registry_tables.versions_table(rows, name),
            registry_tables.changes_table({name: [name, [name]]}, name),
            registry_tables.results_table({name: unverified}),
            registry_tables.archived_table([{**row, "run": name, "began": name}]),
        )
        assert hostile.steers(said) == []
        assert is_shown(name, said) or "\n" in name
    for name in hostile.STRINGS[::5]:
        policies = {name: summary["policies"]["learned"], **summary["policies"]}
        played = {**summary, "version": name, "policies": policies, "unverified": [name]}
        said = on_a_console(
            tables.backtest_table(played, learned.assign(exit_reason=name)),
            tables.differences_table(played | {"policies": summary["policies"]}),
        )
        assert hostile.steers(said) == []
        assert is_shown(name, said) or "\n" in name


# --- a comparison: terminal and Markdown ---------------------------------------------------------


class Elements(HTMLParser):
    """The tags of a page and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def elements(page: str) -> Elements:
    parser = Elements()
    parser.feed(page)
    return parser


def test_a_comparison_on_the_terminal_and_in_markdown(
    trained: tiny.Trained, tmp_path: Path
) -> None:
    rendered = pytest.importorskip("markdown", reason="needs Markdown: pip install '.[docs]'")
    root = trained.copied_to(tmp_path).parent
    (root / "v1_tiny").rename(root / "v1_tiny.1")
    first = load_tested(root, "v1_tiny.1", "test")
    other = replace(first, version="v1_tiny")
    comparison = compare_versions([first, other], Registry(root), "test")
    usual = elements(rendered.markdown(markdown(comparison), extensions=["tables"])).tags
    for name in hostile.STRINGS:
        comparison["unverified"] = {"v1_tiny.1": [name], "v1_tiny": []}
        comparison["changes"] = {"v1_tiny.1 -> v1_tiny": {name: [name, [name]]}}
        comparison["verdict"] = f"v1_tiny: unverified: {name}"
        said = on_a_console(comparison_table(comparison))
        assert hostile.steers(said) == []
        page = markdown(comparison)
        assert hostile.steers(page) == []
        made = elements(rendered.markdown(page, extensions=["tables"]))
        grown = [tag for tag in made.tags if tag not in usual]
        assert set(grown) <= {"h2", "code"}, (name, grown)
        assert made.tags.count("img") == 1  # ours
        assert "a" not in made.tags


# --- pages -----------------------------------------------------------------------------------------


def test_a_diagnosis_on_the_terminal_and_as_a_page(tmp_path: Path) -> None:
    column = hostile.MARKUP[4]
    many = [
        trade(entry_price=1.1 + i * 1e-6, **{column: name})
        for i, name in enumerate(hostile.STRINGS)
    ]
    found = diagnose(pd.DataFrame(many), bars(), overrides=EUR, tag=column).computed()
    said = on_a_console(*shown_on_a_terminal(found))
    assert hostile.steers(said) == []
    page = tmp_path / "page.html"
    write_diagnosis(found, page)
    text = page.read_text()
    assert hostile.steers(text.split("</style>")[1].split("<script")[0]) == []
    made = elements(text)
    assert made.tags.count("script") == 3  # data, plotly, ours
    assert not [name for name in made.attributes if name.startswith("on")]
    assert {"img", "svg", "b", "br", "a"} & set(made.tags) <= {"svg"} & set(made.tags)
    for name in hostile.STRINGS:
        for output in (said, made.text):
            words = " ".join(name.split())
            assert is_shown(words, output) or is_shown(typographic(words), output), name


def test_a_page_writes_out_what_is_not_seen() -> None:
    head = template("head.html")
    for name in hostile.STRINGS:
        page = head.render(title=name, generator=name, about=name, style="", script_hash="")
        assert hostile.steers(page) == []
        made = elements(page)
        assert {"script", "img", "svg", "b", "a"} & set(made.tags) == set()
        assert not [attribute for attribute in made.attributes if attribute.startswith("on")]


# --- CSV files, code, shells ---------------------------------------------------------------------


def computes(cell: str) -> bool:
    """Whether a spreadsheet would take a cell for a formula that calls something."""
    begins = cell.lstrip(" \u3000")[:1] in tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
    return (
        begins and re.search(r"[A-Za-z|=!]", cell.replace("to", "").replace("pips", "")) is not None
    )


def test_a_csv_file_computes_nothing_and_its_numbers_are_numbers(tmp_path: Path) -> None:
    table = pd.DataFrame({name: [name, -1.5] for name in hostile.STRINGS})
    table["net"], table["when"] = [-1.5, 2.0], pd.Timestamp("2024-01-02")
    before = table.copy()
    write_csv(table, tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    for row in rows:
        assert not [cell for cell in row if computes(cell)]
        assert hostile.steers("".join(row)) == []
    assert [row[-2] for row in rows] == ["net", "-1.5", "2.0"]
    assert rows[2][0] == "-1.5"
    pd.testing.assert_frame_equal(table, before)  # the user's own is as it was


@pytest.mark.parametrize("number", hostile.NUMBERS)
def test_a_negative_number_stays_one(number: str) -> None:
    assert names.cell(number) == number


def test_a_comment_of_code_cannot_be_left() -> None:
    for name in ALL:
        line = names.comment(name)
        assert "\n" not in line
        assert not line.endswith("\\")
        body = ast.parse(f'"""\n{line}\n"""\nlast = 1\n').body
        assert [type(each) for each in body] == [ast.Expr, ast.Assign]


def test_a_command_to_be_copied_is_one_command(trained: tiny.Trained) -> None:
    class Plan:
        class base:  # noqa: N801
            version = "v1_tiny"

    for name in hostile.STRINGS:
        words = shlex.split(next_command(Plan, {"data.symbol": name}, Path(name)))  # type: ignore[arg-type]
        assert words[:4] == ["python", "-m", "jaxexit.registry", "new"]
        assert words[-1] == str(Path(name))


# --- writing out -----------------------------------------------------------------------------------


def test_letters_of_every_script_stay() -> None:
    for text in (
        "Zürich",
        "株式",
        "الذهب",
        "עברית",
        "नमस्ते",
        "ราคา",
        "émigré",
        "naïve \u2212 5 €",
        "😀",
    ):
        assert names.visible(text) == text == names.one_line(text)


def test_writing_out_is_of_every_character_that_steers() -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert [c for c in hostile.steers(names.visible(everything)) if c != "\t"] == []
    assert np.isin([names.visible(name) == name for name in hostile.STEERING], [False]).all()
