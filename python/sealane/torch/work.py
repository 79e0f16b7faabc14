"""Works as PyTorch has them."""

from __future__ import annotations

import sys
import threading
import time
from datetime import timedelta
from types import FrameType
from typing import Any, Callable, List, Optional, Protocol, Sequence, Set

import torch
import torch.distributed as dist
from torch._C import _distributed_c10d as c10d

from .. import errors

Finish = Callable[[], None]


class Core(Protocol):
    """What runs: a `sealane._sealane.Work`, or several."""

    def wait(self, timeout: Optional[float] = None) -> bool: ...
    def done(self) -> bool: ...
    def exception(self) -> Optional[BaseException]: ...
    def on_end(self, call: Callable[[Optional[BaseException]], Any]) -> None: ...


class Ended:
    """An operation that needs nobody else."""

    def wait(self, timeout: Optional[float] = None) -> bool:
        return True

    def done(self) -> bool:
        return True

    def exception(self) -> Optional[BaseException]:
        return None

    def on_end(self, call: Callable[[Optional[BaseException]], Any]) -> None:
        call(None)


class Several:
    """Operations that are waited for together."""

    def __init__(self, cores: Sequence[Core]) -> None:
        self._cores = list(cores)

    def wait(self, timeout: Optional[float] = None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        for core in self._cores:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not core.wait(left):
                return False
        return True

    def done(self) -> bool:
        return all(core.done() for core in self._cores)

    def exception(self) -> Optional[BaseException]:
        found = (core.exception() for core in self._cores)
        return next((error for error in found if error is not None), None)

    def on_end(self, call: Callable[[Optional[BaseException]], Any]) -> None:
        left = len(self._cores)
        first: List[BaseException] = []
        lock = threading.Lock()

        def ended(error: Optional[BaseException]) -> None:
            nonlocal left
            with lock:
                left -= 1
                if error is not None:
                    first.append(error)
                last = left == 0
            if last:
                call(first[0] if first else None)

        if not self._cores:
            call(None)
        for core in self._cores:
            core.on_end(ended)


def translate(error: BaseException) -> BaseException:
    """A failure as PyTorch's programs expect it, with our words; ours is its cause."""
    if isinstance(error, errors.ArgumentError) or not isinstance(error, errors.Error):
        return error
    late = "Timed out waiting: " if isinstance(error, errors.OperationTimeoutError) else ""
    translated = dist.DistBackendError(f"sealane: {late}{error}")
    translated.__cause__ = error
    return translated


_registered: Set[SealaneWork] = set()


def is_hook(frame: Optional[FrameType]) -> bool:
    """Whether who called us within a backward pass is Python, such as a hook of DDP; DDP itself is C++, and
    the frame is then that of PyTorch's that began the pass, or none."""
    return frame is not None and frame.f_globals.get("__name__") != "torch.autograd.graph"


class SealaneWork(dist.Work):
    """An operation under way."""

    def __init__(
        self,
        core: Core,
        result: List[torch.Tensor],
        *,
        finish: Optional[Finish] = None,
        sequence: int = 0,
        source: Optional[Callable[[], int]] = None,
    ) -> None:
        super().__init__()
        self.core = self._core = core
        self._result = result
        self._finish = finish
        self._sequence = sequence
        self._source = source
        self._lock = threading.Lock()
        self._begun: Optional[torch.futures.Future] = None
        self._future: Optional[torch.futures.Future] = None
        self._resolved = False
        self._error: Optional[BaseException] = None
        if finish is not None:
            # Results must reach the tensors even if nobody waits.
            core.on_end(self._end)

    def register(self) -> None:
        """Lets ``wait_tensor`` on a result wait for this, as graphs do that began before it ended."""
        # C++ keeps its half alone, and would find nothing to call.
        _registered.add(self)
        for tensor in self._result:
            c10d._register_work(tensor, self)

    def _unregister(self) -> None:
        if self in _registered:
            _registered.discard(self)
            for tensor in self._result:
                torch.ops._c10d_functional.wait_tensor(tensor)

    def settle(self) -> None:
        """Brings the results home of what is known to have ended well."""
        self._end(None)

    def wait(self, timeout: timedelta = timedelta(0)) -> bool:
        self._unregister()
        seconds = timeout.total_seconds()
        try:
            ended = self._core.wait(seconds if seconds > 0 else None)
        except errors.Error as error:
            self._end(error)
            raise self._failure() from error
        if not ended:
            raise dist.DistBackendError(f"sealane: not finished within {seconds} s")
        self._end(None)
        if self._error is not None:
            raise self._failure()
        return True

    def _failure(self) -> BaseException:
        assert self._error is not None
        return self._error

    def _end(self, error: Optional[BaseException]) -> None:
        """Brings results home, once, whoever sees the end first."""
        with self._lock:
            if self._resolved:
                return
            self._error = None if error is None else translate(error)
            if self._error is None and self._finish is not None:
                try:
                    self._finish()
                except Exception as failure:  # Of the user's tensors: theirs to see.
                    self._error = failure
            self._finish = None
            self._resolved = True
            begun = self._begun
        if begun is not None:
            begun.set_result(None)

    def is_completed(self) -> bool:
        if not self._resolved and self._core.done():
            self._end(self._core.exception())
        return self._resolved

    def is_success(self) -> bool:
        return self.is_completed() and self._error is None

    def exception(self) -> Optional[BaseException]:
        return self._error if self.is_completed() else None

    def synchronize(self) -> None:
        self.wait()

    def block_current_stream(self) -> None:
        self.wait()

    def result(self) -> List[torch.Tensor]:
        return self._result

    def get_future(self) -> torch.futures.Future:
        """What ends with the operation.

        What a hook of DDP attaches to it may start operations, as PowerSGD's does. On another thread they would
        come before the next bucket's on one rank and after them on another; on a future that has ended it runs
        at once, in one order on all ranks. So in a backward pass Python gets futures that have ended.

        DDP itself waits at the end of the pass, in C++, which does not drive the device. So this thread waits
        there first, which does, and DDP finds everything ended.
        """
        in_backward = torch._C._current_graph_task_id() >= 0
        if in_backward and is_hook(sys._getframe().f_back):
            self._outlast()
        with self._lock:
            if self._future is not None:
                return self._future
            # C++ only sees an error that a callback raised: set_exception() is for Python alone.
            begun = self._begun = torch.futures.Future()
            self._future = begun.then(self._outcome)
            resolved = self._resolved
        if resolved:
            begun.set_result(None)
        else:
            if in_backward:
                torch.autograd.Variable._execution_engine.queue_callback(self._outlast)
            self._core.on_end(self._end)
        return self._future

    def _outlast(self) -> None:
        """Waits for the end, good or bad: it is the future's to say which."""
        try:
            self.wait()
        except Exception as error:
            self._end(error)

    def _outcome(self, _begun: torch.futures.Future) -> List[torch.Tensor]:
        if self._error is not None:
            raise self._error
        return self._result

    def get_future_result(self) -> torch.futures.Future:
        result = c10d.WorkResult

        def outcome(_ended: torch.futures.Future) -> int:
            if self._error is None:
                return int(result.SUCCESS.value)
            late = isinstance(self._error.__cause__, errors.OperationTimeoutError)
            return int((result.TIMEOUT if late else result.COMM_ERROR).value)

        return self.get_future().then(outcome)

    def source_rank(self) -> int:
        return self._source() if self._source is not None else -1

    _source_rank = source_rank

    def _get_sequence_number(self) -> int:
        return self._sequence

    def _get_duration(self) -> float:
        raise RuntimeError("sealane does not time operations: use a profiler")
