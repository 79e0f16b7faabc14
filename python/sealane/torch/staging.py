"""Tensors as memory that an operation can use."""

from __future__ import annotations

from typing import Callable, List, Optional, Sequence, Tuple

import torch

from . import cuda

Lent = Tuple[int, int, torch.Tensor]
NOTHING = (0, 0, None)
Finish = Callable[[], None]


def lend(tensor: torch.Tensor) -> Lent:
    """Address, bytes and owner of a tensor that is `ready`."""
    return tensor.data_ptr(), tensor.numel() * tensor.element_size(), tensor


def is_ready(tensor: torch.Tensor) -> bool:
    """Whether its elements lie in host memory one after another, as they are."""
    return (
        tensor.is_cpu
        and tensor.is_contiguous()
        and not tensor.is_conj()
        and not tensor.is_neg()
    )


def check(tensor: torch.Tensor) -> None:
    """Refuses what has no elements in a row, with words that PyTorch's users know."""
    if tensor.layout != torch.strided:
        raise RuntimeError(f"sealane only takes dense tensors here, not {tensor.layout}")


def host_copy(tensor: torch.Tensor) -> torch.Tensor:
    """A contiguous copy in host memory, pinned if it came from a GPU."""
    copy = host_empty(tensor)
    with torch.no_grad():
        copy.copy_(tensor)
    return copy


def host_empty(tensor: torch.Tensor) -> torch.Tensor:
    """Contiguous host memory for the elements of a tensor, pinned if it is on a GPU."""
    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)


def read(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor, or a copy that can be lent, to read from."""
    check(tensor)
    return tensor.detach() if is_ready(tensor) else host_copy(tensor)


def write(tensor: torch.Tensor) -> Tuple[torch.Tensor, Optional[Finish]]:
    """The tensor, or memory in its stead and what brings its content back, to put results in."""
    check(tensor)
    if is_ready(tensor):
        return tensor.detach(), None
    memory = host_empty(tensor)
    return memory, home(tensor, memory)


def update(tensor: torch.Tensor) -> Tuple[torch.Tensor, Optional[Finish]]:
    """As `write`, with the tensor's own content to begin with."""
    check(tensor)
    if is_ready(tensor):
        return tensor.detach(), None
    memory = host_copy(tensor)
    return memory, home(tensor, memory)


def home(tensor: torch.Tensor, memory: torch.Tensor) -> Finish:
    """What copies into a user's tensor, whatever autograd thinks of it; one on a GPU has it when that returns."""
    since = cuda.point(tensor)

    def put() -> None:
        with torch.no_grad(), cuda.after(since):
            tensor.detach().copy_(memory.view(tensor.shape))

    return put


def apart(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The source, or a copy if results would be written over it."""
    begin, end = source.data_ptr(), source.data_ptr() + source.nbytes
    if begin < target.data_ptr() + target.nbytes and target.data_ptr() < end:
        return source.clone()
    return source


def is_block(block: torch.Tensor, whole: torch.Tensor, rank: int) -> bool:
    """Whether one is a rank's part of the other, in its place: the operation is then one in place."""
    return block.nbytes > 0 and block.data_ptr() == whole.data_ptr() + rank * block.nbytes


def join(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """All elements of tensors of one type, one after another: theirs, where they lie so already."""
    first = tensors[0]
    if is_row(tensors):
        return torch.as_strided(
            first.detach(), (sum(t.numel() for t in tensors),), (1,), first.storage_offset()
        )
    flat = room(tensors)
    offset = 0
    with torch.no_grad():
        for tensor in tensors:
            check(tensor)
            flat[offset : offset + tensor.numel()].copy_(tensor.detach().reshape(-1))
            offset += tensor.numel()
    return flat


def room(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Host memory for as many elements as all of them have."""
    total = sum(tensor.numel() for tensor in tensors)
    first = tensors[0]
    return torch.empty((total,), dtype=first.dtype, pin_memory=first.is_cuda)


def split(tensors: Sequence[torch.Tensor]) -> Tuple[torch.Tensor, Optional[Finish]]:
    """Memory for results, and what deals it out to the tensors; theirs, where they lie in a row."""
    if is_row(tensors):
        return join(tensors), None
    flat = room(tensors)
    parts = flat.split([tensor.numel() for tensor in tensors])
    return flat, all_of([home(tensor, part) for tensor, part in zip(tensors, parts)])


def is_row(tensors: Sequence[torch.Tensor]) -> bool:
    """Whether they lie in one storage, one right after another."""
    first = tensors[0]
    storage = first.untyped_storage().data_ptr()
    expected = first.data_ptr()
    for tensor in tensors:
        if not is_ready(tensor) or tensor.data_ptr() != expected or tensor.dtype != first.dtype:
            return False
        if tensor.untyped_storage().data_ptr() != storage:
            return False
        expected += tensor.numel() * tensor.element_size()
    return True


def all_of(finishes: List[Optional[Finish]]) -> Optional[Finish]:
    """One that does them all."""
    some = [finish for finish in finishes if finish is not None]
    if not some:
        return None

    def finish() -> None:
        for one in some:
            one()

    return finish
