"""A group's communicator, and what its operations share."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections import Counter, deque
from datetime import timedelta
from typing import Any, Deque, Dict, List, Optional, Tuple

import torch

from .. import _sealane, errors
from .work import Core, Ended, SealaneWork, translate

_SEQUENCE_BITS = 31
_TAG_BITS = 32

_open: weakref.WeakSet[Link] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    # A program that does not call destroy_process_group must not leave threads behind the interpreter.
    for link in list(_open):
        link.close()


class Link:
    """The communicator of a process group."""

    def __init__(self, communicator: _sealane.Communicator, timeout: timedelta) -> None:
        self.communicator = communicator
        self.rank = communicator.rank
        self.size = communicator.size
        self.timeout = timeout
        self.error = False
        self._lock = threading.Lock()
        self._sequence = 0
        self._sends: Counter[Tuple[int, int]] = Counter()
        self._receives: Counter[Tuple[int, int]] = Counter()
        self._mail: Dict[int, Deque[Letter]] = {}
        self._batch: Optional[List[SealaneWork]] = None
        _open.add(self)

    def seconds(self, timeout: Optional[timedelta]) -> float:
        """The limit of an operation: its own, or the group's."""
        own = timeout.total_seconds() if timeout is not None else 0.0
        return own if own > 0 else self.timeout.total_seconds()

    # Starting: what could not even be started fails as what fails later does.

    def start(self, name: str, kind: Tuple[str, int], *memory: Any, **terms: Any) -> Core:
        """Starts a collective; see `sealane._sealane.Communicator.start`."""
        try:
            return self.communicator.start(name, kind[0], kind[1], *memory, **terms)
        except errors.Error as error:
            raise translate(error) from error

    def send(self, data: Any, to: int, tag: int) -> Core:
        """Starts sending to another rank, under the next tag."""
        try:
            return self.communicator.start_send(
                data, to, self._next(self._sends, to, tag), self.seconds(None)
            )
        except errors.Error as error:
            raise translate(error) from error

    def recv(self, into: Any, source: int, tag: int, limit: Optional[float] = None) -> Core:
        """Starts receiving from another rank, under the next tag."""
        seconds = self.seconds(None) if limit is None else limit
        try:
            return self.communicator.start_recv(
                into, source, self._next(self._receives, source, tag), seconds
            )
        except errors.Error as error:
            raise translate(error) from error

    # Sequence numbers

    @property
    def sequence(self) -> int:
        """Collectives so far."""
        return self._sequence

    def count(self) -> int:
        """Numbers a collective, the first one 1."""
        with self._lock:
            self._sequence += 1
            return self._sequence

    # Messages: equal tags must match in order, which the transport leaves to tags.

    def has_next(self, source: int, tag: int) -> bool:
        """Whether the next message from a rank has come that nobody receives yet."""
        number = self._receives[source, tag]
        return self.communicator.arrived(source, _compose(number, tag))

    def _next(self, counts: Counter[Tuple[int, int]], peer: int, tag: int) -> int:
        with self._lock:
            number = counts[peer, tag]
            counts[peer, tag] += 1
        return _compose(number, tag)

    # Messages to ourselves

    def post(self, tag: int, data: torch.Tensor) -> None:
        """Leaves a message to ourselves."""
        with self._lock:
            queue = self._mail.setdefault(tag, deque())
            waiting = next((letter for letter in queue if letter.into is not None), None)
            if waiting is None:
                queue.append(Letter(data=data.clone()))
                return
            queue.remove(waiting)
        waiting.deliver(data)

    def collect(self, tag: int, into: torch.Tensor) -> Core:
        """Takes the next message to ourselves, or waits for it."""
        with self._lock:
            queue = self._mail.setdefault(tag, deque())
            ready = next((letter for letter in queue if letter.data is not None), None)
            if ready is None:
                letter = Letter(into=into)
                queue.append(letter)
                return letter
            queue.remove(ready)
        assert ready.data is not None
        Letter(into=into).deliver(ready.data)
        return Ended()

    # Coalescing

    def begin_batch(self) -> None:
        """From here on operations belong together."""
        self._batch = []

    def batched(self, work: SealaneWork) -> None:
        """Takes an operation in, if a batch is open."""
        if self._batch is not None:
            self._batch.append(work)

    def end_batch(self) -> List[SealaneWork]:
        """The operations since `begin_batch`."""
        batch, self._batch = self._batch or [], None
        return batch

    # The end

    def abort(self, reason: str) -> None:
        """Ends everything, here and on all ranks; does not wait."""
        if not self.communicator.closed:
            self.communicator.abort(reason)

    def close(self) -> None:
        """Ends in good order."""
        _open.discard(self)
        self.communicator.close()


class Letter:
    """A message to ourselves: one that waits to be read, or a reader that waits."""

    def __init__(
        self, data: Optional[torch.Tensor] = None, into: Optional[torch.Tensor] = None
    ) -> None:
        self.data = data
        self.into = into
        self._done = threading.Event()
        self._calls: List[object] = []
        self._lock = threading.Lock()

    def deliver(self, data: torch.Tensor) -> None:
        """The message is there."""
        assert self.into is not None
        if data.numel() > self.into.numel():
            raise RuntimeError(f"{data.numel()} elements do not fit {self.into.numel()}")
        with torch.no_grad():
            self.into.view(-1)[: data.numel()].copy_(data.reshape(-1))
        with self._lock:
            self._done.set()
            calls, self._calls = self._calls, []
        for call in calls:
            call(None)  # type: ignore[operator]

    def wait(self, timeout: Optional[float] = None) -> bool:
        return self._done.wait(timeout)

    def done(self) -> bool:
        return self._done.is_set()

    def exception(self) -> None:
        return None

    def on_end(self, call: object) -> None:
        with self._lock:
            if not self._done.is_set():
                self._calls.append(call)
                return
        call(None)  # type: ignore[operator]


def _compose(number: int, tag: int) -> int:
    return (number % (1 << _SEQUENCE_BITS)) << _TAG_BITS | tag % (1 << _TAG_BITS)


def check_peer(link: Link, peer: int, what: str) -> None:
    """Refuses ranks that the group does not have."""
    if not 0 <= peer < link.size:
        raise ValueError(f"Invalid {what} rank {peer} of a group of {link.size}")


