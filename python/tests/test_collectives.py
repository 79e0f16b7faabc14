"""Every call of ``torch.distributed`` × type × waiting or not, for worlds of one to four."""

from __future__ import annotations

from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

from worlds import run_group

REDUCED = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.uint8,
           torch.int16, torch.int32, torch.int64]  # fmt: skip
MOVED = [*REDUCED, torch.bool, torch.complex64, torch.complex128, torch.float8_e4m3fn]
COUNTS = [0, 4, 1000]


def block(rank: int, count: int, dtype: torch.dtype) -> torch.Tensor:
    """Small whole numbers: exact in every type, whatever is added up."""
    return ((torch.arange(count) + 3 * rank) % 3 + 1).to(dtype)


def same(one: torch.Tensor, other: torch.Tensor, what: str = "") -> None:
    if one.dtype == torch.float8_e4m3fn:
        one, other = one.view(torch.uint8), other.view(torch.uint8)
    assert torch.equal(one, other), f"{what} {one} is not {other}"


class Check:
    """One way of calling: with or without waiting."""

    def __init__(self, rank: int, size: int, async_op: bool) -> None:
        self.rank, self.size, self.async_op = rank, size, async_op

    def call(self, function, *args, **kwargs) -> None:
        work = function(*args, async_op=self.async_op, **kwargs)
        if self.async_op:
            assert work.wait() and work.is_completed() and work.is_success()
            assert work.exception() is None
        else:
            assert work is None

    def reductions(self, dtype: torch.dtype, count: int) -> None:
        blocks = [block(rank, count, dtype) for rank in range(self.size)]
        stack = torch.stack(blocks)
        wide = stack.to(torch.float64)
        expected = {
            dist.ReduceOp.SUM: wide.sum(0),
            dist.ReduceOp.PRODUCT: wide.prod(0),
            dist.ReduceOp.MIN: wide.amin(0),
            dist.ReduceOp.MAX: wide.amax(0),
        }
        for op, value in expected.items():
            tensor = blocks[self.rank].clone()
            self.call(dist.all_reduce, tensor, op)
            same(tensor, value.to(dtype), f"all_reduce {op} {dtype}")
        if not dtype.is_floating_point:
            for op, fold in ((dist.ReduceOp.BAND, torch.bitwise_and),
                             (dist.ReduceOp.BOR, torch.bitwise_or),
                             (dist.ReduceOp.BXOR, torch.bitwise_xor)):  # fmt: skip
                tensor, value = blocks[self.rank].clone(), blocks[0]
                for other in blocks[1:]:
                    value = fold(value, other)
                self.call(dist.all_reduce, tensor, op)
                same(tensor, value, f"all_reduce {op} {dtype}")
        total, root = expected[dist.ReduceOp.SUM].to(dtype), self.size - 1
        tensor = blocks[self.rank].clone()
        self.call(dist.reduce, tensor, root)
        same(tensor, total if self.rank == root else blocks[self.rank], "reduce")
        whole = [block(rank, self.size * count, dtype) for rank in range(self.size)]
        sums = torch.stack(whole).to(torch.float64).sum(0).to(dtype).chunk(self.size) if count else None
        mine = sums[self.rank] if sums else torch.empty(0, dtype=dtype)
        output = torch.empty(count, dtype=dtype)
        self.call(dist.reduce_scatter_tensor, output, whole[self.rank])
        same(output, mine, "reduce_scatter_tensor")
        output = torch.empty(count, dtype=dtype)
        self.call(dist.reduce_scatter, output, list(whole[self.rank].split(count)) if count else
                  [torch.empty(0, dtype=dtype)] * self.size)  # fmt: skip
        same(output, mine, "reduce_scatter")

    def moves(self, dtype: torch.dtype, count: int) -> None:
        blocks = [block(rank, count, dtype) for rank in range(self.size)]
        own, root = blocks[self.rank], self.size - 1
        tensor = own.clone()
        self.call(dist.broadcast, tensor, root)
        same(tensor, blocks[root], "broadcast")
        everyone = torch.cat(blocks)
        outputs = [torch.empty_like(own) for _ in blocks]
        self.call(dist.all_gather, outputs, own)
        for one, other in zip(outputs, blocks):
            same(one, other, "all_gather")
        output = torch.empty(self.size * count, dtype=dtype)
        self.call(dist.all_gather_into_tensor, output, own)
        same(output, everyone, "all_gather_into_tensor")
        outputs = [torch.empty_like(own) for _ in blocks] if self.rank == root else None
        self.call(dist.gather, own, outputs, dst=root)
        for one, other in zip(outputs or [], blocks):
            same(one, other, "gather")
        output = torch.empty_like(own)
        self.call(dist.scatter, output, blocks if self.rank == 0 else None, src=0)
        same(output, own, "scatter")
        rows = [block(rank, self.size * count, dtype) for rank in range(self.size)]
        cells = [list(row.split(count)) if count else [row] * self.size for row in rows]
        expected = torch.cat([row[self.rank] for row in cells])
        output = torch.empty(self.size * count, dtype=dtype)
        if count:
            self.call(dist.all_to_all_single, output, rows[self.rank])
            same(output, expected, "all_to_all_single")
        outputs = [torch.empty(count, dtype=dtype) for _ in blocks]
        self.call(dist.all_to_all, outputs, cells[self.rank])
        same(torch.cat(outputs), expected, "all_to_all")


def every_call(rank: int, size: int) -> None:
    for async_op in (False, True):
        check = Check(rank, size, async_op)
        for count in COUNTS:
            for dtype in REDUCED:
                check.reductions(dtype, count)
            for dtype in MOVED:
                check.moves(dtype, count)
        check.call(dist.barrier)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_call(size: int) -> None:
    run_group(size, every_call)


def unusual(rank: int, size: int) -> None:
    # Averages and factors.
    tensor = torch.full((5,), float(rank))
    dist.all_reduce(tensor, dist.ReduceOp.AVG)
    same(tensor, torch.full((5,), (size - 1) / 2))
    tensor = torch.ones(3)
    dist.all_reduce(tensor, dist._make_nccl_premul_sum(0.25))
    same(tensor, torch.full((3,), 0.25 * size))
    # Truth values: sum is or, product is and.
    for op, expected in ((dist.ReduceOp.SUM, [True, True, False]), (dist.ReduceOp.MAX, [True, True, False]),
                         (dist.ReduceOp.PRODUCT, [True, False, False]),
                         (dist.ReduceOp.MIN, [True, False, False])):  # fmt: skip
        tensor = torch.tensor([True, rank == 0, False])
        dist.all_reduce(tensor, op)
        same(tensor, torch.tensor(expected), str(op))
    # Complex numbers.
    for dtype in (torch.complex64, torch.complex128):
        tensor = torch.tensor([1 + 2j, rank * 1j], dtype=dtype)
        dist.all_reduce(tensor)
        same(tensor, torch.tensor([size + 2j * size, sum(range(size)) * 1j], dtype=dtype))
        conjugated = torch.tensor([1 + 2j], dtype=dtype).conj()
        dist.group.WORLD.broadcast([conjugated], 0).wait()
        assert conjugated.item() == 1 - 2j
    # Strides.
    grid = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    tensor = grid.clone().t()
    dist.all_reduce(tensor)
    same(tensor, grid.t() * size)
    tensor = torch.zeros(8)
    dist.broadcast(view := tensor[::2], 0)
    dist.all_reduce(view.add_(1))
    same(tensor, torch.tensor([size, 0.0] * 4))
    # Uneven splits.
    lengths = [rank + other + 1 for other in range(size)]
    sent = torch.full((sum(lengths), 2), float(rank))
    got = torch.empty(sum(lengths), 2)
    dist.all_to_all_single(got, sent, lengths, lengths)
    expected = [torch.full((length, 2), float(other)) for other, length in enumerate(lengths)]
    same(got, torch.cat(expected))
    outputs = [torch.empty(other + 1) for other in range(size)]
    dist.all_gather(outputs, torch.full((rank + 1,), float(rank)))
    for other, output in enumerate(outputs):
        same(output, torch.full((other + 1,), float(other)))
    output = torch.empty(rank + 1)
    dist.reduce_scatter(output, [torch.ones(other + 1) for other in range(size)])
    same(output, torch.full((rank + 1,), float(size)))
    # Sparse tensors.
    dense = torch.zeros(6, 2)
    dense[rank] = 1.0
    dense[5] = 2.0
    sparse = dense.to_sparse(1)
    dist.all_reduce(sparse)
    expected_dense = torch.zeros(6, 2)
    expected_dense[:size] = 1.0
    expected_dense[5] = 2.0 * size
    same(sparse.to_dense(), expected_dense)


def test_unusual_tensors() -> None:
    run_group(3, unusual)


def coalesced(rank: int, size: int) -> None:
    tensors = [torch.full((count,), float(rank + 1)) for count in (1, 5, 100)]
    dist.all_reduce_coalesced(tensors)
    total = float(sum(range(1, size + 1)))
    for tensor in tensors:
        same(tensor, torch.full_like(tensor, total))
    with dist._coalescing_manager() as manager:
        for tensor in tensors:
            dist.all_reduce(tensor)
    outputs = [torch.empty(size * 3) for _ in range(4)]
    with dist._coalescing_manager(async_ops=True) as manager:
        for index, output in enumerate(outputs):
            dist.all_gather_into_tensor(output, torch.full((3,), float(rank + index)))
    manager.wait()
    for index, output in enumerate(outputs):
        same(output, torch.arange(size).float().repeat_interleave(3) + index)
    sums = [torch.empty(2) for _ in range(3)]
    with dist._coalescing_manager():
        for output in sums:
            dist.reduce_scatter_tensor(output, torch.ones(2 * size))
    for output in sums:
        same(output, torch.full((2,), float(size)))
    with dist._coalescing_manager(device=torch.device("cpu"), async_ops=True) as manager:
        inbox = torch.empty(1)
        dist.irecv(inbox, (rank - 1) % size)
        dist.isend(torch.tensor([float(rank)]), (rank + 1) % size)
    manager.wait()
    assert inbox.item() == (rank - 1) % size


def messages(rank: int, size: int) -> None:
    left, right = (rank - 1) % size, (rank + 1) % size
    # Equal tags match in order, however the packets travel.
    inboxes = [torch.empty(1 + 700 * (index % 3)) for index in range(60)]
    receives = [dist.irecv(inbox, left, tag=4) for inbox in inboxes[:30]]
    sends = [dist.isend(torch.full_like(inbox, index), right, tag=4)
             for index, inbox in enumerate(inboxes)]  # fmt: skip
    receives += [dist.irecv(inbox, left, tag=4) for inbox in inboxes[30:]]
    for work in [*receives, *sends]:
        work.wait()
    for index, inbox in enumerate(inboxes):
        same(inbox, torch.full_like(inbox, index))
    operations = [dist.P2POp(dist.irecv, inbox := torch.empty(2), left),
                  dist.P2POp(dist.isend, torch.full((2,), float(rank)), right)]  # fmt: skip
    for work in dist.batch_isend_irecv(operations):
        work.wait()
    same(inbox, torch.full((2,), float(left)))
    # From anyone.
    if rank == 0:
        got = {}
        for _ in range(2 * (size - 1)):
            inbox = torch.empty(1)
            source = dist.recv(inbox)
            got.setdefault(source, []).append(inbox.item())
        assert got == {source: [0.0, 1.0] for source in range(1, size)}, got
        pending = dist.irecv(inbox := torch.empty(1))
        dist.barrier()
        pending.wait()
        assert pending._source_rank() == 1 and inbox.item() == 7
    else:
        for number in range(2):
            dist.send(torch.tensor([float(number)]), 0)
        dist.barrier()
        if rank == 1:
            dist.send(torch.tensor([7.0]), 0)
    # To ourselves.
    work = dist.irecv(inbox := torch.empty(3), rank, tag=1)
    dist.isend(torch.arange(3.0), rank, tag=1).wait()
    work.wait()
    same(inbox, torch.arange(3.0))


def objects(rank: int, size: int) -> None:
    mine = {"rank": rank, "text": "é" * (100 * rank)}
    everyone = [{"rank": other, "text": "é" * (100 * other)} for other in range(size)]
    dist.all_gather_object(found := [None] * size, mine)
    assert found == everyone
    dist.gather_object(mine, found := [None] * size if rank == 1 else None, dst=1)
    assert found == (everyone if rank == 1 else None)
    dist.broadcast_object_list(found := [mine, rank], src=1)
    assert found == [everyone[1], 1]
    dist.scatter_object_list(found := [None], everyone if rank == 0 else None, src=0)
    assert found == [mine]
    if rank == 0:
        dist.send_object_list([mine], dst=1)
    elif rank == 1:
        dist.recv_object_list(found := [None], src=0)
        assert found == [everyone[0]]


def futures(rank: int, size: int) -> None:
    work = dist.all_reduce(tensor := torch.ones(10), async_op=True)
    future = work.get_future()
    doubled = future.then(lambda ended: ended.value()[0] * 2)
    same(doubled.wait(), torch.full((10,), 2.0 * size))
    assert future.done() and future.value()[0] is tensor and work.get_future() is future
    # A callback may wait for another operation.
    def more(ended: torch.futures.Future) -> torch.Tensor:
        return dist.all_reduce(ended.value()[0], async_op=True).get_future().wait()[0]

    chained = dist.all_reduce(torch.ones(3), async_op=True).get_future().then(more)
    same(chained.wait(), torch.full((3,), float(size * size)))
    result = dist.all_reduce(torch.ones(1), async_op=True).get_future_result().wait()
    assert torch._C._distributed_c10d.WorkResult(result).name == "SUCCESS"
    # Graphs may take in what is still under way.
    import torch.distributed._functional_collectives as functional

    size_of_registry = torch._C._distributed_c10d._get_work_registry_size
    with functional.allow_inflight_collective_as_graph_input_ctx():
        work = dist.all_reduce(tensor := torch.ones(1), async_op=True)
        assert size_of_registry() == 1
        work.wait()
        assert size_of_registry() == 0 and tensor.item() == size
    # A work that nobody keeps still brings its results.
    outputs = [torch.zeros(1000) for _ in range(size)]
    dist.all_gather(outputs, torch.full((1000,), float(rank)), async_op=True)
    dist.barrier()
    dist.all_reduce(torch.ones(1))
    late = [dist.all_reduce(torch.ones(1), async_op=True) for _ in range(20)]
    torch.futures.wait_all([work.get_future() for work in late])
    for other, output in enumerate(outputs):
        same(output, torch.full((1000,), float(other)))


def groups(rank: int, size: int) -> None:
    assert dist.get_backend() == "sealane" and dist.get_rank() == rank
    numbers = [dist.group.WORLD._get_sequence_number_for_group()]
    for _ in range(3):
        dist.all_reduce(torch.ones(1))
    work = dist.all_reduce(torch.ones(1), async_op=True)
    work.wait()
    assert work._get_sequence_number() == numbers[0] + 4
    assert dist.group.WORLD._get_sequence_number_for_group() == numbers[0] + 4
    backwards = dist.new_group(list(reversed(range(size))))
    dist.broadcast(tensor := torch.tensor([rank]), src=1, group=backwards)
    assert tensor.item() == 1
    pairs = [dist.new_group([0, 1]), dist.new_group([1, 2])]
    for index, pair in enumerate(pairs):
        if rank in (index, index + 1):
            dist.all_reduce(tensor := torch.tensor([rank + 1.0]), group=pair)
            assert tensor.item() == 2 * index + 3
            assert dist.get_group_rank(pair, rank) == rank - index
    split = dist.split_group(split_ranks=[[2, 0]])
    if rank in (0, 2):
        assert dist.get_rank(split) == (0 if rank == 2 else 1)
        dist.broadcast(tensor := torch.tensor([rank]), group_src=0, group=split)
        assert tensor.item() == 2
        dist.destroy_process_group(split)
    else:
        assert split == dist.GroupMember.NON_GROUP_MEMBER
    mesh = dist.device_mesh.init_device_mesh("cpu", (size,), mesh_dim_names=("all",))
    dist.all_reduce(tensor := torch.ones(1), group=mesh.get_group("all"))
    assert tensor.item() == size
    import torch.distributed._functional_collectives as functional

    found = functional.all_gather_tensor(torch.tensor([rank]), 0, dist.group.WORLD)
    same(functional.wait_tensor(found), torch.arange(size))
    found = functional.reduce_scatter_tensor(torch.ones(size), "sum", 0, dist.group.WORLD)
    same(functional.wait_tensor(found), torch.tensor([float(size)]))


def misuse(rank: int, size: int) -> None:
    with pytest.raises(RuntimeError, match="BAND"):
        dist.all_reduce(torch.ones(2), dist.ReduceOp.BAND)
    with pytest.raises((RuntimeError, ValueError)):
        dist.all_gather([torch.ones(2)], torch.ones(2))
    with pytest.raises((RuntimeError, ValueError)):
        dist.all_gather_into_tensor(torch.ones(5), torch.ones(2))
    with pytest.raises((RuntimeError, ValueError)):
        dist.all_to_all_single(torch.ones(size + 1), torch.ones(size + 1))
    with pytest.raises(ValueError, match="must be contiguous"):
        dist.all_to_all_single(torch.ones(size, size), torch.ones(size, size).t())
    dist.barrier()
    dist.group.WORLD.monitored_barrier(timedelta(seconds=20))
    if rank == 0:
        with pytest.raises(dist.DistBackendError, match="Ranks 1, 2 failed to pass"):
            dist.group.WORLD.monitored_barrier(timedelta(seconds=0.2), wait_all_ranks=True)
    dist.barrier()
    slow = dist.new_group(timeout=timedelta(seconds=1))
    if rank == 0:
        with pytest.raises(dist.DistBackendError, match="did not finish within") as caught:
            dist.all_reduce(torch.ones(2), group=slow)
        assert caught.value.__cause__.operation == "all_reduce"
    dist.barrier()


def limits(rank: int, size: int) -> None:
    # Of one operation, in a group that is patient.
    group = dist.new_group()
    options = dist.AllreduceOptions()
    options.timeout = timedelta(seconds=0.5)
    if rank == 0:
        with pytest.raises(dist.DistBackendError, match="did not finish within 500ms") as caught:
            group.allreduce([torch.ones(2)], options).wait()
        assert isinstance(caught.value.__cause__, TimeoutError)
    dist.barrier()
    # Of a wait: the operation goes on.
    if rank == 0:
        work = dist.all_reduce(tensor := torch.ones(2), async_op=True)
        with pytest.raises(dist.DistBackendError, match="not finished within 0.3 s"):
            work.wait(timedelta(seconds=0.3))
        assert not work.is_completed()
        dist.send(torch.ones(1), 1)
        work.wait()
        assert tensor.tolist() == [size, size]
    else:
        if rank == 1:
            dist.recv(torch.ones(1), 0)
        dist.all_reduce(torch.ones(2))


@pytest.mark.parametrize("body", [coalesced, messages, objects, futures, groups, misuse, limits])
def test_the_rest(body) -> None:
    run_group(3, body)
