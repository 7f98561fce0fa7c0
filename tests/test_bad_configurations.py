"""The corpus of bad configurations: whatever is wrong in a file is one line, exit code 2, nothing written.

GENERATED from the schema: for every section and every key an unknown neighbour, null, wrong kinds, values
below and above what is allowed, not-a-number, infinities, numbers that float32 cannot hold. WRITTEN by hand:
what no schema tells. All go through `train` itself, which refuses them before JAX is started.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jaxexit.__main__ import main
from jaxexit.config import Experiment, load_experiment
from jaxexit.config.schema import SET_BY_PROGRAM
from jaxexit.config.text import dump_mapping
from tests.support import tiny

WHAT_TO_DO = (
    "expected",
    "write",
    "remove it",
    "name its YAML file",
    "not valid YAML",
    "too large",
)


class Bad(NamedTuple):
    """A file that must be refused, and words that the line must have."""

    text: str | bytes
    says: tuple[str, ...]


# --- generated -----------------------------------------------------------------------------

SCHEMA = Experiment.model_json_schema()
WRONG_KINDS: dict[str, Any] = {
    "text": "wrong",
    "whole": 3,
    "number": 0.5,
    "yes": True,
    "list": [{"a": 1}],
    "mapping": {"a": 1},
}
FITS = {
    "string": {"text"},
    "integer": {"whole"},
    "number": {"whole", "number"},
    "boolean": {"yes"},
    "array": {"list"},
    "object": {"mapping"},
}


def resolved_schema(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return {**SCHEMA["$defs"][name], **schema} if name else schema


def members(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The kinds of value that a key takes."""
    return [resolved_schema(one) for one in schema.get("anyOf", [schema])]


def nested(keys: tuple[str, ...], value: Any) -> dict[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    return value


def wrong_values(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a key must not be: a word for it, and a value."""
    kinds = members(schema)
    types = {one.get("type", "string") for one in kinds}
    fits = set().union(*(FITS.get(kind, set()) for kind in types))
    if "null" not in types:
        yield "null", None
    for name, value in WRONG_KINDS.items():
        if name not in fits:
            yield f"a {name}", value
    for one in kinds:
        if "minimum" in one:
            yield "below", one["minimum"] - 1
        if "exclusiveMinimum" in one:
            yield "at the bottom", one["exclusiveMinimum"]
        if "maximum" in one:
            yield "above", one["maximum"] + 1
        if "exclusiveMaximum" in one:
            yield "at the top", one["exclusiveMaximum"]
        if "enum" in one:
            yield "misspelt", one["enum"][0] + "x"
        if "minItems" in one:
            yield "empty", []
        if "maxItems" in one:
            yield "too long", [1] * (one["maxItems"] + 1)
        if one.get("type") == "number" and "string" not in types:  # not where a split begins
            yield "not a number", float("nan")
            yield "infinite", float("inf")
            yield "minus infinite", float("-inf")
            yield "beyond float32", 1e300
            yield "below float32", 1e-300
        if one.get("type") == "integer":
            yield "a fraction", 1.5
            yield "beyond any integer", 10**30


def generated() -> Iterator[tuple[str, Bad]]:
    def walk(keys: tuple[str, ...], schema: dict[str, Any]) -> Iterator[tuple[str, Bad]]:
        place = ".".join(keys)
        odd = (*keys, "no_such_key")
        yield f"{place} unknown key", Bad(dump_mapping(nested(odd, 1)), (".".join(odd), "unknown"))
        for name, raw in schema["properties"].items():
            below, inner = (*keys, name), resolved_schema(raw)
            if below[0] in SET_BY_PROGRAM:
                text = dump_mapping({name: "v1_x"})
                yield f"{name} written", Bad(text, (f"{name}: is set by jaxexit",))
                continue
            for word, value in wrong_values(raw):
                text, says = dump_mapping(nested(below, value)), (".".join(below), "expected")
                yield f"{'.'.join(below)} {word}", Bad(text, says)
            if inner.get("type") == "object" and "properties" in inner:
                yield from walk(below, inner)

    yield from walk((), SCHEMA)


GENERATED = dict(generated())

# --- written by hand -----------------------------------------------------------------------

FEATURE = "env: {features: [{column: x, scale: 1, "
WRITTEN: dict[str, tuple[str, ...]] = {
    # text of the file: what the line must say
    "gaurds: {}": ("gaurds: unknown key", "did you mean 'guards'?"),
    "guards: {min_profit: 1}": ("guards.min_profit: unknown key", "min_profit_for_exit"),
    "guards: {min_bar_for_exit: 1}": ("did you mean 'min_bars_for_exit'?",),
    "costs: {spread_pip: 3}": ("costs.spread_pip: unknown key", "did you mean 'spread_pips'?"),
    "ppo: {lr: 1}": ("ppo.lr: unknown key, expected one of num_envs,",),
    "guards: {str: 1}": ("guards.str: unknown key, expected one of mode,",),
    "env: {features: [{column: x, scale: 1, centre: 0}]}": (
        "env.features.0.centre: unknown key",
        "did you mean 'center'?",
    ),
    "env: {features: [adx, {column: x}]}": ("env.features.1.scale: missing",),
    "env: {features: [3]}": ("env.features.0: got 3, expected text or a mapping",),
    "env: {features: adx}": ("env.features: got 'adx', expected a list",),
    "version: v2_x": ("version: is set by jaxexit",),
    "overrides: []": ("overrides: is set by jaxexit",),
    # wrong kinds of value
    "seed: 1.5": ("seed: got 1.5, expected a whole number",),
    "seed: true": ("seed: got true, expected a whole number",),
    "seed: '1'": ("seed: got '1', expected a whole number",),
    "seed:": ("seed: got null, expected a whole number",),
    "seed: [1]": ("seed: got a list, expected a whole number",),
    "ppo: {gamma: true}": ("ppo.gamma: got true, expected a number",),
    "ppo: {gamma: high}": ("ppo.gamma: got 'high', expected a number",),
    "ppo: {gamma: {a: 1}}": ("ppo.gamma: got a mapping, expected a number",),
    "ppo: {total_timesteps: 1e7}": ("got 10000000.0, expected a whole number",),
    "ppo: {target_kl: off}": ("got false, expected a number or null",),
    "network: {layer_norm: 1}": ("network.layer_norm: got 1, expected true or false",),
    "network: {hidden_sizes: 256}": ("network.hidden_sizes: got 256, expected a list",),
    "network: {hidden_sizes: []}": ("got an empty list, expected at least 1 item",),
    "network: {hidden_sizes: [256, 0]}": ("network.hidden_sizes.1: got 0",),
    "tracking: {tags: [1]}": ("tracking.tags.0: got 1, expected text",),
    "tracking: {wandb: off}": ("got false, expected one of 'disabled', 'online', 'offline'",),
    "guards:": ("guards: got null, expected a mapping of keys",),
    "guards: [1]": ("guards: got a list, expected a mapping of keys",),
    "description: [a]": ("description: got a list, expected text",),
    "guards: {mode: penalize}": ("'penalise', 'mask'; did you mean 'penalise'?",),
    "data: {entries: everybar}": ("did you mean 'every_bar'?",),
    # impossible values
    "ppo: {target_kl: -1}": ("ppo.target_kl: got -1, expected a number above 0 or null",),
    "ppo: {target_kl: 0}": ("ppo.target_kl: got 0, expected a number above 0 or null",),
    "ppo: {gamma: 1.01}": ("ppo.gamma: got 1.01, expected a number up to 1",),
    "ppo: {clip_epsilon: .nan}": ("got nan, expected",),
    "ppo: {learning_rate: .inf}": ("got inf, expected a finite number",),
    "costs: {swap_long_pips: -.inf}": ("got -inf, expected a finite number",),
    "costs: {commission: -0.1}": ("costs.commission: got -0.1, expected a number from 0 up",),
    "costs: {spread_pips: -1}": ("costs.spread_pips: got -1, expected a number from 0 up or null",),
    "seed: -1": ("seed: got -1, expected a whole number from 0 up",),
    # JAX would silently take this for seed 0
    "seed: 4294967296": ("seed: got 4294967296, expected a whole number below 4294967296",),
    "ppo: {num_envs: 3000000000}": ("ppo.num_envs: got 3000000000, expected a whole number up to",),
    "env: {max_bars: 0}": ("env.max_bars: got 0, expected a whole number from 1 up",),
    "env: {tighten_fraction: 1}": ("env.tighten_fraction: got 1, expected a number below 1",),
    "env: {partial_fraction: 0}": ("env.partial_fraction: got 0, expected a number above 0",),
    "env: {max_partials: 2}": ("env.max_partials: got 2, expected less than 2",),
    "env: {initial_stop_atr: 0}": ("env.initial_stop_atr: got 0, expected a number above 0",),
    "ppo: {minibatch_size: 3000}": ("expected a divisor of num_envs x num_steps = 131072",),
    "ppo: {minibatch_size: 262144}": ("ppo.minibatch_size: got 262144, expected a divisor",),
    "ppo: {total_timesteps: 1000}": ("expected at least one update",),
    "ppo: {entropy_coef_end: 0.06}": (
        "ppo.entropy_coef_end: got 0.06, expected at most its start, 0.05",
    ),
    "ppo: {learning_rate_end: 1e-3}": ("ppo.learning_rate_end: got 0.001, expected at most",),
    "data: {entries: trades}": ("data.trades: got null, expected a path with entries 'trades'",),
    "data: {trades: list.csv}": (
        "data.entries: got 'every_bar', expected 'trades' with a trades file",
    ),
    "env: {entry_fill: given}": (
        "env.entry_fill: got 'given', expected 'next_open' or 'bar_close' with data.entries",
    ),
    "data: {split: {validation_start: 0.9}}": (
        "got 0.9, expected a start before test_start (0.85)",
    ),
    "data: {split: {validation_start: 1.0}}": ("expected a fraction above 0 and below 1",),
    "data: {split: {test_start: 2017-13-45}}": ("got '2017-13-45', expected an ISO date",),
    "data: {split: {test_start: true}}": ("data.split.test_start: got true, expected a number",),
    "data: {split: {validation_start: 2018-01-01, test_start: 2017-01-01}}": (
        "data.split.validation_start: got 2018-01-01, expected a start before test_start",
    ),
    # the same instant, written in two ways
    "data: {split: {validation_start: 2017-01-01, test_start: 2017-01-01T01:00:00+01:00}}": (
        "expected a start before test_start",
    ),
    # not an experiment at all
    "": ("the file is empty",),
    "# only words": ("the file is empty",),
    "- 1": ("got a list, expected a mapping of sections",),
    "just text": ("got 'just text', expected a mapping of sections",),
    "seed: 1\nseed: 2": ("not valid YAML in line 2: 'seed' is written twice",),
    "ppo:\n  gamma: 0.9\n  gamma: 0.8": ("not valid YAML in line 3: 'gamma' is written twice",),
    "seed: [1": ("not valid YAML in line 1",),
    "\tseed: 1": ("not valid YAML in line 1",),
    "seed: 1\0": ("not valid YAML",),
    "seed: !!float x": ("not valid YAML",),
    "seed: !!python/object/apply:os.getcwd []": ("not valid YAML in line 1",),
    'description: "\\ud800"': ("not valid YAML",),
    'data: {bars: "C:\\data\\bars.csv"}': ("not valid YAML in line 1: found unknown escape",),
    "description: &loop [*loop]": ("nested too deeply",),
    "a: " + "[" * 2000: ("nested too deeply",),
    # nine lists of nine aliases of the list before: 387 million values in 300 bytes
    "a0: &a0 [0]\n" + "".join(f"a{i}: &a{i} [{f'*a{i - 1},' * 9}]\n" for i in range(1, 10)): (
        "too large",
    ),
    "extends: 3": ("extends: got 3, expected the name of a YAML file",),
    "extends: ''": ("extends: got '', expected the name of a YAML file",),
    "extends: v1_nothing.yaml": ("extends: got 'v1_nothing.yaml', expected a file beside",),
    # numbers that are allowed in Python and not on the device
    "ppo: {learning_rate: 1e300}": ("ppo.learning_rate: got 1e+300", "float32 can hold"),
    "ppo: {learning_rate: 1e-60}": ("ppo.learning_rate: got 1e-60", "float32 can hold"),
    "ppo: {gamma: 1e-46}": ("ppo.gamma: got 1e-46", "float32 can hold"),
    "reward: {time_sigmoid_center: -1e39}": ("time_sigmoid_center: got -1e+39", "float32 can hold"),
    "network: {initial_hold_probability: 0.99999999}": ("rounds to 1 in float32) or null",),
    "env: {tighten_fraction: 0.999999999999}": ("env.tighten_fraction", "rounds to 1 in float32"),
    "network: {hidden_sizes: [2147483647]}": (
        "hidden_sizes.0: got 2147483647",
        "a whole number up to 8192",
    ),
    f"network: {{hidden_sizes: [{'8, ' * 17}]}}": ("got a list, expected at most 16 items",),
    "ppo: {num_envs: 1048576, num_steps: 1048576}": (
        "ppo.num_steps: got 1048576, expected at most 256 with num_envs 1048576",
    ),
    "ppo: {num_epochs: 2000000000}": (
        "ppo.num_epochs: got 2000000000, expected a whole number up to 1000",
    ),
    "env: {max_bars: 2147483647}": (
        "env.max_bars: got 2147483647, expected a whole number up to 100000",
    ),
    "env: {partial_fraction: 1e-30, max_partials: 2147483647}": ("env.max_partials: got",),
    "data: {warmup: 2147483647}": (
        "data.warmup: got 2147483647, expected a whole number up to 1000000",
    ),
    "costs: {commission: 3.5}": ("costs.commission: got 3.5, expected a number below 1",),
    "seed: " + "9" * 5000: ("not valid YAML",),
    "ppo: {gamma: " + "9" * 400 + "}": ("ppo.gamma: got 999",),
    "seeds: 1025": ("seeds: got 1025, expected a whole number up to 1024",),
    "seed: 4294967295\nseeds: 2": ("seeds: got 2, expected at most 1 with seed 4294967295",),
    FEATURE + "center: 1e300}]}": ("env.features.0.center: got 1e+300", "float32 can hold"),
    "env: {features: [{column: x, scale: 0}]}": (
        "env.features.0.scale: got 0, expected a number above",
    ),
    # names that mean nothing
    "env: {features: [bolinger_b]}": ("got 'bolinger_b'", "did you mean 'bollinger_b'?"),
    "env: {features: [adx, rsi, adx]}": ("env.features: got 'adx' twice, expected each name once",),
    "env: {features: [adx, {column: adx, scale: 1}]}": ("env.features: got 'adx' twice",),
    "data: {timezone: Mars/Olympus}": ("data.timezone: got 'Mars/Olympus', expected auto,",),
    "data: {timezone: UTC+25}": ("data.timezone: got 'UTC+25', expected auto,",),
    "data: {timezone: ../../../etc/passwd}": ("data.timezone: got '../../../etc/passwd'",),
    "data: {timeframe: M7}": ("data.timeframe: got 'M7', expected one of M1,", "D1 or null"),
    "data: {timeframe: 15}": ("data.timeframe: got 15, expected text or null",),
    "data: {split: {test_start: yesterday}}": ("test_start: got 'yesterday', expected an ISO",),
    "data: {split: {test_start: .nan}}": ("got nan, expected a fraction above 0 and below 1",),
    # combinations that cannot be
    "data: {filled_at: bar_open}": ("data.filled_at: got 'bar_open', expected 'bar_close'",),
    "data: {entries: ema_bb, trades: t.csv}": (
        "data.entries: got 'ema_bb', expected 'trades' with a trades",
    ),
    "env: {max_partials: 1, partial_fraction: 0.5}\nppo: {entropy_coef_start: 0}": (
        "ppo.entropy_coef_end: got 0.001, expected at most its start, 0",
    ),
    "ppo: {num_envs: 7, num_steps: 11, minibatch_size: 2}": (
        "divisor of num_envs x num_steps = 77",
    ),
    "ppo: {total_timesteps: 131071}": ("expected at least one update", "131072"),
    # paths
    "data: {bars: ''}": ("data.bars: got '', expected the path of a file",),
    "data: {bars: ' '}": ("data.bars: got '', expected the path of a file",),
    'data: {bars: "a\\0b.csv"}': (
        "data.bars: got",
        "expected a path without control characters",
    ),
    # in double quotes \n is a line break and \b a backspace
    'data: {bars: "C:\\new\\bars.csv"}': ("data.bars: got", "use single quotes, or /"),
    "data: {entries: trades, trades: ''}": ("data.trades: got '', expected the path of a file or",),
    "extends: ../../../../etc/passwd": (
        "extends: got '../../../../etc/passwd', expected the name",
    ),
    "extends: ../../outside.yaml": ("extends: got '../../outside.yaml', expected a file beside",),
    "extends: old\\v1_base.yaml": ("expected a file beside", "write / in place of \\"),
    "extends: v9_mine.yaml": (
        "extends: got a cycle (v9_mine.yaml -> v9_mine.yaml), expected a chain",
    ),
    "extends: [v1_a.yaml]": ("extends: got a list, expected the name of a YAML file",),
    f"extends: {'x' * 5000}.yaml": ("extends: got 'xxx", "File name too long"),
    'extends: "a\\0b.yaml"': ("extends: got", "expected a file beside"),
    "version: ../../outside": ("version: is set by jaxexit; remove it from the file",),
    "parent: /etc/v1_x": ("parent: is set by jaxexit; remove it from the file",),
    # YAML that is no experiment
    "seed: !!python/object/new:os.system [touch written]": ("not valid YAML in line 1",),
    "seed: !!python/name:os.system": ("not valid YAML in line 1",),
    "!!python/object/apply:subprocess.run [[touch, written]]": ("not valid YAML in line 1",),
    "seed: !mine 3": ("not valid YAML in line 1",),
    "seed: !!binary x": ("not valid YAML",),
    "seed: !!int x": ("not valid YAML",),
    "seed: 1\n---\nseed: 2": ("not valid YAML in line 2",),
    "a: &a {x: 1}\nb: {<<: *a}": ("not valid YAML in line 2",),
    "seed: *nothing": ("not valid YAML in line 1",),
    "? [1, 2]\n: 3": ("not valid YAML in line 1",),
    "ppo: {gamma: 0.9, gamma: 0.8}": ("not valid YAML in line 1: 'gamma' is written twice",),
    "ppo:\n\tgamma: 0.9": ("not valid YAML in line 2", "write spaces in place of tabs"),
    "ppo:\n  gamma: 0.9\n gae_lambda: 0.9": ("not valid YAML in line 3",),
    "seed: 'unclosed": ("not valid YAML in line 1",),
    "seed = 1": ("got 'seed = 1', expected a mapping of sections",),
    '{"seed": 1': ("not valid YAML in line 1",),
    "null": ("the file is empty; write an experiment",),
    "---": ("the file is empty; write an experiment",),
    "1: 2": ("1: unknown key, expected one of",),
    "true: 2": ("True: unknown key, expected one of",),
    "null: 2": ("None: unknown key, expected one of",),
    "'': 2": (": unknown key, expected one of",),
    '"a\\nb": 2': ("a b: unknown key, expected one of",),
    "ppo.gamma: 0.9": ("ppo.gamma: unknown key, expected one of",),
    "seed: 3 # fine\nppo: # nothing follows": ("ppo: got null, expected a mapping of keys",),
    "seed: \uff13": ("seed: got '\uff13', expected a whole number",),  # a 3, full width
    "seed: 1,5": ("seed: got '1,5', expected a whole number",),
    "ppo: {gamma: '0.99'}": ("ppo.gamma: got '0.99', expected a number",),
    "ppo:\n  gamma: 0,99": ("ppo.gamma: got '0,99', expected a number",),
    "description: " + "x" * 1_000_000: ("is larger than an experiment can be",),
    "x" * 400 + ": 1": ("unknown key, expected one of",),
}
BYTES: dict[str, Bad] = {
    "UTF-16": Bad("seed: 1".encode("utf-16"), ("it is not UTF-8 text",)),
    "Latin-1": Bad("description: Größe".encode("latin-1"), ("it is not UTF-8 text",)),
    "a ZIP file": Bad(b"PK\x03\x04\xff\xfe", ("it is not UTF-8 text",)),
    "a zero byte": Bad(b"seed: 1\x00", ("not valid YAML",)),
    "an empty file": Bad(b"", ("the file is empty; write an experiment",)),
    "a mark of its encoding alone": Bad(b"\xef\xbb\xbf", ("the file is empty",)),
    "an escape of the terminal": Bad(b"seed: \x1b[2J", ("not valid YAML",)),
}
CORPUS = {
    **GENERATED,
    **{repr(text[:60]): Bad(text, says) for text, says in WRITTEN.items()},
    **BYTES,
}


def write(folder: Path, bad: Bad) -> Path:
    path = folder / "v9_mine.yaml"
    path.write_bytes(bad.text if isinstance(bad.text, bytes) else bad.text.encode())
    return path


def check(line: str, path: Path, bad: Bad) -> None:
    """One line, that names file and key and what to do."""
    assert line.startswith(f"error: {path}")
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert len(line) < 1000
    for words in bad.says:
        assert words in line
    assert any(words in line for words in WHAT_TO_DO)


@pytest.mark.parametrize("bad", CORPUS.values(), ids=CORPUS.keys())
def test_a_bad_configuration_is_one_line_and_nothing_is_written(
    bad: Bad, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, bad)
    before = tiny.contents(tmp_path)
    assert main(["train", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    check(err, path, bad)
    assert tiny.contents(tmp_path) == before


def test_the_corpus_is_as_large_as_it_is_said_to_be():
    sections = {name.replace(" ", ".").split(".")[0] for name in GENERATED}
    assert sections >= {name for name in Experiment.model_fields if name not in SET_BY_PROGRAM}
    assert len(GENERATED) >= 300
    assert len(WRITTEN) + len(BYTES) >= 100
    assert len({bad.text for bad in CORPUS.values()}) == len(CORPUS)


def test_a_real_process_refuses_all_that_is_written_by_hand_without_starting_jax(tmp_path: Path):
    """A process of its own: nothing is loaded there that a refusal does not need."""
    bad = [one for one in CORPUS.values() if one not in GENERATED.values()]
    paths = []
    for number, one in enumerate(bad):
        (tmp_path / str(number)).mkdir()
        paths.append(write(tmp_path / str(number), one))
    before = tiny.contents(tmp_path)
    code = (
        "import sys; from jaxexit.__main__ import main\n"
        "for line in sys.stdin:\n"
        "    assert main(['train', line.strip()]) == 2, line\n"
        "heavy = ('jax', 'numpy', 'pandas', 'orbax', 'wandb')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input="\n".join(map(str, paths)),
        cwd=tiny.REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
    lines = done.stderr.splitlines(keepends=True)
    for line, path, one in zip(lines, paths, bad, strict=True):
        check(line, path, one)
    assert tiny.contents(tmp_path) == before


GOOD: dict[str, bytes] = {
    "with the mark that Windows puts in front": b"\xef\xbb\xbfseed: 3\n",
    "with the line ends of Windows": b"seed: 3\r\nppo:\r\n  gamma: 0.9\r\n",
    "without a line end": b"seed: 3",
    "with the paths of Windows": b"seed: 3\ndata: {bars: 'C:\\new\\bars.csv'}\n",
    "as JSON": b'{"seed": 3, "ppo": {"gamma": 0.9}}',
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD.keys())
def test_what_is_merely_unusual_is_read(content: bytes, tmp_path: Path):
    path = tmp_path / "v9_mine.yaml"
    path.write_bytes(content)
    experiment = load_experiment(path)
    assert experiment.seed == 3
    assert experiment.data.bars in ("sample", r"C:\new\bars.csv")


# --- names that would lead elsewhere -------------------------------------------------------

ELSEWHERE = (
    "../v9_out",
    "/etc/v9_out",
    "v9_a/../../v9_out",
    "v9_a\\b",
    "..",
    "",
    "v9_\0",
    "v9_a\n",
)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_no_version_can_be_made_outside_the_registrys_folder(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root = tmp_path / "in" / "experiments"
    root.mkdir(parents=True)
    (root / "v1_base.yaml").write_text("seed: 1\n")
    before = tiny.contents(tmp_path)
    assert main(["registry", "new", name, "--parent", "v1_base", "--root", str(root)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert tiny.contents(tmp_path) == before


def refused_sweep(path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    path.parent.mkdir(exist_ok=True)
    base = folder / "other" / "v1_base.yaml"
    base.parent.mkdir(exist_ok=True)
    base.write_text("seed: 1\n")
    path.write_text(f"experiment: {base}\nparameters:\n  ppo.gamma: [0.9, 0.99]\n")
    before = tiny.contents(folder)
    assert main(["train", "--sweep", str(path)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert tiny.contents(folder) == before
    return err


def test_no_sweep_writes_anywhere_but_in_its_own_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    # Its results go into sweeps/<name>, and the name of this one would be "..".
    odd = refused_sweep(tmp_path / "in" / "...yaml", tmp_path, capsys)
    assert "got the name '..', expected letters" in odd
    # And it lies beside its experiment, unless the user says otherwise on the command line.
    elsewhere = refused_sweep(tmp_path / "in" / "sweep.yaml", tmp_path, capsys)
    assert "expected a file beside it or in experiments/; say with --root DIR" in elsewhere
