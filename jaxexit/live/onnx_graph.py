"""The network as an ONNX graph, written node by node in basic operators.

Opset 13 and its IR version: older than what any ONNX Runtime since 1.9 (2021) loads. MetaTrader 5's
documentation (ONNX models, "Running a model") refers to the operators of ONNX Runtime 1.14, which
ends at opset 18; LayerNormalization would need 17, so it is written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from jaxexit.env.observation import CLIP
from jaxexit.policies import DenseLayer, NetworkLayers
from jaxexit.policies.normalised_relu import EPSILON

OPSET, IR_VERSION = 13, 7
INPUT, LOGITS, VALUE = "observation", "logits", "value"


class _Graph:
    """Nodes and constants in order of use."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: Any) -> str:
        """A float32 constant; its name."""
        name = f"c{len(self.constants)}"
        array = np.ascontiguousarray(value, np.float32)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """One operator; the name of its output."""
        name = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def mean(self, values: str) -> str:
        """Over the last axis, kept."""
        return self.node("ReduceMean", values, axes=[-1], keepdims=1)

    def dense(self, values: str, layer: DenseLayer, output: str | None = None) -> str:
        """Dense layer: values [1, in] x kernel [in, out] + bias [out]."""
        product = self.node("MatMul", values, self.constant(layer.kernel))
        return self.node("Add", product, self.constant(layer.bias), output=output)

    def layer_norm(self, values: str, scale: Any, bias: Any) -> str:
        """As `policies.normalised_relu`, before the ReLU."""
        centred = self.node("Sub", values, self.mean(values))
        variance = self.mean(self.node("Mul", centred, centred))
        deviation = self.node("Sqrt", self.node("Add", variance, self.constant(EPSILON)))
        normal = self.node("Div", centred, deviation)
        scaled = self.node("Mul", normal, self.constant(scale))
        return self.node("Add", scaled, self.constant(bias))


def onnx_model(
    network: NetworkLayers, observation_size: int, facts: Mapping[str, str]
) -> ModelProto:
    """The policy as a model of static batch 1.

    Args:
        network: its weights.
        observation_size: length of the observation.
        facts: strings to keep in the model's metadata.

    Returns:
        Input `observation` [1, observation_size] float32, before clipping; outputs `logits` [1, 5] in the
        order of `ACTIONS`, before any guard, and `value` [1, 1].
    """
    graph = _Graph()
    hidden = graph.node("Clip", INPUT, graph.constant(-CLIP), graph.constant(CLIP))
    for layer in network.hidden:
        hidden = graph.dense(hidden, layer)
        if layer.scale is not None:
            hidden = graph.layer_norm(hidden, layer.scale, layer.shift)
        hidden = graph.node("Relu", hidden)
    for name, head in ((LOGITS, network.policy), (VALUE, network.value)):
        graph.dense(hidden, head, output=name)

    def tensor(name: str, width: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, width])

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "policy",
            [tensor(INPUT, observation_size)],
            [tensor(LOGITS, len(network.policy.bias)), tensor(VALUE, 1)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="jaxexit",
    )
    helper.set_model_props(model, dict(facts))
    checker.check_model(model, full_check=True)
    return model
