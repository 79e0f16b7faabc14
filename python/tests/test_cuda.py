"""Tensors on a GPU: every call, in order with the GPU's own work; and training. All ranks share one GPU."""

from __future__ import annotations

from typing import Any, List

import pytest
import torch
import torch._dynamo  # Loaded here, so that forked ranks need not.
import torch.distributed as dist
import torch.distributed.fsdp
from torch import nn

from models import batch, ddp, mlp, state, train
from worlds import run_group

# Not `is_available()`, after which no forked rank could use the GPU.
pytestmark = pytest.mark.skipif(torch.cuda.device_count() == 0, reason="there is no GPU")

DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.int32, torch.int64]


def on(values: Any, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.tensor(values, dtype=dtype, device="cuda")


def finish(work: Any, async_op: bool) -> None:
    if async_op:
        assert work.wait() and work.is_success()
    else:
        assert work is None


def every_call(rank: int, size: int) -> None:
    total = size * (size + 1) // 2
    for async_op in (False, True):
        for dtype in DTYPES:
            mine = on([rank + 1] * 5, dtype)
            everyone = torch.cat([on([other + 1] * 5, dtype) for other in range(size)])
            tensor = mine.clone()
            finish(dist.all_reduce(tensor, async_op=async_op), async_op)
            assert torch.equal(tensor, on([total] * 5, dtype))
            tensor = torch.stack([mine, mine]).t()  # Not contiguous.
            finish(dist.all_reduce(tensor, async_op=async_op), async_op)
            assert torch.equal(tensor, on([[total] * 2] * 5, dtype))
            tensor = mine.clone()
            finish(dist.reduce(tensor, 0, async_op=async_op), async_op)
            assert torch.equal(tensor, on([total] * 5, dtype) if rank == 0 else mine)
            tensor = mine.clone()
            finish(dist.broadcast(tensor, size - 1, async_op=async_op), async_op)
            assert torch.equal(tensor, on([size] * 5, dtype))
            output = torch.empty_like(everyone)
            finish(dist.all_gather_into_tensor(output, mine, async_op=async_op), async_op)
            assert torch.equal(output, everyone)
            outputs = [torch.empty_like(mine) for _ in range(size)]
            finish(dist.all_gather(outputs, mine, async_op=async_op), async_op)
            assert torch.equal(torch.cat(outputs), everyone)
            output = torch.empty_like(mine)
            finish(dist.reduce_scatter_tensor(output, everyone, async_op=async_op), async_op)
            assert torch.equal(output, mine * size)
            output = torch.empty_like(mine)
            finish(
                dist.reduce_scatter(output, list(everyone.split(5)), async_op=async_op), async_op
            )
            assert torch.equal(output, mine * size)
            outputs = [torch.empty_like(mine) for _ in range(size)]
            finish(dist.gather(mine, outputs if rank == 0 else None, async_op=async_op), async_op)
            assert rank != 0 or torch.equal(torch.cat(outputs), everyone)
            output = torch.empty_like(mine)
            parts = list(everyone.split(5)) if rank == 0 else None
            finish(dist.scatter(output, parts, async_op=async_op), async_op)
            assert torch.equal(output, mine)
            uneven(rank, size, dtype, async_op)


def uneven(rank: int, size: int, dtype: torch.dtype, async_op: bool) -> None:
    """Rank r gives each other r + 1 elements."""
    output = torch.empty(size * (size + 1) // 2, dtype=dtype, device="cuda")
    given = on([rank + 1] * (size * (rank + 1)), dtype)
    lengths = [rank + 1] * size, list(range(1, size + 1))
    work = dist.all_to_all_single(output, given, lengths[1], lengths[0], async_op=async_op)
    finish(work, async_op)
    expected = [other + 1 for other in range(size) for _ in range(other + 1)]
    assert torch.equal(output, on(expected, dtype))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_every_call(size: int) -> None:
    run_group(size, every_call)


def messages(rank: int, size: int) -> None:
    other = 1 - rank
    got = torch.empty(1000, device="cuda")
    ours = torch.full((1000,), float(rank), device="cuda")
    works = dist.batch_isend_irecv(
        [dist.P2POp(dist.isend, ours, other), dist.P2POp(dist.irecv, got, other)]
    )
    for work in works:
        work.wait()
    assert torch.equal(got, torch.full_like(got, float(other)))
    if rank == 0:
        dist.send(ours, 1)
    else:
        assert dist.recv(got) == 0  # From any rank.
        assert torch.equal(got, torch.zeros_like(got))
    objects: List[Any] = [None, None]
    dist.all_gather_object(objects, {"rank": rank})
    assert objects == [{"rank": 0}, {"rank": 1}]
    tensors = [torch.full((3,), float(rank + 1), device="cuda") for _ in range(4)]
    with dist._coalescing_manager(device=torch.device("cuda"), async_ops=True) as batched:
        for tensor in tensors:
            dist.all_reduce(tensor)
    batched.wait()
    assert all(torch.equal(tensor, torch.full_like(tensor, 3.0)) for tensor in tensors)
    indices = on([[rank, 2]], torch.int64)
    sparse = torch.sparse_coo_tensor(indices, on([1.0, 1.0]), (4,))
    dist.all_reduce(sparse)
    assert torch.equal(sparse.to_dense(), on([1.0, 1.0, 2.0, 0.0]))


def test_messages_objects_batches_and_sparse_tensors() -> None:
    run_group(2, messages)


BUSY = 200_000_000
"""Cycles of a kernel that does nothing, some 0.1 s."""


def ordered(rank: int, size: int) -> None:
    side = torch.cuda.Stream()
    for way in ("sync", "wait", "future"):
        # What the operation reads is written late, on the stream of the call.
        with torch.cuda.stream(side):
            tensor = torch.zeros(1 << 16, device="cuda")
            torch.cuda._sleep(BUSY)
            tensor.fill_(rank + 1)
            work = dist.all_reduce(tensor, async_op=way != "sync")
            # What is queued since is not waited for.
            after = torch.cuda.Event()
            torch.cuda._sleep(5 * BUSY)
            after.record()
        if way == "wait":
            work.wait()
        elif way == "future":
            assert work.get_future().wait()[0] is tensor
        # On another stream, without an event: the result is there.
        assert torch.equal(tensor, torch.full_like(tensor, 3.0)), way
        assert way == "sync" or not after.query(), way
        torch.cuda.synchronize()
    # What was queued before a receive still reads its tensor as it was, though the message is there already.
    mine = torch.full((1 << 16,), float(rank), device="cuda")
    sent = dist.isend(mine, 1 - rank)
    dist.barrier()
    with torch.cuda.stream(side):
        output = torch.full((1 << 16,), -1.0, device="cuda")
        torch.cuda._sleep(BUSY)
        before = output.clone()
        work = dist.irecv(output, 1 - rank)
    work.wait()
    assert torch.equal(output, torch.full_like(output, 1.0 - rank))
    side.synchronize()
    assert torch.equal(before, torch.full_like(before, -1.0))
    sent.wait()


def test_results_are_in_order_with_the_work_of_the_streams() -> None:
    run_group(2, ordered)


WAYS = ["plain", "views", "fp16"]


def data_parallel(rank: int, size: int, ways: List[str]) -> Any:
    from torch.distributed.algorithms.ddp_comm_hooks import default_hooks, powerSGD_hook

    found = []
    for way in ways:
        model = ddp("mlp", "cuda", bucket_cap_mb=0.004, gradient_as_bucket_view=way == "views")
        if way == "fp16":
            model.register_comm_hook(None, default_hooks.fp16_compress_hook)
        if way == "powerSGD":
            hook = powerSGD_hook.PowerSGDState(None, 2, start_powerSGD_iter=2)
            model.register_comm_hook(hook, powerSGD_hook.powerSGD_hook)
        losses = train(model, rank, steps=8)
        found.append((state(model), losses))
    return found


def test_ddp_trains_as_with_gloo() -> None:
    # Gloo dies of PowerSGD, whose operations its ranks start in different orders.
    ours = run_group(2, data_parallel, [*WAYS, "powerSGD"])
    gloo = run_group(2, data_parallel, WAYS, backend="gloo")
    for (one, losses), (other, _) in zip(*ours):
        assert one == other
        assert losses[-1] < losses[0]
    for rank in range(2):
        for mine, theirs in zip(ours[rank], gloo[rank]):
            assert mine[1] == pytest.approx(theirs[1], rel=1e-3)


def sharded(rank: int, size: int) -> Any:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    torch.cuda.set_device(0)
    torch.manual_seed(7)
    mesh, model = init_device_mesh("cuda", (size,)), mlp().cuda()
    for layer in model:
        if isinstance(layer, nn.Linear):
            fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = train(model, rank, steps=6, optimizer=optimizer)
    whole = [p.full_tensor().detach().cpu().numpy().tobytes() for p in model.parameters()]
    return losses, whole


def test_fsdp2_trains_as_one_rank_would() -> None:
    ours = run_group(2, sharded)
    assert ours[0][1] == ours[1][1]
    alone = reference()
    mean = [(one + other) / 2 for one, other in zip(ours[0][0], ours[1][0])]
    assert mean == pytest.approx(alone, rel=1e-3)


def reference() -> List[float]:
    """The losses of one process that sees both ranks' batches."""
    torch.manual_seed(7)
    model, losses = mlp(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(6):
        optimizer.zero_grad()
        loss = torch.stack([model(batch(rank, step)).square().mean() for rank in range(2)]).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
