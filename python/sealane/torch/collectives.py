"""c10d's operations on a link: shared by the process group and its backend object."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Callable, List, Optional, Sequence, Tuple

import torch
from torch._C import _distributed_c10d as c10d

from . import sparse, staging
from .dtypes import moved, op_name, reduced
from .link import Link
from .work import Core, SealaneWork, Several

Tensors = List[torch.Tensor]


def _list(tensors: Any) -> Tensors:
    return [tensors] if isinstance(tensors, torch.Tensor) else list(tensors)


def _only(tensors: Any) -> torch.Tensor:
    found = _list(tensors)
    if len(found) != 1:
        raise RuntimeError(f"sealane takes one tensor per call here, not {len(found)}")
    return found[0]


def _same_dtype(tensors: Sequence[torch.Tensor]) -> None:
    first = tensors[0]
    for tensor in tensors:
        if tensor.dtype != first.dtype:
            raise ValueError(f"Invalid usage of tensors with different dtypes: {tensor.dtype} and {first.dtype}")


class Collectives:
    """The collectives. Signatures are those of ``torch.distributed.ProcessGroup``."""

    _link: Link

    # Launching

    def _work(
        self,
        core: Core,
        result: Tensors,
        finish: Optional[staging.Finish] = None,
        **more: Any,
    ) -> SealaneWork:
        work = SealaneWork(core, result, finish=finish, **more)
        self._link.batched(work)
        if c10d._allow_inflight_collective_as_graph_input():
            work.register()
        return work

    def _start(
        self,
        name: str,
        kind: Tuple[str, int],
        output: Any,
        opts: Any,
        source: Any = None,
        **terms: Any,
    ) -> Core:
        timeout = self._link.seconds(getattr(opts, "timeout", None))
        return self._link.start(name, kind, source, output, timeout=timeout, **terms)

    # Reductions

    def allreduce(
        self, tensors: Any, opts: Any = None, timeout: Optional[timedelta] = None
    ) -> SealaneWork:
        opts = _options(c10d.AllreduceOptions, opts, timeout)
        tensor = _only(tensors)
        if tensor.is_sparse:
            return sparse.all_reduce(self, tensor, opts)
        sequence = self._link.count()
        core, finish = self._all_reduce(tensor, opts)
        return self._work(core, [tensor], finish, sequence=sequence)

    def _all_reduce(self, tensor: torch.Tensor, opts: Any) -> Tuple[Core, Optional[staging.Finish]]:
        op = op_name(opts.reduceOp)
        memory, finish = staging.update(tensor)
        kind = reduced(memory, op)
        return self._start("all_reduce", kind, staging.lend(memory), opts, op=op), finish

    def allreduce_coalesced(self, tensors: Tensors, opts: Any = None) -> SealaneWork:
        opts = _options(c10d.AllreduceCoalescedOptions, opts)
        return self._each(lambda tensor: self._all_reduce(tensor, opts), [_list(tensors)])

    def reduce(
        self, tensors: Any, opts: Any = 0, op: Any = None, timeout: Optional[timedelta] = None
    ) -> SealaneWork:
        opts = _rooted(c10d.ReduceOptions, opts, timeout)
        if op is not None:
            opts.reduceOp = op
        tensor, name = _only(tensors), op_name(opts.reduceOp)
        sequence = self._link.count()
        memory, finish = staging.update(tensor)
        kind = reduced(memory, name)
        core = self._start(
            "reduce", kind, staging.lend(memory), opts, op=name, root=opts.rootRank
        )
        return self._work(
            core, [tensor], finish if opts.rootRank == self._link.rank else None, sequence=sequence
        )

    def reduce_scatter(
        self, outputs: Any, inputs: Any, opts: Any = None, timeout: Optional[timedelta] = None
    ) -> SealaneWork:
        opts = _options(c10d.ReduceScatterOptions, opts, timeout)
        output = _only(outputs)
        blocks = _list(inputs[0]) if isinstance(inputs[0], (list, tuple)) else _list(inputs)
        _blocks(blocks, self._link.size, "input")
        _same_dtype([output, *blocks])
        sequence = self._link.count()
        source = staging.join(blocks)
        core, finish = self._reduce_scatter(output, source, opts, _counts(blocks))
        return self._work(core, [output], finish, sequence=sequence)

    def reduce_scatter_single(
        self, output: torch.Tensor, input: torch.Tensor, opts: Any = None
    ) -> SealaneWork:
        opts = _options(c10d.ReduceScatterOptions, opts)
        _same_dtype([output, input])
        if input.numel() != output.numel() * self._link.size:
            raise ValueError("input tensor must be the same size as output size times world size")
        sequence = self._link.count()
        core, finish = self._reduce_scatter(output, staging.read(input), opts, None)
        return self._work(core, [output], finish, sequence=sequence)

    _reduce_scatter_base = reduce_scatter_single

    def reduce_scatter_single_coalesced(
        self, outputs: Tensors, inputs: Tensors, opts: Any = None
    ) -> SealaneWork:
        opts = _options(c10d.ReduceScatterOptions, opts)
        one = lambda out, inp: self._reduce_scatter(out, staging.read(inp), opts, None)  # noqa: E731
        return self._each(one, [_list(outputs), _list(inputs)])

    reduce_scatter_tensor_coalesced = reduce_scatter_single_coalesced

    def _reduce_scatter(
        self, output: torch.Tensor, source: torch.Tensor, opts: Any, counts: Optional[List[int]]
    ) -> Tuple[Core, Optional[staging.Finish]]:
        op = op_name(opts.reduceOp)
        memory, finish = staging.write(output)
        kind = reduced(memory, op)
        if counts is not None:
            width = kind[1] // max(1, memory.numel())
            counts = [count * (width or 1) for count in counts]
        if counts is None and staging.is_block(memory, source, self._link.rank):
            lent = staging.lend(source)
            return self._start("reduce_scatter", kind, lent, opts, op=op), finish
        given = staging.lend(staging.apart(source, memory))
        lent = staging.lend(memory)
        return self._start("reduce_scatter", kind, lent, opts, given, op=op, to=counts), finish

    # Moving whole tensors

    def broadcast(
        self, tensors: Any, opts: Any = 0, timeout: Optional[timedelta] = None
    ) -> SealaneWork:
        opts = _rooted(c10d.BroadcastOptions, opts, timeout)
        tensor = _only(tensors)
        sequence = self._link.count()
        memory, finish = staging.update(tensor)
        core = self._start(
            "broadcast", moved(memory), staging.lend(memory), opts, root=opts.rootRank
        )
        return self._work(
            core, [tensor], None if opts.rootRank == self._link.rank else finish, sequence=sequence
        )

    def barrier(self, opts: Any = None, timeout: Optional[timedelta] = None) -> SealaneWork:
        opts = _options(c10d.BarrierOptions, opts, timeout)
        sequence = self._link.count()
        return self._work(self._start("barrier", ("uint8", 0), None, opts), [], sequence=sequence)

    # Gathering

    def allgather(
        self, outputs: Any, inputs: Any, opts: Any = None, timeout: Optional[timedelta] = None
    ) -> SealaneWork:
        opts = _options(c10d.AllgatherOptions, opts, timeout)
        blocks = _list(outputs[0]) if isinstance(outputs[0], (list, tuple)) else _list(outputs)
        source = _only(inputs)
        sequence = self._link.count()
        core, finish = self._gather("all_gather", blocks, source, opts)
        return self._work(core, blocks, finish, sequence=sequence)

    def allgather_coalesced(
        self, outputs: List[Tensors], inputs: Tensors, opts: Any = None
    ) -> SealaneWork:
        opts = _options(c10d.AllgatherOptions, opts)
        blocks = [[of_rank[index] for of_rank in outputs] for index in range(len(inputs))]
        one = lambda into, source: self._gather("all_gather", into, source, opts)  # noqa: E731
        return self._each(one, [blocks, _list(inputs)])

    def all_gather_single(
        self, output: torch.Tensor, input: torch.Tensor, opts: Any = None
    ) -> SealaneWork:
        opts = _options(c10d.AllgatherOptions, opts)
        sequence = self._link.count()
        core, finish = self._gather_single("all_gather", output, input, opts)
        return self._work(core, [output], finish, sequence=sequence)

    _allgather_base = all_gather_single

    def all_gather_single_coalesced(
        self, outputs: Tensors, inputs: Tensors, opts: Any = None
    ) -> SealaneWork:
        opts = _options(c10d.AllgatherOptions, opts)
        one = lambda out, inp: self._gather_single("all_gather", out, inp, opts)  # noqa: E731
        return self._each(one, [_list(outputs), _list(inputs)])

    allgather_into_tensor_coalesced = all_gather_single_coalesced

    def gather(
        self, outputs: Any, inputs: Any, opts: Any = 0, timeout: Optional[timedelta] = None
    ) -> SealaneWork:
        opts = _rooted(c10d.GatherOptions, opts, timeout)
        source, sequence = _only(inputs), self._link.count()
        blocks: Tensors = []
        if opts.rootRank == self._link.rank:
            blocks = _list(outputs[0]) if isinstance(outputs[0], (list, tuple)) else _list(outputs)
        core, finish = self._gather("gather", blocks, source, opts, root=opts.rootRank)
        return self._work(core, blocks, finish, sequence=sequence)

    def gather_single(
        self, output: torch.Tensor, input: torch.Tensor, opts: Any = None
    ) -> SealaneWork:
        opts = _rooted(c10d.GatherOptions, 0 if opts is None else opts)
        sequence = self._link.count()
        root = opts.rootRank == self._link.rank
        core, finish = self._gather_single(
            "gather", output if root else None, input, opts, root=opts.rootRank
        )
        return self._work(core, [output] if root else [], finish, sequence=sequence)

    gather_into_tensor = gather_single

    def _gather(
        self, name: str, blocks: Tensors, source: torch.Tensor, opts: Any, **terms: Any
    ) -> Tuple[Core, Optional[staging.Finish]]:
        memory = staging.read(source)
        kind, output, finish = moved(memory), None, None
        if blocks:
            _blocks(blocks, self._link.size, "output")
            _same_dtype([source, *blocks])
            counts = _counts(blocks)
            if blocks[self._link.rank].numel() != source.numel():
                raise ValueError("output tensor of this rank must have the size of its input")
            if counts is not None:
                width = kind[1] // source.numel() if source.numel() else 1
                terms["to"] = [count * width for count in counts]
            into, finish = staging.split(blocks)
            output, memory = staging.lend(into), staging.apart(memory, into)
        return self._start(name, kind, output, opts, staging.lend(memory), **terms), finish

    def _gather_single(
        self, name: str, output: Optional[torch.Tensor], source: torch.Tensor, opts: Any, **terms: Any
    ) -> Tuple[Core, Optional[staging.Finish]]:
        memory = staging.read(source)
        into, finish = None, None
        if output is not None:
            _same_dtype([output, source])
            if output.numel() != source.numel() * self._link.size:
                raise ValueError(
                    "output tensor size must be equal to world_size times input tensor size"
                )
            target, finish = staging.write(output)
            into = staging.lend(target)
            if staging.is_block(memory, target, self._link.rank):
                return self._start(name, moved(memory), into, opts, **terms), finish
            memory = staging.apart(memory, target)
        return self._start(name, moved(memory), into, opts, staging.lend(memory), **terms), finish

    # Scattering

    def scatter(
        self, outputs: Any, inputs: Any, opts: Any = 0, timeout: Optional[timedelta] = None
    ) -> SealaneWork:
        opts = _rooted(c10d.ScatterOptions, opts, timeout)
        output, sequence = _only(outputs), self._link.count()
        memory, finish = staging.write(output)
        kind, source = moved(memory), None
        if opts.rootRank == self._link.rank:
            blocks = _list(inputs[0]) if isinstance(inputs[0], (list, tuple)) else _list(inputs)
            _blocks(blocks, self._link.size, "input")
            _same_dtype([output, *blocks])
            if any(block.numel() != output.numel() for block in blocks):
                raise ValueError("input tensors must have the size of the output")
            source = staging.lend(staging.apart(staging.join(blocks), memory))
        core = self._start(
            "scatter", kind, staging.lend(memory), opts, source or staging.NOTHING, root=opts.rootRank
        )
        return self._work(core, [output], finish, sequence=sequence)

    def alltoall(
        self, outputs: Tensors, inputs: Tensors, opts: Any = None, timeout: Optional[timedelta] = None
    ) -> SealaneWork:
        opts = _options(c10d.AllToAllOptions, opts, timeout)
        outputs, inputs = _list(outputs), _list(inputs)
        _blocks(outputs, self._link.size, "output")
        _blocks(inputs, self._link.size, "input")
        _same_dtype([*outputs, *inputs])
        sequence = self._link.count()
        source = staging.join(inputs)
        into, finish = staging.split(outputs)
        lengths = [t.numel() for t in inputs], [t.numel() for t in outputs]
        core = self._all_to_all(into, source, lengths, opts)
        return self._work(core, outputs, finish, sequence=sequence)

    def all_to_all_single(
        self,
        output: torch.Tensor,
        input: torch.Tensor,
        output_split_sizes: List[int],
        input_split_sizes: List[int],
        opts: Any = None,
        timeout: Optional[timedelta] = None,
    ) -> SealaneWork:
        opts = _options(c10d.AllToAllOptions, opts, timeout)
        if not (output.is_contiguous() and input.is_contiguous()):
            # Rows are what is split; PyTorch's own backends refuse the rest in these words.
            raise ValueError("Tensors must be contiguous")
        _same_dtype([output, input])
        to = _splits(input, input_split_sizes, self._link.size)
        from_ = _splits(output, output_split_sizes, self._link.size)
        sequence = self._link.count()
        source = staging.read(input)
        into, finish = staging.write(output)
        core = self._all_to_all(into, source, (to, from_), opts)
        return self._work(core, [output], finish, sequence=sequence)

    alltoall_base = all_to_all_single

    def _all_to_all(
        self,
        into: torch.Tensor,
        source: torch.Tensor,
        lengths: Tuple[List[int], List[int]],
        opts: Any,
    ) -> Core:
        name, count = moved(source)
        width = count // source.numel() if source.numel() else moved(into)[1] // max(1, into.numel())
        source = staging.apart(source, into)
        to, from_ = ([length * (width or 1) for length in side] for side in lengths)
        return self._start(
            "all_to_all", (name, 0), staging.lend(into), opts, staging.lend(source), to=to, from_=from_
        )

    # Several at once

    def _each(
        self,
        one: Callable[..., Tuple[Core, Optional[staging.Finish]]],
        arguments: List[Any],
    ) -> SealaneWork:
        if any(len(argument) != len(arguments[0]) for argument in arguments):
            raise ValueError("as many outputs as inputs are needed")
        sequence = self._link.count()
        cores, finishes = [], []
        for group in zip(*arguments):
            core, finish = one(*group)
            cores.append(core)
            finishes.append(finish)
        result = arguments[0]
        flat = [t for part in result for t in _list(part)]
        return self._work(Several(cores), flat, staging.all_of(finishes), sequence=sequence)


def _options(kind: Any, opts: Any, timeout: Optional[timedelta] = None) -> Any:
    """Options, from those, from a reduction in their place, or by default."""
    if not isinstance(opts, kind):
        made = kind()
        if isinstance(opts, timedelta):
            made.timeout = opts
        elif isinstance(opts, c10d.AllreduceOptions):
            made.reduceOp, made.timeout = opts.reduceOp, opts.timeout
        elif opts is not None:
            made.reduceOp = opts
        opts = made
    if timeout is not None:
        opts.timeout = timeout
    return opts


def _rooted(kind: Any, opts: Any, timeout: Optional[timedelta] = None) -> Any:
    """Options, from those or from a root in their place."""
    if not isinstance(opts, kind):
        made = kind()
        made.rootRank = int(opts)
        opts = made
    if timeout is not None:
        opts.timeout = timeout
    return opts


def _blocks(blocks: Tensors, size: int, what: str) -> None:
    if len(blocks) != size:
        raise ValueError(f"{what} list must have {size} tensors, one per rank, not {len(blocks)}")


def _counts(blocks: Tensors) -> Optional[List[int]]:
    """Elements of each, unless all have equally many."""
    counts = [block.numel() for block in blocks]
    return None if len(set(counts)) == 1 else counts


def _splits(tensor: torch.Tensor, sizes: Sequence[int], size: int) -> List[int]:
    """Elements for each rank, of sizes along the first dimension."""
    rows = tensor.size(0) if tensor.dim() > 0 else 1
    if not sizes:
        if rows % size != 0:
            raise ValueError("Tensor's dim 0 does not divide equally across group size")
        return [tensor.numel() // size] * size
    if len(sizes) != size:
        raise ValueError("Number of tensor splits not equal to group size")
    if sum(sizes) != rows:
        raise ValueError("Split sizes doesn't match total dim 0 size")
    width = tensor.numel() // rows if rows else 0
    return [length * width for length in sizes]
