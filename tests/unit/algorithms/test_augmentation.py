from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch

from bakehouse.algorithms.image_classification.augment import (
    augment,
    crop_image,
    mix,
    recolour,
)
from bakehouse.algorithms.image_classification.plan import Augmentation

NOTHING = Augmentation(shift=0, degrees=0, scale=0, aspect=0, mix=0)


def seeded(seed: int = 5) -> torch.Generator:
    """A source of randomness that is the same in every run."""
    return torch.Generator().manual_seed(seed)


def test_amounts_of_nothing_leave_the_picture_or_mirror_it() -> None:
    """With all amounts 0 each picture is itself or its mirror image, and both happen."""
    images = torch.rand(16, 3, 8, 8, generator=seeded()) * 255
    changed = augment(images, NOTHING, seeded())
    same = [torch.allclose(a, b, atol=1e-2) for a, b in zip(changed, images, strict=True)]
    mirrored = [
        torch.allclose(a, b.flip(2), atol=1e-2) for a, b in zip(changed, images, strict=True)
    ]
    assert all(a != b for a, b in zip(same, mirrored, strict=True))
    assert 0 < sum(same) < 16


def test_the_same_seed_changes_pictures_in_the_same_way() -> None:
    """Randomness comes from the generator only."""
    amounts = Augmentation(0.125, 15, 0.2, 0.15, 0.5)
    images = torch.rand(4, 3, 16, 16, generator=seeded()) * 255
    assert torch.equal(augment(images, amounts, seeded(1)), augment(images, amounts, seeded(1)))
    assert not torch.equal(augment(images, amounts, seeded(1)), augment(images, amounts, seeded(2)))


def test_mixing_pastes_the_partners_square_and_tells_its_share() -> None:
    """What is not a picture's own is its partner's, and the share is counted in pixels."""
    images = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 3, 8, 10)
    shares = set()
    for seed in range(20):
        mixed, own = mix(images, 1.0, seeded(seed))
        for i, picture in enumerate(mixed):
            assert set(picture.unique().tolist()) <= {float(i), float(3 - i)}
            assert (picture == i).float().mean().item() == pytest.approx(own)
        shares.add(own)
    assert len(shares) >= 8
    assert mix(images, 0.0, seeded())[1] == 1.0


def cropped(
    image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], count: int, side: int, kind: str
) -> torch.Tensor:
    """A picture as so many batches see it, each time changed anew."""
    pieces = [
        crop_image(image, (side, side), kind, np.random.default_rng(seed)) for seed in range(count)
    ]
    return torch.from_numpy(np.stack(pieces)).float()


def test_crop_cuts_places_out_of_the_picture_and_mirrors_them() -> None:
    """A crop of a picture whose pixels are all different is found in it, as it is or mirrored."""
    image = np.arange(12 * 10, dtype=np.uint8).reshape(1, 12, 10)
    batch = cropped(image, 24, 8, "crop").numpy()
    places = {
        (top, left, mirrored): image[:, top : top + 8, left : left + 8][
            :, :, :: -1 if mirrored else 1
        ]
        for top in range(5)
        for left in range(3)
        for mirrored in (False, True)
    }
    found = {place for one in batch for place, cut in places.items() if np.array_equal(one, cut)}
    assert all(any(np.array_equal(one, cut) for cut in places.values()) for one in batch)
    assert {mirrored for *_, mirrored in found} == {False, True}
    assert len(found) > 8


def test_colours_change_within_the_range_of_pixels() -> None:
    """Recoloured pictures differ from each other and stay between 0 and 255."""
    image = np.random.default_rng(0).integers(0, 256, (3, 16, 16)).astype(np.uint8)
    batch = recolour(torch.from_numpy(image).float().expand(8, 3, 16, 16), seeded())
    assert batch.min() >= 0
    assert batch.max() <= 255.001
    assert batch.mean((1, 2, 3)).std() > 1


def test_colours_move_as_far_as_aws_says() -> None:
    """Hue by up to 36 of 180, lightness and saturation by up to 50 of 255, and that far."""
    picture = torch.tensor([180.0, 90.0, 60.0]).reshape(1, 3, 1, 1).expand(500, 3, 1, 1)
    changed = recolour(picture, seeded()).reshape(-1, 3) / 255
    hls = np.array([colorsys.rgb_to_hls(*row) for row in changed.tolist()])
    hue, lightness, saturation = colorsys.rgb_to_hls(180 / 255, 90 / 255, 60 / 255)
    moved = (hls[:, 0] - hue + 0.5) % 1 - 0.5
    for change, most in (
        (moved, 36 / 180),
        (hls[:, 1] - lightness, 50 / 255),
        (hls[:, 2] - saturation, 50 / 255),
    ):
        assert 0.95 * most < change.max() <= most + 1e-3
        assert -most - 1e-3 <= change.min() < -0.95 * most


def test_a_turned_picture_has_white_corners() -> None:
    """What the turn leaves open is filled with 255."""
    black = np.zeros((3, 32, 32), np.uint8)
    batch = cropped(black, 8, 32, "crop_color_transform")
    edges = torch.cat([batch[:, :, 0].flatten(), batch[:, :, -1].flatten()])
    assert edges.max() > 200
