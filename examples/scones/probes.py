"""Probes: pictures that a gate should stop, so that a good model does not leave it without work.

A blend goes from one test image to another of a different class. On the way the model changes its
mind, so somewhere it hesitates; halving the way finds that place, with the endpoint's help. Noise
is no vehicle at all; models can be sure of it all the same, so it may well be accepted.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
from evaluation import Sent
from PIL import Image

BLENDS, NOISES = 12, 4
HALVINGS = 8
MARGIN = 0.005  # of confidence, so that the last digits of an inference do not decide

# Returns the probabilities of a picture, which is sent under an inference id.
Ask = Callable[[bytes, str], tuple[float, ...]]


def make_probes(ask: Ask, pictures: Sequence[bytes], threshold: float, seed: int) -> list[Sent]:
    """Return blends on which the model hesitates, as many as can be found, and noise.

    The order of `pictures` does not matter, nor what they show.
    """
    chance = np.random.default_rng(seed)
    blends: list[Sent] = []
    for attempt in range(4 * BLENDS):
        first, second = (pictures[i] for i in chance.choice(len(pictures), 2, replace=False))
        found = hesitation(ask, first, second, threshold, f"search-{attempt:03}")
        if found:
            note = f"{found[0]} of two test images"
            blends.append(probe(len(blends), "blend", found[1], note))
        if len(blends) == BLENDS:
            break
    width, height = Image.open(io.BytesIO(pictures[0])).size
    return blends + [
        probe(number, "noise", noise(chance, width, height), "noise")
        for number in range(len(blends), len(blends) + NOISES)
    ]


def probe(number: int, kind: str, picture: bytes, note: str) -> Sent:
    return Sent(f"probe-{number:04}", f"{kind}-{number:04}.png", picture, None, note)


def hesitation(
    ask: Ask, first: bytes, second: bytes, threshold: float, search: str
) -> tuple[str, bytes] | None:
    """Return the shares and the blend of two pictures for which no class is probable enough.

    None if the two are taken for the same class, or if no blend is found.
    """

    def look(share: float) -> tuple[bytes, int, float]:
        picture = blend(first, second, share)
        probabilities = ask(picture, f"{search}-{share:.6f}")
        return picture, int(np.argmax(probabilities)), max(probabilities)

    start, end = look(0.0)[1], look(1.0)[1]
    if start == end:
        return None
    low, high, best = 0.0, 1.0, (1.0, "", b"")
    for _ in range(HALVINGS):
        share = (low + high) / 2
        picture, label, confidence = look(share)
        best = min(best, (confidence, f"{1 - share:.0%} and {share:.0%}", picture))
        if confidence < (0.5 + threshold) / 2:  # well below: no need to look any closer
            break
        low, high = (share, high) if label == start else (low, share)
    return best[1:] if best[0] < threshold - MARGIN else None


def blend(first: bytes, second: bytes, share: float) -> bytes:
    """Return `share` of the second picture over the first one, as a PNG of the first one's size."""
    below, above = (Image.open(io.BytesIO(content)).convert("RGB") for content in (first, second))
    return png(Image.blend(below, above.resize(below.size), share))


def noise(chance: np.random.Generator, width: int, height: int) -> bytes:
    return png(Image.fromarray(chance.integers(0, 256, (height, width, 3), dtype=np.uint8)))


def png(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()
