"""Sealane: collectives between training processes over networks that you do not trust.

Every packet is sealed; nothing runs without a job secret or certificates.

    import numpy, sealane

    with sealane.Communicator() as communicator:  # under torchrun, mpirun, srun or `sealane launch`
        gradient = numpy.ones(1 << 20, numpy.float32)
        communicator.all_reduce(gradient, "avg")

For PyTorch: ``torch.distributed.init_process_group("sealane")``.
"""

from ._sealane import __version__
from .communicator import Communicator
from .errors import (
    AbortedError,
    ArgumentError,
    ClosedError,
    CredentialsError,
    EnvironmentError,
    Error,
    ForkedError,
    MismatchError,
    OperationTimeoutError,
    PeerLostError,
    RendezvousError,
    StatementError,
)
from .work import Received, Work

__all__ = [
    "AbortedError",
    "ArgumentError",
    "ClosedError",
    "Communicator",
    "CredentialsError",
    "EnvironmentError",
    "Error",
    "ForkedError",
    "MismatchError",
    "OperationTimeoutError",
    "PeerLostError",
    "Received",
    "RendezvousError",
    "StatementError",
    "Work",
    "__version__",
]
