"""Single all-reduces through Python beside `sealane perf all_reduce` of the same sizes.

    cargo run --release -- launch -n 2 -- python python/bench/single.py
    cargo run --release -- perf all_reduce -n 2 -b 8 -e 16M -f 8
"""

from __future__ import annotations

import statistics
import time

import numpy

import sealane

SIZES = [8, 64, 512, 4 << 10, 32 << 10, 256 << 10, 1 << 20, 2 << 20, 16 << 20]


def main() -> None:
    with sealane.Communicator() as world:
        for size in SIZES:
            data = numpy.ones(size // 4, numpy.float32)
            times = []
            for turn in range(40 if size >= 1 << 20 else 300):
                begin = time.perf_counter()
                world.all_reduce(data)
                times.append(time.perf_counter() - begin)
                if turn % 8 == 0:
                    data.fill(1)
            if world.rank == 0:
                print(f"{size:>10} B  {1e6 * statistics.median(times[5:]):10.1f} us")


if __name__ == "__main__":
    main()
