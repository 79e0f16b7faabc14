"""What the examples share: arguments, the process group, and what is shown and kept of a run."""

from __future__ import annotations

import argparse
import hashlib
import json
from typing import Any, Dict, Iterable, List

import torch
import torch.distributed as dist
from torch import nn


def arguments(description: str, epochs: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--backend", choices=["sealane", "gloo"], default="sealane")
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", default="", help="where to put the loss curve (PNG)")
    parser.add_argument("--out", default="", help="where to put losses and digest (JSON)")
    return parser.parse_args()


def start(options: argparse.Namespace) -> int:
    """Joins the process group; returns our rank."""
    dist.init_process_group(options.backend)
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    return dist.get_rank()


def progress(steps: Iterable[Any], label: str) -> Iterable[Any]:
    """A progress bar on rank 0."""
    try:
        from tqdm import tqdm
    except ImportError:
        return steps
    return tqdm(steps, desc=label, disable=dist.get_rank() != 0, leave=False)


def average(loss: torch.Tensor) -> float:
    """The mean over all ranks."""
    loss = loss.detach().clone()
    dist.all_reduce(loss)
    return (loss / dist.get_world_size()).item()


def digest(parameters: Dict[str, torch.Tensor]) -> str:
    """A digest of all bits; fails unless every rank has the same."""
    sha = hashlib.sha256()
    for name, value in sorted(parameters.items()):
        sha.update(name.encode())
        sha.update(value.detach().contiguous().view(torch.uint8).numpy().tobytes())
    mine = sha.hexdigest()[:16]
    everyone: List[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everyone, mine)
    assert len(set(everyone)) == 1, f"ranks differ: {everyone}"
    return mine


def finish(options: argparse.Namespace, losses: List[float], result: str, bits: str) -> None:
    """Says how it went, on rank 0, and leaves the group."""
    if dist.get_rank() == 0:
        ranks = dist.get_world_size()
        print(f"{options.backend}: final loss {losses[-1]:.6f}, {result}")
        print(f"parameters {bits}, the same on {ranks} ranks")
        if options.plot:
            plot(options, losses)
        if options.out:
            with open(options.out, "w", encoding="utf-8") as file:
                json.dump({"losses": losses, "digest": bits}, file)
    dist.destroy_process_group()


def plot(options: argparse.Namespace, losses: List[float]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    axes.plot(range(1, len(losses) + 1), losses, label=options.backend)
    axes.set(xlabel="epoch", ylabel="loss", yscale="log")
    axes.legend()
    figure.tight_layout()
    figure.savefig(options.plot)


def count(model: nn.Module) -> int:
    """Parameters of a model."""
    return sum(parameter.numel() for parameter in model.parameters())
