"""Writing a trained network as an ONNX graph, one table row for each kind of module.

Why not ``torch.onnx.export``: see ``docs/decisions/0004-onnx-from-our-own-modules.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from bakehouse.algorithms.image_classification.networks import Normalise, Residual

OPSET = 20
"""The first with ``Gelu``; ONNX Runtime reads it from version 1.17 on."""
IR_VERSION = 9
"""The file format that goes with opset 20; newer ones would shut out older runtimes."""
INPUT, OUTPUT = "data", "softmax"


def to_onnx(
    network: nn.Module,
    shape: tuple[int, int, int],
    num_classes: int,
    *,
    mirror: bool,
    temperature: float = 1.0,
    multi_label: bool = False,
) -> bytes:
    """Write a network in evaluation mode as a checked ONNX model.

    Args:
        network: made of the modules that the table below knows.
        shape: channels, rows, columns of the input ``data``; its batch size is free.
        num_classes: the width of the output ``softmax``.
        mirror: answer the mean of the probabilities for the picture and for its mirror image.
        temperature: divides what goes into the softmax.
        multi_label: the output is a sigmoid for each class instead of one softmax.

    Raises:
        TypeError: the table knows no such module.
    """
    graph = _Graph()
    x = graph.both_ways(INPUT) if mirror else INPUT
    answers = graph.module(network, x)
    if temperature != 1.0:
        answers = graph.node("Div", answers, graph.constant(torch.tensor(temperature)))
    if multi_label:
        probabilities = graph.node("Sigmoid", answers)
    else:
        probabilities = graph.node("Softmax", answers, axis=1)
    if mirror:
        halves = graph.nodes("Split", probabilities, outputs=2, axis=0, num_outputs=2)
        graph.node("Mean", *halves, output=OUTPUT)
    else:
        graph.node("Identity", probabilities, output=OUTPUT)
    model = helper.make_model(
        helper.make_graph(
            graph.written,
            "image-classification",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["batch", *shape])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", num_classes])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="bakehouse",
    )
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


class _Graph:
    """The nodes and constants written so far; every value has a name of its own."""

    def __init__(self) -> None:
        self.written: list[Any] = []
        self.constants: list[Any] = []

    def module(self, module: nn.Module, x: str) -> str:
        """Write a module on the value named ``x`` and return the name of its answer."""
        write = _WRITERS.get(type(module))
        if write is None:
            raise TypeError(f"No ONNX form is known for {type(module).__name__}.")
        return write(self, module, x)

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Write a node with one answer."""
        name = output or f"v{len(self.written)}"
        self.written.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def nodes(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Write a node with several answers."""
        names = [f"v{len(self.written)}.{i}" for i in range(outputs)]
        self.written.append(helper.make_node(kind, inputs, names, **attributes))
        return names

    def constant(self, value: Tensor | Sequence[int]) -> str:
        """Store a value: a tensor as floats, whole numbers as they are."""
        name = f"c{len(self.constants)}"
        stored = (
            value.detach().contiguous().numpy().astype(np.float32)
            if isinstance(value, Tensor)
            else np.array(value, dtype=np.int64)
        )
        self.constants.append(numpy_helper.from_array(stored, name))
        return name

    def both_ways(self, x: str) -> str:
        """Put the batch's mirror images behind it."""
        ends = (self.constant([value]) for value in (-1, np.iinfo(np.int64).min, 3, -1))
        return self.node("Concat", x, self.node("Slice", x, *ends), axis=0)


def _sequential(graph: _Graph, module: nn.Sequential, x: str) -> str:
    for part in module:
        x = graph.module(part, x)
    return x


def _residual(graph: _Graph, module: Residual, x: str) -> str:
    h = graph.module(module.before, x)
    shortcut = x if module.project is None else graph.module(module.project, h)
    return graph.node("Add", graph.module(module.body, h), shortcut)


def _normalise(graph: _Graph, module: Normalise, x: str) -> str:
    centred = graph.node("Sub", x, graph.constant(module.mean))
    return graph.node("Div", centred, graph.constant(module.deviation))


def _convolution(graph: _Graph, module: nn.Conv2d, x: str) -> str:
    weights = [graph.constant(w) for w in (module.weight, module.bias) if w is not None]
    stride, padding = list(module.stride), [int(p) for p in module.padding]
    return graph.node("Conv", x, *weights, strides=stride, pads=padding * 2)


def _batch_norm(graph: _Graph, module: nn.BatchNorm2d, x: str) -> str:
    state: dict[str, Tensor] = module.state_dict()
    names = ("weight", "bias", "running_mean", "running_var")
    values = [graph.constant(state[name]) for name in names]
    return graph.node("BatchNormalization", x, *values, epsilon=module.eps)


def _max_pool(graph: _Graph, module: nn.MaxPool2d, x: str) -> str:
    kernel, stride, padding = (
        _pair(v) for v in (module.kernel_size, module.stride, module.padding)
    )
    return graph.node("MaxPool", x, kernel_shape=kernel, strides=stride, pads=padding * 2)


def _linear(graph: _Graph, module: nn.Linear, x: str) -> str:
    return graph.node(
        "Gemm", x, graph.constant(module.weight), graph.constant(module.bias), transB=1
    )


def _pair(value: Any) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


def _plain(kind: str) -> Callable[[_Graph, Any, str], str]:
    return lambda graph, _, x: graph.node(kind, x)


_WRITERS: dict[type[nn.Module], Callable[[_Graph, Any, str], str]] = {
    nn.Sequential: _sequential,
    Residual: _residual,
    Normalise: _normalise,
    nn.Conv2d: _convolution,
    nn.BatchNorm2d: _batch_norm,
    nn.MaxPool2d: _max_pool,
    nn.Linear: _linear,
    nn.ReLU: _plain("Relu"),
    nn.GELU: _plain("Gelu"),
    nn.Flatten: _plain("Flatten"),
    # Networks here pool to 1 x 1 only.
    nn.AdaptiveAvgPool2d: _plain("GlobalAveragePool"),
    nn.AdaptiveMaxPool2d: _plain("GlobalMaxPool"),
}
