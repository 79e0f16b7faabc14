"""Small models and how they are trained, for the tests and the speed table."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))


class Branches(nn.Module):
    """Uses one of two branches, by the input's first sign; the other's parameters get no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.last = nn.Linear(16, 8), nn.Linear(16, 8), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last((self.left if x[0, 0] > 0 else self.right)(x).relu())


def batch(rank: int, step: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1000 * step + rank)
    return torch.randn(8, 16, generator=generator)


def train(
    model: nn.Module, rank: int, steps: int = 4, optimizer: Optional[torch.optim.Optimizer] = None
) -> List[float]:
    """The losses of a few steps, where the model is."""
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.05)
    device, losses = next(model.parameters()).device, []
    for step in range(steps):
        optimizer.zero_grad()
        loss = model(batch(rank, step).to(device)).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def state(model: nn.Module) -> Dict[str, Any]:
    """Parameters as bytes, to compare bit by bit."""
    return {name: p.detach().cpu().numpy().tobytes() for name, p in model.named_parameters()}


def ddp(kind: str, device: str = "cpu", **options: Any) -> DistributedDataParallel:
    torch.manual_seed(7)
    model = Branches() if kind == "branches" else mlp()
    return DistributedDataParallel(model.to(device), **options)
