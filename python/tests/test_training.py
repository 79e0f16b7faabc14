"""DDP, FSDP2, ZeRO, tensor parallelism, pipelines and checkpoints: as with Gloo, and the same bits on all
ranks."""

from __future__ import annotations

import tempfile
from typing import Any, Dict, List

import pytest
import torch
import torch._dynamo  # Loaded here, so that forked ranks need not.
import torch.distributed as dist
import torch.distributed.checkpoint.state_dict
import torch.distributed.fsdp
import torch.distributed.optim
import torch.distributed.pipelining
import torch.distributed.tensor.parallel
from torch import nn

from models import batch, ddp, mlp, state, train
from worlds import run_group


def agree(results: List[Dict[str, Any]]) -> None:
    """All ranks have the same parameters, bit by bit."""
    for other in results[1:]:
        assert other == results[0]


WAYS = {
    "plain": {},
    "small buckets": {"bucket_cap_mb": 0.01},
    "static graph": {"static_graph": True},
    "gradients as views": {"gradient_as_bucket_view": True},
    "unused": {"find_unused_parameters": True},
}


def ddp_ways(rank: int, size: int) -> Dict[str, Any]:
    found = {}
    for name, options in WAYS.items():
        model = ddp("branches" if name == "unused" else "mlp", **options)
        losses = train(model, rank)
        found[name] = (state(model), losses)
    return found


def test_ddp_trains_as_with_gloo() -> None:
    ours, gloo = run_group(2, ddp_ways), run_group(2, ddp_ways, backend="gloo")
    for name in WAYS:
        agree([result[name][0] for result in ours])
        for rank in range(2):
            assert ours[rank][name][1] == pytest.approx(gloo[rank][name][1], rel=1e-5), name


def ddp_more(rank: int, size: int) -> Dict[str, Any]:
    from torch.distributed.algorithms.ddp_comm_hooks import default_hooks

    found = {}
    model = ddp("mlp")
    model.register_comm_hook(None, default_hooks.fp16_compress_hook)
    train(model, rank)
    found["fp16"] = state(model)
    model = ddp("mlp")
    model.register_comm_hook(None, default_hooks.bf16_compress_hook)
    train(model, rank)
    found["bf16"] = state(model)
    model = ddp("mlp")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with model.no_sync():
        model(batch(rank, 0)).sum().backward()
    model(batch(rank, 1)).sum().backward()
    optimizer.step()
    found["no_sync"] = state(model)
    model = ddp("mlp")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with model.join():
        for step in range(3 + rank):
            optimizer.zero_grad()
            model(batch(rank, step)).sum().backward()
            optimizer.step()
    found["join"] = state(model)
    normed = nn.parallel.DistributedDataParallel(
        nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.Linear(16, 8), nn.BatchNorm1d(8)))
        if torch.cuda.is_available() else nn.Sequential(nn.Linear(16, 8), nn.BatchNorm1d(8))
    )  # fmt: skip
    train(normed, rank)
    buffers = {name: buffer for name, buffer in normed.named_buffers() if "mean" in name}
    for buffer in buffers.values():
        dist.broadcast(buffer, 0)
    found["buffers"] = {name: buffer.numpy().tobytes() for name, buffer in buffers.items()}
    return found


def test_ddp_with_hooks_join_and_without_sync() -> None:
    ours = run_group(2, ddp_more)
    for name in ours[0]:
        agree([result[name] for result in ours])


def power_sgd(rank: int, size: int) -> Any:
    from torch.distributed.algorithms.ddp_comm_hooks import powerSGD_hook

    # Its hook starts operations from what it attaches to futures; with several buckets, in between theirs.
    model = ddp("mlp", bucket_cap_mb=0.004)
    hook = powerSGD_hook.PowerSGDState(None, matrix_approximation_rank=2, start_powerSGD_iter=2)
    model.register_comm_hook(hook, powerSGD_hook.powerSGD_hook)
    losses = train(model, rank, steps=40)
    assert losses[-1] < losses[0]
    assert len(model.reducer._get_zeros_like_grad_buckets()) > 1
    return state(model)


def test_power_sgd_with_several_buckets() -> None:
    agree(run_group(3, power_sgd))


def sharded(rank: int, size: int) -> Any:
    from torch.distributed.checkpoint import load, save
    from torch.distributed.checkpoint.state_dict import get_model_state_dict
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    losses = []
    for policy in (MixedPrecisionPolicy(), MixedPrecisionPolicy(param_dtype=torch.bfloat16)):
        torch.manual_seed(7)
        model = mlp()
        for layer in model:
            if isinstance(layer, nn.Linear):
                fully_shard(layer, mp_policy=policy)
        fully_shard(model, mp_policy=policy)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for step in range(4):
            optimizer.zero_grad()
            loss = model(batch(rank, step)).float().square().mean()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        losses.append(norm.full_tensor().item())
    # A checkpoint, and back.
    folder = [tempfile.mkdtemp() if rank == 0 else None]
    dist.broadcast_object_list(folder)
    saved = get_model_state_dict(model)
    save(saved, checkpoint_id=folder[0])
    kept = {name: value.full_tensor().clone() for name, value in saved.items()}
    with torch.no_grad():
        for value in saved.values():
            value.to_local().zero_()
    load(saved, checkpoint_id=folder[0])
    for name, value in saved.items():
        assert torch.equal(value.full_tensor(), kept[name])
    return losses, {name: value.numpy().tobytes() for name, value in kept.items()}


def test_fsdp2_and_checkpoints_as_with_gloo() -> None:
    ours, gloo = run_group(2, sharded), run_group(2, sharded, backend="gloo")
    agree([result[1] for result in ours])
    for rank in range(2):
        assert ours[rank][0] == pytest.approx(gloo[rank][0], rel=1e-3)


def other_ways(rank: int, size: int) -> Any:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.optim import ZeroRedundancyOptimizer
    from torch.distributed.tensor.parallel import (
        ColwiseParallel,
        RowwiseParallel,
        parallelize_module,
    )

    model = ddp("mlp")
    optimizer = ZeroRedundancyOptimizer(model.parameters(), torch.optim.Adam, lr=0.01)
    for step in range(3):
        optimizer.zero_grad()
        model(batch(rank, step)).square().mean().backward()
        optimizer.step()
    optimizer.consolidate_state_dict(to=0)
    # Tensor parallelism gives what one process computes.
    torch.manual_seed(3)
    whole = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    expected = whole(batch(0, 0))
    mesh = init_device_mesh("cpu", (size,))
    split = parallelize_module(whole, mesh, {"0": ColwiseParallel(), "2": RowwiseParallel()})
    found = split(batch(0, 0))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    found.sum().backward()
    pipeline(rank, size)
    return state(model)


def pipeline(rank: int, size: int) -> None:
    from torch.distributed.pipelining import PipelineStage, ScheduleGPipe

    torch.manual_seed(5)
    layers = [nn.Linear(16, 16), nn.Linear(16, 4)]
    stage = PipelineStage(layers[rank], rank, size, torch.device("cpu"))
    schedule = ScheduleGPipe(stage, 2, loss_fn=lambda out, target: (out - target).square().mean())
    x = batch(0, 1)
    if rank == 0:
        schedule.step(x)
    else:
        losses: List[torch.Tensor] = []
        out = schedule.step(target=torch.zeros(8, 4), losses=losses)
        torch.testing.assert_close(out, layers[1](nn_apply(x)), rtol=1e-5, atol=1e-6)
        assert len(losses) == 2


def nn_apply(x: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(5)
    return nn.Linear(16, 16)(x)


def test_zero_tensor_parallelism_and_pipelines() -> None:
    agree(run_group(2, other_ways))
