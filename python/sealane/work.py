"""Operations under way."""

from __future__ import annotations

from typing import Any, Callable, Generic, NamedTuple, Optional, TypeVar

from . import _sealane

T = TypeVar("T")


class Received(NamedTuple):
    """What a receive got."""

    source: int
    """The rank that sent it."""
    nbytes: int
    """How many bytes came; the buffer may be longer."""


class Work(Generic[T]):
    """An operation under way, and what comes of it.

    Until it has ended its arrays belong to it: do not touch them. Dropping it does not cancel it, since
    the other ranks count on it.
    """

    def __init__(self, core: _sealane.Work, result: Callable[[_sealane.Work], T]) -> None:
        self._core = core
        self._result = result

    def wait(self, timeout: Optional[float] = None) -> T:
        """Waits for the end, at most ``timeout`` seconds, and returns the result.

        Raises what the operation failed with, or ``TimeoutError`` if it goes on; it may be waited for
        again. Ctrl-C interrupts the wait, not the operation.
        """
        if not self._core.wait(timeout):
            raise TimeoutError(f"{self} has not ended within {timeout} s")
        return self._result(self._core)

    def done(self) -> bool:
        """Whether it has ended, well or not. Makes progress too."""
        return self._core.done()

    def exception(self) -> Optional[BaseException]:
        """What it failed with, once it has ended."""
        return self._core.exception()

    def add_done_callback(self, callback: Callable[[Work[T]], Any]) -> None:
        """Has ``callback`` called with this once it has ended, on a thread of its own."""
        self._core.on_end(lambda _exception: callback(self))

    @property
    def name(self) -> str:
        """What it is, such as ``"all_reduce"``."""
        return self._core.name

    @property
    def sequence(self) -> Optional[int]:
        """Its number: collectives count from 0, equal on all ranks."""
        return self._core.sequence

    def __repr__(self) -> str:
        return f"<sealane.Work {self.name} #{self.sequence}>"
