"""c10d's messages between two ranks."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Optional

import torch

from . import staging
from .collectives import Collectives, _only
from .link import Link, check_peer
from .work import Core, Ended, SealaneWork

_PAUSE_MIN = 20e-6
_PAUSE_MAX = 1e-3


class Messages(Collectives):
    """Send and receive. Equal tags between two ranks match in order, as PyTorch promises."""

    def send(self, tensors: Any, dst_rank: int, tag: int = 0) -> SealaneWork:
        link, tensor = self._link, _only(tensors)
        check_peer(link, dst_rank, "destination")
        memory = staging.read(tensor)
        if dst_rank == link.rank:
            link.post(tag, memory)
            return self._work(Ended(), [tensor])
        return self._work(link.send(staging.lend(memory), dst_rank, tag), [tensor])

    def recv(self, tensors: Any, src_rank: int, tag: int = 0) -> SealaneWork:
        link, tensor = self._link, _only(tensors)
        check_peer(link, src_rank, "source")
        memory, finish = staging.write(tensor)
        if src_rank == link.rank:
            core: Core = link.collect(tag, memory)
        else:
            core = link.recv(staging.lend(memory), src_rank, tag)
        return self._work(core, [tensor], finish, source=lambda: src_rank)

    def recv_anysource(self, tensors: Any, tag: int = 0) -> SealaneWork:
        tensor = _only(tensors)
        memory, finish = staging.write(tensor)
        core = AnySource(self._link, memory, tag)
        return self._work(core, [tensor], finish, source=lambda: core.source)

    # C++ callers look for this name.
    recvAnysource = recv_anysource


class AnySource:
    """A receive that becomes one from the first rank that has something.

    Messages are numbered by sender, so there is no one tag to receive under; instead this looks whose
    next message has come.
    """

    def __init__(self, link: Link, memory: torch.Tensor, tag: int) -> None:
        self.source = -1
        self._link = link
        self._memory = memory
        self._tag = tag
        self._core: Optional[Core] = None
        self._lock = threading.Lock()
        self._deadline = time.monotonic() + link.seconds(None)

    def _look(self) -> Optional[Core]:
        link = self._link
        with self._lock:
            if self._core is not None:
                return self._core
            for peer in range(link.size):
                if peer == link.rank:
                    continue
                if link.has_next(peer, self._tag):
                    self.source = peer
                    left = max(0.001, self._deadline - time.monotonic())
                    self._core = link.recv(staging.lend(self._memory), peer, self._tag, left)
                    return self._core
        return None

    def wait(self, timeout: Optional[float] = None) -> bool:
        until = self._deadline if timeout is None else time.monotonic() + timeout
        pause = _PAUSE_MIN
        while (core := self._look()) is None:
            if time.monotonic() >= until:
                if timeout is None:
                    raise RuntimeError("sealane: nothing came from any rank in time")
                return False
            time.sleep(pause)
            pause = min(2 * pause, _PAUSE_MAX)
        return core.wait(timeout)

    def done(self) -> bool:
        core = self._look()
        return core is not None and core.done()

    def exception(self) -> Optional[BaseException]:
        return self._core.exception() if self._core is not None else None

    def on_end(self, call: Callable[[Optional[BaseException]], Any]) -> None:
        def watch() -> None:
            try:
                self.wait()
            except Exception as error:
                call(error)
            else:
                call(None)

        threading.Thread(target=watch, name="sealane-any-source", daemon=True).start()


