"""An endpoint with a real ONNX graph behind it, as a training job leaves it."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from bakehouse import clock
from bakehouse.algorithms import algorithm_for
from bakehouse.algorithms.image_classification.artifact import Metadata, write_artifact
from bakehouse.algorithms.types import Predictor
from bakehouse.faults import ModelFailed
from bakehouse.hosting.types import Container, EndpointConfig, Invocation, Model
from support.hosting_parts import BUCKET, CAPTURE, IMAGE, Place, record, settled, tar_gz, variant

SHAPE = (3, 8, 8)


def graph() -> bytes:
    """Two classes: how red and how green a picture is on the whole."""
    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("Slice", ["means", "from", "to", "axis"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    constants = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in (("from", 0), ("to", 2), ("axis", 1))
    ]
    made = helper.make_graph(
        nodes,
        "redness",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", *SHAPE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 2])],
        constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def artifact(folder: Path) -> bytes:
    content = graph()
    write_artifact(folder, content, Metadata(SHAPE, 2))
    metadata = (folder / "metadata.json").read_bytes()
    return tar_gz({"model.onnx": content, "metadata.json": metadata})


def plain_picture(colour: tuple[int, int, int], form: str) -> bytes:
    encoded = io.BytesIO()
    Image.new("RGB", (20, 10), colour).save(encoded, form)
    return encoded.getvalue()


def load(image: str, folder: Path) -> Predictor:
    return algorithm_for(image).load(folder, 10_000)


def test_a_picture_is_classified_and_captured(tmp_path: Path) -> None:
    """PNG and JPEG give probabilities as AWS writes them; bytes that are no picture a 400."""

    async def scenario() -> None:
        place = Place(tmp_path)
        place.objects.put(BUCKET, "model.tar.gz", artifact(tmp_path))
        async with place.hosting(load) as hosting:
            container = Container(IMAGE, f"s3://{BUCKET}/model.tar.gz")
            await hosting.create_model(Model("m", container, None, clock.epoch_ms()))
            config = EndpointConfig("m", (variant("AllTraffic", "m"),), CAPTURE, 0)
            await hosting.create_config(config)
            await hosting.create_endpoint("m", "m")
            endpoint = await settled(hosting, "m")
            assert endpoint.failure_reason is None
            red = Invocation(plain_picture((90, 88, 0), "PNG"), "image/png")
            green = Invocation(plain_picture((0, 250, 0), "JPEG"), "application/x-image")
            answered = [await hosting.invoke("m", asked) for asked in (red, green)]
            values = [answer.body.decode() for answer in answered]
            assert json.loads(values[0]) == pytest.approx([0.880797, 0.119203], abs=1e-6)
            assert values[1].endswith(", 1.0]")
            with pytest.raises(ModelFailed, match="unable to evaluate payload provided"):
                await hosting.invoke("m", Invocation(b"no picture", "image/png"))
        captured = [record(line)["captureData"]["endpointOutput"] for line in place.captured()]
        assert [side["data"] for side in captured] == values
        assert {side["encoding"] for side in captured} == {"JSON"}

    asyncio.run(scenario())
