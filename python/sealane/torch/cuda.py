"""Where results belong in the work of a GPU.

A GPU does what is queued on a stream in order, long after the call that queued it. An operation reads a
tensor when the stream that was current at its call has come that far, since the copy that it reads is queued
there. Its result must not be earlier than what was queued before the call, which may still read or write the
tensor; and need not be later than what was queued since, such as the rest of a backward pass. So it comes
home on a stream of ours that waits for the point of the call. The thread that brings it waits until it is
there: whoever has waited for the operation may use the tensor on every stream.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import Iterator, Optional

import torch

Point = Optional[torch.cuda.Event]
"""A moment in the work of a GPU; ``None`` for memory that is not on one."""


def is_there() -> bool:
    """Whether there is a GPU. Unlike ``torch.cuda.is_available``, asks the driver's library, so that a process
    which only imports us can fork and its children still use the GPU."""
    return torch.cuda.device_count() > 0


def point(tensor: torch.Tensor) -> Point:
    """The end of what is queued for a tensor's device now."""
    return torch.cuda.current_stream(tensor.device).record_event() if tensor.is_cuda else None


@contextmanager
def after(since: Point) -> Iterator[None]:
    """What is queued within comes after that point, and after nothing else."""
    if since is None:
        yield
        return
    stream = _homeward(since.device)
    with torch.cuda.stream(stream):
        stream.wait_event(since)
        yield


@functools.lru_cache(maxsize=None)
def _homeward(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
