from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import nn

from bakehouse.algorithms.image_classification.evaluation import evaluate
from bakehouse.algorithms.image_classification.graph import to_onnx
from bakehouse.algorithms.image_classification.networks import resnet, small_network
from bakehouse.algorithms.image_classification.objectives import ManyLabels, OneClass


def small(shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Our own network, as it is before training."""
    mean, deviation = torch.full((shape[0],), 120.0), torch.full((shape[0],), 60.0)
    return small_network(shape, classes, (8, 12, 16, 24), mean, deviation)


def settle(network: nn.Sequential, pixels: torch.Tensor) -> None:
    """Give a network the running statistics of these pictures and answers that differ."""
    torch.set_num_threads(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # a plain mean, so that one pass is enough
    last = network[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        network.train()(pixels.float())
        deviation, mean = torch.std_mean(network.eval()(pixels.float()), dim=0)
        last.weight /= deviation[:, None]
        last.bias.copy_((last.bias - mean) / deviation)


@pytest.mark.parametrize(
    ("network", "shape", "mirror"),
    [
        (small((3, 32, 32), 2), (3, 32, 32), True),
        (small((1, 130, 70), 5), (1, 130, 70), False),
        (small((3, 4, 5), 2), (3, 4, 5), True),
        (resnet(20, (3, 28, 28), 3), (3, 28, 28), False),
        (resnet(18, (3, 32, 32), 2), (3, 32, 32), False),
        (resnet(50, (3, 64, 48), 4), (3, 64, 48), True),
    ],
    ids=["small", "small-grey-large", "small-tiny", "resnet-20", "resnet-18", "resnet-50"],
)
def test_the_graph_answers_what_the_network_answers(
    network: nn.Sequential, shape: tuple[int, int, int], mirror: bool
) -> None:
    """ONNX Runtime and PyTorch agree within 1e-4 for batches of one and of several."""
    torch.manual_seed(1)
    contrasts = torch.linspace(0.2, 1, 5).reshape(-1, 1, 1, 1)
    pixels = (torch.randint(0, 256, (5, *shape)) * contrasts).to(torch.uint8)
    settle(network, pixels)
    expected = evaluate(network, pixels, OneClass(), torch.device("cpu"), mirror=mirror).numpy()
    content = to_onnx(network, shape, expected.shape[1], mirror=mirror)
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    floats = pixels.numpy().astype(np.float32)
    (together,) = session.run(None, {"data": floats})
    (alone,) = session.run(None, {"data": floats[2:3]})
    assert expected.std(0).max() > 0.01  # the answers differ between pictures
    np.testing.assert_allclose(together, expected, atol=1e-4)
    np.testing.assert_allclose(alone, expected[2:3], atol=1e-4)


def test_the_temperature_and_the_sigmoids_are_in_the_graph() -> None:
    """The stored graph answers as the calibration saw it; labels are independent."""
    network, shape = small((3, 16, 16), 3), (3, 16, 16)
    pixels = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (6, *shape), np.uint8))
    settle(network, pixels)
    floats, place = pixels.numpy().astype(np.float32), torch.device("cpu")
    for objective, temperature in ((OneClass(), 1.7), (ManyLabels(3), 1.0)):
        many = isinstance(objective, ManyLabels)
        content = to_onnx(network, shape, 3, mirror=True, temperature=temperature, multi_label=many)
        session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
        (answer,) = session.run(None, {"data": floats})
        expected = evaluate(network, pixels, objective, place, mirror=True, temperature=temperature)
        np.testing.assert_allclose(answer, expected.numpy(), atol=1e-4)
        assert (np.abs(answer.sum(1) - 1).max() < 1e-5) == (not many)


def test_the_mirror_image_gets_the_same_answer() -> None:
    """A graph that averages over the mirror image cannot tell left from right."""
    network, shape = small((3, 32, 32), 2).eval(), (3, 32, 32)
    pixels = np.random.default_rng(3).integers(0, 256, (2, *shape)).astype(np.float32)
    session = ort.InferenceSession(
        to_onnx(network, shape, 2, mirror=True), providers=["CPUExecutionProvider"]
    )
    (answer,) = session.run(None, {"data": pixels})
    (mirrored,) = session.run(None, {"data": pixels[:, :, :, ::-1].copy()})
    np.testing.assert_allclose(answer, mirrored, atol=1e-6)


def test_an_unknown_module_is_named() -> None:
    """A network with a module that has no row in the table is an error that names it."""
    with pytest.raises(TypeError, match="No ONNX form is known for Dropout"):
        to_onnx(nn.Sequential(nn.Dropout()), (3, 8, 8), 2, mirror=False)


@pytest.mark.parametrize(
    ("layers", "shape", "millions"),
    [(18, (3, 224, 224), 11.69), (50, (3, 224, 224), 25.5), (152, (3, 32, 32), 60.1)],
)
def test_resnets_have_the_size_of_their_paper(
    layers: int, shape: tuple[int, int, int], millions: float
) -> None:
    """The weights of a thousand-class network number what He et al. state, within one percent."""
    count = sum(weight.numel() for weight in resnet(layers, shape, 1000).parameters())
    assert count / 1e6 == pytest.approx(millions, rel=0.01)
