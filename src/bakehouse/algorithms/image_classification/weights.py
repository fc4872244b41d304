"""The weights that a training begins with: random ones, or those of a base."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from bakehouse.algorithms.image_classification.bases import Base
from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.networks import Architecture
from bakehouse.algorithms.image_classification.plan import WIDTHS, Plan, Recipe


def architecture_for(plan: Plan, base: Base | None) -> Architecture:
    """The network that a plan trains: the base's, or the plan's own.

    Raises:
        CustomerError: the plan names a depth that is not the base's.
    """
    named = None if isinstance(plan, Recipe) else plan.num_layers
    if base is None:
        if named is not None:
            return Architecture(num_layers=named)
        return Architecture(widths=plan.widths if isinstance(plan, Recipe) else WIDTHS)
    found = architecture_of(base)
    if named is not None and named != found.num_layers:
        raise CustomerError(
            f"num_layers is {named}, but the weights of {base.origin} are of {_told(found)}. Leave"
            " num_layers out, or bring weights of that depth: as the channel 'model', or as a file"
            " in BAKEHOUSE_PRETRAINED_MODEL."
        )
    return found


def begin_with(network: nn.Sequential, base: Base, *, keep_head: bool) -> None:
    """Give a network the weights of a base.

    Args:
        network: of the base's architecture.
        base: the weights.
        keep_head: also those of the last layer, whose classes are then the base's.

    Raises:
        CustomerError: the weights do not fit; the first that does not is named.
    """
    head = {f"{len(network) - 1}.weight", f"{len(network) - 1}.bias"}
    own: Mapping[str, Tensor] = network.state_dict()
    state = {}
    for name, value in own.items():
        if (name in head and not keep_head) or name.endswith("num_batches_tracked"):
            state[name] = value
        elif name not in base.state or base.state[name].shape != tuple(value.shape):
            found = base.state[name].shape if name in base.state else "nothing"
            raise CustomerError(
                f"The weights of {base.origin} do not fit: {name} needs the shape"
                f" {tuple(value.shape)}, there is {found}. image_shape, num_layers and, for"
                " incremental training, num_classes have to be those that they were trained with;"
                " BAKEHOUSE_PRETRAINED_MODEL may name a model of your own."
            )
        else:
            state[name] = torch.from_numpy(base.state[name].astype("float32"))
    network.load_state_dict(state)


def architecture_of(base: Base) -> Architecture:
    """The network that a base's weights are of.

    Raises:
        CustomerError: nothing says so.
    """
    network = base.network or {}
    layers, widths = network.get("num_layers"), tuple(network.get("widths") or ())
    if layers is None and not widths:
        raise CustomerError(
            f"Nothing says which network the weights of {base.origin} are of; an artifact of this"
            " algorithm says it in metadata.json."
        )
    return Architecture(layers, widths)


def _told(found: Architecture) -> str:
    layers = found.num_layers
    return f"num_layers {layers}" if layers is not None else "a small network of our own"
