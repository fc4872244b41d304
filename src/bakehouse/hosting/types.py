"""What hosting knows: models, endpoint configurations, endpoints, and the calls they answer.

All are frozen records that are stored as they are (:func:`to_document`). What a caller said that
has no bearing here, such as a subnet, is kept in ``rest`` and given back in descriptions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bakehouse.faults import Rejected
from bakehouse.storage.records import Document


class Predictor(Protocol):
    """A loaded model. It is called from several threads at once."""

    def predict(self, body: bytes, content_type: str, accept: str | None) -> tuple[bytes, str]:
        """Answer one invocation: the body and its content type.

        Raises:
            ModelFailed: the model cannot answer this; ``status`` is what its container would say.
        """
        ...


LoadModel = Callable[[str, Path], Predictor]
"""(image URI, folder with the unpacked artifact) → the loaded model. May block; raises a Fault."""


class Overloaded(Rejected):
    """More invocations wait than may, or the endpoint is not loaded yet; try again later."""


@dataclass(frozen=True, slots=True)
class Container:
    """The image that serves, its artifact in S3, and what the caller set beside them."""

    image: str
    model_data_url: str | None
    environment: dict[str, str] = field(default_factory=dict)
    rest: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Model:
    """An image and an artifact under a name."""

    name: str
    container: Container
    role_arn: str | None
    created_ms: int
    rest: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Variant:
    """A model's share in an endpoint: ``weight`` over the sum of all weights, 0 or more."""

    name: str
    model_name: str
    weight: float
    instance_count: int
    instance_type: str | None
    rest: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capture:
    """Which share of the traffic is recorded, where, and how bodies are written.

    ``percentage`` is 0 to 100; ``modes`` are ``Input``, ``Output``, ``InputAndOutput``; bodies of
    the content types in ``csv_types`` and ``json_types`` are stored as text, all others as base64.
    """

    enabled: bool
    percentage: int
    destination: str
    modes: tuple[str, ...]
    csv_types: tuple[str, ...] = ()
    json_types: tuple[str, ...] = ()
    kms_key_id: str | None = None


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """Variants and their data capture under a name; never changed."""

    name: str
    variants: tuple[Variant, ...]
    capture: Capture | None
    created_ms: int
    rest: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deployment:
    """All that an endpoint needs to serve, also when the config and models are deleted later.

    ``containers`` belong to ``variants`` by position.
    """

    config_name: str
    variants: tuple[Variant, ...]
    containers: tuple[Container, ...]
    capture: Capture | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A name that can be invoked.

    ``status`` is ``Creating``, ``Updating``, ``InService`` or ``Failed``. ``current`` is what
    answers as soon as it is loaded, ``upcoming`` what takes its place at the end of an update.
    """

    name: str
    status: str
    created_ms: int
    modified_ms: int
    current: Deployment
    upcoming: Deployment | None = None
    failure_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """One request to an endpoint, as it came."""

    body: bytes
    content_type: str | None = None
    accept: str | None = None
    target_variant: str | None = None
    inference_id: str | None = None
    custom_attributes: str | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """A model's answer, and the variant that gave it."""

    body: bytes
    content_type: str
    variant: str


def to_document(kept: Model | EndpointConfig | Endpoint) -> Document:
    """The record as JSON can hold it."""
    return asdict(kept)


def model_from(document: Document) -> Model:
    """The model of a stored document."""
    return Model(**{**document, "container": Container(**document["container"])})


def config_from(document: Document) -> EndpointConfig:
    """The endpoint configuration of a stored document."""
    return EndpointConfig(**{**document, **_variants_and_capture(document)})


def endpoint_from(document: Document) -> Endpoint:
    """The endpoint of a stored document."""
    upcoming = document["upcoming"]
    deployments = {
        "current": _deployment_from(document["current"]),
        "upcoming": None if upcoming is None else _deployment_from(upcoming),
    }
    return Endpoint(**{**document, **deployments})


def _deployment_from(document: Document) -> Deployment:
    containers = tuple(Container(**container) for container in document["containers"])
    return Deployment(**{**document, **_variants_and_capture(document), "containers": containers})


def _variants_and_capture(document: Document) -> dict[str, Any]:
    return {
        "variants": tuple(Variant(**variant) for variant in document["variants"]),
        "capture": _capture_from(document["capture"]),
    }


def _capture_from(document: Document | None) -> Capture | None:
    if document is None:
        return None
    lists = {name: tuple(document[name]) for name in ("modes", "csv_types", "json_types")}
    return Capture(**{**document, **lists})
