"""The learned policy: one shared trunk, a policy head and a value head."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxexit.config.learning import Network
from jaxexit.env.orders import order_from_action
from jaxexit.env.types import ACTIONS, HOLD, Order
from jaxexit.policies.half import half_dot_general, half_product
from jaxexit.policies.normalised_relu import normalised_relu
from jaxexit.policies.types import Policy, View, stateless

Array = jax.Array
Precision = Literal["float32", "bfloat16"]
AskedPrecision = Literal["float32", "bfloat16", "auto"]
"""Of the factors of every matrix product; sums, parameters and all else are float32."""

MASKED_LOGIT = -1e9  # finite, so that entropy and KL stay finite; its probability is exactly 0

# Gains of the orthogonal kernels.
HIDDEN_GAIN = math.sqrt(2.0)
HEAD_GAINS = {"policy": 0.01, "value": 1.0}


class NetworkSpec(NamedTuple):
    """Structure of the network: static, hashable."""

    hidden_sizes: tuple[int, ...]
    layer_norm: bool
    initial_hold_probability: float | None = None  # None: all actions alike
    num_actions: int = len(ACTIONS)


class DenseLayer(NamedTuple):
    """A dense layer as plain arrays, float32, and the LayerNorm after it."""

    kernel: np.ndarray  # [inputs, outputs]
    bias: np.ndarray  # [outputs]
    scale: np.ndarray | None = None  # [outputs]: LayerNorm's, None where there is none
    shift: np.ndarray | None = None  # [outputs]


class NetworkLayers(NamedTuple):
    """A network as plain arrays: hidden layers (dense, LayerNorm if any, ReLU) and two heads."""

    hidden: tuple[DenseLayer, ...]
    policy: DenseLayer  # logits
    value: DenseLayer  # one output


class LayerNormRelu(nn.Module):
    """LayerNorm (Ba et al. 2016), then ReLU: `normalised_relu` with its scale and bias."""

    @nn.compact
    def __call__(self, hidden: Array) -> Array:
        """[..., features] -> [..., features]."""
        features = hidden.shape[-1:]
        scale = self.param("scale", nn.initializers.ones, features)
        bias = self.param("bias", nn.initializers.zeros, features)
        return normalised_relu(hidden, scale, bias)


class Head(nn.Module):
    """Kernel [outputs, features] and bias of a dense layer of few outputs.

    Stored that way round only for speed: on a CPU the gradient of [features, outputs] is a product of five
    columns, seven times slower. The epochs gain 1.05 to 1.12 (benchmarks/RESULTS.md).
    """

    outputs: int
    features: int
    gain: float
    bias_init: Callable[..., Array] = nn.initializers.zeros

    @nn.compact
    def __call__(self) -> tuple[Array, Array]:
        """Kernel [outputs, features] and bias [outputs]."""
        shape = (self.outputs, self.features)
        kernel = self.param("kernel", nn.initializers.orthogonal(self.gain), shape)
        return kernel, self.param("bias", self.bias_init, (self.outputs,))


class ActorCritic(nn.Module):
    """Dense, LayerNorm, ReLU layers; orthogonal initialisation (sqrt 2, heads 0.01 and 1).

    The policy head's bias begins at 0, or where HOLD has `initial_hold_probability` and the other actions
    share the rest: an agent that begins by leaving early never sees what waiting brings.
    """

    hidden_sizes: tuple[int, ...]
    layer_norm: bool
    initial_hold_probability: float | None = None
    num_actions: int = len(ACTIONS)
    precision: Precision = "float32"

    @nn.compact
    def __call__(self, observation: Array) -> tuple[Array, Array]:
        """[..., observation_size] -> logits [..., num_actions] and value [...]."""
        hidden = observation
        product = half_dot_general if self.precision == "bfloat16" else None
        for size in self.hidden_sizes:
            kernel_init = nn.initializers.orthogonal(HIDDEN_GAIN)
            hidden = nn.Dense(size, kernel_init=kernel_init, dot_general=product)(hidden)
            hidden = LayerNormRelu()(hidden) if self.layer_norm else nn.relu(hidden)
        features, actions = hidden.shape[-1], self.num_actions
        policy = Head(actions, features, HEAD_GAINS["policy"], self._policy_bias, name="policy")
        value = Head(1, features, HEAD_GAINS["value"], name="value")
        # One product for both: fewer kernels on a GPU, and no slower on a CPU.
        kernel, bias = (jnp.concatenate(parts) for parts in zip(policy(), value(), strict=True))
        if self.precision == "bfloat16":
            outputs = jnp.asarray(half_product(hidden, kernel, 1)) + bias
        else:
            outputs = jnp.einsum("...f,of->...o", hidden, kernel) + bias
        return outputs[..., :actions], outputs[..., actions]

    def _policy_bias(self, key: Any, shape: tuple[int, ...]) -> Array:
        del key, shape
        return jnp.asarray(policy_bias(self.initial_hold_probability, self.num_actions))


def policy_bias(initial_hold_probability: float | None, num_actions: int) -> np.ndarray:
    """The policy head's bias before training, [num_actions] float32."""
    bias, hold = np.zeros(num_actions, np.float32), initial_hold_probability
    if hold is not None:
        bias[HOLD] = math.log(hold * (num_actions - 1) / (1.0 - hold))
    return bias


def network_shapes(spec: NetworkSpec, observation_size: int) -> Any:
    """The tree of a network's parameters, shapes and types only."""
    observation = jax.ShapeDtypeStruct((observation_size,), jnp.float32)
    return jax.eval_shape(
        make_network(spec).init, jax.eval_shape(partial(jax.random.key, 0)), observation
    )


def initial_params(spec: NetworkSpec, observation_size: int, seed: Sequence[int]) -> Any:
    """Parameters before training, host arrays: what the module's own `init` draws, by other numbers.

    Orthogonal kernels (Saxe et al. 2014): Q of a Gaussian matrix, its signs made unique, as
    `jax.nn.initializers.orthogonal` does. On the host it needs no program; on the device QR was the longest
    thing to compile before the update.

    Args:
        spec: structure of the network.
        observation_size: length of an observation.
        seed: of numpy's generator.
    """
    random = np.random.default_rng(seed)

    def initial(path: tuple[Any, ...], leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        *_, layer, name = (key.key for key in path)
        if name == "kernel":
            # A head's kernel is [outputs, features], a hidden layer's [features, outputs]: an orthogonal
            # matrix transposed is one.
            return HEAD_GAINS.get(layer, HIDDEN_GAIN) * _orthogonal(random, leaf.shape)
        if name == "bias" and layer == "policy":
            return policy_bias(spec.initial_hold_probability, spec.num_actions)
        return np.full(leaf.shape, 1.0 if name == "scale" else 0.0, np.float32)

    return jax.tree_util.tree_map_with_path(initial, network_shapes(spec, observation_size))


def _orthogonal(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A matrix whose rows or columns, whichever are fewer, are orthonormal; float32."""
    rows, columns = shape
    gaussian = random.standard_normal((max(shape), min(shape)))
    q, r = np.linalg.qr(gaussian)
    q *= np.sign(np.diag(r))
    return (q if rows >= columns else q.T).astype(np.float32)


def network_spec(network: Network) -> NetworkSpec:
    """The structure that an experiment's section asks for."""
    return NetworkSpec(
        hidden_sizes=tuple(network.hidden_sizes),
        layer_norm=network.layer_norm,
        initial_hold_probability=network.initial_hold_probability,
    )


def make_network(spec: NetworkSpec, precision: AskedPrecision = "float32") -> ActorCritic:
    """The Flax module of a structure.

    Raises:
        ValueError: the precision is still `auto`.
    """
    if precision == "auto":
        raise ValueError("precision: got 'auto', expected it decided (see `learning.precision`)")
    return ActorCritic(*spec, precision=precision)


def network_layers(spec: NetworkSpec, params: Any) -> NetworkLayers:
    """A network's parameters as plain arrays, for whoever writes it in another form."""
    weights = jax.tree.map(np.asarray, params["params"])

    def hidden(i: int) -> DenseLayer:
        dense = weights[f"Dense_{i}"]
        norm = weights[f"LayerNormRelu_{i}"] if spec.layer_norm else {}
        return DenseLayer(dense["kernel"], dense["bias"], norm.get("scale"), norm.get("bias"))

    def head(name: str) -> DenseLayer:
        return DenseLayer(weights[name]["kernel"].T, weights[name]["bias"])  # see `Head`

    layers = tuple(hidden(i) for i in range(len(spec.hidden_sizes)))
    return NetworkLayers(layers, head("policy"), head("value"))


def network_params(
    hidden: Sequence[tuple[Array, Array]],
    *,
    policy: tuple[Array, Array],
    value: tuple[Array, Array],
) -> Any:
    """Parameters of a network without LayerNorm from its layers, kernel and bias each; traced.

    Args:
        hidden: kernels [inputs, outputs] and biases [outputs].
        policy: kernel [actions, features] and bias [actions]: the logits.
        value: kernel [1, features] and bias [1].
    """
    layers = {f"Dense_{i}": layer for i, layer in enumerate(hidden)}
    layers |= {"policy": policy, "value": value}
    return {"params": {n: {"kernel": kernel, "bias": bias} for n, (kernel, bias) in layers.items()}}


def num_actions_of(params: Any) -> int:
    """How many actions a network's parameters tell apart: those of the task that it learned."""
    return params["params"]["policy"]["kernel"].shape[-2]


def forward(
    spec: NetworkSpec, params: Any, observation: Array, precision: AskedPrecision = "float32"
) -> tuple[Array, Array]:
    """[..., observation_size] -> logits [..., num_actions] and value [...].

    Whoever decides (backtest, advice, export) leaves `precision` at float32; it is for learning.
    """
    logits, value = make_network(spec, precision).apply(params, observation)  # type: ignore[misc]
    return jnp.asarray(logits), jnp.asarray(value)


def mask_logits(logits: Array, valid: Array) -> Array:
    """Logits [..., actions] with every action that is not `valid` [..., actions] made impossible."""
    return jnp.where(valid, logits, MASKED_LOGIT)


def entropy(log_probs: Array) -> Array:
    """Entropy in nats of distributions [..., actions] -> [...]."""
    return -(jnp.exp(log_probs) * log_probs).sum(axis=-1)


def network_policy(spec: NetworkSpec, *, masked: bool, sample: bool = False) -> Policy:
    """The network as a policy of the common type; its params are the network's.

    Args:
        spec: structure of the network.
        masked: guard mode `mask`: forbidden actions are never taken.
        sample: draw from the distribution instead of taking the likeliest action.
    """
    return _network_policy(spec, masked, sample)


@lru_cache(maxsize=32)  # the same policy is the same object, however it was asked for
def _network_policy(spec: NetworkSpec, masked: bool, sample: bool) -> Policy:
    def act(params: Any, state: Any, view: View) -> tuple[Order, Any]:
        logits, _ = forward(spec, params, view.observation)
        if masked:
            logits = mask_logits(logits, view.valid)
        action = jax.random.categorical(view.key, logits) if sample else jnp.argmax(logits)
        return order_from_action(action), state

    return Policy("learned_sampled" if sample else "learned", stateless, act, guarded=True)
