"""The process group, and the backend object that PyTorch asks it for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, List, Optional

import torch
import torch.distributed as dist
from torch._C import _distributed_c10d as c10d

from .. import _sealane, errors
from . import cuda
from .link import Link
from .messages import Messages
from .monitored import monitored_barrier
from .rendezvous import Meeting
from .work import SealaneWork, Several, translate

NAME = "sealane"


class Common(Messages):
    """What the process group and its backend object both answer."""

    _link: Link
    _options: c10d.Backend.Options

    def getBackendName(self) -> str:
        return NAME

    # Coalescing: operations start at once, and their batch is one work.

    @property
    def supports_coalescing(self) -> bool:
        return True

    def start_coalescing(self, device: Any = None) -> None:
        self._link.begin_batch()

    def end_coalescing(self, device: Any = None) -> SealaneWork:
        works = self._link.end_batch()

        def finish() -> None:
            for work in works:
                work.settle()

        cores = Several([work.core for work in works])
        return SealaneWork(cores, [], finish=finish, sequence=self._link.sequence)

    def monitored_barrier(
        self, timeout: Any = timedelta(-1), wait_all_ranks: bool = False
    ) -> None:
        # C++ gives options.
        monitored_barrier(self, getattr(timeout, "timeout", timeout), wait_all_ranks)

    # Numbers and limits

    def _get_sequence_number_for_group(self) -> int:
        return self._link.sequence

    def _set_sequence_number_for_group(self) -> None:
        """Numbers begin at 0 on every rank: there is nothing to agree on."""

    def set_timeout(self, timeout: timedelta) -> None:
        self._link.timeout = timeout

    def _set_default_timeout(self, timeout: timedelta) -> None:
        self._link.timeout = timeout

    # The end

    def abort(self) -> None:
        self._link.abort("the process group was aborted")

    def shutdown(self) -> None:
        self._link.close()


class BackendSealane(Common, c10d.Backend):
    """What ``group._get_backend(device)`` gives: the same operations on the same communicator."""

    def __init__(self, link: Link, options: c10d.Backend.Options) -> None:
        c10d.Backend.__init__(self, link.rank, link.size)
        self._link = link
        self._options = options

    @property
    def options(self) -> c10d.Backend.Options:
        return self._options

    @property
    def supports_splitting(self) -> bool:
        return True

    def get_error(self) -> c10d.ErrorType:
        closed = self._link.communicator.closed
        return c10d.ErrorType.COMM_ERROR if closed else c10d.ErrorType.SUCCESS


class ProcessGroupSealane(Common, dist.ProcessGroup):
    """A process group whose traffic is sealed.

    A subclass of ``ProcessGroup`` rather than a backend alone: so Python's works are ours, with their
    state, and a call from Python does not go through C++ and back.
    """

    def __init__(
        self,
        meeting: Meeting,
        timeout: timedelta,
        device_types: Optional[List[torch.device]] = None,
    ) -> None:
        dist.ProcessGroup.__init__(self, meeting.store, meeting.rank, meeting.size)
        self._link = Link(_meet(meeting, timeout), timeout)
        self._options = c10d.Backend.Options(NAME, timeout)
        self._options.global_ranks_in_group = meeting.ranks
        self._backend = BackendSealane(self._link, self._options)
        kind = dist.ProcessGroup.BackendType.CUSTOM
        self._set_default_backend(kind)
        for device in device_types or devices():
            self._register_backend(device, kind, self._backend)

    @staticmethod
    def create(options: Any, _backend_options: Any = None) -> ProcessGroupSealane:
        """What PyTorch calls for a new group, on each of its members."""
        meeting = Meeting(
            options.store,
            options.group_rank,
            options.group_size,
            options.group_id,
            list(options.global_ranks_in_group),
        )
        return ProcessGroupSealane(meeting, options.timeout)

    def split_group(
        self,
        new_ranks: List[int],
        timeout: Optional[timedelta] = None,
        opts: Optional[c10d.Backend.Options] = None,
        group_name: Optional[str] = None,
        group_desc: Optional[str] = None,
        device_types: Optional[List[torch.device]] = None,
    ) -> Optional[ProcessGroupSealane]:
        """A group of some of our members, in that order; ``None`` to the others."""
        if self._link.rank not in new_ranks:
            return None
        name = group_name or f"{self.group_name}:split:{','.join(map(str, new_ranks))}"
        world = self._options.global_ranks_in_group
        store = dist.PrefixStore(f"{name}/", self.get_group_store())
        rank, size = new_ranks.index(self._link.rank), len(new_ranks)
        meeting = Meeting(store, rank, size, name, [world[rank] for rank in new_ranks])
        limit = timeout or (opts._timeout if opts is not None else None) or self._link.timeout
        group = ProcessGroupSealane(meeting, limit, device_types)
        group._set_group_name(name)
        group._set_group_desc(group_desc or "")
        return group


def _meet(meeting: Meeting, timeout: timedelta) -> _sealane.Communicator:
    try:
        return meeting.connect(timeout)
    except errors.Error as error:
        raise translate(error) from error


def devices() -> List[torch.device]:
    """What tensors may be on: a GPU, whose tensors go through pinned host memory, only where there is one, as
    PyTorch takes a group's devices for ones that it may put tensors on."""
    names = ["cpu", "cuda"] if cuda.is_there() else ["cpu"]
    return [torch.device(name) for name in names]
