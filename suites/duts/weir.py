"""Weir as a device under test: the module the lab built, and one `weirctl --batch` process for all a run's commands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from lab.deadline import Deadline
from lab.deploy import ENVIRONMENT, MODULE, deploy
from suites.duts.adapter import Adapter, ConfigurationRefused
from suites.duts.config import Config

if TYPE_CHECKING:
    from lab.machine import Machine, Process, Result
    from lab.run import Prepared


# Runs in the guest: `weirctl --batch`, which has been on every CPU before it does what a line says. A softirq counts
# some of what it does behind the packet that tells the test of it; were its CPU stopped in between, another would read
# statistics without that. Nothing runs on a CPU before the softirq there is done.
BATCH: Final = """
import os, sys
from weirctl.cli import run

def behind_softirqs(lines):
    everywhere = range(os.sysconf("SC_NPROCESSORS_CONF"))
    cpus = everywhere
    for line in lines:
        if line.startswith("cpus"):
            cpus = [int(cpu) for cpu in line.split()[1:]] or everywhere
            os.sched_setaffinity(0, cpus)
            continue
        for cpu in cpus:
            try:
                os.sched_setaffinity(0, {cpu})
            except OSError:  # off line
                pass
        os.sched_setaffinity(0, cpus)
        yield line

sys.stdin = behind_softirqs(sys.stdin)
run()
"""

SETTLE_S = 20.0
"""A request may wait for five seconds, a connection may linger as long, and packets may have been lost on the way."""


class WeirAdapter(Adapter):
    """Pushes weir.ko and weirctl into the machine, loads the module, and speaks to `weirctl --batch`."""

    name = "weir"
    opens_upstreams_ahead = True

    def __init__(self, machine: Machine, prepared: Prepared) -> None:
        super().__init__(machine, prepared)
        self._batch: Process | None = None
        self._batch_generation = 0
        self._installed_in: int | None = None
        self.parameters: tuple[str, ...] = ()
        """Of the module, for when it is loaded next."""

    def install(self) -> None:
        """Put the module and weirctl into the machine, once a generation; loads nothing."""
        if self._installed_in == self.machine.generation:
            return
        deploy(self.machine, self.prepared)
        self._installed_in = self.machine.generation

    def forget(self) -> None:
        """Take it that the files are not in the machine: another build of them has been there since."""
        self._installed_in = None

    def load(self) -> None:
        """insmod, nothing more."""
        self.install()
        self.machine.run("insmod", MODULE, *self.parameters)

    def unload(self) -> None:
        """rmmod, nothing more; the module lets go of all connections by itself."""
        self.machine.run("rmmod", "weir", timeout=20)

    def weirctl(self, *arguments: str, check: bool = True, input: str | None = None) -> Result:
        """A weirctl process of its own, as a user runs it."""
        return self.machine.run(
            "python3", "-m", "weirctl", *arguments, check=check, input=input, env=ENVIRONMENT, timeout=20
        )

    def _start(self) -> None:
        self.load()
        self._open_batch()

    def _stop(self) -> None:
        self._close_batch()
        self.unload()

    def apply(self, config: Config) -> None:
        self.put_certificates(config)
        self.batch("apply", config=config.to_object())

    def statistics(self) -> Mapping[str, int]:
        return {name: int(value) for name, value in self.batch("stats")["stats"].items()}

    def scopes(self) -> list[dict[str, Any]]:
        """Counters and latencies of each listener, virtual host, upstream and server."""
        found: list[dict[str, Any]] = self.batch("stats")["scopes"]
        return found

    def settle(self) -> None:
        def served() -> int:
            return self.statistics()["connections_active"]

        Deadline(SETTLE_S).wait_for(
            lambda: not served(), interval=0.005, what="connections of clients that have all left to end"
        )

    def healthy(self) -> None:
        """Nothing to ask: the lab's plugin watches the kernel's log, and the next apply would fail."""

    def batch(self, command: str, **arguments: object) -> dict[str, Any]:
        """One command through the open `weirctl --batch`. Raises ConfigurationRefused with weirctl's own errors."""
        answer = self.batch_answer(command, **arguments)
        if not answer.get("ok"):
            raise ConfigurationRefused(f"weirctl {command}: {json.dumps(answer.get('errors'))}")
        return answer

    def batch_answer(self, command: str, **arguments: object) -> dict[str, Any]:
        """As batch(), refusals included."""
        if self._batch is None or self._batch_generation != self.machine.generation:
            self._open_batch()
        assert self._batch is not None
        try:
            self._batch.write(json.dumps({"command": command, **arguments}) + "\n")
            answer: dict[str, Any] = json.loads(self._batch.read_line())
        except (EOFError, OSError):
            self._batch = None  # it failed this test; the next one gets a process of its own
            raise
        return answer

    @contextmanager
    def keeping_to(self, *cpus: int) -> Iterator[None]:
        """Inside, the process that commands go through is on these CPUs alone: others are not to be had."""
        if self._batch is None or self._batch_generation != self.machine.generation:
            self._open_batch()
        assert self._batch is not None
        self._batch.write(f"cpus {' '.join(map(str, cpus))}\n")
        try:
            yield
        finally:
            if self._batch is not None:
                self._batch.write("cpus\n")

    def _open_batch(self) -> None:
        self._batch = self.machine.spawn("python3", "-c", BATCH, "--batch", env=ENVIRONMENT)
        self._batch_generation = self.machine.generation

    def _close_batch(self) -> None:
        if self._batch is not None:
            self._batch.close_stdin()
            self._batch.wait()
            self._batch = None
