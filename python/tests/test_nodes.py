"""Several nodes: two torchrun agents that know of each other what their user wrote on both command lines."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

import pytest

from worlds import free_port, script, secret_file

LIMIT = 120

TRAIN = """
    import torch, torch.distributed as dist
    dist.init_process_group("sealane")
    rank, size = dist.get_rank(), dist.get_world_size()
    dist.all_reduce(tensor := torch.full((100_000,), float(rank + 1)))
    said = [None] * size
    dist.all_gather_object(said, f"rank {rank}")
    assert said == [f"rank {other}" for other in range(size)], said
    print(f"rank {rank} of {size} has {tensor.unique().tolist()}", flush=True)
    dist.destroy_process_group()
"""


def nodes(folder: Path, per_node: int, environment: Dict[str, str]) -> List[str]:
    """Runs two agents side by side, each with an address of its own; gives what they printed."""
    path = script(folder, TRAIN)
    endpoint = f"127.0.0.1:{free_port(socket.SOCK_STREAM)}"
    arguments = [
        *("--nnodes=2", f"--nproc-per-node={per_node}", "--max-restarts=0"),
        *("--rdzv-backend=c10d", f"--rdzv-endpoint={endpoint}", "--rdzv-id=nodes"),
    ]
    agents = []
    for node in (1, 2):
        # A host of its own has an address and an identity of its own.
        own = {"SEALANE_ADDRESSES": f"127.0.0.{node}", "SEALANE_HOST_ID": f"node{node}"}
        agents.append(
            subprocess.Popen(
                [sys.executable, "-m", "torch.distributed.run", *arguments, path],
                env={**os.environ, "SEALANE_SECRET": "", **environment, **own, "PYTHONUNBUFFERED": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    said = []
    try:
        for agent in agents:
            out, err = agent.communicate(timeout=LIMIT)
            assert agent.returncode == 0, err[-3000:]
            said.append(out)
    finally:
        for agent in agents:
            agent.kill()
    return said


def test_two_nodes_with_a_secret(tmp_path: Path) -> None:
    said = nodes(tmp_path, 2, {"SEALANE_SECRET_FILE": secret_file(tmp_path)})
    for rank in range(4):
        assert f"rank {rank} of 4 has [10.0]" in "".join(said), said
    assert all(out.count(" of 4 has ") == 2 for out in said), said


def keys(*arguments: str) -> None:
    """``sealane keys``, which the Rust tests have built."""
    target = os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[2] / "target")
    program = Path(target) / "debug" / "sealane"
    if not program.exists():
        pytest.skip(f"there is no {program}: cargo build")
    subprocess.run([program, "keys", *arguments], check=True, capture_output=True, timeout=LIMIT)


def test_two_nodes_with_certificates(tmp_path: Path) -> None:
    keys("ca", "--dir", str(tmp_path))
    keys("issue", "--dir", str(tmp_path), "--job", "nodes", "--rank", "0-1")
    certificates = {
        "SEALANE_CA": str(tmp_path / "ca.pem"),
        "SEALANE_CERT": str(tmp_path / "rank-{rank}.pem"),
        "SEALANE_KEY": str(tmp_path / "rank-{rank}.key"),
        "SEALANE_JOB": "nodes",
    }
    said = nodes(tmp_path, 1, certificates)
    for rank in range(2):
        assert f"rank {rank} of 2 has [3.0]" in "".join(said), said
