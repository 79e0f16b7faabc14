"""What can go wrong, each with who, in which operation, and why.

Attributes that do not apply are ``None``.
"""

from __future__ import annotations

from typing import Optional


class Error(RuntimeError):
    """Something could not be done.

    Attributes:
        rank: the rank that it is about, such as the one that is gone.
        operation: the name of the operation, such as ``"all_reduce"``.
        sequence: the operation's number, equal on all ranks.
        cause: why.
    """

    def __init__(
        self,
        message: str = "",
        *,
        rank: Optional[int] = None,
        operation: Optional[str] = None,
        sequence: Optional[int] = None,
        cause: Optional[str] = None,
    ) -> None:
        super().__init__(message)
        self.rank = rank
        self.operation = operation
        self.sequence = sequence
        self.cause = cause


class ArgumentError(Error, ValueError):
    """Arguments or settings make no sense."""


class EnvironmentError(Error):  # noqa: A001 - named as in Rust; the builtin is an alias of OSError
    """The launcher's environment is unusable."""


class CredentialsError(Error):
    """There is no usable identity."""


class RendezvousError(Error):
    """The ranks did not find each other."""


class PeerLostError(Error):
    """A rank is gone. The communicator is of no more use; every rank gets this."""


class MismatchError(Error):
    """The ranks called different things, or the same with different arguments."""


class OperationTimeoutError(Error, TimeoutError):
    """It took longer than allowed."""


class AbortedError(Error):
    """Somebody called ``abort``."""


class StatementError(Error):
    """A signed statement is not by whom, or not about what, it should be."""


class ForkedError(Error):
    """A child of ``fork`` used what belongs to its parent."""


class ClosedError(Error):
    """The communicator is closed."""
