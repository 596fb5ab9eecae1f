"""Sends many messages through several devices at once, each on a client connection and from an address of its own.

Behind each message stands a sentinel: a plain request that every reader understands, on the same connection. Whether it
reaches the recorder, and as what, shows where the device saw the message end. Where a device waits for more, the client
shuts its sending side after a while, so that nobody waits for what will never come.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import threading
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from lab.deadline import Deadline
from lab.network import CLIENTS, Network
from suites.differential.recorder import SENTINEL, Answer, Message, Recorder
from suites.traffic.wire import IP_FREEBIND

T = TypeVar("T")

AT_ONCE = 24  # connections to each device
PATIENCE_S = 20.0
QUIET_S = 2.0  # without a byte from the device: it waits for more than there is; not work, so never stretched
_SETTLE_S = 2.0
_ADDRESSES = CLIENTS.num_addresses - 2


@dataclass(frozen=True)
class Job:
    """What one client sends in front of its sentinel; `answer` is what the recorder replies to it."""

    payload: bytes
    answer: Answer | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one job: every byte that the client got, how its connection ended, what was forwarded."""

    number: int
    received: bytes
    ended: str
    messages: tuple[Message, ...]


class Device:
    """A running device: where clients reach it, and the recorder behind it."""

    def __init__(self, name: str, address: tuple[str, int], recorder: Recorder) -> None:
        self.name = name
        self.address = address
        self.recorder = recorder


def sentinel(number: int) -> bytes:
    """The request behind the message of exchange `number`."""
    return f"GET {SENTINEL}{number} HTTP/1.1\r\nHost: weir.test\r\nConnection: close\r\n\r\n".encode()


class Driver:
    """Owns the event loop, in a thread of its own, in which recorders and clients live."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="differential", daemon=True)
        self._numbers = itertools.count()
        self.devices: list[Device] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._await(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def add(self, name: str, address: tuple[str, int], recorder: Recorder) -> None:
        self.devices.append(Device(name, address, recorder))

    def start(self, recorder: Recorder) -> None:
        self._await(recorder.start())

    def run(self, jobs: Sequence[Job], devices: Sequence[str] = ()) -> dict[str, list[Outcome]]:
        """Each job through each device (of these names; default: all); outcomes in the order of the jobs."""
        chosen = [device for device in self.devices if not devices or device.name in devices]
        result = self._await(self._run(jobs, chosen))
        return dict(zip([device.name for device in chosen], result, strict=True))

    async def _end(self) -> None:
        """Let go of the recorders' ports, and of whoever is still connected to them."""
        for device in self.devices:
            device.recorder.stop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result()

    async def _run(self, jobs: Sequence[Job], devices: Sequence[Device]) -> list[list[Outcome]]:
        numbers = [next(self._numbers) % _ADDRESSES for _ in jobs]
        answers = {number: job.answer for number, job in zip(numbers, jobs, strict=True) if job.answer}
        return list(await asyncio.gather(*(_through(device, jobs, numbers, answers) for device in devices)))


async def _through(
    device: Device, jobs: Sequence[Job], numbers: Sequence[int], answers: Mapping[int, Answer]
) -> list[Outcome]:
    device.recorder.begin(answers)
    room = asyncio.Semaphore(AT_ONCE)

    async def one(job: Job, number: int) -> tuple[bytes, str]:
        async with room:
            return await _converse(device.address, number, job.payload + sentinel(number))

    ends = await asyncio.gather(*(one(job, number) for job, number in zip(jobs, numbers, strict=True)))
    await device.recorder.settle(_SETTLE_S)
    return [
        Outcome(number, received, ended, device.recorder.messages(number))
        for number, (received, ended) in zip(numbers, ends, strict=True)
    ]


async def _converse(address: tuple[str, int], number: int, data: bytes) -> tuple[bytes, str]:
    """Send all, read to the end, shut the sending side if that does not come; what came, and how it ended."""
    loop = asyncio.get_running_loop()
    received = bytearray()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((Network.client_address(number), 0))
        try:
            async with asyncio.timeout(Deadline(PATIENCE_S).seconds):
                await loop.sock_connect(sock, address)
                sending = asyncio.ensure_future(_send(sock, data))
                try:
                    while piece := await _receive(sock, sending):
                        received += piece
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
        except TimeoutError:
            return bytes(received), "silent"
        except ConnectionError:
            return bytes(received), "reset"
    return bytes(received), "closed"


async def _receive(sock: socket.socket, sending: asyncio.Future[None]) -> bytes:
    """The next bytes; after QUIET_S without any the sending side is shut."""
    reading = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(sock, 1 << 16))
    done, _ = await asyncio.wait([reading], timeout=QUIET_S)
    if not done and sending.done():
        with contextlib.suppress(OSError):  # the device was quicker
            sock.shutdown(socket.SHUT_WR)
    return await reading


async def _send(sock: socket.socket, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # refused before its end came
        await asyncio.get_running_loop().sock_sendall(sock, data)
