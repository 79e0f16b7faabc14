"""The ranks of a job, and what they do together."""

from __future__ import annotations

import atexit
import weakref
from types import TracebackType
from typing import Any, Optional, Sequence, Type, Union

from . import _sealane
from ._settings import PathLike, optional_master, place, settings
from .errors import ArgumentError
from .work import Received, Work

Buffer = Any
"""A C-contiguous array in host memory: NumPy's, or anything with the buffer protocol or DLPack."""

_open: weakref.WeakSet[Communicator] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    # Before the interpreter goes: afterwards no thread may call into it.
    for communicator in list(_open):
        communicator.close()


def _operand(array: Buffer, writable: bool = False) -> _sealane.Operand:
    return _sealane.Operand(array, writable)


class Communicator:
    """The ranks of a job. All of them must make the same collective calls in the same order.

    Who we are, where rank 0 is and how we prove it comes from the environment that ``torchrun``,
    ``mpirun``, ``srun`` or ``sealane launch`` sets, with ``SEALANE_SECRET_FILE`` or certificates, unless
    it is given here.

    Calls wait for the end and return the result; with ``async_op=True`` they return a `Work` at once.
    Arrays are used where they are: nothing is copied. The interpreter runs other threads meanwhile, and
    Ctrl-C interrupts a wait. Failures are `sealane.Error` and name rank, operation and cause.

    A communicator is not usable in a child of ``fork``, which must make its own.
    """

    def __init__(
        self,
        *,
        rank: Optional[int] = None,
        world_size: Optional[int] = None,
        master: Optional[str] = None,
        job: Optional[str] = None,
        secret: Optional[str] = None,
        secret_file: Optional[PathLike] = None,
        ca: Optional[PathLike] = None,
        cert: Optional[PathLike] = None,
        key: Optional[PathLike] = None,
        timeout: Optional[float] = None,
        operation_timeout: Optional[float] = None,
        paths: Optional[int] = None,
        suite: Optional[str] = None,
        addresses: Optional[Sequence[str]] = None,
        algorithms: Optional[str] = None,
    ) -> None:
        """Finds the other ranks.

        Args:
            rank, world_size: who we are; both or neither.
            master: ``host:port`` of rank 0, a UDP port there.
            job: the job's id, 1 to 63 of ``a-z``, ``0-9`` and ``-``.
            secret, secret_file: the secret that all ranks share, or a file with it.
            ca, cert, key: PEM files instead; ``{rank}`` in them stands for the rank.
            timeout: seconds in which the ranks must find each other.
            operation_timeout: seconds that one operation may take.
            paths: five-tuples to each peer, 1 to 256.
            suite: ``aes256gcm`` or ``chacha20``, instead of what the machine is faster at.
            addresses: local IP addresses to use.
            algorithms: algorithms by collective and size, such as ``allreduce:0-4096:ring``.
        """
        found = settings(
            job=job, secret=secret, secret_file=secret_file, ca=ca, cert=cert, key=key,
            timeout=timeout, operation_timeout=operation_timeout, paths=paths, suite=suite,
            addresses=addresses, algorithms=algorithms,
        )  # fmt: skip
        if (rank is None) != (world_size is None):
            raise ArgumentError("give rank and world_size, or neither")
        if rank is not None and world_size is not None:
            place(found, rank, world_size)
        where = optional_master(found, master)
        self._core = _sealane.Communicator(found, where)
        _open.add(self)

    # Who and where

    @property
    def rank(self) -> int:
        """Our rank."""
        return self._core.rank

    @property
    def size(self) -> int:
        """How many ranks there are."""
        return self._core.size

    @property
    def hosts(self) -> int:
        """How many hosts they are on."""
        return self._core.hosts

    def __repr__(self) -> str:
        return f"<sealane.Communicator rank {self.rank} of {self.size}>"

    # The end

    def abort(self, reason: str = "by the caller") -> None:
        """Ends every operation under way, here and on all ranks, with `AbortedError`. Does not wait."""
        self._core.abort(reason)

    def close(self) -> None:
        """Ends in good order: waits, for a moment, until the others have finished too."""
        _open.discard(self)
        self._core.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._core.closed

    def __enter__(self) -> Communicator:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if error is not None and not self.closed:
            try:
                self.abort(f"{type(error).__name__}: {error}")
            except RuntimeError:
                pass  # What is being raised says more.
        self.close()

    # Collectives

    def all_reduce(
        self,
        data: Buffer,
        op: str = "sum",
        *,
        out: Optional[Buffer] = None,
        async_op: bool = False,
        timeout: Optional[float] = None,
    ) -> Any:
        """Replaces ``data`` by the reduction of all ranks' ``data``, or puts that into ``out``.

        ``op``: ``sum``, ``prod``, ``min``, ``max``, ``avg``; of integers also ``band``, ``bor``,
        ``bxor``; ``premulsum:0.5`` multiplies by a factor first. The same bits on all ranks.
        """
        count = _operand(data).count
        return self._reduction("all_reduce", data, out, count, op, None, async_op, timeout)

    def reduce(
        self,
        data: Buffer,
        op: str = "sum",
        *,
        root: int = 0,
        out: Optional[Buffer] = None,
        async_op: bool = False,
        timeout: Optional[float] = None,
    ) -> Any:
        """As `all_reduce`, but only the root gets the result."""
        count = _operand(data).count
        return self._reduction("reduce", data, out, count, op, root, async_op, timeout)

    def broadcast(
        self,
        data: Buffer,
        root: int = 0,
        *,
        async_op: bool = False,
        timeout: Optional[float] = None,
    ) -> Any:
        """Replaces ``data`` by the root's."""
        operand = _operand(data, True)
        core = self._core.start(
            "broadcast", operand.dtype, operand.count, None, operand, root=root, timeout=timeout
        )
        return _finish(core, data, async_op)

    def barrier(self, *, async_op: bool = False, timeout: Optional[float] = None) -> Any:
        """Ends when all ranks have called it."""
        core = self._core.start("barrier", "uint8", 0, timeout=timeout)
        return _finish(core, None, async_op)

    def all_gather(
        self,
        data: Buffer,
        out: Buffer,
        *,
        counts: Optional[Sequence[int]] = None,
        async_op: bool = False,
        timeout: Optional[float] = None,
    ) -> Any:
        """Fills ``out`` with all ranks' ``data``, rank 0's first: with ``counts[r]`` elements of rank
        *r* if given, else equally many of each."""
        return self._blocks("all_gather", data, out, data, counts, None, async_op, timeout)

    def gather(
        self,
        data: Buffer,
        out: Optional[Buffer] = None,
        *,
        root: int = 0,
        counts: Optional[Sequence[int]] = None,
        async_op: bool = False,
        timeout: Optional[float] = None,
    ) -> Any:
        """As `all_gather`, but only the root gets it, and only the root needs ``out``."""
        return self._blocks("gather", data, out, data, counts, root, async_op, timeout)

    def scatter(
        self,
        data: Optional[Buffer],
        out: Buffer,
        *,
        root: int = 0,
        counts: Optional[Sequence[int]] = None,
        async_op: bool = False,
        timeout: Optional[float] = None,
    ) -> Any:
        """Fills ``out`` with our block of the root's ``data``; only the root needs that."""
        return self._blocks("scatter", data, out, out, counts, root, async_op, timeout)

    def reduce_scatter(
        self,
        data: Buffer,
        out: Buffer,
        op: str = "sum",
        *,
        counts: Optional[Sequence[int]] = None,
        async_op: bool = False,
        timeout: Optional[float] = None,
    ) -> Any:
        """Reduces all ranks' ``data``, which has a block for each, and puts our block into ``out``."""
        return self._blocks("reduce_scatter", data, out, out, counts, None, async_op, timeout, op)

    def all_to_all(
        self,
        data: Buffer,
        out: Buffer,
        *,
        send_counts: Optional[Sequence[int]] = None,
        recv_counts: Optional[Sequence[int]] = None,
        async_op: bool = False,
        timeout: Optional[float] = None,
    ) -> Any:
        """Sends each rank its block of ``data``, and fills ``out`` with what all ranks have for us.

        With counts: ``send_counts[r]`` elements to rank *r*, and ``recv_counts[r]`` from it.
        """
        if (send_counts is None) != (recv_counts is None):
            raise ArgumentError("all_to_all: give send_counts and recv_counts, or neither")
        source, target = _operand(data), _operand(out, True)
        _same_type("all_to_all", source, target)
        core = self._core.start(
            "all_to_all", source.dtype, source.count // self.size, source, target,
            to=send_counts, from_=recv_counts, timeout=timeout,
        )  # fmt: skip
        return _finish(core, out, async_op)

    # Messages

    def send(
        self,
        data: Buffer,
        to: int,
        tag: int = 0,
        *,
        async_op: bool = False,
        timeout: Optional[float] = None,
    ) -> Any:
        """Sends ``data`` to a rank that receives it under ``tag``.

        Messages of one tag between two ranks may match in another order than they were sent in: use
        tags of their own for what is under way at once.
        """
        core = self._core.start_send(_operand(data), to, tag, timeout)
        return _finish(core, None, async_op)

    def recv(
        self,
        out: Buffer,
        source: Optional[int] = None,
        tag: int = 0,
        *,
        async_op: bool = False,
        timeout: Optional[float] = None,
    ) -> Union[Received, Work[Received]]:
        """Receives what ``source``, or anyone, sends under ``tag``."""
        core = self._core.start_recv(_operand(out, True), source, tag, timeout)
        work = Work(core, lambda core: Received(*(core.received() or (-1, 0))))
        return work if async_op else work.wait()

    def send_recv(
        self,
        data: Buffer,
        to: int,
        out: Buffer,
        source: int,
        tag: int = 0,
        *,
        timeout: Optional[float] = None,
    ) -> Received:
        """Sends to one rank while receiving from another, as rings do."""
        received = self.recv(out, source, tag, async_op=True, timeout=timeout)
        self.send(data, to, tag, timeout=timeout)
        return received.wait()  # type: ignore[union-attr]

    # What they share

    def _reduction(
        self,
        name: str,
        data: Buffer,
        out: Optional[Buffer],
        count: int,
        op: str,
        root: Optional[int],
        async_op: bool,
        timeout: Optional[float],
    ) -> Any:
        source = _operand(data, out is None)
        target = source if out is None else _operand(out, True)
        _same_type(name, source, target)
        if target.count != count and (root is None or root == self.rank):
            raise ArgumentError(f"{name}: {count} elements do not fit {target.count}")
        core = self._core.start(
            name, source.dtype, count, None if out is None else source, target,
            op=op, root=root, timeout=timeout,
        )  # fmt: skip
        return _finish(core, data if out is None else out, async_op)

    def _blocks(
        self,
        name: str,
        data: Optional[Buffer],
        out: Optional[Buffer],
        block: Buffer,
        counts: Optional[Sequence[int]],
        root: Optional[int],
        async_op: bool,
        timeout: Optional[float],
        op: Optional[str] = None,
    ) -> Any:
        each = _operand(block)
        source = None if data is None else _operand(data)
        target = None if out is None else _operand(out, True)
        if source is not None and target is not None:
            _same_type(name, source, target)
        # A rank that gives nothing lends nothing: an operand of no bytes.
        core = self._core.start(
            name, each.dtype, each.count, source if source is not None else (0, 0, None), target,
            op=op, root=root, to=counts, timeout=timeout,
        )  # fmt: skip
        return _finish(core, out, async_op)


def _same_type(name: str, one: _sealane.Operand, other: _sealane.Operand) -> None:
    if one.dtype != other.dtype:
        raise ArgumentError(f"{name}: {one.dtype} and {other.dtype} are different types")


def _finish(core: _sealane.Work, result: Any, async_op: bool) -> Any:
    work = Work(core, lambda _core: result)
    return work if async_op else work.wait()


