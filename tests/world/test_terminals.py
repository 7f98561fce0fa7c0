"""The terminal that is not one: closed, without a reader, hung up, 20 columns wide; and signals.

Every fault meets every command that trains, plays, compares, draws or advises, as a process of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jaxexit import signals
from jaxexit.store.registry import Registry
from tests.support import tiny

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

COMMANDS = ("train", "backtest", "compare", "report", "advise")
OURS = re.compile(r"(note|error|warning): |interrupted$|stopped after [\d,]+ steps, and saved")
NARROW = 20  # columns
INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


@dataclass
class Case:
    """A command in a folder of its own, the streams and variables that it gets, and what came of it."""

    command: str
    root: Path
    words: list[str]
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    stdin: Any = None
    code: int = -1
    out: str = ""
    err: str = ""

    @contextlib.contextmanager
    def started(self, shell: str = "", **streams: Any) -> Iterator[Any]:
        """The process, gone at the end whatever happens; `shell`: redirections as one writes them."""
        given: Any = {"stdin": self.stdin, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-m", f"jaxexit.{self.command}", *self.words]
        with subprocess.Popen(
            ["bash", "-c", f'exec "$@" {shell}', "bash", *command],
            cwd=tiny.REPOSITORY,
            env=self.environment,
            **given | streams,
        ) as process:
            try:
                yield process
            finally:
                process.kill()
                if hasattr(self.stdin, "close"):
                    self.stdin.close()

    def run(self, shell: str = "", **streams: Any) -> None:
        """To its end, with these streams."""
        with self.started(shell, **streams) as process:
            self.ended(process)

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for its end; what it said."""
        out, err = process.communicate(timeout=tiny.PATIENCE)
        self.code, self.out, self.err = process.returncode, _text(out), _text(err)

    def row(self) -> dict[str, Any]:
        """What the registry says of the version."""
        return Registry(self.root).version("v1_tiny")

    def check_whole(self) -> None:
        """It did what it was asked to, and said nothing that is not ours."""
        assert self.code == 0, (self.code, self.err)
        self.check_words()
        made = {
            "train": "v1_tiny/results/test/summary.json",
            "backtest": "v1_tiny/results/test/summary.json",
            "compare": "COMPARISON.md",
            "report": "v1_tiny/results/test/report.html",
        }
        if self.command in made:
            path = self.root / made[self.command]
            assert path.is_file()
            assert path.stat().st_mtime > (self.root / "began").stat().st_mtime
            assert self.row()["status"] == "completed"
        self.check_files()

    def check_words(self) -> None:
        """Standard error has lines of ours alone."""
        strange = [line for line in self.err.splitlines() if not OURS.match(line)]
        assert strange == []

    def check_files(self) -> None:
        """Nothing is left half written."""
        left = [
            p.name for p in self.root.rglob("*") if p.name.endswith(".tmp") or "writing_" in p.name
        ]
        assert left == []


def _text(said: bytes | None) -> str:
    return (said or b"").decode()


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Hang-ups reach the commands also where these tests are run under nohup."""
    before = signal.signal(HUP, lambda *_: None)
    yield
    signal.signal(HUP, before)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained version whose bars may be changed, an earlier run of it, and bars for the advice."""
    root = tmp_path_factory.mktemp("terminals")
    code, _, err = tiny.run("train", tiny.write_tiny(root, updates=6), "--quiet")
    assert code == 0, err
    shutil.copytree(root / "v1_tiny", root / "v1_tiny.1")
    bars = pd.read_csv(root / "eurusd.csv")
    bars.head(300).to_csv(root / "history.csv", index=False)
    lines = [json.dumps(bar) for bar in bars.iloc[300:340].to_dict("records")]
    asked = {"trade": "7", "entry_time": str(bars.iloc[300, 0]), "direction": "long"}
    text = "\n".join([json.dumps({"open": asked}), *lines, *["no bar"] * 20_000])
    (root / "lines").write_text(text + "\n")
    return root


@pytest.fixture
def case_of(root: Path, tmp_path: Path) -> Callable[[str], Case]:
    def case_of(command: str) -> Case:
        """A command that would succeed."""
        here = tmp_path / "here"
        shutil.copytree(root, here)
        yaml = here / "v1_tiny.yaml"
        if command == "train":
            shutil.rmtree(here / "v1_tiny")
            (here / "registry.json").unlink()
        elsewhere = ["--root", str(here)]
        words = {
            "train": [str(yaml), *elsewhere],
            "backtest": [str(yaml), *elsewhere],
            "compare": ["v1_tiny", "v1_tiny.1", *elsewhere],
            "report": [str(yaml), *elsewhere],
            "advise": [
                str(yaml),
                "--bars",
                "-",
                "--history",
                str(here / "history.csv"),
                *elsewhere,
            ],
        }[command]
        (here / "began").touch()
        case = Case(command, here, words)
        case.stdin = (here / "lines").open("rb") if command == "advise" else subprocess.DEVNULL
        return case

    return case_of


# --- faults ------------------------------------------------------------------------------------


_CLOSES = {(0,): "<&-", (1,): ">&-", (2,): "2>&-", (0, 1, 2): "<&- >&- 2>&-"}


def _closed(*numbers: int) -> Callable[[Case], None]:
    def meet(case: Case) -> None:
        case.run(_CLOSES[numbers])
        if case.command == "advise" and {0, 1} & set(numbers):
            assert case.code == 2  # bars cannot come, or nobody would have the advice
            assert 2 in numbers or re.match(r"error: .*standard (in|out)put is closed", case.err)
            case.check_words()
        else:
            case.check_whole()

    return meet


def _reader_goes(number: int, lines: int) -> Callable[[Case], None]:
    """Somebody reads so many lines of standard output or error, and no more."""

    def meet(case: Case) -> None:
        ours, theirs = os.pipe()
        name, other = ("stdout", "stderr") if number == 1 else ("stderr", "stdout")
        streams: dict[str, Any] = {name: theirs, other: subprocess.PIPE}
        with case.started("", **streams) as process:
            os.close(theirs)
            with os.fdopen(ours, "rb") as reader:
                for _ in range(lines):
                    reader.readline()
            case.ended(process)
        case.check_whole()

    return meet


def _full_disk(case: Case) -> None:
    with Path("/dev/full").open("wb") as full:
        case.run(stdout=full)
    assert case.code == 2
    *notes, last = case.err.splitlines()
    assert last.startswith("error: standard output cannot be written: No space left on device")
    case.check_words()
    if case.command != "advise":
        case.code, case.err = 0, "\n".join(notes)
        case.check_whole()


def _narrow(case: Case) -> None:
    """A terminal of 20 columns, in which every figure is whole."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, NARROW, 0, 0))
    case.environment.pop("COLUMNS", None)
    with case.started(stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = _read_terminal(ours, process)
    case.code = process.returncode
    case.check_whole()
    said = re.sub(r"\x1b\[\?25l.*?\x1b\[\?25h", "", said, flags=re.DOTALL)  # bars come and go
    assert "\u2026" not in said
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)
    assert "\x1b" not in drawn
    boxes = [line for line in drawn.split("\n") if re.search("[\u2500-\u257f]", line)]
    assert all(len(line.strip("\r").split("\r")[-1]) <= NARROW for line in boxes)
    if case.command in ("train", "backtest"):
        summary = json.loads((case.root / "v1_tiny/results/test/summary.json").read_text())
        total = summary["policies"]["learned"]["net_pips_total"]
        figures = re.findall(r"[-+]?[\d,]+\.\d+", drawn)
        assert f"{total:+,.1f}" in figures


def _read_terminal(ours: int, process: subprocess.Popen[bytes]) -> str:
    said = b""
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        try:
            if select.select([ours], [], [], 0.2)[0]:
                said += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    process.wait(tiny.PATIENCE)
    os.close(ours)
    return said.decode()


def _hang_up(case: Case) -> None:
    """The window is closed: the terminal is gone, and the kernel sends HUP."""
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)  # opened by the leader of a session, it becomes the session's
    with (
        _waiting_for_bars(case),
        case.started(f"1<> {name} 2>&1", start_new_session=True) as process,
    ):
        os.close(theirs)
        _until_it_works(case, process)
        os.close(ours)
        case.ended(process)
    _check_stopped(case, HUP)


@contextlib.contextmanager
def _waiting_for_bars(case: Case) -> Iterator[None]:
    """Bars for the advice do not come."""
    if case.command != "advise":
        yield
        return
    case.stdin.close()
    reading, writing = os.pipe()
    case.stdin = reading
    yield
    os.close(reading)
    os.close(writing)


def _signals(first: int, *more: int) -> Callable[[Case], None]:
    numbers = (first, *more)

    def meet(case: Case) -> None:
        with _waiting_for_bars(case), case.started() as process:
            _until_it_works(case, process)
            for number in numbers:
                process.send_signal(number)
                time.sleep(0.02)
            asked = time.monotonic()
            case.ended(process)
            seconds = time.monotonic() - asked
        if len(numbers) > 1:
            # Where it had ended in order before the second came, that one met the interpreter alone.
            assert case.code in (130, 128 + numbers[0], -INT)
            assert seconds < 20  # the compiler alone may take longer
            assert case.command != "train" or case.row()["status"] == "interrupted"
            case.check_words()
        else:
            _check_stopped(case, numbers[0])

    return meet


def _until_it_works(case: Case, process: subprocess.Popen[bytes]) -> None:
    """Until a training has recorded an update; another command has loaded JAX."""
    metrics = case.root / "v1_tiny" / "metrics.jsonl"
    maps = Path(f"/proc/{process.pid}/maps")

    def works() -> bool:
        if case.command == "train":
            return bool(tiny.lines_of(metrics))
        with contextlib.suppress(OSError):
            return "jaxlib" in maps.read_text()
        return False

    tiny.wait_until(lambda: works() or process.poll() is not None)
    assert process.poll() is None, process.communicate()


def _check_stopped(case: Case, number: int) -> None:
    """It ended in order: what a training had is saved, nothing else is left behind."""
    case.check_words()
    case.check_files()
    if case.command == "train":
        assert case.code == 130
        assert case.row()["status"] == "interrupted"
        done = len(tiny.lines_of(case.root / "v1_tiny" / "metrics.jsonl"))
        last = tiny.checkpoints_of(case.root / "v1_tiny")[-1]["step"]
        assert last == done * tiny.STEPS_PER_UPDATE
    else:
        assert case.code == 128 + number
        assert case.row()["status"] == "completed"


def _homeless(case: Case) -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "JAXEXIT_CACHE_DIR", "MPLCONFIGDIR"):
        case.environment.pop(name, None)
    case.environment["HOME"] = ""
    case.environment["TMPDIR"] = str(case.root)
    case.run()
    case.check_whole()


def _no_cache(where: str) -> Callable[[Case], None]:
    def meet(case: Case) -> None:
        (case.root / "taken").touch()
        case.environment["JAXEXIT_CACHE_DIR"] = where.format(case.root)
        case.run()
        case.check_whole()
        if case.command != "compare":  # it computes nothing with JAX
            assert case.err.count("note: no compilation cache in ") == 1

    return meet


def _impossible_price(case: Case) -> None:
    """A price of 1e308: our line, not numpy's."""
    named = re.search(r"bars: '(.*?)'", (case.root / "v1_tiny.yaml").read_text())
    assert named is not None
    bars = case.root / "history.csv" if case.command == "advise" else Path(named[1])
    before = bars.read_bytes()
    table = pd.read_csv(bars)
    table.loc[50, "high"] = 1e308
    table.to_csv(bars, index=False)
    try:
        case.run()
    finally:
        bars.write_bytes(before)
    if case.command == "compare":  # it reads no bars
        case.check_whole()
        return
    assert case.code == 2
    assert case.err.startswith("error: ")
    assert case.err.count("\n") == 1


FAULTS: dict[str, Callable[[Case], None]] = {
    "closed input": _closed(0),
    "closed output": _closed(1),
    "closed error": _closed(2),
    "all closed": _closed(0, 1, 2),
    "no reader": _reader_goes(1, 0),
    "a reader of one line": _reader_goes(1, 1),
    "no reader of errors": _reader_goes(2, 0),
    "a full disk": _full_disk,
    "20 columns": _narrow,
    "hung up": _hang_up,
    "no home": _homeless,
    "a cache that is a file": _no_cache("{}/taken"),
    "a cache that cannot be written": _no_cache("/proc/self/task"),
    "a price of 1e308": _impossible_price,
    "INT": _signals(INT),
    "TERM": _signals(TERM),
    "HUP": _signals(HUP),
    "INT twice": _signals(INT, INT),
    "TERM, then INT": _signals(TERM, INT),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", COMMANDS)
def test_the_terminal_that_is_not_one(
    command: str, fault: str, case_of: Callable[[str], Case]
) -> None:
    case = case_of(command)
    FAULTS[fault](case)


@pytest.mark.parametrize(("ending", "again"), [(60.0, False), (0.0, True)])
def test_a_signal_that_was_lost_counts_once_more(
    ending: float, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an import has swallowed; a second one of a shell comes at once and changes nothing."""
    monkeypatch.setattr(signals, "ENDING", ending)
    with signals.orderly():
        with pytest.raises(signals.Stopped):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(signals.Stopped) if again else contextlib.nullcontext():
            signal.raise_signal(signal.SIGTERM)


# --- the same where nothing is computed ------------------------------------------------------


@pytest.mark.parametrize("closed", [(1,), (0, 1, 2)], ids=["output", "all"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_mistake_is_one_line_also_where_nobody_reads(
    command: str, closed: tuple[int, ...], tmp_path: Path
) -> None:
    case = Case(command, tmp_path, [])
    case.run(_CLOSES[closed], stdin=subprocess.DEVNULL)
    assert case.code == 2
    assert case.err.startswith("error: ") or 2 in closed
    assert case.err.count("\n") == (2 not in closed)


WAITS = """
import sys, time
from jaxexit.commands import cli
def body(argv):
    try:
        print("here", flush=True)
        time.sleep(60)
    finally:
        print("in order")
        {at_the_end}
    return 0
raise SystemExit(cli.run(body, []))
"""


@pytest.mark.parametrize(("number", "code"), [(INT, 130), (TERM, 143), (HUP, 129)])
def test_a_signal_ends_a_command_in_order(number: int, code: int) -> None:
    with _waiting("pass") as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=tiny.PATIENCE)
    assert (process.returncode, out, err) == (code, "in order\n", "interrupted\n")


def test_a_second_ctrl_c_ends_it_at_once_also_where_python_hears_nothing() -> None:
    deaf = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"  # as a compiler is
    for busy in ("time.sleep(50)", deaf):
        with _waiting(busy) as process:
            process.send_signal(INT)
            assert process.stdout is not None
            time.sleep(0.3)
            asked = time.monotonic()
            process.send_signal(INT)
            process.wait(tiny.PATIENCE)
            assert process.returncode == 130
            assert time.monotonic() - asked < 10


def test_what_nohup_ignores_stays_ignored() -> None:
    with _waiting("pass", ignored=HUP) as process:
        process.send_signal(HUP)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(TERM)
        assert process.wait(tiny.PATIENCE) == 143


@contextlib.contextmanager
def _waiting(at_the_end: str, ignored: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """A command that waits for a signal."""
    nohup = "" if ignored is None else f"trap '' {ignored}; "
    words = [sys.executable, "-c", WAITS.format(at_the_end=at_the_end)]
    with subprocess.Popen(
        ["bash", "-c", f'{nohup}exec "$@"', "bash", *words],
        cwd=tiny.REPOSITORY,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"
            yield process
        finally:
            process.kill()
