from __future__ import annotations

import pytest
import torch

from bakehouse.algorithms.image_classification.calibration import (
    calibration_error,
    fit_temperature,
    log_loss,
)


def drawn(count: int, heat: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Answers that are true logits times ``heat``, and labels drawn by the true ones."""
    random = torch.Generator().manual_seed(4)
    answers = torch.randn(count, 3, generator=random) * 2
    labels = torch.multinomial(answers.softmax(1), 1, generator=random)[:, 0]
    return answers * heat, labels


@pytest.mark.parametrize("heat", [0.5, 1.0, 2.5])
def test_the_temperature_is_the_one_that_the_answers_were_heated_by(heat: float) -> None:
    """Confidences too high or too low by a known factor give that factor back."""
    answers, labels = drawn(4000, heat)
    found = fit_temperature(lambda t: (answers / t).softmax(1), labels)
    assert found is not None
    assert found.temperature == pytest.approx(heat, rel=0.1)
    assert found.log_loss <= found.log_loss_before + 1e-6
    if heat != 1.0:
        assert found.calibration_error < found.calibration_error_before


def test_few_images_tell_nothing() -> None:
    """No temperature is made of less than fifty images."""
    answers, labels = drawn(49, 2.0)
    assert fit_temperature(lambda t: (answers / t).softmax(1), labels) is None


def test_scores_match_a_sum_by_hand() -> None:
    """Four images: log loss and the gaps of their three bins."""
    probabilities = torch.tensor([[0.95, 0.05], [0.95, 0.05], [0.3, 0.7], [0.55, 0.45]])
    labels = torch.tensor([0, 1, 1, 0])
    expected = -torch.tensor([0.95, 0.05, 0.7, 0.55]).log().mean()
    assert log_loss(probabilities, labels) == pytest.approx(float(expected))
    # |0.95 + 0.95 - 1| + |0.7 - 1| + |0.55 - 1|, over four
    assert calibration_error(probabilities, labels) == pytest.approx((0.9 + 0.3 + 0.45) / 4)
