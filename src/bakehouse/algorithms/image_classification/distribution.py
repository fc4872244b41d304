"""Training on several machines: who is there, and how they keep to one network.

Each machine is a process that runs the same code on its own part of the data. With ``dist_sync``
gradients are averaged at every step, so that a batch is ``mini_batch_size`` times the machines;
with ``dist_async`` every machine steps on its own and the weights are averaged now and then.
Source: "Distributed Training" of MXNet, whose ``kv_store`` names these are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from bakehouse.algorithms.image_classification.failures import CustomerError

PORT = 29_500
"""Where the first machine listens, if nobody says otherwise."""
PATIENCE = timedelta(minutes=30)
"""How long machines wait for each other: one may still read its pictures."""
ASYNC_EVERY = 16
"""Steps between two averages of the weights with ``dist_async``."""


@dataclass(frozen=True, slots=True)
class World:
    """The machines of a job; a single one by default."""

    rank: int = 0
    """Of this machine, from 0."""
    size: int = 1
    here: int = 1
    """How many of them share this machine's cores."""
    asynchronous: bool = False

    def average_gradients(self, network: nn.Module, halted: bool) -> bool:
        """Give every machine the mean of all gradients; say whether any of them was halted."""
        if self.size == 1 or self.asynchronous:
            return halted
        return self._average([w.grad for w in network.parameters() if w.grad is not None], halted)

    def average_weights(self, network: nn.Module, step: int, halted: bool) -> bool:
        """With ``dist_async``, now and then the same for the weights; ``step`` counts from 1."""
        if self.size == 1 or not self.asynchronous:
            return halted
        if step % ASYNC_EVERY:
            return False
        return self._average([w.data for w in network.parameters()], halted)

    def average_statistics(self, network: nn.Module) -> None:
        """Give every machine the mean of all running statistics."""
        if self.size > 1:
            self._average([b for b in network.buffers() if b.is_floating_point()], halted=False)

    def agreed(self, value: Any) -> Any:
        """What the first machine says."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]

    def leave(self) -> None:
        """Say goodbye to the others."""
        if self.size > 1:
            dist.destroy_process_group()

    def _average(self, tensors: Sequence[Tensor], halted: bool) -> bool:
        """Replace tensors by their means, in one message that also carries the flag."""
        flag = tensors[0].new_tensor([float(halted)])
        flat = torch.cat([*(tensor.reshape(-1) for tensor in tensors), flag])
        dist.all_reduce(flat)
        sizes = [tensor.numel() for tensor in tensors]
        means = torch.split(flat[:-1] / self.size, sizes)
        for tensor, mean in zip(tensors, means, strict=True):
            tensor.copy_(mean.view_as(tensor))
        return bool(flat[-1] > 0)


def join(
    resources: Mapping[str, Any], environment: Mapping[str, str], kv_store: str | None
) -> World:
    """Meet the other machines of the job; returns when all are there.

    Args:
        resources: the document ``resourceconfig.json``.
        environment: ``BAKEHOUSE_RENDEZVOUS`` may say where to meet, as ``address:port``; otherwise
            it is the first host's port 29,500.
        kv_store: the hyperparameter; several machines without it are in step, as on AWS.

    Raises:
        CustomerError: the documents contradict each other.
    """
    hosts = resources.get("hosts") or ["algo-1"]
    current = resources.get("current_host", hosts[0])
    if len(hosts) == 1:
        return World()
    if current not in hosts:
        raise CustomerError(f"resourceconfig.json: current_host {current!r} is not in {hosts}.")
    meeting = environment.get("BAKEHOUSE_RENDEZVOUS", f"{hosts[0]}:{PORT}")
    shared = meeting.startswith("127.")
    backend = "nccl" if torch.cuda.is_available() and not shared else "gloo"
    if shared:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group(
        backend,
        init_method=f"tcp://{meeting}",
        rank=hosts.index(current),
        world_size=len(hosts),
        timeout=PATIENCE,
    )
    here = len(hosts) if shared else 1
    return World(hosts.index(current), len(hosts), here, kv_store == "dist_async")
