"""How traffic can go wrong. All are assertion failures: the other side did something that it must not."""

from __future__ import annotations

from lab.errors import ProductFailure


class TrafficError(ProductFailure):
    """The peer broke a rule of the conversation."""


class Silence(TrafficError):
    """Nothing came, or nothing was taken, for as long as a peer may take."""


class LateReset(ConnectionResetError):
    """Something had been sent again before: it may be that which found no connection, where all else was silence."""


class ProtocolViolation(TrafficError):
    """A message that RFC 9110 or RFC 9112 forbids."""


class Incomplete(TrafficError):
    """The connection ended inside a message. `received` is what had come of its body."""

    def __init__(self, message: str, *, received: bytes = b"", reset: bool = False) -> None:
        super().__init__(message)
        self.received = received
        self.reset = reset


class Closed(TrafficError):
    """The connection ended where a message could have begun. `reset` tells RST from FIN."""

    def __init__(self, message: str, *, reset: bool = False) -> None:
        super().__init__(message)
        self.reset = reset
