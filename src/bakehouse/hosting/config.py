"""What an endpoint configuration may say, and what an update keeps of the one before."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

from bakehouse.faults import InvalidInput
from bakehouse.hosting.catalogue import check_name
from bakehouse.hosting.types import Capture, Deployment, EndpointConfig, Variant
from bakehouse.storage.objects import parse_s3_uri

_VARIANTS = 10
_DESTINATION_BYTES = 512
_MODES = frozenset(("Input", "Output", "InputAndOutput"))


def check_config(config: EndpointConfig) -> None:
    """InvalidInput unless all of it is allowed (API reference, CreateEndpointConfig)."""
    names = [variant.name for variant in config.variants]
    if not 1 <= len(names) <= _VARIANTS or len(set(names)) < len(names):
        raise InvalidInput("productionVariants", names, "1 to 10 variants with different names")
    for number, variant in enumerate(config.variants, start=1):
        _check_variant(f"productionVariants.{number}.member", variant)
    if config.capture is not None:
        _check_capture(config.capture)


def retained(upcoming: Deployment, current: Deployment, excluded: Collection[str]) -> Deployment:
    """The new deployment with what the present one has, but for what is excluded.

    ``excluded`` are of ``DesiredWeight``, ``DesiredInstanceCount`` and ``DataCaptureConfig``.
    """
    present = {variant.name: variant for variant in current.variants}
    variants = tuple(
        _retained_variant(variant, present.get(variant.name, variant), excluded)
        for variant in upcoming.variants
    )
    capture = upcoming.capture if "DataCaptureConfig" in excluded else current.capture
    return replace(upcoming, variants=variants, capture=capture)


def _retained_variant(new: Variant, present: Variant, excluded: Collection[str]) -> Variant:
    weight = new.weight if "DesiredWeight" in excluded else present.weight
    counted = new if "DesiredInstanceCount" in excluded else present
    return replace(new, weight=weight, instance_count=counted.instance_count)


def _check_variant(path: str, variant: Variant) -> None:
    check_name(f"{path}.variantName", variant.name)
    if not (math.isfinite(variant.weight) and variant.weight >= 0):
        raise InvalidInput(f"{path}.initialVariantWeight", variant.weight, "a number from 0 on")
    if variant.instance_count < 1:
        raise InvalidInput(
            f"{path}.initialInstanceCount", variant.instance_count, "a whole number from 1 on"
        )


def _check_capture(capture: Capture) -> None:
    path = "dataCaptureConfig"
    if not 0 <= capture.percentage <= 100:
        raise InvalidInput(f"{path}.initialSamplingPercentage", capture.percentage, "0 to 100")
    if not capture.modes or not _MODES.issuperset(capture.modes):
        raise InvalidInput(f"{path}.captureOptions", capture.modes, "one of Input, Output, or both")
    if len(capture.destination.encode(errors="replace")) > _DESTINATION_BYTES:
        raise InvalidInput(f"{path}.destinationS3Uri", capture.destination, "at most 512 bytes")
    parse_s3_uri(capture.destination)
