"""Handwritten digits (scikit-learn's 1797 real 8×8 scans), data-parallel with DistributedDataParallel.

    sealane keys secret --out job.secret            # or: openssl rand -hex 32 > job.secret; chmod 600 job.secret
    SEALANE_SECRET_FILE=job.secret torchrun --nproc-per-node 2 python/examples/digits.py --plot digits.png
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from common import arguments, average, digest, finish, progress, start

TEST_ROWS = 297


def data() -> tuple[TensorDataset, TensorDataset]:
    """Images to train with, and images that training does not see."""
    digits = load_digits()
    order = torch.randperm(len(digits.target), generator=torch.Generator().manual_seed(1))
    images = torch.tensor(digits.images, dtype=torch.float32)[order].unsqueeze(1) / 16
    labels = torch.tensor(digits.target)[order]
    split = len(labels) - TEST_ROWS
    return (
        TensorDataset(images[:split], labels[:split]),
        TensorDataset(images[split:], labels[split:]),
    )


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(),
        nn.Linear(32 * 16, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def main() -> None:
    options = arguments(__doc__.splitlines()[0], epochs=5)
    start(options)
    train, test = data()
    sampler: DistributedSampler = DistributedSampler(train, seed=options.seed)
    loader = DataLoader(train, batch_size=32, sampler=sampler)
    model = DistributedDataParallel(network())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for epoch in range(options.epochs):
        sampler.set_epoch(epoch)
        total = torch.zeros(())
        for images, labels in progress(loader, f"epoch {epoch + 1}"):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.detach() / len(loader)
        losses.append(average(total))
        if dist.get_rank() == 0:
            print(f"epoch {epoch + 1}  loss {losses[-1]:.6f}", flush=True)
    with torch.no_grad():
        images, labels = test.tensors
        accuracy = (model.module(images).argmax(1) == labels).float().mean().item()
    bits = digest(dict(model.module.named_parameters()))
    finish(options, losses, f"test accuracy {accuracy:.4f}", bits)


if __name__ == "__main__":
    main()
