"""A picture of the page: a Plotly figure with its words."""

from __future__ import annotations

import json
from typing import NamedTuple

import plotly.graph_objects as go

from jaxexit.names import label


class Picture(NamedTuple):
    """A figure with its words."""

    key: str
    title: str
    words: str  # what one sees, and how it is defined
    figure: str  # JSON


def as_json(figure: go.Figure) -> str:
    """A figure as the page keeps it; its colours of text, grid and ground are the page's."""
    figure.update_layout(template="none", margin={"l": 56, "r": 12, "t": 8, "b": 44}, height=320)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    text = figure.to_json(engine="json")
    assert text is not None
    content = json.loads(text)
    for trace in content["data"]:
        if isinstance(trace.get("text"), list):  # ids of trades: plotly reads tags in them
            trace["text"] = [label(str(each)) for each in trace["text"]]
    return json.dumps(content, separators=(",", ":"))
