"""The module's generic netlink family, from this side: configurations to messages and back, and the transaction."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from . import abi, checks, fingerprints, firewall, netlink, routing_wire, schema
from .errors import Path, Problem, Refused
from .meters import Statistics

# The controller, which knows the families' numbers (include/uapi/linux/genetlink.h).
_GENL_ID_CTRL = 16
_CTRL_CMD_GETFAMILY = 3
_CTRL_ATTR_FAMILY_ID = 1
_CTRL_ATTR_FAMILY_NAME = 2
_CTRL_ATTR_MCAST_GROUPS = 7
_CTRL_ATTR_MCAST_GRP_NAME = 1
_CTRL_ATTR_MCAST_GRP_ID = 2

# A genetlink header: command, version, two reserved bytes.
_GENL_HEADER = 4

# What a request's attributes are called in a file; the others by their own names.
_KEYS = {
    "address4": "address", "address6": "address", "port": "address", "host": "hosts", "location": "redirect",
    "mark": "set_mark", "exempt-path": "exempt_paths", "script-access": "http_only",
    "chain-file": "chain", "key-file": "key", "server-name": "names", "key-kind": "key",
    "staple": "ocsp", "staple-until": "ocsp", "staple-file": "ocsp",
}  # fmt: skip


def _request(command: int, version: int, attributes: bytes) -> bytes:
    return bytes((command, version, 0, 0)) + attributes


class Part:
    """One stage operation, and which table of the configuration it is made of."""

    __slots__ = ("command", "content", "kind", "name", "path")

    def __init__(self, command: int, kind: int, name: str, path: Path, content: bytes) -> None:
        self.command = command
        self.kind = kind
        self.name = name
        self.path = path
        self.content = content

    def request(self) -> bytes:
        return _request(self.command, abi.FAMILY_VERSION, netlink.nest(self.kind, self.content))

    def blamed(self, offset: int | None) -> Path:
        """The path of the attribute at `offset` of the message, as far as a file knows it."""
        start = netlink.HEADER.size + _GENL_HEADER + 4
        for kind, at, _ in netlink.attributes(self.content):
            if offset is not None and start + at == offset:
                name = abi.NAMES[self.name][kind]
                return (*self.path, _KEYS.get(name, name.replace("-", "_")))
        return self.path


def _address(attribute_set: str, value: object) -> bytes:
    parsed = schema.parse_address(str(value))
    assert parsed is not None, "the schema has checked it"
    address, port = parsed
    numbers = {name: kind for kind, name in abi.NAMES[attribute_set].items()}
    name = "address4" if len(address) == 4 else "address6"
    return netlink.attribute(numbers[name], address) + netlink.u16(numbers["port"], port)


def _scalars(attribute_set: str, table: dict[str, object]) -> bytes:
    """The attributes of a table that are numbers, words, times, flags or texts; what it does not have is left out."""
    content = b""
    for kind, name in abi.NAMES[attribute_set].items():
        value = table.get(name.replace("-", "_"))
        if name in abi.ENUMS.get(attribute_set, {}) and value is not None:
            value = abi.ENUMS[attribute_set][name].index(str(value))
        elif schema.is_time(attribute_set, name) and isinstance(value, (int, float)):
            value = schema.microseconds(value)
        if abi.TYPES[attribute_set][name] == "flag":
            content += netlink.attribute(kind, b"") if value else b""
        elif abi.TYPES[attribute_set][name] == "string" and schema.is_scalar(attribute_set, name):
            content += netlink.text(kind, str(value)) if value is not None else b""
        elif schema.is_scalar(attribute_set, name) and isinstance(value, int):
            number = netlink.uint if abi.TYPES[attribute_set][name] == "uint" else netlink.u32
            content += number(kind, value)
    return content


def _tables(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list), "the schema has checked it"
    return value


def _table(value: object) -> dict[str, object]:
    assert isinstance(value, dict), "the schema has checked it"
    return value


def encode(config: schema.Config) -> list[Part]:
    """The stage operations that make up a checked configuration."""
    parts = []
    for i, listener in enumerate(_tables(config.get("listener", []))):
        content = _address("listener", listener["address"])
        protocol = listener.get("protocol", abi.PROTOCOL[0])
        content += netlink.u32(abi.A_LISTENER_PROTOCOL, abi.PROTOCOL.index(str(protocol)))
        parts.append(Part(abi.CMD_STAGE_LISTENER, abi.A_CONFIG_LISTENER, "listener", ("listener", i), content))
    if "certificate" in config or "tls" in config:
        from . import certificates

        parts += [Part(*staged) for staged in certificates.encode(config)]
    for i, upstream in enumerate(_tables(config.get("upstream", []))):
        name = str(upstream["name"])
        content = netlink.text(abi.A_UPSTREAM_NAME, name) + _scalars("upstream", upstream)
        if "health" in upstream:
            content += netlink.nest(abi.A_UPSTREAM_HEALTH, _scalars("health", _table(upstream["health"])))
        parts.append(Part(abi.CMD_STAGE_UPSTREAM, abi.A_CONFIG_UPSTREAM, "upstream", ("upstream", i), content))
        for j, server in enumerate(_tables(upstream.get("server", []))):
            content = netlink.text(abi.A_SERVER_UPSTREAM, name)
            content += _address("server", server["address"])
            content += _scalars("server", {"connections": schema.CONNECTIONS, **server})
            path = ("upstream", i, "server", j)
            parts.append(Part(abi.CMD_STAGE_SERVER, abi.A_CONFIG_SERVER, "server", path, content))
    parts += [Part(*staged) for staged in routing_wire.encode(config)]
    proxy = _scalars("proxy", _table(config.get("proxy", {})))
    parts.append(Part(abi.CMD_STAGE_PROXY, abi.A_CONFIG_PROXY, "proxy", ("proxy",), proxy))
    if "firewall" in config:
        content = firewall.encode(_table(config["firewall"]))
        parts.append(Part(abi.CMD_STAGE_FIREWALL, abi.A_CONFIG_FIREWALL, "firewall", ("firewall",), content))
    from . import challenge

    # A virtual host may have one although the table is not there.
    content = _scalars("challenge", challenge.scalars(_table(config.get("challenge", {})))) + challenge.others(config)
    if content:
        parts.append(Part(abi.CMD_STAGE_CHALLENGE, abi.A_CONFIG_CHALLENGE, "challenge", ("challenge",), content))
    if "attack" in config:
        content = _scalars("attack", _table(config["attack"]))
        parts.append(Part(abi.CMD_STAGE_ATTACK, abi.A_CONFIG_ATTACK, "attack", ("attack",), content))
    table = _table(config.get("limits", {}))
    limits = _scalars("limits", table) + fingerprints.encode(table)
    limits += checks.encode(table, abi.A_LIMITS_CHECKS, vhost=False)
    parts.append(Part(abi.CMD_STAGE_LIMITS, abi.A_CONFIG_LIMITS, "limits", ("limits",), limits))
    timeouts = _scalars("timeouts", _table(config.get("timeouts", {})))
    parts.append(Part(abi.CMD_STAGE_TIMEOUTS, abi.A_CONFIG_TIMEOUTS, "timeouts", ("timeouts",), timeouts))
    if "log" in config:
        log = _scalars("log", _table(config["log"]))
        parts.append(Part(abi.CMD_STAGE_LOG, abi.A_CONFIG_LOG, "log", ("log",), log))
    return parts


def _decode_address(attribute_set: str, content: bytes) -> tuple[dict[str, bytes], str]:
    names = abi.NAMES[attribute_set]
    values = {names[kind]: payload for kind, payload in netlink.table(content).items() if kind in names}
    address = values["address4"] if "address4" in values else values["address6"]
    return values, schema.render_address(address, netlink.number(values["port"]))


def decode(parts: list[bytes]) -> schema.Config:
    """The configuration that a dump's messages (their payloads, from the genetlink header on) say.

    Raises ValueError, KeyError, IndexError for what is no such dump.
    """
    listeners: list[object] = []
    upstreams: dict[str, dict[str, object]] = {}
    config: schema.Config = {"listener": listeners, "upstream": [], "proxy": {}, "limits": {}, "timeouts": {}}
    for part in parts:
        for kind, _, content in netlink.attributes(part[_GENL_HEADER:]):
            if kind == abi.A_CONFIG_LISTENER:
                values, address = _decode_address("listener", content)
                listeners.append({"address": address, "protocol": abi.PROTOCOL[netlink.number(values["protocol"])]})
            elif kind == abi.A_CONFIG_UPSTREAM:
                name = netlink.string(netlink.table(content)[abi.A_UPSTREAM_NAME])
                upstreams[name] = {"name": name, **_decode_scalars("upstream", content), "server": []}
                health = netlink.table(content).get(abi.A_UPSTREAM_HEALTH)
                if health is not None:
                    upstreams[name]["health"] = _decode_scalars("health", health)
            elif kind == abi.A_CONFIG_SERVER:
                values, address = _decode_address("server", content)
                servers = _tables(upstreams[netlink.string(values["upstream"])]["server"])
                servers.append({"address": address, **_decode_scalars("server", content)})
            elif kind in routing_wire.DECODERS:
                key, decoder = routing_wire.DECODERS[kind]
                _tables(config.setdefault(key, [])).append(decoder(content))
            elif kind == abi.A_CONFIG_CERTIFICATE:
                from . import certificates

                _tables(config.setdefault("certificate", [])).append(certificates.decode(content))
            elif kind == abi.A_CONFIG_TLS:
                from . import certificates

                config["tls"] = certificates.decode_tls(_decode_scalars("tls", content))
            elif kind == abi.A_CONFIG_PROXY:
                config["proxy"] = _decode_scalars("proxy", content)
            elif kind == abi.A_CONFIG_LIMITS:
                nest = netlink.table(content).get(abi.A_LIMITS_CHECKS, b"")
                scalars = _decode_scalars("limits", content)
                config["limits"] = {**scalars, **fingerprints.decode(content), **checks.decode(nest)}
            elif kind == abi.A_CONFIG_TIMEOUTS:
                config["timeouts"] = _decode_scalars("timeouts", content)
            elif kind == abi.A_CONFIG_ATTACK:
                config["attack"] = _decode_scalars("attack", content)
            elif kind == abi.A_CONFIG_FIREWALL:
                config["firewall"] = firewall.decode(content)
            elif kind == abi.A_CONFIG_CHALLENGE:
                from . import challenge

                if table := challenge.decode(_decode_scalars("challenge", content), content):
                    config["challenge"] = table
            elif kind == abi.A_CONFIG_LOG:
                config["log"] = _decode_scalars("log", content)
    config["upstream"] = list(upstreams.values())
    return config


def _decode_scalars(attribute_set: str, content: bytes) -> dict[str, object]:
    """What _scalars() made of a table."""
    table: dict[str, object] = {}
    for kind, payload in netlink.table(content).items():
        # A newer module may have more: what this weirctl cannot apply again, it cannot show.
        name = abi.NAMES[attribute_set].get(kind, "")
        if not schema.is_scalar(attribute_set, name):
            continue
        key = name.replace("-", "_")
        if abi.TYPES[attribute_set][name] == "flag":
            table[key] = True
            continue
        if abi.TYPES[attribute_set][name] == "string":
            table[key] = netlink.string(payload)
            continue
        value = netlink.number(payload)
        if name in abi.ENUMS.get(attribute_set, {}):
            table[key] = abi.ENUMS[attribute_set][name][value]
        else:
            table[key] = schema.seconds(value) if schema.is_time(attribute_set, name) else value
    return table


def problem_of(error: netlink.KernelError, path: Path = ()) -> Problem:
    """A refusal by the kernel, in the words of weirctl's user."""
    name = errno.errorcode.get(error.errno, str(error.errno))
    if error.errno == errno.EPERM:
        message = "not permitted: this needs CAP_NET_ADMIN in the network namespace (try as root)"
        return Problem("permission", message, errno=name)
    text = error.message or os.strerror(error.errno)
    if error.missing is not None:
        text += f" (attribute {error.missing} is missing)"
    return Problem("kernel", f"refused by the module: {text}", path, errno=name)


def _unavailable() -> Problem:
    return Problem(
        "unavailable", "the kernel has no weir: load the module (insmod weir.ko, or modprobe weir)", errno="ENOENT"
    )


class Family:
    """The family over one socket. Every method raises Refused, and nothing else, when the kernel cannot or will not.

    timeout: seconds that the kernel has for an answer.
    """

    def __init__(self, timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._socket: netlink.Socket | None = None
        self._id: int | None = None
        # Whether what the last stream() was of has changed meanwhile.
        self.interrupted = False

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> netlink.Socket:
        if self._socket is None:
            try:
                self._socket = netlink.Socket(self._timeout)
            except OSError as error:
                raise Refused([Problem("unavailable", f"no netlink in this kernel: {error.strerror}")]) from None
        return self._socket

    def _family(self) -> int:
        """The family's number, asked for once: it stays until the module goes."""
        if self._id is None:
            self._id = netlink.number(self._described()[_CTRL_ATTR_FAMILY_ID])
        return self._id

    def _described(self) -> dict[int, bytes]:
        """What the controller says of the family."""
        name = netlink.text(_CTRL_ATTR_FAMILY_NAME, abi.FAMILY_NAME)
        (outcome,) = self._open().exchange([(_GENL_ID_CTRL, _request(_CTRL_CMD_GETFAMILY, 1, name))])
        if outcome.error and outcome.error.errno == errno.ENOENT:
            raise Refused([_unavailable()])
        if outcome.error:
            raise outcome.error
        return netlink.table(outcome.replies[0][_GENL_HEADER:])

    def _ask(self, requests: list[bytes]) -> list[netlink.Outcome]:
        """Send requests to the family; once more when its number has changed with a module loaded anew.

        ENOENT for the first request means that nothing has the old number: the module did not see it.
        """
        for again in (True, False):
            number = self._family()
            outcomes = self._open().exchange([(number, request) for request in requests])
            if not (again and outcomes[0].error and outcomes[0].error.errno == errno.ENOENT):
                break
            self._id = None
        return outcomes

    def _dump(self, command: int) -> list[bytes]:
        for again in (True, True, True, False):
            try:
                return self._open().dump(self._family(), _request(command, abi.FAMILY_VERSION, b""))
            except netlink.KernelError as error:
                if not again or error.errno != errno.ENOENT:
                    raise
                self._id = None
            except netlink.Interrupted:
                if not again:
                    raise
        raise AssertionError("not reached")

    def _guard(self, error: Exception) -> Refused:
        """Whatever an exchange may raise, as a refusal. The socket's state is unknown then: a new one next time.

        Closing it also aborts whatever was staged.
        """
        self.close()
        if isinstance(error, netlink.KernelError):
            return Refused([problem_of(error)])
        if isinstance(error, TimeoutError):
            return Refused([Problem("timeout", f"no answer from the kernel in {self._timeout:g} s")])
        if isinstance(error, OSError):
            name = errno.errorcode.get(error.errno or 0, str(error.errno))
            return Refused([Problem("kernel", f"netlink: {error.strerror}", errno=name)])
        return Refused([Problem("kernel", f"netlink: the module's answer makes no sense: {error!r}")])

    def apply(self, config: schema.Config) -> int:
        """Apply a checked configuration in one transaction; how many have been committed so far."""
        parts = encode(config)
        begin = _request(abi.CMD_BEGIN, abi.FAMILY_VERSION, netlink.u32(abi.A_INFO_ABI, abi.ABI_VERSION))
        commit = _request(abi.CMD_COMMIT, abi.FAMILY_VERSION, netlink.u32(abi.A_COMMIT_STAGED, len(parts)))
        try:
            outcomes = self._ask([begin, *[part.request() for part in parts], commit])
            problems = self._refusals(config, parts, outcomes)
            if problems:
                if len(outcomes) < len(parts) + 2:
                    # commit, which would have ended the transaction, was not sent.
                    self.close()
                raise Refused(problems)
            answer = netlink.table(outcomes[-1].replies[0][_GENL_HEADER:])
            return netlink.number(answer[abi.A_COMMIT_GENERATION])
        except (netlink.KernelError, ValueError, OSError, KeyError, IndexError) as error:
            raise self._guard(error) from None

    @staticmethod
    def _refusals(config: schema.Config, parts: list[Part], outcomes: list[netlink.Outcome]) -> list[Problem]:
        """What was refused. Once begin was, and after any other refusal, the later ones only follow from it."""
        begin, *staged = outcomes
        if begin.error:
            return [problem_of(begin.error)]
        problems = [
            problem_of(outcome.error, part.blamed(outcome.error.offset))
            for part, outcome in zip(parts, staged, strict=False)
            if outcome.error
        ]
        commit = outcomes[-1]
        if not problems and commit.error:
            problem = problem_of(commit.error)
            if problem.kind == "kernel":
                problem.path = _named(config, commit.error.message)
            problems = [problem]
        return problems

    def show(self) -> schema.Config:
        """The applied configuration."""
        try:
            return decode(self._dump(abi.CMD_GET_CONFIG))
        except (netlink.KernelError, netlink.Interrupted, OSError, ValueError, KeyError, IndexError) as error:
            raise self._guard(error) from None

    def stats(self) -> Statistics:
        """What was counted so far."""
        found = Statistics()
        try:
            for part in self._dump(abi.CMD_GET_STATS):
                found.add(part[_GENL_HEADER:])
        except (netlink.KernelError, netlink.Interrupted, OSError, ValueError, KeyError, IndexError) as error:
            raise self._guard(error) from None
        found.sort()
        return found

    def request(self, command: int, content: bytes = b"") -> netlink.KernelError | None:
        """One request that has no answer; how it was refused, None when it was not."""
        try:
            (outcome,) = self._ask([_request(command, abi.FAMILY_VERSION, content)])
        except (netlink.KernelError, ValueError, OSError, KeyError, IndexError) as error:
            raise self._guard(error) from None
        return outcome.error

    def command(self, command: int) -> None:
        """One that is not to be refused."""
        error = self.request(command)
        if error is not None:
            raise Refused([problem_of(error)])

    def stream(self, command: int) -> Iterator[bytes]:
        """Messages of a dump as they come, without genetlink headers."""
        self.interrupted = False
        for again in (True, False):
            try:
                for message in self._open().stream(self._family(), _request(command, abi.FAMILY_VERSION, b"")):
                    yield message[_GENL_HEADER:]
            except netlink.Interrupted:
                self.interrupted = True
            except (netlink.KernelError, OSError, ValueError, KeyError, IndexError) as error:
                if again and isinstance(error, netlink.KernelError) and error.errno == errno.ENOENT:
                    self._id = None  # a module loaded anew has another number: this came at once
                    continue
                raise self._guard(error) from None
            return

    def follow(self, group: str, seconds: float | None) -> Iterator[bytes | None]:
        """What is told to one of the family's multicast groups, as it comes, genetlink headers included.

        seconds: for how long, None: for ever. None is told where some were lost, as they were not read in time. The
        socket is good for nothing else afterwards.
        """
        try:
            socket = self._open()
            socket.join(self._group(group))
            yield from socket.notices(seconds)
        except PermissionError:
            raise Refused([problem_of(netlink.KernelError(errno.EPERM))]) from None
        except (netlink.KernelError, ValueError, OSError, KeyError, IndexError) as error:
            raise self._guard(error) from None

    def _group(self, name: str) -> int:
        for _, _, content in netlink.attributes(self._described()[_CTRL_ATTR_MCAST_GROUPS]):
            group = netlink.table(content)
            if netlink.string(group[_CTRL_ATTR_MCAST_GRP_NAME]) == name:
                return netlink.number(group[_CTRL_ATTR_MCAST_GRP_ID])
        raise netlink.KernelError(errno.ENOENT, f"the loaded module has no group {name}")

    def info(self) -> dict[str, object]:
        """Versions: `abi`, `module`, and `generation`, the number of configurations committed."""
        try:
            (outcome,) = self._ask([_request(abi.CMD_GET_INFO, abi.FAMILY_VERSION, b"")])
            if outcome.error:
                raise outcome.error
            answer = netlink.table(outcome.replies[0][_GENL_HEADER:])
            return {
                "abi": netlink.number(answer[abi.A_INFO_ABI]),
                "module": netlink.string(answer[abi.A_INFO_VERSION]),
                "generation": netlink.number(answer[abi.A_INFO_GENERATION]),
            }
        except (netlink.KernelError, ValueError, OSError, KeyError, IndexError) as error:
            raise self._guard(error) from None


def _named(config: schema.Config, message: str) -> Path:
    """The listener or server whose address a refused commit's message has in it; () for none."""
    words = {word.rstrip(":,.;") for word in message.split()}
    for i, listener in enumerate(_tables(config.get("listener", []))):
        if _canonical(listener["address"]) in words:
            return ("listener", i, "address")
    for i, upstream in enumerate(_tables(config.get("upstream", []))):
        for j, server in enumerate(_tables(upstream.get("server", []))):
            if _canonical(server["address"]) in words:
                return ("upstream", i, "server", j, "address")
    return ()


def _canonical(address: object) -> str:
    parsed = schema.parse_address(str(address))
    return schema.render_address(*parsed) if parsed else ""
