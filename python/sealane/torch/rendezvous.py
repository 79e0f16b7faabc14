"""How the ranks of a group find each other by PyTorch's store.

The store is plain text over TCP, and anyone who reaches it can read and write it. So only what may be
public goes through it: where rank 0 of the group listens, and numbers drawn at random. Rank 0 signs what
it says with its certificate's key, over a number that each of the others drew for this meeting; so they
find out what was forged, and what is left of an earlier meeting or replayed from one. Whom they then reach
must prove in a TLS handshake that it is rank 0.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import threading
import time
from datetime import timedelta
from typing import Dict, List, Optional, Tuple

import torch.distributed as dist

from .. import _sealane, errors
from .._settings import master_of, place

_PAUSE_MIN = 0.002
_PAUSE_MAX = 0.05


class Meeting:
    """What the members of a group know of it before they meet."""

    def __init__(
        self, store: dist.Store, rank: int, size: int, name: str, ranks: List[int]
    ) -> None:
        self.store = store
        self.rank = rank
        self.size = size
        self.name = name
        self.ranks = ranks or list(range(size))

    def connect(self, timeout: timedelta) -> _sealane.Communicator:
        """Finds the other members."""
        found: Dict[str, str] = {}
        place(found, self.rank, self.size)
        limit = timeout.total_seconds()
        found["SEALANE_OPERATION_TIMEOUT"] = repr(limit)
        limit = float(os.environ.get("SEALANE_TIMEOUT") or limit)
        found["SEALANE_TIMEOUT"] = repr(limit)
        identity = _sealane.Identity(self.ranks[self.rank], found)
        if self.size == 1:
            self._join_job(found, identity, secrets.token_hex(16))
            return _sealane.Communicator(found)
        if self.rank == 0:
            return self._lead(found, identity)
        host, port, session = self._follow(identity, time.monotonic() + limit)
        self._join_job(found, identity, session)
        return _sealane.Communicator(found, master_of(found, host, port))

    def _join_job(self, found: Dict[str, str], identity: _sealane.Identity, session: str) -> None:
        """Gives each meeting an authority of its own, derived from the secret: a member of another group,
        or of an earlier one, is then a stranger. A certificate names one rank of the world and one job,
        and has to do as it is."""
        if os.environ.get("SEALANE_CA"):
            if self.ranks != list(range(self.size)):
                raise errors.CredentialsError(
                    f"group {self.name} has ranks {self.ranks}: certificates are by rank of the world; "
                    "use SEALANE_SECRET_FILE for programs with such groups"
                )
            return
        digest = hashlib.sha256(self._context() + f"\0{session}\0{identity.job}".encode()).hexdigest()
        found["SEALANE_JOB"] = f"{identity.job[:20].rstrip('-')}-{digest[:40]}"

    def _context(self) -> bytes:
        """What rank 0's word is about."""
        members = ",".join(map(str, self.ranks))
        return "\0".join(["sealane.torch", self.name, members]).encode()

    # Rank 0

    def _lead(self, found: Dict[str, str], identity: _sealane.Identity) -> _sealane.Communicator:
        session, host = secrets.token_hex(16), _local_address(self.store)
        self._join_job(found, identity, session)
        over = threading.Event()

        def tell(port: int) -> None:
            heard: List[str] = []
            pause = _PAUSE_MIN
            while not over.wait(pause):
                pause = min(2 * pause, _PAUSE_MAX)
                now = self._greetings()
                if now is not None and now != heard:
                    heard, pause = now, _PAUSE_MIN
                    content = " ".join([host, str(port), session, *heard]).encode()
                    self.store.set(self._leader_key, identity.sign(self._context(), content).hex())

        threads: List[threading.Thread] = []

        def announce(_host: str, port: int) -> None:
            threads.append(threading.Thread(target=tell, args=(port,), daemon=True))
            threads[0].start()

        try:
            return _sealane.Communicator(found, master_of(found, host, 0), announce)
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _greetings(self) -> Optional[List[str]]:
        """The numbers that the others drew, once all are there."""
        keys = [self._greeting_key(rank) for rank in range(1, self.size)]
        if not self.store.check(keys):
            return None
        # Anyone can write there, so it may be anything; it is only repeated.
        return [_word(self.store.get(key)) for key in keys]

    # The others

    def _follow(self, identity: _sealane.Identity, deadline: float) -> Tuple[str, int, str]:
        own = secrets.token_hex(16)
        self.store.set(self._greeting_key(self.rank), own)
        pause = _PAUSE_MIN
        while time.monotonic() < deadline:
            if self.store.check([self._leader_key]):
                host, port, session, *heard = self._open(identity)
                # A word that does not answer ours is left of an earlier meeting, or replayed.
                if len(heard) == self.size - 1 and heard[self.rank - 1] == own:
                    return host, int(port), session
            time.sleep(pause)
            pause = min(2 * pause, _PAUSE_MAX)
        raise dist.DistStoreError(
            f"sealane: rank 0 of group {self.name} did not say in PyTorch's store where it listens: it has "
            "not started or has failed (see its own output), or somebody replays or deletes entries"
        )

    def _open(self, identity: _sealane.Identity) -> List[str]:
        """Rank 0's word, if it is that."""
        try:
            statement = bytes.fromhex(self.store.get(self._leader_key).decode())
            words = identity.open(self.ranks[0], self._context(), statement).decode().split(" ")
            if len(words) < 3:
                raise ValueError("it is too short")
            return words
        except (errors.StatementError, ValueError) as error:
            raise dist.DistStoreError(
                f"sealane: what PyTorch's store says of rank 0 of group {self.name} is not from rank 0 of "
                f"this job: {error}. Either the ranks have different secrets, certificates or SEALANE_JOB, "
                "or somebody has forged the entry"
            ) from error

    @property
    def _leader_key(self) -> str:
        return "sealane/leader"

    def _greeting_key(self, rank: int) -> str:
        return f"sealane/greeting/{rank}"


def _word(raw: bytes) -> str:
    """What anyone may have written, as one word of bounded length."""
    return "".join(c for c in raw.decode("ascii", "replace")[:64] if c.isalnum()) or "-"


def _local_address(store: dist.Store) -> str:
    """Our address as the other ranks reach it: the one from which we reach the store."""
    listed = os.environ.get("SEALANE_ADDRESSES", "")
    if listed.strip():
        return listed.split(",")[0].strip()
    remote = _store_address(store)
    if remote is None:
        return "127.0.0.1"
    for family, kind, protocol, _, address in socket.getaddrinfo(*remote, type=socket.SOCK_DGRAM):
        with socket.socket(family, kind, protocol) as probe:
            try:
                probe.connect(address)
            except OSError:
                continue
            return str(probe.getsockname()[0])
    return "127.0.0.1"


def _store_address(store: dist.Store) -> Optional[Tuple[str, int]]:
    while isinstance(store, dist.PrefixStore):
        store = store.underlying_store
    if isinstance(store, dist.TCPStore):
        return store.host, store.port
    host = os.environ.get("MASTER_ADDR")
    return (host, int(os.environ.get("MASTER_PORT") or 1)) if host else None
