"""The PyTorch backend: ``torch.distributed.init_process_group("sealane")``.

PyTorch loads it by its name; importing this registers it too.
"""

from __future__ import annotations

import torch.distributed as dist

from .group import ProcessGroupSealane, devices

__all__ = ["ProcessGroupSealane", "register"]

NAME = "sealane"


def register() -> None:
    """Makes the backend known to PyTorch; more than once does no harm."""
    if NAME.upper() in dist.Backend._plugins:
        return
    kinds = [device.type for device in devices()]
    dist.Backend.register_backend(NAME, ProcessGroupSealane.create, True, kinds)


register()
