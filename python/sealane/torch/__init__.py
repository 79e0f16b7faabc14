"""The PyTorch backend: ``torch.distributed.init_process_group("sealane")``.

PyTorch loads it by its name; importing this registers it too.
"""

from __future__ import annotations

import torch.distributed as dist

from . import cuda
from .group import ProcessGroupSealane

__all__ = ["ProcessGroupSealane", "register"]

NAME = "sealane"


def register() -> None:
    """Makes the backend known to PyTorch; more than once does no harm."""
    if NAME.upper() in dist.Backend._plugins:
        return
    # CUDA tensors go through pinned host memory. Listed only where there is a GPU: PyTorch takes a
    # group's devices for ones that it may put tensors on.
    devices = ["cpu", "cuda"] if cuda.is_there() else ["cpu"]
    dist.Backend.register_backend(NAME, ProcessGroupSealane.create, True, devices)


register()
