"""Worlds of processes for the tests.

Starting a process with PyTorch in it takes seconds, so a world is started once per size and test session,
by fork from a parent that has PyTorch loaded, and the checks of a file run in it one after another.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import socket
import tempfile
import textwrap
import time
import traceback
from pathlib import Path
from typing import Any, Callable, List

SECRET = "a secret for tests, of enough bytes"
LIMIT = 120.0

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
os.environ["SEALANE_SECRET"] = SECRET

context = multiprocessing.get_context("fork")


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port that nobody had a moment ago: of UDP, by which ranks meet, or of TCP, as torchrun's is."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RankFailed(AssertionError):
    """A rank of a world raised."""


class World:
    """Ranks as processes, forked from this one."""

    def __init__(self, size: int, body: Callable[..., Any], *args: Any) -> None:
        self.size = size
        self.pipes, self.processes = [], []
        for rank in range(size):
            ours, theirs = context.Pipe()
            process = context.Process(target=_rank, args=(theirs, body, rank, size, args), daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    def results(self, limit: float = LIMIT) -> List[Any]:
        """What every rank returned; raises if one raised, died or is late."""
        deadline, found, wrong = time.monotonic() + limit, [], []
        for rank, pipe in enumerate(self.pipes):
            try:
                if not pipe.poll(max(0.0, deadline - time.monotonic())):
                    wrong.append(f"rank {rank} is late")
                    continue
                ok, value = pickle.loads(pipe.recv_bytes())
            except EOFError:
                wrong.append(f"rank {rank} died")
                continue
            if ok:
                found.append(value)
            else:
                wrong.append(f"rank {rank}: {value}")
        self.end()
        if wrong:
            raise RankFailed("\n".join(wrong))
        return found

    def kill(self, rank: int) -> None:
        """Ends a rank as a crash would."""
        pid = self.processes[rank].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """Leaves no process behind."""
        for process in self.processes:
            process.join(10)
            if process.is_alive():
                process.kill()
                process.join()


def _rank(pipe: Any, body: Callable[..., Any], rank: int, size: int, args: Any) -> None:
    try:
        answer = True, body(rank, size, *args)
    except BaseException:
        answer = False, traceback.format_exc()
    pipe.send_bytes(pickle.dumps(answer))
    pipe.close()


def run(size: int, body: Callable[..., Any], *args: Any, limit: float = LIMIT) -> List[Any]:
    """Runs ``body(rank, size, *args)`` as every rank of a world and gives what each returned."""
    return World(size, body, *args).results(limit)


def group(backend: str, body: Callable[..., Any], rank: int, size: int, store: str, *args: Any) -> Any:
    """Runs ``body(rank, size, *args)`` within a process group."""
    import torch.distributed as dist

    dist.init_process_group(backend, init_method=f"file://{store}", rank=rank, world_size=size)
    try:
        return body(rank, size, *args)
    finally:
        dist.destroy_process_group()


def _in_group(rank: int, size: int, backend: str, body: Callable[..., Any], store: str, *args: Any) -> Any:
    return group(backend, body, rank, size, store, *args)


def run_group(
    size: int, body: Callable[..., Any], *args: Any, backend: str = "sealane", limit: float = LIMIT
) -> List[Any]:
    """As `run`, within a process group of all ranks."""
    with tempfile.TemporaryDirectory() as folder:
        return run(size, _in_group, backend, body, os.path.join(folder, "store"), *args, limit=limit)


def script(folder: Path, body: str) -> str:
    """A program to be launched."""
    path = folder / "train.py"
    path.write_text(textwrap.dedent(body), encoding="utf-8")
    return str(path)


def secret_file(folder: Path) -> str:
    """A job's secret as a file."""
    path = folder / "job.secret"
    path.write_text("a secret in a file, of enough bytes\n", encoding="utf-8")
    path.chmod(0o600)
    return str(path)
