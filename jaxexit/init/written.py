"""The two experiment files: a baseline, and what a trader would train; every value with how it is known."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from jaxexit.config import Experiment, load_experiment
from jaxexit.config.text import dump_value
from jaxexit.errors import RunError, one_line
from jaxexit.init.begin import Begun
from jaxexit.init.draft import Draft, Fact
from jaxexit.store.files import write_text

FEW = 4_000  # trades, below which whole paths teach more than PPO learns from them (docs/exams.md)
_WIDTH = 100
_SECTIONS = ("data", "costs", "env", "guards", "reward")
_PLAIN = ("data.bars", "data.entries", "data.trades")

_V1 = "Nothing stops the agent from leaving at once: what every other version has to beat."
_V1_HYPOTHESIS = (
    "Leaving at bar 0 costs the spread and avoids every penalty, so the agent learns to leave at once, for "
    "about nothing."
)
_V2_MANY = "Guards on EXIT and PARTIAL, dearer mistakes, more exploration."
_V2_MANY_HYPOTHESIS = (
    "With EXIT blocked until something is earned and two bars have passed, the agent holds instead of "
    "leaving at bar 0."
)
_V2_FEW = (
    "Learns from whole paths when to leave (HOLD and EXIT only): the luck of each bar is taken off, half of "
    "the networks begin at the best simple rule and pay for departing from it, and all of them vote."
)
_V2_FEW_HYPOTHESIS = (
    "With hundreds to a few thousand trades it earns what the best simple rule earns or more, where PPO "
    "would learn the trades by heart."
)
_HOW_KNOWN = (
    "Each value says how it is known: found (your files say it), assumed (nobody says it: check these), said "
    "(you did). Keys that are not here have their defaults: docs/reference/yaml.md."
)


class Files(NamedTuple):
    """Where the two versions are."""

    v1: Path
    v2: Path


def files_in(root: Path, name: str) -> Files:
    """Where the versions of a name go.

    Raises:
        RunError: one of them is there already, as a file or a run.
    """
    files = Files(*(root / f"v{number}_{name}.yaml" for number in (1, 2)))
    for path in files:
        for taken in (path, path.with_suffix("")):
            if taken.exists():
                raise RunError(
                    f"{taken}: is there already, and is not overwritten; choose another name with --name"
                )
    return files


def few(begun: Begun) -> bool:
    """Whether v2 learns by the learner for few trades; the user's own choice stands."""
    return begun.trades < FEW and not begun.draft.says("learner")


def learner_words(begun: Begun) -> str:
    """Which learner v2 has, and why."""
    if begun.draft.says("learner"):
        return f"{begun.draft.experiment().learner}, as you say"
    if few(begun):
        return f"exact, made for few trades: {begun.trades:,} are fewer than {FEW:,} (docs/learners.md)"
    return f"ppo: {begun.trades:,} trades are enough for it, from {FEW:,} up"


def write(begun: Begun, files: Files, command: str) -> tuple[Experiment, Experiment]:
    """Write both files, or none, after they have been read back from a scratch folder.

    Args:
        begun: what was found.
        files: from `files_in`.
        command: what the user typed, for the head of the files.

    Returns:
        v1 and v2 as they were read back.

    Raises:
        UserError: they cannot be written.
    """
    texts = (_first(begun, command), _second(begun, files.v1.name, command))
    with TemporaryDirectory() as scratch:
        for path, text in zip(files, texts, strict=True):
            (Path(scratch) / path.name).write_text(text, encoding="utf-8")
        first, second = (load_experiment(Path(scratch) / path.name) for path in files)
    wanted = begun.draft.experiment()
    for section in _SECTIONS:
        assert getattr(first, section) == getattr(wanted, section), f"{section} was not written"
    write_text(files.v1, texts[0])
    try:
        write_text(files.v2, texts[1])
    except BaseException:
        files.v1.unlink(missing_ok=True)
        raise
    return first, second


def _first(begun: Begun, command: str) -> str:
    draft = begun.draft
    lines = [
        f"# {_V1}",
        f"# Written by: {one_line(command)}",
        *(f"# {line}" for line in textwrap.wrap(_HOW_KNOWN, _WIDTH)),
        f"description: {_folded(f'Baseline of {begun.name} without guards on leaving early.')}",
        f"hypothesis: {_folded(_V1_HYPOTHESIS)}",
    ]
    facts = _by_key(draft)
    top = [key for key in facts if "." not in key]
    lines += [line for key in top for line in _entry(key, facts[key], 0)]
    sections = dict.fromkeys([*_SECTIONS, *(key.split(".")[0] for key in facts if "." in key)])
    for section in sections:
        mine = {key: fact for key, fact in facts.items() if key.split(".")[0] == section}
        mine = {key: fact for key, fact in mine.items() if "." in key}
        if mine:
            lines += ["", f"{section}:", *_section(mine)]
    return "\n".join(lines) + "\n"


def _by_key(draft: Draft) -> dict[str, Fact]:
    """The last word on each key, files first; and what the user said of keys that nobody looked at."""
    facts = {key: Fact("", "", "said", key, draft.value(key)) for key in _PLAIN}
    facts |= {fact.key: fact for fact in draft.facts if fact.key is not None}
    for text in draft.said:
        key = text.partition("=")[0].strip()
        within = [known for known in facts if known == key or known.startswith(f"{key}.")]
        if not within:
            facts[key] = Fact(key, "as you say", "said", key, draft.value(key))
    return facts


def _section(facts: dict[str, Fact]) -> Iterable[str]:
    opened: set[str] = set()
    for key in sorted(facts, key=lambda key: key.count(".")):  # plain keys before subsections
        _, *inner, name = key.split(".")
        for depth, section in enumerate(inner, 1):
            if section not in opened:
                opened.add(section)
                yield f"{'  ' * depth}{section}:"
        yield from _entry(name, facts[key], len(inner) + 1)


def _entry(name: str, fact: Fact, depth: int) -> list[str]:
    """A key with its value below how it is known."""
    indent = "  " * depth
    written = f"{indent}{name}: {dump_value(_plain(fact.value))}"
    if not fact.words:
        return [written]
    words = " ".join(f"{fact.how}: {fact.words}".split())
    return [*_comment(words, indent), written]


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return list(value) if isinstance(value, tuple) else value


def _comment(words: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        words,
        _WIDTH,
        initial_indent=f"{indent}# ",
        subsequent_indent=f"{indent}#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _folded(words: str) -> str:
    """A text of a sentence or more as a folded YAML scalar."""
    return ">-\n" + "\n".join(
        textwrap.wrap(words, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    )


def _second(begun: Begun, parent: str, command: str) -> str:
    said = begun.draft.says
    if few(begun):
        head, hypothesis, sections = _V2_FEW, _V2_FEW_HYPOTHESIS, _few_sections()
        why = (
            f"{begun.trades:,} trades are few: below about {FEW:,} the learner of whole paths earns more "
            "than PPO, which learns them by heart (docs/exams.md, docs/learners.md). It is paid in money, "
            "undiscounted, and needs no guards: leaving at once costs it what it costs. For PPO with guards "
            "instead: learner ppo, and the sections of experiments/v2_exit_guards.yaml."
        )
    else:
        head, hypothesis, sections = _V2_MANY, _V2_MANY_HYPOTHESIS, _many_sections(begun)
        why = (
            f"{begun.trades:,} trades are enough for PPO. Below about {FEW:,}, learner exact would be the "
            "better choice (experiments/v4_few.yaml)."
        )
    lines = [f"# {line}" for line in textwrap.wrap(head, _WIDTH)]
    lines += [f"# Written by: {one_line(command)}", *_comment(why)]
    lines += [
        f"extends: {parent}",
        f"description: {_folded(head)}",
        f"hypothesis: {_folded(hypothesis)}",
    ]
    if few(begun):
        lines += ["", *_comment("assumed: by the number of trades"), "learner: exact"]
    for section, keys in sections.items():
        kept = [(key, *rest) for key, *rest in keys if not said(f"{section}.{key}")]
        if kept:
            lines += ["", f"{section}:", *_aligned(kept)]
    return "\n".join(lines) + "\n"


def _aligned(keys: Sequence[Sequence[Any]]) -> list[str]:
    """Keys with their reasons in one column."""
    left = [f"  {key}: {dump_value(value)}" for key, value, _ in keys]
    width = max(map(len, left))
    reasons = (f"  # {why}" if why else "" for _, _, why in keys)
    return [f"{text:<{width}}{why}".rstrip() for text, why in zip(left, reasons, strict=True)]


def _few_sections() -> dict[str, list[tuple[str, Any, str]]]:
    """What `experiments/v4_few.yaml` says of guards and reward, all of its ancestors included."""
    return {
        "guards": [
            ("exit_allows_loss", True, "nothing is forbidden"),
            ("min_profit_for_exit", 0.0, ""),
            ("min_bars_for_exit", 0, ""),
            ("min_profit_for_partial", 0.0, ""),
            ("min_bars_for_partial", 0, ""),
        ],
        "reward": [
            ("w_mtm", 1.0, "the change of what the trade is worth, and nothing else"),
            ("reward_scale", 1000.0, "the learner measures rewards in their own deviations"),
            ("regret_coef", 0.0, ""),
            ("time_coef", 0.0, ""),
            ("tighten_sl_cost", 0.0, ""),
            ("trail_sl_cost", 0.0, ""),
            ("invalid_action_penalty", 0.0, ""),
        ],
        "ppo": [("gamma", 1.0, "a gain later is a gain; the dense reward is undiscounted")],
    }


def _many_sections(begun: Begun) -> dict[str, list[tuple[str, Any, str]]]:
    """What `experiments/v2_exit_guards.yaml` says, its profits in this market's size."""
    size = (
        "about 10 pips of a currency pair; here too"
        if begun.scale == 1.0
        else f"the first stop is usually {100 * begun.risk:.2g}% of the entry"
    )
    return {
        "guards": [
            ("min_profit_for_exit", begun.fraction(0.001), f"fraction of the entry: {size}"),
            ("min_bars_for_exit", 2, ""),
            ("min_profit_for_partial", begun.fraction(0.002), "twice that"),
            ("min_bars_for_partial", 2, ""),
        ],
        "reward": [
            ("invalid_action_penalty", 0.02, ""),
            ("time_coef", 0.002, "less reason to leave early"),
            ("regret_coef", 0.8, "a missed optimum costs more"),
        ],
        "ppo": [
            ("entropy_coef_end", 0.005, "more exploration at the end"),
            ("entropy_anneal_steps", 7_000_000, ""),
        ],
    }
