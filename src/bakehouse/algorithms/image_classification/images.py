"""From encoded pictures to pixels: checked before they are decoded, always 8-bit RGB or grey.

What is decoded comes from outside. Only PNG and JPEG decoders are tried, and the size that the
header states is held against a limit before any pixel is produced.
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


def open_image(content: bytes, channels: int, limit_pixels: int) -> Image.Image:
    """Decode a PNG or JPEG of any mode.

    Args:
        content: the encoded picture.
        channels: 3 for RGB, 1 for grey. Transparency is dropped, as the algorithm's container does:
            the colours under it are taken as they are stored.
        limit_pixels: the largest width x height that is decoded.

    Raises:
        Unreadable: the bytes are no such picture, are damaged, or hold too many pixels.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            check_pixels(image.width, image.height, limit_pixels)
            return _to_mode(image, "RGB" if channels == 3 else "L")
    except Unreadable:
        raise
    except _DAMAGE as error:
        raise Unreadable(_clause(error)) from error


def check_pixels(width: int, height: int, limit: int) -> None:
    """Refuse a picture whose header states more pixels than ``limit``."""
    if width * height > limit:
        raise Unreadable(f"has {width} x {height} pixels; the limit is {limit}")


def stretch(image: Image.Image, width: int, height: int) -> Image.Image:
    """Resize to an exact size, bilinear, without keeping the proportions: as serving does."""
    if image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling.BILINEAR)


def resize_shorter(image: Image.Image, side: int) -> Image.Image:
    """Resize so that the shorter side has ``side`` pixels, keeping the proportions."""
    scale = side / min(image.size)
    width, height = (max(side, round(length * scale)) for length in image.size)
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
    if image.mode == mode:
        image.load()
        return image.copy()
    if image.mode.startswith("I"):
        # Sixteen bits of grey: Pillow would clip them at 255 where they have to be scaled.
        scaled = (np.asarray(image, dtype=np.int64) >> 8).clip(0, 255).astype(np.uint8)
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
