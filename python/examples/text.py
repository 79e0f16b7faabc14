"""A small transformer that learns to continue real text, byte by byte, sharded with FSDP2.

The text is what scikit-learn ships: the descriptions of its data sets, some 40 kB of English.

    SEALANE_SECRET_FILE=job.secret torchrun --nproc-per-node 2 python/examples/text.py --plot text.png
"""

from __future__ import annotations

import math
from pathlib import Path

import sklearn.datasets
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard

from common import arguments, average, count, digest, finish, progress, start

CONTEXT = 64
BATCH = 16
STEPS_PER_EPOCH = 20


def text() -> torch.Tensor:
    """The descriptions, as bytes."""
    folder = Path(sklearn.datasets.__file__).parent / "descr"
    whole = "\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.rst")))
    return torch.tensor(list(whole.encode("ascii", "ignore")), dtype=torch.long)


class Transformer(nn.Module):
    """Two layers of causal attention over bytes."""

    def __init__(self, width: int = 64, heads: int = 4, layers: int = 2) -> None:
        super().__init__()
        self.letters = nn.Embedding(128, width)
        self.places = nn.Embedding(CONTEXT, width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.0, batch_first=True)
            for _ in range(layers)
        )
        self.head = nn.Linear(width, 128)

    def forward(self, letters: torch.Tensor) -> torch.Tensor:
        length = letters.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        x = self.letters(letters) + self.places(torch.arange(length))
        for layer in self.layers:
            x = layer(x, src_mask=mask, is_causal=True)
        return self.head(x)


def batches(letters: torch.Tensor, epoch: int, seed: int) -> list:
    """This rank's share of an epoch."""
    rank, size = dist.get_rank(), dist.get_world_size()
    generator = torch.Generator().manual_seed(seed + 1000 * epoch)
    starts = torch.randint(
        len(letters) - CONTEXT - 1, (STEPS_PER_EPOCH, size, BATCH), generator=generator
    )
    offsets = torch.arange(CONTEXT + 1)
    return [letters[step[rank][:, None] + offsets] for step in starts]


def main() -> None:
    options = arguments(__doc__.splitlines()[0], epochs=5)
    start(options)
    letters = text()
    model = Transformer()
    parameters = count(model)
    for layer in model.layers:
        fully_shard(layer)
    fully_shard(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for epoch in range(options.epochs):
        total = torch.zeros(())
        for batch in progress(batches(letters, epoch, options.seed), f"epoch {epoch + 1}"):
            optimizer.zero_grad()
            guess = model(batch[:, :-1])
            loss = nn.functional.cross_entropy(guess.flatten(0, 1), batch[:, 1:].flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.detach() / STEPS_PER_EPOCH
        losses.append(average(total))
        if dist.get_rank() == 0:
            print(f"epoch {epoch + 1}  loss {losses[-1]:.6f}", flush=True)
    gathered = {name: p.full_tensor() for name, p in model.named_parameters()}
    size = f"{parameters} parameters on {dist.get_world_size()} ranks"
    bits = losses[-1] / math.log(2)
    finish(options, losses, f"{bits:.2f} bits per byte, {size}", digest(gathered))


if __name__ == "__main__":
    main()
