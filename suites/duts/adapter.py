"""What a device under test is to the suites. One adapter a device; a third party adds one without touching a suite.

An adapter lives as long as the test run. Its machine may be restored from a snapshot between two tests, which takes
with it everything that was installed: `generation` tells.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from lab.errors import ProductFailure
from suites.duts.config import Config

if TYPE_CHECKING:
    from lab.machine import Machine
    from lab.run import Prepared


class ConfigurationRefused(ProductFailure):
    """The device refused a configuration. The message is the device's own."""


class NotSupported(ProductFailure):
    """The device cannot say or do this. A test that needs it is marked `only` or `differs`."""


class Adapter(ABC):
    """A device under test in one machine."""

    name: ClassVar[str]
    opens_upstreams_ahead: ClassVar[bool] = False
    limits_leak: ClassVar[bool] = False  # a leaky bucket instead of a window

    def __init__(self, machine: Machine, prepared: Prepared) -> None:
        self.machine = machine
        self.prepared = prepared
        self.started_in: int | None = None
        self._files_in: int | None = None
        self._files: set[str] = set()

    @property
    def running(self) -> bool:
        """Whether it was started in the machine's present generation."""
        return self.started_in == self.machine.generation

    def start(self) -> None:
        """Install (once a generation) and start with an empty configuration."""
        self._start()
        self.started_in = self.machine.generation

    def stop(self) -> None:
        """Stop and leave nothing behind: no listener, no connection, no module."""
        self._stop()
        self.started_in = None

    def put_certificates(self, config: Config, *, in_one: bool = False) -> None:
        """Put the files of its certificates into the machine, those that are not there yet."""
        if self._files_in != self.machine.generation:
            self._files_in, self._files = self.machine.generation, set()
        for certificate in config.certificates:
            for name, (content, mode) in certificate.files(in_one=in_one).items():
                if name not in self._files:
                    self.machine.put(name, content, mode)
                    self._files.add(name)

    @abstractmethod
    def _start(self) -> None: ...

    @abstractmethod
    def _stop(self) -> None: ...

    @abstractmethod
    def apply(self, config: Config) -> None:
        """Put this configuration in force, keeping connections where the device can; in force on return.

        Raises ConfigurationRefused.
        """

    @abstractmethod
    def statistics(self) -> Mapping[str, int]:
        """Counters and gauges by name. Raises NotSupported."""

    @abstractmethod
    def settle(self) -> None:
        """Return when nothing is left of requests whose clients and origins have all gone.

        One that is to be repeated would else wait for the next configuration, and for the next test's origin.
        """

    @abstractmethod
    def healthy(self) -> None:
        """Raises ProductFailure if the device is not as it should be between two tests."""
