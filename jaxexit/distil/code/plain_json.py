"""A rule as a JSON object, and how such an object decides."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from typing import Any

from jaxexit.distil.code.source import Source

SIGNS = {">": operator.gt, "<=": operator.le, "<": operator.lt, ">=": operator.ge}


def write(source: Source) -> str:
    """The object: `rules` (the first whose `if` holds acts), `else`, `guards`, `numbers`."""
    content = {
        "rule_of": source.version,
        "checkpoint_sha256": source.checkpoint,
        "words": source.words,
        "rules": source.rule.as_json(),
        "else": "HOLD",
        "guards": [
            {
                "action": guard.action,
                "held_back_if_any": [
                    [{"number": c.number, "is": c.sign, "than": c.than} for c in some]
                    for some in guard.when
                ],
            }
            for guard in source.guards
        ],
        "numbers": {
            n.name: {"words": n.words, "formula": n.formula, "unit": n.unit} for n in source.numbers
        },
    }
    return json.dumps(content, indent=2) + "\n"


def decide(content: Mapping[str, Any], numbers: Mapping[str, float]) -> str:
    """What a rule says: "HOLD" or an action's name.

    Args:
        content: what `write` wrote, parsed.
        numbers: by name.
    """

    def holds(condition: Mapping[str, Any]) -> bool:
        return SIGNS[condition["is"]](numbers[condition["number"]], condition["than"])

    met = (line["do"] for line in content["rules"] if all(map(holds, line["if"])))
    action = next(met, content["else"])
    for guard in content["guards"]:
        held_back = any(all(map(holds, some)) for some in guard["held_back_if_any"])
        if guard["action"] == action and held_back:
            return "HOLD"
    return action
