"""The wheel, on a machine that has a Python and nothing else: no Rust, no compiler, no other package."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import venv

from worlds import SECRET, free_port

PACKAGE = pathlib.Path(__file__).resolve().parent.parent

# Two ranks as threads: a call ends when all have made it, and waiting releases the GIL.
PROGRAM = """
import array, sys, threading
import sealane

assert "numpy" not in sys.modules and "torch" not in sys.modules
master = sys.argv[1]
sums = {}

def rank(number):
    with sealane.Communicator(rank=number, world_size=2, master=master, timeout=30) as world:
        values = array.array("f", [1.0, 2.0 + number])
        world.all_reduce(values)
        sums[number] = list(values)

threads = [threading.Thread(target=rank, args=(number,)) for number in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert sums == {0: [2.0, 5.0], 1: [2.0, 5.0]}, sums
print(sealane.__file__)
"""


def test_a_wheel_needs_python_and_nothing_else(tmp_path: pathlib.Path) -> None:
    wheels, bare = tmp_path / "wheels", tmp_path / "bare"
    # In the profile of the other suites, so that nothing is built again.
    build = ["maturin", "build", "--quiet", "--profile", "dev", "--out", str(wheels)]
    subprocess.run([sys.executable, "-m", *build], cwd=PACKAGE, check=True)
    (wheel,) = wheels.iterdir()
    assert "-cp39-abi3-" in wheel.name, wheel.name

    venv.create(bare, with_pip=False)
    python = bare / "bin" / "python"
    install = ["pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([sys.executable, "-m", *install, str(wheel)], check=True)

    # No program can be found, and nothing of this environment is inherited.
    alone = {"PATH": str(tmp_path / "empty"), "SEALANE_SECRET": SECRET}
    ran = subprocess.run(
        [str(python), "-I", "-c", PROGRAM, f"127.0.0.1:{free_port()}"],
        cwd=tmp_path, env=alone, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip().startswith(str(bare)), "not the wheel's"
