"""What this machine can do for a training: cores, a GPU, fast products in 16 bits."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_FAST_16_BITS = frozenset(("avx512_bf16", "amx_bf16"))
"""Processor flags of instructions that multiply bfloat16."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a recipe may count on."""

    cores: int
    """That this process may use."""
    gpu: str | None = None
    """The name of the first GPU that PyTorch sees."""
    bfloat16: bool = False
    """Products in bfloat16 are faster here than in float32."""

    def __str__(self) -> str:
        kind = self.gpu or f"CPU, {self.cores} core{'s' if self.cores != 1 else ''}"
        return f"{kind}{', fast bfloat16' if self.bfloat16 else ''}"


def this_machine() -> Machine:
    """Look at the machine that this process runs on."""
    # Heavy, and not needed to describe a machine to the rest of this package.
    import torch  # noqa: PLC0415  # as above

    if torch.cuda.is_available():
        name = torch.cuda.get_device_name(0)
        return Machine(
            usable_cores(), name, torch.cuda.is_bf16_supported(including_emulation=False)
        )
    return Machine(usable_cores(), None, bool(_processor_flags() & _FAST_16_BITS))


def usable_cores() -> int:
    """The cores that this process may use; not every system tells more than what there is."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor_flags() -> frozenset[str]:
    """The flags of the first processor, where the system tells them; none otherwise."""
    try:
        lines = Path("/proc/cpuinfo").read_text("ascii", "replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split() for line in lines if line.startswith("flags")), ()))
