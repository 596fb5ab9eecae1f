"""Clients of other people's TLS libraries, each told the same: GnuTLS, mbed TLS, NSS, OpenSSL.

They trust the tests' own authority alone and say one request. What they then print is theirs; `Library` knows where in
it stands what was agreed on.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from lab import speed
from lab.cache import Cache
from lab.lock import Lock
from lab.mbedtls import ensure_client
from lab.tools import ensure_tools
from suites.traffic.certificates import authority
from suites.traffic.messages import encode_request
from suites.traffic.programs import Answer, Programs

NAME: Final = "weir.test"
REQUEST: Final = encode_request("GET", "/", host=NAME, fields=[("Connection", "close")])


@dataclass(frozen=True)
class Suite:
    """A cipher suite, as each library is asked for it and as it says it afterwards."""

    version: str
    openssl: str
    gnutls: str
    nss: str
    nss_says: str
    mbedtls: str


AES128: Final = Suite(
    "1.3", "TLS_AES_128_GCM_SHA256", "AES-128-GCM", "1301", "128-bit AES-GCM", "TLS1-3-AES-128-GCM-SHA256"
)
SUITES: Final = (
    AES128,
    Suite("1.3", "TLS_AES_256_GCM_SHA384", "AES-256-GCM", "1302", "256-bit AES-GCM", "TLS1-3-AES-256-GCM-SHA384"),
    Suite(
        "1.3",
        "TLS_CHACHA20_POLY1305_SHA256",
        "CHACHA20-POLY1305",
        "1303",
        "256-bit CHACHA20POLY1305",
        "TLS1-3-CHACHA20-POLY1305-SHA256",
    ),
    Suite(
        "1.2",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "AES-128-GCM",
        "c02b",
        "128-bit AES-GCM",
        "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
    ),
    Suite(
        "1.2",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "AES-256-GCM",
        "c02c",
        "256-bit AES-GCM",
        "TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384",
    ),
    Suite(
        "1.2",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "CHACHA20-POLY1305",
        "cca9",
        "256-bit CHACHA20POLY1305",
        "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256",
    ),
)


@dataclass(frozen=True)
class Group:
    """A group, the same way; NSS tells groups by their bits only, mbed TLS not at all."""

    openssl: str
    openssl_says: str
    gnutls: str
    nss: str
    nss_says: str
    mbedtls: str


X25519: Final = Group("X25519", "X25519", "X25519", "x25519", "Key Exchange: 255-bit", "x25519")
P256: Final = Group("P-256", "prime256v1", "SECP256R1", "P256", "Key Exchange: 256-bit", "secp256r1")
GROUPS: Final = {"x25519": X25519, "p256": P256}


def offered(suite: Suite, group: Group) -> tuple[Group, ...]:
    """The groups that a client says: in TLS 1.2 also that of the certificate's key, or it could not have it."""
    return (group, P256) if suite.version == "1.2" and group is not P256 else (group,)


class Library(ABC):
    """One library's client."""

    def __init__(self, programs: Programs, endpoint: tuple[str, int]) -> None:
        self.programs = programs
        self.address, self.port = endpoint
        programs.put("authority.pem", authority().pem)

    @abstractmethod
    def ask(self, suite: Suite = AES128, group: Group = X25519) -> Answer:
        """One request, with this suite and group and no others."""

    @abstractmethod
    def agreed(self, answer: Answer, suite: Suite, group: Group) -> bool:
        """Whether it says so."""

    @abstractmethod
    def ask_again(self, version: str = "1.3") -> tuple[Answer, bool]:
        """A request on a session that goes on; whether it says that it did."""


class GnuTls(Library):
    """gnutls-cli."""

    def say(
        self,
        *options: str,
        suite: Suite = AES128,
        group: Group = X25519,
        before: bytes = b"",
        sni: tuple[str, ...] = ("--sni-hostname", NAME),
    ) -> Answer:
        """A request, and `before` it what else comes on standard input."""
        groups = "".join(f":+GROUP-{one.gnutls}" for one in offered(suite, group))
        priority = f"NORMAL:-VERS-ALL:+VERS-TLS{suite.version}:-CIPHER-ALL:+{suite.gnutls}:-GROUP-ALL{groups}"
        return self.programs.run(
            "gnutls-cli", "--x509cafile", "authority.pem", "--verify-hostname", NAME, "--priority", priority,
            "--port", str(self.port), *sni, *options, self.address, input=before + REQUEST,
        )  # fmt: skip

    def ask(self, suite: Suite = AES128, group: Group = X25519) -> Answer:
        return self.say(suite=suite, group=group)

    def agreed(self, answer: Answer, suite: Suite, group: Group) -> bool:
        scheme = "ECDSA-SHA256" if suite.version == "1.2" else "ECDSA-SECP256R1-SHA256"
        said = f"(TLS{suite.version}-X.509)-(ECDHE-{group.gnutls})-({scheme})-({suite.gnutls})"
        return said in answer.text

    def ask_again(self, version: str = "1.3") -> tuple[Answer, bool]:
        suite = next(one for one in SUITES if one.version == version)
        answer = self.say("--resume", "--waitresumption", suite=suite)
        return answer, "*** This is a resumed session" in answer.text


class OpenSsl(Library):
    """openssl s_client."""

    @property
    def command(self) -> tuple[str, ...]:
        """That it always is."""
        trust = ("-CAfile", "authority.pem", "-verify_return_error", "-verify_hostname", NAME)
        return ("openssl", "s_client", "-connect", f"{self.address}:{self.port}", *trust)

    def say(self, *options: str, sni: tuple[str, ...] = ("-servername", NAME)) -> Answer:
        """A request."""
        return self.programs.run(*self.command, *sni, "-ign_eof", *options, input=REQUEST)

    def say_between(self, commands: str, *options: str) -> Answer:
        """A request behind s_client's own commands; all messages are shown."""
        # It would leave at the end of its input, before the reply has come.
        patience = ceil(2 * speed.factor())
        line = f'(cat; sleep {patience}) | exec "$@"'
        argv = (*self.command, "-servername", NAME, "-adv", "-msg", *options)
        return self.programs.run("sh", "-c", line, "sh", *argv, input=commands.encode() + REQUEST)

    def ask(self, suite: Suite = AES128, group: Group = X25519) -> Answer:
        how = ("-tls1_2", "-cipher") if suite.version == "1.2" else ("-tls1_3", "-ciphersuites")
        groups = ":".join(one.openssl for one in offered(suite, group))
        return self.say("-brief", *how, suite.openssl, "-groups", groups)

    def agreed(self, answer: Answer, suite: Suite, group: Group) -> bool:
        said = [
            line for line in answer.text.splitlines() if line.startswith(("Protocol v", "Ciphersuite", "Peer Temp"))
        ]
        return (
            len(said) == 3
            and said[:2] == [f"Protocol version: TLSv{suite.version}", f"Ciphersuite: {suite.openssl}"]
            and group.openssl_says in said[2]
        )

    def ask_again(self, version: str = "1.3") -> tuple[Answer, bool]:
        option = f"-tls{version.replace('.', '_')}"
        self.say(option, "-sess_out", "session.pem")
        answer = self.say(option, "-sess_in", "session.pem")
        return answer, f"\nReused, TLSv{version}" in answer.text


class Nss(Library):
    """tstclnt, with a database that holds the authority."""

    def __init__(self, programs: Programs, endpoint: tuple[str, int]) -> None:
        super().__init__(programs, endpoint)
        programs.run("mkdir", "-p", "nss")
        for arguments in (("-N", "--empty-password"), ("-A", "-n", "authority", "-t", "C,,", "-i", "authority.pem")):
            made = programs.run("certutil", "-d", "sql:nss", *arguments)
            assert made.status == 0, made.text
        programs.put("request", REQUEST.decode())

    def say(self, *options: str) -> Answer:
        """A request."""
        return self.programs.run(
            "tstclnt", "-4", "-h", self.address, "-p", str(self.port), "-a", NAME, "-d", "sql:nss", "-A", "request",
            "-v", *options,
        )  # fmt: skip

    def ask(self, suite: Suite = AES128, group: Group = X25519) -> Answer:
        version = f"tls{suite.version}:tls{suite.version}"
        groups = ",".join(one.nss for one in offered(suite, group))
        return self.say("-V", version, "-c", f":{suite.nss}", "-I", groups)

    def agreed(self, answer: Answer, suite: Suite, group: Group) -> bool:
        number = {"1.2": "3.3", "1.3": "3.4"}[suite.version]
        return f"SSL version {number} using {suite.nss_says}" in answer.text and group.nss_says in answer.text

    def ask_again(self, version: str = "1.3") -> tuple[Answer, bool]:
        # Told of suites too, it frees twice what it holds of them.
        answer = self.say("-V", f"tls{version}:tls{version}", "-u", "-L", "2")
        return answer, "1 stateless resumes" in answer.text


class MbedTls(Library):
    """ssl_client2, mbed TLS's own; it asks by HTTP/1.0."""

    def __init__(self, programs: Programs, endpoint: tuple[str, int]) -> None:
        super().__init__(programs, endpoint)
        cache, lock = Cache(), Lock.load()
        self.program = str(ensure_client(cache, lock, ensure_tools(cache, lock)))

    def say(self, *options: str) -> Answer:
        """A request. What it says between the parts of the reply is left out."""
        answer = self.programs.run(
            self.program, f"server_addr={self.address}", f"server_port={self.port}", f"server_name={NAME}",
            "ca_file=authority.pem", "auth_mode=required", "request_page=/", *options,
        )  # fmt: skip
        output = re.sub(rb"  < Read from server: \d+ bytes read\n\n", b"", answer.output)
        return replace(answer, output=output)

    def ask(self, suite: Suite = AES128, group: Group = X25519) -> Answer:
        version = f"force_version=tls{suite.version.replace('.', '')}"
        groups = ",".join(one.mbedtls for one in offered(suite, group))
        return self.say(version, f"force_ciphersuite={suite.mbedtls}", f"groups={groups}")

    def agreed(self, answer: Answer, suite: Suite, group: Group) -> bool:  # noqa: ARG002 - it does not say that
        said = f"[ Protocol is TLSv{suite.version} ]\n    [ Ciphersuite is {suite.mbedtls} ]"
        return said in answer.text

    def ask_again(self, version: str = "1.3") -> tuple[Answer, bool]:
        tickets = "new_session_tickets=1" if version == "1.3" else "tickets=1"
        answer = self.say(f"force_version=tls{version.replace('.', '')}", tickets, "reconnect=1")
        return answer, "Reconnecting with saved session... ok" in answer.text


LIBRARIES: Final[dict[str, type[Library]]] = {"gnutls": GnuTls, "openssl": OpenSsl, "nss": Nss, "mbedtls": MbedTls}
