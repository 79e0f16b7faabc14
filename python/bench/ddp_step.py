"""The time of a DDP step, sealed against Gloo's plain text, on this machine: two ranks, interleaved.

    python python/bench/ddp_step.py --bind        # needs a release build: pip install ./python

Both backends train the same model in the same processes, turn by turn; what is printed are medians and
their ratio (above 1: sealane is faster). Also single collectives.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from typing import Any, Callable, Dict, List

import torch
import torch.distributed as dist
import torch.multiprocessing as processes
from torch import nn
from torch.nn.parallel import DistributedDataParallel

SIZES = [8, 1 << 10, 64 << 10, 1 << 20, 16 << 20]


def mlp() -> tuple[nn.Module, torch.Tensor]:
    layers = [nn.Linear(512, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 1024),
              nn.ReLU(), nn.Linear(1024, 10)]  # fmt: skip
    return nn.Sequential(*layers), torch.randn(32, 512)


def cnn() -> tuple[nn.Module, torch.Tensor]:
    layers = [nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
              nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
              nn.Flatten(), nn.Linear(64 * 64, 256), nn.ReLU(), nn.Linear(256, 10)]  # fmt: skip
    return nn.Sequential(*layers), torch.randn(8, 3, 32, 32)


def transformer() -> tuple[nn.Module, torch.Tensor]:
    layer = nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.0, batch_first=True)
    return nn.TransformerEncoder(layer, 3), torch.randn(4, 32, 256)


MODELS: Dict[str, Callable[[], tuple[nn.Module, torch.Tensor]]] = {
    "mlp": mlp,
    "cnn": cnn,
    "transformer": transformer,
}


def timed(step: Callable[[], Any]) -> float:
    dist.barrier()
    begin = time.perf_counter()
    step()
    return time.perf_counter() - begin


def interleave(steps: Dict[str, Callable[[], Any]], rounds: int, warmup: int = 3) -> Dict[str, float]:
    """Median seconds of each, taken turn by turn."""
    times: Dict[str, List[float]] = {name: [] for name in steps}
    for turn in range(rounds + warmup):
        for name, step in steps.items():
            seconds = timed(step)
            if turn >= warmup:
                times[name].append(seconds)
    return {name: statistics.median(found) for name, found in times.items()}


def training(groups: Dict[str, Any], make: Callable[[], tuple], bucket: float) -> Dict[str, Callable]:
    steps = {}
    for name, group in groups.items():
        torch.manual_seed(0)
        model, x = make()
        wrapped = DistributedDataParallel(model, process_group=group, bucket_cap_mb=bucket)
        optimizer = torch.optim.SGD(wrapped.parameters(), lr=1e-3)

        def step(wrapped: nn.Module = wrapped, optimizer: Any = optimizer, x: torch.Tensor = x) -> None:
            optimizer.zero_grad()
            wrapped(x).square().mean().backward()
            optimizer.step()

        steps[name] = step
    return steps


def work(rank: int, store: str, rounds: int, bind: bool, out: str) -> None:
    torch.set_num_threads(1)
    if bind:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[rank]})
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    groups = {"gloo": dist.new_group(backend="gloo"), "sealane": dist.new_group(backend="sealane")}
    rows: List[Dict[str, Any]] = []
    for model, make in MODELS.items():
        for bucket in (25, 1):
            found = interleave(training(groups, make, bucket), rounds)
            rows.append({"what": f"{model}, {bucket} MB buckets", **found})
    for size in SIZES:
        tensor = torch.ones(max(1, size // 4))
        calls = {
            name: (lambda group=group: dist.all_reduce(tensor, group=group))
            for name, group in groups.items()
        }
        rows.append({"what": f"all_reduce of {size} B", **interleave(calls, 4 * rounds)})
    if rank == 0:
        print("| step | Gloo, plain | Sealane, sealed | ratio |\n|---|---|---|---|")
        for row in rows:
            ratio = row["gloo"] / row["sealane"]
            times = f"{1e3 * row['gloo']:.3f} ms | {1e3 * row['sealane']:.3f} ms"
            print(f"| {row['what']} | {times} | {ratio:.2f} |")
        if out:
            with open(out, "w", encoding="utf-8") as file:
                json.dump(rows, file, indent=1)
    dist.destroy_process_group()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--bind", action="store_true", help="give each rank a core of its own")
    parser.add_argument("--out", default="", help="where to put the figures (JSON)")
    options = parser.parse_args()
    os.environ.setdefault("SEALANE_SECRET", "a secret of the benchmark")
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    with tempfile.TemporaryDirectory() as folder:
        store = os.path.join(folder, "store")
        processes.spawn(work, (store, options.rounds, options.bind, options.out), nprocs=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
