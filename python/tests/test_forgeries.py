"""What is in PyTorch's store may be anybody's: every entry that the ranks read to find each other, forged."""

from __future__ import annotations

import secrets
import threading
from datetime import timedelta
from typing import Any, Callable, Dict, List, Optional

import pytest
import torch.distributed as dist

from sealane import _sealane
from sealane.torch.rendezvous import Meeting
from worlds import SECRET

LEADER, GREETING = "sealane/leader", "sealane/greeting/1"
LIMIT = timedelta(seconds=20)


def meeting(store: dist.Store, rank: int, name: str = "group", ranks: Optional[List[int]] = None) -> Meeting:
    return Meeting(store, rank, 2, name, ranks or [])


def word(content: str, by: int = 0, of: Optional[Meeting] = None, **identity: str) -> str:
    """What a holder of an identity says in place of rank 0."""
    settings = {"SEALANE_SECRET": SECRET, **identity}
    context = (of or meeting(dist.HashStore(), 0))._context()
    return _sealane.Identity(by, settings).sign(context, content.encode()).hex()


def changed(text: str) -> str:
    raw = bytearray(bytes.fromhex(text))
    raw[-1] ^= 1
    return raw.hex()


ADDRESS = "127.0.0.1 9 " + "0" * 32 + " " + "1" * 32
OTHER = meeting(dist.HashStore(), 0, "another group")
OTHERS = meeting(dist.HashStore(), 0, ranks=[0, 2])

NOT_FROM_RANK_0: Dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "no hexadecimal": lambda: "address",
    "noise": lambda: secrets.token_hex(200),
    "a megabyte": lambda: "00" * (1 << 20),
    "a stranger's": lambda: word(ADDRESS, SEALANE_SECRET="another secret, of enough bytes"),
    "another job's": lambda: word(ADDRESS, SEALANE_JOB="another"),
    "another rank's": lambda: word(ADDRESS, by=1),
    "another group's": lambda: word(ADDRESS, of=OTHER),
    "a group's of other ranks": lambda: word(ADDRESS, of=OTHERS),
    "changed": lambda: changed(word(ADDRESS)),
    "too short": lambda: word("127.0.0.1"),
}


@pytest.mark.parametrize("kind", NOT_FROM_RANK_0)
def test_what_rank_0_did_not_say_is_refused(kind: str) -> None:
    store = dist.HashStore()
    store.set(LEADER, NOT_FROM_RANK_0[kind]())
    with pytest.raises(dist.DistStoreError, match="not from rank 0"):
        meeting(store, 1).connect(LIMIT)


@pytest.mark.parametrize("entry", [None, word(ADDRESS), word("127.0.0.1 9 " + "0" * 32)])
def test_what_rank_0_said_before_is_not_followed(entry: Optional[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALANE_TIMEOUT", "0.5")
    store = dist.HashStore()
    if entry is not None:
        store.set(LEADER, entry)
    with pytest.raises(dist.DistStoreError, match="replays or deletes"):
        meeting(store, 1).connect(LIMIT)


class Tampered(dist.Store):
    """A store in which one entry is not what its rank wrote."""

    def __init__(self, key: str, forge: Callable[[Any], Any]) -> None:
        super().__init__()
        self._inner, self._key, self._forge = dist.HashStore(), key, forge

    def set(self, key: str, value: Any) -> None:
        self._inner.set(key, self._forge(value) if key == self._key else value)

    def get(self, key: str) -> bytes:
        return self._inner.get(key)

    def check(self, keys: Any) -> bool:
        return self._inner.check(keys)


def meet(store: dist.Store) -> List[Any]:
    """What two ranks come to: a communicator, or how they failed."""
    found: List[Any] = [None, None]

    def join(rank: int) -> None:
        try:
            found[rank] = meeting(store, rank).connect(LIMIT)
        except Exception as error:
            found[rank] = error

    threads = [threading.Thread(target=join, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


@pytest.mark.parametrize("greeting", [b"\xff\xfe\x00", "a b c", "", "0" * 32, "a" * (1 << 20)], ids=lambda value: repr(value[:8]))
def test_what_the_others_did_not_say_is_noticed(greeting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALANE_TIMEOUT", "1")
    leader, other = meet(Tampered(GREETING, lambda _: greeting))
    assert isinstance(other, dist.DistStoreError) and "replays" in str(other), other
    assert type(leader).__name__ == "RendezvousError", leader


def test_what_rank_0_said_and_was_changed_is_found_by_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALANE_TIMEOUT", "3")
    leader, other = meet(Tampered(LEADER, changed))
    assert isinstance(other, dist.DistStoreError) and "forged" in str(other), other
    assert type(leader).__name__ == "RendezvousError", leader


def test_what_is_left_of_an_earlier_meeting_does_no_harm() -> None:
    store = dist.HashStore()
    store.set(LEADER, word(ADDRESS))
    store.set(GREETING, "1" * 32)
    found = meet(store)
    assert [getattr(world, "size", world) for world in found] == [2, 2]
    for world in found:
        threading.Thread(target=world.close).start()
