"""One rank of PyTorch's Gloo, taking the orders of benches/peers/src/control.rs."""

import json
import os
import resource
import socket
import sys
import time
from datetime import timedelta

import torch
import torch.distributed as dist


def main() -> None:
    control, rank, world, master, port, threads = sys.argv[1:7]
    rank, world = int(rank), int(world)
    torch.set_num_threads(int(threads))
    store = dist.TCPStore(
        master, int(port), world, is_master=rank == 0, timeout=timedelta(seconds=30)
    )
    dist.init_process_group("gloo", store=store, rank=rank, world_size=world)
    line = socket.socket(socket.AF_UNIX)
    line.connect(control)
    orders = line.makefile("r")
    line.sendall(f"hello {rank} torch {torch.__version__}\n".encode())
    for order in orders:
        _, size, warmup, iterations = order.split()
        values = torch.full((int(size) // 4,), rank + 1.0)
        dist.all_reduce(values)
        if not bool((values == world * (world + 1) / 2).all()):
            sys.exit("a sum is wrong")
        values.zero_()
        for _ in range(int(warmup)):
            dist.all_reduce(values)
        dist.barrier()
        nanos = []
        before = cpu()
        for _ in range(int(iterations)):
            begin = time.perf_counter_ns()
            dist.all_reduce(values)
            nanos.append(time.perf_counter_ns() - begin)
        report = {"nanos": nanos, "cpu": cpu() - before}
        line.sendall((json.dumps(report) + "\n").encode())
    os._exit(0)


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


main()
