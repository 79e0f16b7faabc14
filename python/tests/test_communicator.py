"""`sealane.Communicator` on arrays, for worlds of one to four."""

from __future__ import annotations

import array
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

import sealane
from worlds import SECRET, World, free_port, run

TYPES = ["float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32", "uint32",
         "int64", "uint64"]  # fmt: skip


def connect(rank: int, size: int, port: int, **more) -> sealane.Communicator:
    return sealane.Communicator(
        rank=rank, world_size=size, master=f"127.0.0.1:{port}", timeout=30, **more
    )


def block(rank: int, count: int, dtype: str) -> np.ndarray:
    """Small whole numbers: exact in every type, whatever is added up."""
    return ((np.arange(count) + 3 * rank) % 5 + 1).astype(dtype)


def every_collective(rank: int, size: int, port: int) -> None:
    with connect(rank, size, port) as world:
        assert (world.rank, world.size, world.hosts) == (rank, size, 1)
        for dtype in TYPES:
            for async_op in (False, True):
                for count in (0, 1, 4, 1001):
                    check_collectives(world, dtype, count, async_op)


def check_collectives(world, dtype: str, count: int, async_op: bool) -> None:
    rank, size = world.rank, world.size
    end = (lambda work: work.wait()) if async_op else (lambda result: result)
    all_ranks = [block(r, count, dtype) for r in range(size)]
    for op, expected in {
        "sum": sum(all_ranks, np.zeros(count, dtype)),
        "prod": np.prod(all_ranks, axis=0, dtype=dtype) if count else np.zeros(0, dtype),
        "max": np.max(all_ranks, axis=0),
        "min": np.min(all_ranks, axis=0),
    }.items():
        data = all_ranks[rank].copy()
        assert end(world.all_reduce(data, op, async_op=async_op)) is data
        np.testing.assert_array_equal(data, expected.astype(dtype), err_msg=f"{op} {dtype}")
    total = sum(all_ranks, np.zeros(count, dtype)).astype(dtype)
    out = np.zeros(count, dtype)
    end(world.all_reduce(all_ranks[rank], out=out, async_op=async_op))
    np.testing.assert_array_equal(out, total)
    last = size - 1
    data = all_ranks[rank].copy()
    end(world.reduce(data, root=last, async_op=async_op))
    np.testing.assert_array_equal(data, total if rank == last else all_ranks[rank])
    data = all_ranks[rank].copy()
    end(world.broadcast(data, last, async_op=async_op))
    np.testing.assert_array_equal(data, all_ranks[last])
    out = np.zeros(size * count, dtype)
    end(world.all_gather(all_ranks[rank], out, async_op=async_op))
    np.testing.assert_array_equal(out, np.concatenate(all_ranks))
    out = np.zeros(size * count, dtype) if rank == last else None
    end(world.gather(all_ranks[rank], out, root=last, async_op=async_op))
    if out is not None:
        np.testing.assert_array_equal(out, np.concatenate(all_ranks))
    out = np.zeros(count, dtype)
    everything = np.concatenate(all_ranks) if rank == 0 else None
    end(world.scatter(everything, out, root=0, async_op=async_op))
    np.testing.assert_array_equal(out, all_ranks[rank])
    rows = [block(r, size * count, dtype) for r in range(size)]
    out = np.zeros(count, dtype)
    end(world.reduce_scatter(rows[rank], out, async_op=async_op))
    mine = slice(rank * count, (rank + 1) * count)
    np.testing.assert_array_equal(out, sum(rows, np.zeros(size * count, dtype))[mine].astype(dtype))
    out = np.zeros(size * count, dtype)
    end(world.all_to_all(rows[rank], out, async_op=async_op))
    np.testing.assert_array_equal(out, np.concatenate([row[mine] for row in rows]))
    end(world.barrier(async_op=async_op))


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_collective(size: int) -> None:
    run(size, every_collective, free_port())


def uneven_and_messages(rank: int, size: int, port: int) -> None:
    with connect(rank, size, port) as world:
        counts = [r + 1 for r in range(size)]
        out = np.zeros(sum(counts), np.int64)
        world.all_gather(np.full(counts[rank], rank), out, counts=counts)
        expected = np.concatenate([np.full(count, r) for r, count in enumerate(counts)])
        np.testing.assert_array_equal(out, expected)
        out = np.zeros(counts[rank])
        world.reduce_scatter(np.ones(sum(counts)), out, "avg", counts=counts)
        np.testing.assert_array_equal(out, np.ones(counts[rank]))
        # What r sends to s is r + s long, and zero for nobody.
        lengths = [rank + r for r in range(size)]
        data, out = np.full(sum(lengths), rank), np.full(sum(lengths), -1)
        world.all_to_all(data, out, send_counts=lengths, recv_counts=lengths)
        expected = np.concatenate([np.full(length, r) for r, length in enumerate(lengths)])
        np.testing.assert_array_equal(out, expected)
        left, right = (rank - 1) % size, (rank + 1) % size
        inbox = np.zeros(8)
        got = world.send_recv(np.full(5, float(rank)), right, inbox, left, 9)
        assert got == sealane.Received(left, 40) and list(inbox[:6]) == [left] * 5 + [0.0]
        if rank == 0:
            sources = {world.recv(inbox, tag=1).source for _ in range(1, size)}
            assert sources == set(range(1, size))
        else:
            world.send(np.ones(1), 0, 1)


def test_uneven_blocks_and_messages() -> None:
    run(3, uneven_and_messages, free_port())


def other_buffers(rank: int, size: int, port: int) -> None:
    import torch

    with connect(rank, size, port) as world:
        text = bytearray(b"secret" if rank == 0 else b"......")
        world.broadcast(text)
        assert text == b"secret"
        numbers = array.array("d", [1.5, 2.5])
        world.all_reduce(numbers)
        assert list(numbers) == [3.0, 5.0]
        view = memoryview(bytearray(8)).cast("i")
        world.all_reduce(view)
        out = bytearray(2 * size)
        world.all_gather(b"ab", out)
        assert bytes(out) == b"ab" * size
        tensor = torch.full((3,), 0.5, dtype=torch.bfloat16)
        world.all_reduce(tensor)
        assert tensor.tolist() == [1.0] * 3
        grid = np.arange(6, dtype=np.float32).reshape(2, 3)
        address = grid.__array_interface__["data"]
        assert world.all_reduce(grid) is grid and grid.__array_interface__["data"] == address
        for wrong in (np.zeros((4, 4))[:, 1], b"frozen", [1.0], np.array(["a"]), object()):
            with pytest.raises((BufferError, ValueError, TypeError)):
                world.all_reduce(wrong)
        with pytest.raises(sealane.ArgumentError, match="different types"):
            world.all_reduce(np.zeros(2), out=np.zeros(2, np.float32))
        with pytest.raises(sealane.ArgumentError, match="unknown reduction"):
            world.all_reduce(np.zeros(2), "median")
        world.barrier()


def test_anything_with_a_buffer() -> None:
    run(2, other_buffers, free_port())


def works(rank: int, size: int, port: int) -> None:
    with connect(rank, size, port) as world:
        called = threading.Event()
        data = np.ones(1 << 16, np.float32)
        first = world.all_reduce(data, async_op=True)
        first.add_done_callback(lambda work: called.set() if work is first else None)
        others = [world.all_reduce(np.ones(8), async_op=True) for _ in range(50)]
        assert [work.wait()[0] for work in others] == [2.0] * 50
        assert first.wait() is data and first.done() and first.exception() is None
        assert [work.sequence for work in others] == list(range(1, 51))
        assert called.wait(10)
        # The array lives as long as the operation, whatever becomes of our names for it.
        world.all_reduce(np.ones(1 << 18), async_op=True)
        world.barrier()
        if rank == 0:
            late = world.all_reduce(np.ones(1), async_op=True)
            with pytest.raises(TimeoutError):
                late.wait(0.05)
            world.send(b"go", 1, 1)
            late.wait()
        else:
            world.recv(bytearray(2), 0, 1)
            world.all_reduce(np.ones(1))


def test_works() -> None:
    run(2, works, free_port())


def refusals(rank: int, size: int, port: int) -> None:
    world = connect(rank, size, port, operation_timeout=20)
    with pytest.raises(sealane.MismatchError) as caught:
        world.all_reduce(np.zeros(4 + rank, np.float32))
    assert (caught.value.rank, caught.value.sequence) == (1 - rank, 0)
    assert "allreduce" in str(caught.value)
    world.close()
    world.close()
    assert world.closed
    with pytest.raises(sealane.ClosedError):
        world.barrier()


def test_calls_that_differ_are_named() -> None:
    run(2, refusals, free_port())


def aborts(rank: int, size: int, port: int) -> None:
    try:
        with connect(rank, size, port) as world:
            if rank == 0:
                raise ZeroDivisionError("the loss is not a number")
            world.barrier()
    except sealane.AbortedError as error:
        assert rank == 1 and "the loss is not a number" in str(error.cause)
    except ZeroDivisionError:
        assert rank == 0
    else:
        raise AssertionError("nobody aborted")


def test_an_exception_in_the_block_reaches_all_ranks() -> None:
    run(2, aborts, free_port())


def alone() -> sealane.Communicator:
    return sealane.Communicator(rank=0, world_size=1)


def test_a_forked_child_may_not_use_it() -> None:
    world = alone()
    work = world.all_reduce(np.ones(4), async_op=True)
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    child = os.fork()
    if child == 0:
        try:
            for use in (world.barrier, lambda: world.all_reduce(np.ones(4)), work.wait):
                try:
                    use()
                except sealane.ForkedError:
                    theirs.send("refused")
                else:
                    theirs.send("used")
            with alone() as own:
                theirs.send(own.all_reduce(np.ones(1))[0])
            # Dropping what was inherited must not touch the wire either.
            del use, world, work
            theirs.send("dropped")
        finally:
            os._exit(0)
    found = []
    for _ in range(5):
        assert ours.poll(30)
        found.append(ours.recv())
    assert found == ["refused"] * 3 + [1.0, "dropped"]
    os.waitpid(child, 0)
    world.barrier()
    world.close()


def waits_for_ever(rank: int, size: int, port: int) -> str:
    world = connect(rank, size, port)
    world.barrier()
    if rank == 1:
        time.sleep(1)
        try:
            world.barrier()
        except sealane.Error as error:
            return type(error).__name__
        return "no error"
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    begin = time.monotonic()
    try:
        world.recv(bytearray(1), 1, 5)
    except KeyboardInterrupt:
        assert time.monotonic() - begin < 20
        world.abort("Ctrl-C")
        world.close()
        return "interrupted"
    return "not interrupted"


def test_ctrl_c_interrupts_a_wait() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert run(2, waits_for_ever, free_port())[0] == "interrupted"


def dies(rank: int, size: int, port: int) -> tuple:
    with connect(rank, size, port) as world:
        world.barrier()
        if rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        begin = time.monotonic()
        with pytest.raises(sealane.PeerLostError) as caught:
            for _ in range(100_000):
                world.all_reduce(np.ones(1000))
        return caught.value.rank, caught.value.operation, time.monotonic() - begin


def test_a_lost_rank_is_named() -> None:
    world = World(3, dies, free_port())
    import pickle

    for rank in (0, 2):
        ok, (lost, operation, _seconds) = pickle.loads(world.pipes[rank].recv_bytes())
        assert ok and (lost, operation) == (1, "all_reduce")
    world.end()


def test_identity_is_a_must(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEALANE_SECRET")
    with pytest.raises(sealane.CredentialsError, match="nothing runs unencrypted"):
        alone()
    with pytest.raises(sealane.CredentialsError):
        sealane.Communicator(rank=0, world_size=1, secret="short")
    with pytest.raises(sealane.ArgumentError):
        sealane.Communicator(rank=0)
    sealane.Communicator(rank=0, world_size=1, secret=SECRET).close()


def other_secret(rank: int, size: int, port: int) -> str:
    try:
        sealane.Communicator(
            rank=rank, world_size=size, master=f"127.0.0.1:{port}", timeout=5,
            secret=f"the secret of rank {rank}, long enough",
        )  # fmt: skip
    except sealane.RendezvousError as error:
        return str(error)
    return "met"


def test_wrong_secret() -> None:
    said = run(2, other_secret, free_port())
    assert "do not accept each other" in said[1] or "refused" in said[1], said


def test_a_program_may_end_without_closing() -> None:
    import subprocess
    import sys

    script = (
        "import sealane, numpy\n"
        "world = sealane.Communicator(rank=0, world_size=1)\n"
        "work = world.all_reduce(numpy.ones(1 << 20), async_op=True)\n"
        "work.add_done_callback(lambda work: print('ended'))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
