"""Serving a trained model: bytes of a picture in, probabilities out, as AWS's container answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakehouse.algorithms.image_classification.artifact import Metadata, read_artifact
from bakehouse.algorithms.image_classification.images import (
    Unreadable,
    open_image,
    stretch,
    to_planes,
)
from bakehouse.faults import InvalidInput, ModelFailed

UNREADABLE = "unable to evaluate payload provided"
"""The container's answer to bytes that it cannot decode, with status 400."""

JSON, JSON_LINES = "application/json", "application/jsonlines"


class ImageClassifier:
    """A loaded model behind the ``Predictor`` protocol. Calls from several threads run at once."""

    def __init__(self, session: Any, metadata: Metadata, image_pixels: int) -> None:
        self.metadata = metadata
        self._session = session
        self._input: str = session.get_inputs()[0].name
        self._image_pixels = image_pixels

    def predict(self, body: bytes, content_type: str, accept: str | None) -> tuple[bytes, str]:
        """Answer one picture: a PNG or JPEG of any mode and size.

        The content type is not looked at beyond what the bytes say themselves, as in AWS's
        container: ``application/x-image``, ``image/png`` and ``image/jpeg`` mean the same.

        Raises:
            ModelFailed: status 400, where the bytes are no picture or hold too many pixels.
        """
        probabilities = [float(p) for p in self.probabilities(self.decode(body)[None])[0]]
        if accept is not None and accept.partition(";")[0].strip().lower() == JSON_LINES:
            return json.dumps({"prediction": probabilities}).encode(), JSON_LINES
        return json.dumps(probabilities).encode(), JSON

    def decode(self, body: bytes) -> NDArray[np.uint8]:
        """Turn a picture into the network's input: channels x rows x columns, stretched to fit.

        Raises:
            ModelFailed: as ``predict`` does.
        """
        channels, rows, columns = self.metadata.image_shape
        try:
            image = open_image(body, channels, self._image_pixels)
        except Unreadable as error:
            raise ModelFailed(400, UNREADABLE) from error
        return to_planes(stretch(image, columns, rows))

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The probabilities of the classes for a batch of decoded pictures, a row for each."""
        answer = self._session.run(None, {self._input: images.astype(np.float32)})
        return np.asarray(answer[0], dtype=np.float32)


def load(folder: Path, image_pixels: int) -> ImageClassifier:
    """Open an unpacked artifact for serving.

    Args:
        folder: where ``model.onnx`` and ``metadata.json`` lie.
        image_pixels: the largest picture that a request may hold, in pixels.

    Raises:
        InvalidInput: the artifact is incomplete, damaged or not one of ours.
    """
    # Heavy: 25 MB and a tenth of a second that a server without a model must not pay.
    import onnxruntime as ort  # noqa: PLC0415  # as above

    metadata, graph = read_artifact(folder)
    options = ort.SessionOptions()
    # One thread for each request: requests run side by side, and small networks gain nothing.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors share no narrower parent
        raise InvalidInput(
            "model.onnx", str(error), "a graph that ONNX Runtime can open"
        ) from error
    found = session.get_inputs()[0].shape[1:], session.get_outputs()[0].shape[1:]
    expected = list(metadata.image_shape), [metadata.num_classes]
    if found != expected:
        raise InvalidInput(
            "model.onnx", found, f"input and output of {expected}, as metadata.json says"
        )
    return ImageClassifier(session, metadata, image_pixels)
