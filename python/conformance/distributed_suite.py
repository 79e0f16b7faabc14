"""Runs PyTorch's own `torch.testing._internal.distributed.distributed_test`, as the installed wheel has
it, with a backend, and writes what each test came to as JSON.

    python python/conformance/distributed_suite.py --backend sealane --out sealane.json
    python python/conformance/distributed_suite.py --backend gloo --out gloo.json
    python python/conformance/compare.py gloo.json sealane.json

The way in is that of other third-party backends: the backend is declared a plugin with the features that
it has, and PyTorch's test class does the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
import unittest

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--backend", default="sealane")
parser.add_argument("--world-size", type=int, default=3)
parser.add_argument("--out", default="results.json")
parser.add_argument(
    "--as-gloo",
    action="store_true",
    help="give PyTorch the backend under Gloo's name, so that tests which ask for Gloo by name run too",
)
parser.add_argument("--only", default="", help="a regular expression for names of tests")


def prepare(backend: str, world_size: int, as_gloo: bool) -> None:
    """The environment that the suite reads when it is imported."""
    os.environ.update(
        BACKEND="gloo" if as_gloo else backend,
        WORLD_SIZE=str(world_size),
        TEMP_DIR=tempfile.mkdtemp(prefix="distributed-suite-"),
        INIT_METHOD="env://",
        OMP_NUM_THREADS="1",
        GLOO_SOCKET_IFNAME="lo",
        TORCH_CPP_LOG_LEVEL="ERROR",
    )
    if "SEALANE_SECRET_FILE" not in os.environ:
        os.environ.setdefault("SEALANE_SECRET", "a secret of the conformance suite")
    from torch.testing._internal.common_distributed import DistTestCases

    if backend != "gloo":
        for feature in ("plugin", "gpu", "ddp", "subgroup"):
            DistTestCases.backend_feature[feature].add(backend)
        import sealane.torch
        import torch.distributed as dist

        if as_gloo:
            create = sealane.torch.ProcessGroupSealane.create
            dist.Backend.register_backend("gloo", create, extended_api=True, devices=["cpu"])


def suite_of(only: str, as_gloo: bool) -> unittest.TestSuite:
    import torch
    from torch.testing._internal.distributed import distributed_test as upstream

    if as_gloo:
        # Of a plugin it does not expect the profiler's events that Gloo's C++ records.
        upstream.PROFILING_SUPPORTED_BACKENDS.clear()
        upstream.SEND_RECV_PROFILING_SUPPORTED_BACKENDS.clear()

    class TestDistributed(upstream.TestDistBackend, upstream.DistributedTest._DistTestBase):
        def setUp(self) -> None:
            super().setUp()
            # Forked, not spawned: the interpreter is loaded once, not once for each rank and test.
            self._start_processes(torch.multiprocessing.get_context("fork").Process)

    names = unittest.defaultTestLoader.getTestCaseNames(TestDistributed)
    return unittest.TestSuite(TestDistributed(name) for name in names if re.search(only, name))


class Recorder(unittest.TextTestResult):
    """Remembers how each test ended."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.found: dict = {}

    def startTest(self, test) -> None:
        self.begun = time.monotonic()
        super().startTest(test)

    def _end(self, test, outcome: str, why: str = "") -> None:
        seconds = round(time.monotonic() - self.begun, 2)
        name = test._testMethodName
        self.found[name] = {"outcome": outcome, "why": why, "seconds": seconds}

    def addSuccess(self, test) -> None:
        super().addSuccess(test)
        self._end(test, "passed")

    def addSkip(self, test, reason) -> None:
        super().addSkip(test, reason)
        self._end(test, "skipped", reason)

    def addFailure(self, test, err) -> None:
        super().addFailure(test, err)
        self._end(test, "failed", str(err[1]))

    def addError(self, test, err) -> None:
        super().addError(test, err)
        self._end(test, "failed", str(err[1]))


def main() -> int:
    options = parser.parse_args()
    prepare(options.backend, options.world_size, options.as_gloo)
    import torch

    runner = unittest.TextTestRunner(sys.stderr, verbosity=2, resultclass=Recorder)
    result = runner.run(suite_of(options.only, options.as_gloo))
    report = {
        "backend": options.backend + (" as gloo" if options.as_gloo else ""),
        "world_size": options.world_size,
        "torch": torch.__version__,
        "tests": result.found,
    }
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1, sort_keys=True)
    counts = {kind: 0 for kind in ("passed", "failed", "skipped")}
    for test in result.found.values():
        counts[test["outcome"]] += 1
    print(f"{options.backend}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    return 0 if counts["failed"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
