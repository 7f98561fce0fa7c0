"""A small evaluator of the Pine Script that rules are written in: one function of comparisons.

It knows assignments, `if` / `else if` by indentation, `and`, `or`, parentheses and comparisons; anything else
is an error. It is no Pine: it shows that the text decides as the rule does, not that TradingView accepts it.
"""

import re
from collections.abc import Callable

TOKEN = re.compile(r'\s*(>=|<=|==|>|<|\(|\)|"[A-Z_]*"|-?\d+\.\d+|[A-Za-z_]\w*)')
SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "==": lambda a, b: a == b,
}


class Function:
    """The exported function of a script."""

    def __init__(self, script: str) -> None:
        lines = [line for line in script.splitlines() if line and not line.startswith("//")]
        begin = next(i for i, line in enumerate(lines) if line.startswith("export "))
        assert lines[:begin] == [lines[0]]
        assert re.fullmatch(r'library\("\w+"\)', lines[0])
        head = re.fullmatch(r"export decide\((.*)\) =>", lines[begin])
        assert head is not None, lines[begin]
        self.arguments = [
            part.removeprefix("float ") for part in head[1].split(", ") if part.strip()
        ]
        self._body = lines[begin + 1 :]

    def __call__(self, *values: float) -> str:
        names: dict[str, float | str] = dict(zip(self.arguments, values, strict=True))
        chain_done, i = False, 0
        while i < len(self._body):
            line = self._body[i]
            assert line.startswith("    ")
            text = line.strip()
            if found := re.fullmatch(r'string action = "(\w+)"', text):
                names["action"] = found[1]
            elif found := re.fullmatch(r"(else if|if) (.*)", text):
                chain_done = chain_done and found[1] == "else if"
                true = not chain_done and _Condition(found[2], names).value()
                i += 1
                inner = re.fullmatch(r' {8}action := "(\w+)"', self._body[i])
                assert inner is not None, self._body[i]
                if true:
                    names["action"], chain_done = inner[1], True
            else:
                assert text == "action", text
                assert i == len(self._body) - 1
            i += 1
        return str(names["action"])


class _Condition:
    """Recursive descent: or, and, comparison."""

    def __init__(self, text: str, names: dict[str, float | str]) -> None:
        self._tokens = TOKEN.findall(text)
        assert "".join(self._tokens) == text.replace(" ", ""), text
        self._names = names

    def value(self) -> bool:
        result = self._or()
        assert not self._tokens
        return result

    def _or(self) -> bool:
        result = self._and()
        while self._tokens[:1] == ["or"]:
            self._tokens.pop(0)
            other = self._and()
            result = result or other
        return result

    def _and(self) -> bool:
        result = self._one()
        while self._tokens[:1] == ["and"]:
            self._tokens.pop(0)
            other = self._one()
            result = result and other
        return result

    def _one(self) -> bool:
        if self._tokens[0] == "(":
            self._tokens.pop(0)
            result = self._or()
            assert self._tokens.pop(0) == ")"
            return result
        left, sign, right = (self._tokens.pop(0) for _ in range(3))
        return SIGNS[sign](self._of(left), self._of(right))  # type: ignore[arg-type]

    def _of(self, token: str) -> float | str:
        if token.startswith('"'):
            return token.strip('"')
        return self._names[token] if token in self._names else float(token)
