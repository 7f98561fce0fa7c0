"""An experiment in the making: every value with how it is known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from jaxexit.config import Experiment
from jaxexit.config.load import validate, with_overrides
from jaxexit.init.questions import Asker, Question

How = Literal["found", "assumed", "said"]
"""The files say it; nobody does, and a default stands for it; the user did."""


class Fact(NamedTuple):
    """What is known of the files, or of one key of the experiment."""

    label: str  # for people
    words: str  # what, and by what it is known
    how: How
    key: str | None = None  # of the experiment, e.g. "data.filled_at"; None: no key holds it
    value: Any = None

    def record(self) -> dict[str, Any]:
        """The same for `--json`."""
        return {name: getattr(self, name) for name in ("key", "value", "how", "label", "words")}


class Draft:
    """What is known so far. Values of `--set` stand above everything else, and are asked for by nobody."""

    def __init__(self, bars: str, trades: str, said: Sequence[str], ask: Asker) -> None:
        """Begin with the names of the files.

        Args:
            bars: as `data.bars`.
            trades: as `data.trades`.
            said: the texts of `--set`.
            ask: answers questions.

        Raises:
            ConfigError: a text of `--set` is not allowed.
        """
        self.bars, self.trades = bars, trades
        self.said = tuple(said)
        self.facts: list[Fact] = []
        self.notes: list[str] = []
        self._ask = ask
        self._values: dict[str, Any] = {
            "data.bars": bars,
            "data.trades": trades,
            "data.entries": "trades",
        }
        self.experiment()

    def says(self, key: str) -> bool:
        """Whether the user has said it, or a part of it."""
        told = [text.partition("=")[0].strip() for text in self.said]
        return any(key == one or key.startswith(f"{one}.") for one in told)

    def experiment(self, **values: Any) -> Experiment:
        """All of it, validated, with other values for some keys (`data__align` for data.align).

        Raises:
            ConfigError: one line.
        """
        changed = {key.replace("__", "."): value for key, value in values.items()}
        return self._validated({**self._values, **changed})

    def _validated(self, values: dict[str, Any]) -> Experiment:
        content: dict[str, Any] = {"version": "v1_init"}
        for key, value in values.items():
            *sections, name = key.split(".")
            place = content
            for section in sections:
                place = place.setdefault(section, {})
            place[name] = value
        plain = validate(content, lambda keys: ".".join(keys))
        return with_overrides(plain, self.said) if self.said else plain

    def value(self, key: str) -> Any:
        """What a key is now."""
        found: Any = self.experiment()
        for name in key.split("."):
            found = getattr(found, name)
        return found

    def set(self, key: str, value: Any, label: str, words: str, how: How = "found") -> None:
        """A value, and how it is known; what the user said of the key stands."""
        if self.says(key):
            self.facts.append(Fact(label, "as you say", "said", key, self.value(key)))
            return
        self._values[key] = value
        self.facts.append(Fact(label, words, how, key, value))

    def tell(self, label: str, words: str, how: How = "found") -> None:
        """What no key holds."""
        self.facts.append(Fact(label, words, how))

    def asked(self, question: Question, label: str) -> Any:
        """The answer to a question, which becomes the key's value; not asked where the user said it."""
        if not self.says(question.key):
            check = partial(self._check, question.key)
            value, answered = self._ask(question, check)
            words = "your answer" if answered else question.why
            self.set(question.key, value, label, words, "said" if answered else "assumed")
        else:
            self.set(question.key, None, label, "")
        return self.value(question.key)

    def _check(self, key: str, value: Any) -> None:
        self._validated({**self._values, key: value})
