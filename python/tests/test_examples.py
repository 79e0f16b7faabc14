"""The examples give what they give with Gloo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, backend: str, folder: Path, epochs: int) -> Dict[str, Any]:
    out, plot = folder / f"{backend}.json", folder / f"{backend}.png"
    arguments = [f"--backend={backend}", f"--epochs={epochs}", f"--out={out}", f"--plot={plot}"]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    environment = {**os.environ, "MPLCONFIGDIR": str(folder)}
    ended = subprocess.run(
        [*launch, str(EXAMPLES / name), *arguments],
        env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "the same on 2 ranks" in ended.stdout
    assert plot.read_bytes().startswith(b"\x89PNG")
    return json.loads(out.read_text(encoding="utf-8"))


@pytest.mark.long
@pytest.mark.parametrize("name", ["digits.py", "text.py"])
def test_losses_are_those_of_gloo(name: str, tmp_path: Path) -> None:
    ours, gloo = (run(name, backend, tmp_path, 2) for backend in ("sealane", "gloo"))
    assert ours["losses"] == pytest.approx(gloo["losses"], rel=1e-4)
    assert ours["losses"][1] < ours["losses"][0]
