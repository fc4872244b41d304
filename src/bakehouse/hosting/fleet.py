"""A deployment in memory: its models, loaded from their artifacts, and the choice between them."""

from __future__ import annotations

import shutil
import traceback
from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from uuid import uuid4

from bakehouse.faults import Fault, InvalidInput, ModelFailed, NotFound
from bakehouse.hosting.types import Container, Deployment, LoadModel, Predictor, Variant
from bakehouse.storage.archives import unpack
from bakehouse.storage.objects import ObjectStore, parse_s3_uri


@dataclass(frozen=True, slots=True)
class Loaded:
    """A variant that can answer. ``instance`` names what runs it, as EC2 would."""

    variant: Variant
    predictor: Predictor
    instance: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """The loaded variants of an endpoint, in the order of its configuration."""

    endpoint: str
    deployment: Deployment
    loaded: tuple[Loaded, ...]
    folder: Path

    def choose(self, target: str | None, chance: float) -> Loaded:
        """The variant that answers an invocation.

        Args:
            target: the variant that the caller names, which wins over all weights.
            chance: a number in [0, 1) that falls into one variant's share of the weights.

        Raises:
            NotFound: the target is none of this endpoint's variants.
        """
        if target is not None:
            return self._named(target)
        ends = list(accumulate(loaded.variant.weight for loaded in self.loaded))
        return self.loaded[bisect(ends, chance * ends[-1], hi=len(ends) - 1)]

    def close(self) -> None:
        """Remove the unpacked artifacts. Who still has a predictor in hand may finish with it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _named(self, name: str) -> Loaded:
        for loaded in self.loaded:
            if loaded.variant.name == name:
                return loaded
        raise NotFound("variant", name)


@dataclass(frozen=True, slots=True)
class Loader:
    """What makes fleets. Loading blocks, and belongs on a thread.

    Args:
        objects: where artifacts lie.
        folder: below it they are unpacked.
        load_model: makes a predictor of an image and an unpacked artifact.
        archive_bytes: the most bytes of an artifact, unpacked.
    """

    objects: ObjectStore
    folder: Path
    load_model: LoadModel
    archive_bytes: int

    def load(self, endpoint: str, deployment: Deployment) -> Fleet:
        """Load every variant; variants of the same model share it.

        Raises:
            ModelFailed: an artifact cannot be had, or does not load; nothing is left behind.
        """
        folder = self.folder / uuid4().hex
        folder.mkdir(parents=True)
        try:
            return Fleet(endpoint, deployment, self._load_all(deployment, folder), folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _load_all(self, deployment: Deployment, folder: Path) -> tuple[Loaded, ...]:
        models: dict[tuple[str, str | None], Predictor] = {}
        loaded: list[Loaded] = []
        for variant, container in zip(deployment.variants, deployment.containers, strict=True):
            model = (container.image, container.model_data_url)
            if model not in models:
                models[model] = self._load_one(variant, container, folder / str(len(models)))
            loaded.append(Loaded(variant, models[model], f"i-{uuid4().hex[:17]}"))
        return tuple(loaded)

    def _load_one(self, variant: Variant, container: Container, folder: Path) -> Predictor:
        folder.mkdir()
        if container.model_data_url is not None:
            self._fetch(container.model_data_url, folder)
        try:
            return self.load_model(container.image, folder)
        except Fault as fault:
            raise ModelFailed(500, f"{_no_ping(variant)} {fault}") from fault
        except Exception as error:  # whatever the model's own code raises is the model's failure
            detail = traceback.format_exception_only(error)[-1].strip()
            raise ModelFailed(500, f"{_no_ping(variant)} {detail}") from error

    def _fetch(self, url: str, folder: Path) -> None:
        try:
            opened = self.objects.open(*parse_s3_uri(url))
        except (NotFound, InvalidInput) as missing:
            raise ModelFailed(
                500,
                f'Failed to download model data for container "container_1" from URL: "{url}". '
                "Please ensure that there is an object located at the URL and that the role passed "
                "to CreateModel has permissions to download the object.",
            ) from missing
        try:
            with opened:
                unpack(
                    opened.chunks(),
                    folder,
                    limit_bytes=self.archive_bytes,
                    source="model.tar.gz",
                )
        except (Fault, OSError) as fault:
            raise ModelFailed(
                500,
                f'Failed to extract model data archive for container "container_1" from URL '
                f'"{url}". Please ensure that the object located at the URL is a valid tar.gz '
                f"archive. {fault}",
            ) from fault


def _no_ping(variant: Variant) -> str:
    return (
        f"The primary container for production variant {variant.name} did not pass the ping health "
        "check. Please check CloudWatch logs for this endpoint."
    )
