"""SageMaker's built-in image classification: trains with PyTorch, serves with ONNX Runtime.

``python -m bakehouse.algorithms.image_classification train`` is the whole of a training container;
``serving.load`` is the whole of a serving one, and needs no PyTorch.
"""

from __future__ import annotations

from bakehouse.algorithms.types import MetricDefinition

METRICS: tuple[MetricDefinition, ...] = (
    MetricDefinition("train:accuracy", r"Epoch\[\d+\] Batch \[\d+\].*?accuracy=([0-9.]+)"),
    MetricDefinition("train:accuracy:epoch", r"Epoch\[\d+\] Train-accuracy=([0-9.]+)"),
    MetricDefinition("validation:accuracy", r"Epoch\[\d+\] Validation-accuracy=([0-9.]+)"),
    MetricDefinition("validation:accuracy:all", r"Epoch\[\d+\] Validation-accuracy-all=([0-9.]+)"),
)
"""The first three have AWS's names; ``validation:accuracy:all`` counts every image, once."""
