"""One process or several: torchrun's environment, the device, and who may write."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import distributed

from linguagen.models.errors import DeviceError, UsageError

T = TypeVar("T")

_CPU = torch.device("cpu")
_ENVIRONMENT = (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))
"""Variables that torchrun sets, each with its value for a process that runs alone."""


@dataclass(frozen=True)
class Processes:
    """This process among those that train together; by default alone, on the CPU."""

    rank: int = 0
    count: int = 1
    device: torch.device = _CPU

    @property
    def leader(self) -> bool:
        """True in the one process that writes files and talks."""
        return self.rank == 0

    def agree(self, decide: Callable[[], T]) -> T:
        """The leader's decision, in every process."""
        if self.count == 1:
            return decide()
        decision: list[Any] = [decide() if self.leader else None]
        distributed.broadcast_object_list(decision, src=0)
        return decision[0]  # type: ignore[no-any-return]

    def barrier(self) -> None:
        """Wait for the others."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """Inside: this process, joined to the group that torchrun made, if any: gloo on CPU, NCCL on CUDA.

    Args:
        device: `cpu`, `cuda`, or `auto` for CUDA where torch has it.

    Raises:
        UsageError: no such device name.
        DeviceError: `cuda` was named and torch has none.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device is {device!r}, expected auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "device 'cuda' was asked for, but torch sees no CUDA GPU; "
            "install a CUDA build of torch, or use --device cpu"
        )
    kind = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    rank, count, local = (int(os.environ.get(name, default)) for name, default in _ENVIRONMENT)
    if count > 1:
        distributed.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        yield Processes(rank, count, torch.device(kind, local) if kind == "cuda" else _CPU)
    finally:
        if count > 1:
            distributed.destroy_process_group()
