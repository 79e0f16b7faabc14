"""Sums of sparse tensors, as gradients of embeddings are."""

from __future__ import annotations

from typing import Any, List

import torch

from .dtypes import op_name
from .work import Ended, SealaneWork


def all_reduce(group: Any, tensor: torch.Tensor, opts: Any) -> SealaneWork:
    """Replaces a sparse tensor by the sum of all ranks'.

    The ranks tell each other how many entries they have, then indices and values go round as they are,
    and each rank adds them up in rank order: the same bits everywhere.
    """
    if op_name(opts.reduceOp) not in ("sum", "avg"):
        raise RuntimeError("sealane only sums sparse tensors")
    link = group._link
    sequence = link.count()
    with torch.no_grad():
        own = tensor.detach().coalesce()
        indices, values = own.indices().cpu().contiguous(), own.values().cpu().contiguous()
        counts = _counts(group, indices.shape[1], opts)
        gathered_indices = _rows(group, indices.t().contiguous(), counts, opts)
        gathered_values = _rows(group, values, counts, opts)
        total = torch.sparse_coo_tensor(
            gathered_indices.t().to(tensor.device), gathered_values.to(tensor.device), tensor.shape
        ).coalesce()
        if op_name(opts.reduceOp) == "avg":
            total = total / link.size
        # As Gloo: the caller's tensor takes over what was summed.
        tensor.copy_(total)
    return group._work(Ended(), [tensor], sequence=sequence)


def _counts(group: Any, count: int, opts: Any) -> List[int]:
    mine = torch.tensor([count], dtype=torch.int64)
    all_counts = torch.empty(group._link.size, dtype=torch.int64)
    core, _ = group._gather_single("all_gather", all_counts, mine, opts)
    core.wait()
    return [int(count) for count in all_counts]


def _rows(group: Any, mine: torch.Tensor, counts: List[int], opts: Any) -> torch.Tensor:
    """All ranks' rows, one after another."""
    everyone = torch.empty((sum(counts), *mine.shape[1:]), dtype=mine.dtype)
    core, finish = group._gather("all_gather", list(everyone.split(counts)), mine, opts)
    core.wait()
    if finish is not None:
        finish()
    return everyone

