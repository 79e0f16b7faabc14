"""Keyword arguments as the environment variables that they stand for."""

from __future__ import annotations

import os
from typing import Dict, Optional, Sequence, Tuple, Union

PathLike = Union[str, "os.PathLike[str]"]

VARIABLES = {
    "rank": "SEALANE_RANK",
    "world_size": "SEALANE_WORLD_SIZE",
    "job": "SEALANE_JOB",
    "secret": "SEALANE_SECRET",
    "secret_file": "SEALANE_SECRET_FILE",
    "ca": "SEALANE_CA",
    "cert": "SEALANE_CERT",
    "key": "SEALANE_KEY",
    "timeout": "SEALANE_TIMEOUT",
    "operation_timeout": "SEALANE_OPERATION_TIMEOUT",
    "paths": "SEALANE_PATHS",
    "suite": "SEALANE_SUITE",
    "addresses": "SEALANE_ADDRESSES",
    "algorithms": "SEALANE_ALGO",
}


def settings(**given: object) -> Dict[str, str]:
    """Those that are given, by variable; the environment has the rest."""
    found: Dict[str, str] = {}
    for name, value in given.items():
        if value is None:
            continue
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            value = ",".join(str(part) for part in value)
        found[VARIABLES[name]] = str(value)
    return found


def place(found: Dict[str, str], rank: int, world_size: int) -> None:
    """Puts in who we are, instead of what a launcher says."""
    found["SEALANE_RANK"] = str(rank)
    found["SEALANE_WORLD_SIZE"] = str(world_size)
    # What a launcher says of ranks on this host is about its own world.
    found.setdefault("SEALANE_LOCAL_RANK", "")
    found.setdefault("SEALANE_LOCAL_WORLD_SIZE", "")


def master_of(found: Dict[str, str], host: str, port: int) -> Tuple[str, int]:
    """Puts in where rank 0 is, instead of what a launcher says."""
    written = f"[{host}]" if ":" in host else host
    # Port 0 is for rank 0 alone and not written.
    found["SEALANE_MASTER"] = f"{written}:{port or 1}"
    found["MASTER_ADDR"] = found["MASTER_PORT"] = ""
    return host, port


def parse_master(text: str) -> Tuple[str, int]:
    """``host:port``, an IPv6 address in brackets."""
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit():
        raise ValueError(f"master={text!r} is not host:port")
    return host.strip("[]"), int(port)


def optional_master(found: Dict[str, str], text: Optional[str]) -> Optional[Tuple[str, int]]:
    """As `master_of`, where a master is given."""
    return master_of(found, *parse_master(text)) if text is not None else None
