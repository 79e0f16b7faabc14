"""A barrier that names who is missing."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import List

import torch
import torch.distributed as dist

from .messages import Messages
from .work import SealaneWork

# Tags that programs do not use: PyTorch's are not negative.
_HERE, _PASS = -1, -2


def monitored_barrier(group: Messages, timeout: timedelta, wait_all_ranks: bool) -> None:
    """Returns when all ranks have called it; otherwise rank 0 says which have not, and the others that it
    is rank 0 who knows."""
    if timeout < timedelta(0):
        timeout = group._link.timeout
    if group._link.rank == 0:
        _collect(group, timeout, wait_all_ranks)
    else:
        _report(group, timeout)


def _collect(group: Messages, timeout: timedelta, wait_all_ranks: bool) -> None:
    ranks = range(1, group._link.size)
    came = {rank: group.recv([torch.empty(1)], rank, _HERE) for rank in ranks}
    deadline = time.monotonic() + timeout.total_seconds()
    missing: List[int] = []
    for rank, work in came.items():
        left = deadline - time.monotonic()
        if left <= 0 and not wait_all_ranks and not missing:
            raise dist.DistBackendError(
                f"sealane: [Rank 0]: Rank 0 timed out in monitoredBarrier after {timeout} with rank {rank} "
                "and those after it unheard"
            )
        if not _ended(work, left):
            missing.append(rank)
            if not wait_all_ranks:
                break
    if missing:
        who = f"Rank {missing[0]}" if len(missing) == 1 else f"Ranks {', '.join(map(str, missing))}"
        raise dist.DistBackendError(
            f"sealane: [Rank 0]: {who} failed to pass monitoredBarrier in {timeout}"
        )
    for work in [group.send([torch.zeros(1)], rank, _PASS) for rank in ranks]:
        work.wait()


def _report(group: Messages, timeout: timedelta) -> None:
    rank = group._link.rank
    passed = group.recv([torch.empty(1)], 0, _PASS)
    try:
        group.send([torch.zeros(1)], 0, _HERE).wait(timeout)
        if _ended(passed, max(timeout.total_seconds(), 0.001)):
            return
        cause = f"nothing came within {timeout}"
    except RuntimeError as error:
        cause = str(error)
    raise dist.DistBackendError(
        f"sealane: [Rank {rank}]: Rank {rank} successfully reached monitoredBarrier, but received errors "
        f"while waiting for send/recv from rank 0. Please check rank 0 logs for faulty rank. Cause: {cause}"
    )


def _ended(work: SealaneWork, seconds: float) -> bool:
    """Whether it ends in time; one that has failed has not."""
    try:
        return bool(work.core.wait(max(seconds, 0.0)))
    except RuntimeError:
        return False
