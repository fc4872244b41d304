from __future__ import annotations

import re
import subprocess
import sys

import pytest

from bakehouse.algorithms import ALGORITHMS, algorithm_for
from bakehouse.faults import NotFound


@pytest.mark.parametrize(
    "image",
    [
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1",
        "433757028032.dkr.ecr.us-west-2.amazonaws.com/image-classification:latest",
        "685385470294.dkr.ecr.eu-west-1.amazonaws.com/image-classification@sha256:0123",
        "image-classification",
    ],
)
def test_the_repository_name_finds_the_algorithm(image: str) -> None:
    """Account, region and version do not matter."""
    assert algorithm_for(image) is ALGORITHMS["image-classification"]


@pytest.mark.parametrize(
    "image",
    ["811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1", "", "image-classification-neo"],
)
def test_other_images_are_not_found(image: str) -> None:
    """An image that is not built in is named in the error."""
    with pytest.raises(NotFound, match="built-in algorithm"):
        algorithm_for(image)


def test_the_table_imports_nothing_heavy() -> None:
    """A server that hosts no model pays for neither PyTorch nor ONNX Runtime."""
    code = "import sys, bakehouse.algorithms; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "onnx", "onnxruntime", "matplotlib"} & set(loaded)


def test_metrics_match_the_documented_log_lines() -> None:
    """Each metric finds its own line among those that AWS's container writes, and no other."""
    lines = [
        "Epoch[3] Batch [20]#011Speed: 119.985 samples/sec#011accuracy=0.584821",
        "Epoch[3] Train-accuracy=0.630040",
        "Epoch[3] Time cost=7.028",
        "Epoch[3] Validation-accuracy=0.510417",
        "Epoch[3] Validation-accuracy-all=0.505000 (101/200, 95% 0.436-0.574)",
        "Storing the best model with validation accuracy: 0.510417",
    ]
    found = {
        metric.name: [m.group(1) for line in lines if (m := re.search(metric.regex, line))]
        for metric in ALGORITHMS["image-classification"].metrics
    }
    assert found == {
        "train:accuracy": ["0.584821"],
        "train:accuracy:epoch": ["0.630040"],
        "validation:accuracy": ["0.510417"],
        "validation:accuracy:all": ["0.505000"],
    }
