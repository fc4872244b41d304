"""From encoded pictures to pixels: checked before they are decoded, always 8-bit RGB or grey.

What is decoded comes from outside. Only PNG and JPEG decoders are tried, and the size that the
header states is held against limits before any pixel is produced. No step needs more memory than
the decoded picture and its result.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

Pixels = NDArray[np.uint8]
"""An image as rows x columns x channels; 3 channels are red, green, blue, 1 is grey."""

FORMATS = ("PNG", "JPEG")
SIDE = 65_500
"""The most pixels in a row or column, as in a JPEG; each costs memory of its own in a resize."""
_STRIP_PIXELS = 1 << 20
"""Pixels whose mode is changed at a time."""

_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow's decoders raise for damaged bytes and, above its own limit, for large pictures."""


class Unreadable(ValueError):
    """The bytes are no picture that can be decoded here; the message says why, as a clause."""


def open_image(
    content: bytes, channels: int, limit_pixels: int, *, at_least: int | None = None
) -> Image.Image:
    """Decode a PNG or JPEG of any mode.

    Args:
        content: the encoded picture.
        channels: 3 for RGB, 1 for grey. Transparency is dropped, as the algorithm's container does:
            the colours under it are taken as they are stored.
        limit_pixels: the largest width x height that is decoded.
        at_least: pixels that the shorter side has to keep; a JPEG may be decoded at a half, a
            quarter or an eighth of its size where that leaves enough, in a fraction of the time.

    Raises:
        Unreadable: the bytes are no such picture, are damaged, or hold too many pixels.
    """
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        check_pixels(image.width, image.height, limit_pixels)
        if at_least is not None and at_least < min(image.size):
            scale = at_least / min(image.size)
            image.draft(None, (round(image.width * scale), round(image.height * scale)))
        image.load()
        return _to_mode(image, "RGB" if channels == 3 else "L")
    except Unreadable:
        raise
    except _DAMAGE as error:
        raise Unreadable(_clause(error)) from error


def check_pixels(width: int, height: int, limit: int) -> None:
    """Refuse a picture of more pixels than ``limit`` or with a side longer than ``SIDE``."""
    if width * height > limit:
        raise Unreadable(f"has {width} x {height} pixels; the limit is {limit}")
    if max(width, height) > SIDE:
        raise Unreadable(f"has {width} x {height} pixels; the limit of each side is {SIDE}")


def stretch(image: Image.Image, width: int, height: int) -> Image.Image:
    """Resize to an exact size, bilinear, without keeping the proportions: as serving does."""
    if image.size == (width, height):
        return image
    if width * image.height > max(image.width * image.height, width * height):
        # Pillow works on the rows first: widening a tall picture would make it larger than both.
        image = image.resize((image.width, height), Image.Resampling.BILINEAR)
    return image.resize((width, height), Image.Resampling.BILINEAR)


def resize_shorter(image: Image.Image, side: int, limit_pixels: int) -> Image.Image:
    """Resize so that the shorter side has ``side`` pixels, keeping the proportions.

    Raises:
        Unreadable: the result would have more than ``limit_pixels``, or too long a side.
    """
    scale = side / min(image.size)
    width, height = (max(side, round(length * scale)) for length in image.size)
    try:
        check_pixels(width, height, limit_pixels)
    except Unreadable as error:
        raise Unreadable(f"resized to a shorter side of {side} {error}") from error
    return stretch(image, width, height)


def centre_crop(image: Image.Image, width: int, height: int) -> Image.Image:
    """Cut the middle out of an image that is at least that large."""
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def to_planes(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels as channels x rows x columns, which is how the network takes them."""
    pixels: Any = np.asarray(image, dtype=np.uint8)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _to_mode(image: Image.Image, mode: str) -> Image.Image:
    """Change the mode strip by strip, so that what lies between never is a whole picture."""
    if image.mode == mode:
        return image
    changed = Image.new(mode, image.size)
    rows = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        changed.paste(_strip_to_mode(strip, mode), (0, top))
    return changed


def _strip_to_mode(image: Image.Image, mode: str) -> Image.Image:
    if image.mode.startswith("I"):
        # Sixteen bits of grey: Pillow would clip them at 255 where they have to be scaled.
        scaled = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        image = Image.fromarray(scaled)
    if image.mode == "P":
        # By way of RGBA, because Pillow takes a palette's transparency along only there.
        image = image.convert("RGBA")
    return image.convert(mode)


def _clause(error: Exception) -> str:
    text = str(error)
    if isinstance(error, UnidentifiedImageError):
        return "is neither a PNG nor a JPEG"
    return f"cannot be decoded ({text or type(error).__name__})"
