"""weirctl's netlink: what it packs it can read, garbage is refused, and the real kernel understands it."""

from __future__ import annotations

import errno
import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weirctl import netlink

KINDS = st.integers(1, 0x3FFF)


@given(st.lists(st.tuples(KINDS, st.binary(max_size=80)), max_size=8))
def test_attributes_come_back_as_packed(attributes: list[tuple[int, bytes]]) -> None:
    data = b"".join(netlink.attribute(kind, payload) for kind, payload in attributes)
    assert len(data) % 4 == 0
    found = netlink.attributes(data)
    assert [(kind, payload) for kind, _, payload in found] == attributes
    assert all(data[at + 4 : at + 4 + len(payload)] == payload for _, at, payload in found)


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1), st.binary(max_size=80)), max_size=8))
def test_messages_come_back_as_packed(messages: list[tuple[int, int, bytes]]) -> None:
    data = b"".join(netlink.message(kind, 5, sequence, payload) for kind, sequence, payload in messages)
    assert [(k, s, p) for k, _, s, p in netlink.messages(data)] == messages


@given(st.binary(max_size=200), st.integers(0, 0xFFFF), st.sampled_from([netlink.NLMSG_ERROR, netlink.NLMSG_DONE]))
def test_garbage_is_a_format_error_and_nothing_else(data: bytes, flags: int, kind: int) -> None:
    for parse in (netlink.attributes, netlink.messages, lambda d: netlink.acknowledgement(kind, flags, d)):
        try:
            parse(data)
        except netlink.FormatError:
            continue


@given(st.integers(0, 2**64 - 1))
def test_uint_is_as_short_as_can_be(value: int) -> None:
    ((kind, _, payload),) = netlink.attributes(netlink.uint(7, value))
    assert (kind, netlink.number(payload)) == (7, value)
    assert len(payload) == (4 if value < 2**32 else 8)


def test_nested_attribute_has_its_flag_and_is_read_without() -> None:
    data = netlink.nest(3, netlink.u32(1, 5))
    assert struct.unpack_from("=HH", data) == (12, 3 | 0x8000)
    ((kind, _, payload),) = netlink.attributes(data)
    assert kind == 3
    assert netlink.number(netlink.table(payload)[1]) == 5


def test_attribute_too_long_for_its_length_is_refused() -> None:
    with pytest.raises(netlink.FormatError):
        netlink.attribute(1, bytes(0x10000))


def acknowledgement_bytes(code: int, *, capped: bool, tlvs: bytes = b"") -> tuple[int, bytes]:
    request = netlink.message(20, 5, 1, bytes(6))
    flags = (netlink.NLM_F_CAPPED if capped else 0) | (netlink.NLM_F_ACK_TLVS if tlvs else 0)
    return flags, struct.pack("=i", code) + (request[:16] if capped else request) + tlvs


@pytest.mark.parametrize("capped", [True, False])
def test_refusal_with_its_explanation(capped: bool) -> None:
    tlvs = netlink.text(1, "integer out of range") + netlink.u32(2, 32) + netlink.u32(5, 3)
    flags, payload = acknowledgement_bytes(-errno.ERANGE, capped=capped, tlvs=tlvs)
    error = netlink.acknowledgement(netlink.NLMSG_ERROR, flags, payload)
    assert error is not None
    assert (error.errno, error.message, error.offset, error.missing) == (errno.ERANGE, "integer out of range", 32, 3)
    assert str(error) == "ERANGE: integer out of range"


def test_success_is_no_refusal() -> None:
    flags, payload = acknowledgement_bytes(0, capped=True)
    assert netlink.acknowledgement(netlink.NLMSG_ERROR, flags, payload) is None


def test_refusal_of_a_dump_has_its_explanation_right_behind() -> None:
    payload = struct.pack("=i", -errno.EINVAL) + netlink.text(1, "no")
    error = netlink.acknowledgement(netlink.NLMSG_DONE, netlink.NLM_F_ACK_TLVS, payload)
    assert error is not None
    assert (error.errno, error.message) == (errno.EINVAL, "no")


# The controller of generic netlink is family 16 of every kernel; these need no privilege.
CONTROLLER = 16
GETFAMILY = 3


def get_family(name: str) -> bytes:
    return bytes((GETFAMILY, 1, 0, 0)) + netlink.text(2, name)


@pytest.fixture
def kernel() -> netlink.Socket:
    return netlink.Socket(timeout=10)


def test_kernel_answers_a_request(kernel: netlink.Socket) -> None:
    (outcome,) = kernel.exchange([(CONTROLLER, get_family("nlctrl"))])
    assert outcome.error is None
    assert netlink.number(netlink.table(outcome.replies[0][4:])[1]) == CONTROLLER


def test_kernel_refuses_an_unknown_family(kernel: netlink.Socket) -> None:
    (outcome,) = kernel.exchange([(CONTROLLER, get_family("no-such-family"))])
    assert outcome.error is not None
    assert outcome.error.errno == errno.ENOENT


def test_kernel_names_the_attribute_at_fault(kernel: netlink.Socket) -> None:
    (outcome,) = kernel.exchange([(CONTROLLER, bytes((GETFAMILY, 1, 0, 0)) + netlink.attribute(1, b"\1"))])
    assert outcome.error is not None
    assert outcome.error.errno in (errno.ERANGE, errno.EINVAL)
    assert outcome.error.offset == 20


def test_pipelined_requests_get_their_own_outcomes(kernel: netlink.Socket) -> None:
    names = ["nlctrl" if i % 2 else "none" for i in range(40)]
    outcomes = kernel.exchange([(CONTROLLER, get_family(name)) for name in names])
    assert [bool(outcome.error) for outcome in outcomes] == [name == "none" for name in names]
    assert [len(outcome.replies) for outcome in outcomes] == [int(name == "nlctrl") for name in names]


def test_nothing_is_sent_after_a_write_with_a_refusal(kernel: netlink.Socket) -> None:
    requests = [(CONTROLLER, get_family("none"))] + [(CONTROLLER, get_family("nlctrl"))] * 100
    outcomes = kernel.exchange(requests)
    assert len(outcomes) == netlink._CHUNK_MESSAGES
    assert outcomes[0].error is not None


def test_many_requests_go_out_in_several_writes(kernel: netlink.Socket) -> None:
    outcomes = kernel.exchange([(CONTROLLER, get_family("nlctrl"))] * 130)
    assert [len(outcome.replies) for outcome in outcomes] == [1] * 130


def test_dump(kernel: netlink.Socket) -> None:
    families = [
        netlink.string(netlink.table(part[4:])[2]) for part in kernel.dump(CONTROLLER, bytes((GETFAMILY, 1, 0, 0)))
    ]
    assert "nlctrl" in families
    # The socket is in order afterwards.
    assert kernel.exchange([(CONTROLLER, get_family("nlctrl"))])[0].error is None


def test_refused_dump(kernel: netlink.Socket) -> None:
    with pytest.raises(netlink.KernelError) as refused:
        kernel.dump(CONTROLLER, bytes((99, 1, 0, 0)))
    assert refused.value.errno == errno.EOPNOTSUPP


def test_silence_ends_in_a_timeout() -> None:
    kernel = netlink.Socket(timeout=0.05)
    # A message without NLM_F_REQUEST is nothing to the kernel, so it says nothing.
    deadline = time.monotonic() + 0.05
    with pytest.raises(TimeoutError):
        kernel._receive(deadline)
