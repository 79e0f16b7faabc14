"""What users see when something goes wrong."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from models import batch, ddp
from worlds import World, run, script, secret_file

LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--nnodes=1"]


def trains_until_killed(rank: int, size: int, store: str) -> Any:
    dist.init_process_group("sealane", init_method=f"file://{store}", rank=rank, world_size=size)
    model = ddp("mlp", bucket_cap_mb=0.01)
    for step in range(100_000):
        if rank == 1 and step == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        begin = time.monotonic()
        try:
            model(batch(rank, step)).square().mean().backward()
        except RuntimeError as error:
            try:
                dist.barrier()
            except dist.DistBackendError as after:
                cause = after.__cause__
                return str(error), time.monotonic() - begin, str(after), getattr(cause, "rank", None)
    return None


def test_a_rank_killed_in_a_step_ends_the_others() -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(3, trains_until_killed, os.path.join(folder, "store"))
        for rank in (0, 2):
            assert world.pipes[rank].poll(120), f"rank {rank} hangs"
            ok, found = pickle.loads(world.pipes[rank].recv_bytes())
            assert ok, found
            first, _seconds, after, lost = found
            assert "rank 1" in first and "rank 1" in after and lost == 1, found
        begin = time.monotonic()
        for rank in (0, 2):
            world.processes[rank].join(60)
            assert world.processes[rank].exitcode == 0, time.monotonic() - begin
        world.end()


def aborted(rank: int, size: int, store: str) -> str:
    dist.init_process_group("sealane", init_method=f"file://{store}", rank=rank, world_size=size)
    work = dist.all_reduce(torch.ones(1), async_op=True) if rank == 0 else None
    future = work.get_future() if work else None
    if rank == 1:
        time.sleep(0.5)
        dist.group.WORLD.abort()
        return ""
    with pytest.raises(RuntimeError, match="aborted"):
        future.wait()
    with pytest.raises(dist.DistBackendError, match="aborted"):
        work.wait()
    assert work.is_completed() and not work.is_success()
    return type(work.exception()).__name__


def test_abort_ends_works_and_futures() -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert run(2, aborted, os.path.join(folder, "store"))[0] == "DistBackendError"


def launch(arguments: list, path: str, **environment: str) -> subprocess.CompletedProcess:
    env = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
    return subprocess.run(
        [*LAUNCH, *arguments, path], env=env, capture_output=True, text=True, timeout=180
    )


WRONG_SECRET = """
    import os, torch.distributed as dist
    os.environ["SEALANE_SECRET"] = "the secret of rank " + os.environ["RANK"]
    os.environ["SEALANE_TIMEOUT"] = "5"
    dist.init_process_group("sealane")
"""


def test_wrong_secret(tmp_path: Path) -> None:
    ended = launch(["--nproc-per-node=2"], script(tmp_path, WRONG_SECRET))
    assert ended.returncode != 0
    assert "DistStoreError" in ended.stderr and "different secrets" in ended.stderr


ELASTIC = """
    import os, sys, torch, torch.distributed as dist
    dist.init_process_group("sealane")
    attempt = int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    dist.all_reduce(tensor := torch.ones(1))
    if attempt == 0 and dist.get_rank() == 1:
        os.kill(os.getpid(), 9)
    dist.barrier() if attempt else None
    for _ in range(2):
        # Groups come and go in one store.
        group = dist.new_group()
        dist.all_reduce(tensor, group=group)
        dist.destroy_process_group(group)
    dist.destroy_process_group()
    dist.init_process_group("sealane")
    dist.barrier()
    print(f"rank {dist.get_rank()} attempt {attempt} has {tensor.item()}", flush=True)
    dist.destroy_process_group()
"""


def test_elastic_restart_without_configuration(tmp_path: Path) -> None:
    environment = {"SEALANE_SECRET": "", "SEALANE_SECRET_FILE": secret_file(tmp_path)}
    rendezvous = ["--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0", "--rdzv-id=demo"]
    arguments = [*rendezvous, "--nproc-per-node=2", "--max-restarts=1", "--monitor-interval=0.2"]
    ended = launch(arguments, script(tmp_path, ELASTIC), **environment)
    assert ended.returncode == 0, ended.stderr[-3000:]
    for rank in range(2):
        assert f"rank {rank} attempt 1 has 8.0" in ended.stdout, ended.stdout
