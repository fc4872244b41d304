"""The built-in algorithms, by the name of their image's repository.

Each one runs alone under SageMaker's container contract. PyTorch and ONNX Runtime are imported only
by the process that trains and by the first model that is loaded.
"""

from __future__ import annotations

import sys

from bakehouse.algorithms.image_classification import METRICS
from bakehouse.algorithms.image_classification.serving import load
from bakehouse.algorithms.types import Algorithm, MetricDefinition, Predictor
from bakehouse.faults import NotFound

__all__ = ["ALGORITHMS", "Algorithm", "MetricDefinition", "Predictor", "algorithm_for"]

ALGORITHMS: dict[str, Algorithm] = {
    "image-classification": Algorithm(
        name="image-classification",
        train_argv=(sys.executable, "-m", "bakehouse.algorithms.image_classification", "train"),
        load=load,
        metrics=METRICS,
    )
}
"""Every algorithm that can train and serve here, by repository name."""


def algorithm_for(image_uri: str) -> Algorithm:
    """Find the algorithm behind an image URI, in any account, region and version.

    Args:
        image_uri: such as ``811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1``.

    Raises:
        NotFound: no built-in algorithm has that repository name.
    """
    repository = image_uri.rpartition("/")[2].partition("@")[0].partition(":")[0]
    if repository not in ALGORITHMS:
        known = ", ".join(ALGORITHMS)
        raise NotFound(f"built-in algorithm (there is: {known}) for the image", image_uri)
    return ALGORITHMS[repository]
