"""The TLS engine against RFC 8448, section 3: a trace of a handshake with X25519, AES-128-GCM and an RSA key.

The engine has no RSA, so what it says behind the ServerHello is its own; keys are checked along the RFC's messages.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import sandbox
from lab.tools import ToolsTree
from tests.oracle import Oracle
from tests.test_http_parser import tools
from tests.test_tls_engine import engine, identity, program
from tests.tls_client import Keys, records
from tests.tls_programs import SUITES, Engine, build

__all__ = ["engine", "identity", "program", "tools"]

HELLO = bytes.fromhex(
    "010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000910000000b00"
    "09000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d002099381d"
    "e560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e0403050306030203080408050806"
    "04010501060102010402050206020202002d00020101001c00024001"
)
SERVER_HELLO = bytes.fromhex(
    "020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d0020c9828876"
    "112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304"
)
EXTENSIONS = bytes.fromhex("080000240022000a00140012001d00170018001901000101010201030104001c0002400100000000")
CERTIFICATE = bytes.fromhex(
    "0b0001b9000001b50001b0308201ac30820115a003020102020102300d06092a864886f70d01010b0500300e310c300a0603550403130372"
    "7361301e170d3136303733303031323335395a170d3236303733303031323335395a300e310c300a0603550403130372736130819f300d06"
    "092a864886f70d010101050003818d0030818902818100b4bb498f8279303d980836399b36c6988c0c68de55e1bdb826d3901a2461eafd2d"
    "e49a91d015abbc9a95137ace6c1af19eaa6af98c7ced43120998e187a80ee0ccb0524b1b018c3e0b63264d449a6d38e22a5fda4308467480"
    "30530ef0461c8ca9d9efbfae8ea6d1d03e2bd193eff0ab9a8002c47428a6d35a8d88d79f7f1e3f0203010001a31a301830090603551d1304"
    "023000300b0603551d0f0404030205a0300d06092a864886f70d01010b05000381810085aad2a0e5b9276b908c65f73a7267170618a54c5f"
    "8a7b337d2df7a594365417f2eae8f8a58c8f8172f9319cf36b7fd6c55b80f21a03015156726096fd335e5e67f2dbf102702e608ccae6bec1"
    "fc63a42a99be5c3eb7107c3c54e9b9eb2bd5203b1c3b84e0a8b2f759409ba3eac9d91d402dcc0cc8f8961229ac9187b42b4de10000"
)
VERIFY = bytes.fromhex(
    "0f000084080400805a747c5d88fa9bd2e55ab085a61015b7211f824cd484145ab3ff52f1fda8477b0b7abc90db78e2d33a5c141a078653fa"
    "6bef780c5ea248eeaaa785c4f394cab6d30bbe8d4859ee511f602957b15411ac027671459e46445c9ea58c181e818e95b8c3fb0bf3278409"
    "d3be152a3da5043e063dda65cdf5aea20d53dfacd42f74f3"
)
FINISHED = bytes.fromhex("140000209b9b141d906337fbd2cbdce71df4deda4ab42c309572cb7fffee5454b78f0718")

SERVER_SECRET = "b1580eeadf6dd589b8ef4f2d5652578cc810e9980191ec8d058308cea216a21e"
SERVER_RANDOM = "a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e26928"
SHARED = "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d"
CLIENT_HANDSHAKE = "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"
SERVER_HANDSHAKE = "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"


@pytest.fixture(scope="module")
def oracle(tools: ToolsTree) -> Iterator[Oracle]:
    one = Oracle(sandbox.command(tools, [build(tools, "oracle", [SUITES / "oracle.c", SUITES / "crypto.c"])]))
    yield one
    one.end()


def test_server_hello_and_handshake_keys(engine: Engine) -> None:
    """With the trace's random numbers the ServerHello is the trace's, byte for byte, and so are the next keys."""
    random = bytes.fromhex(SERVER_SECRET + SERVER_RANDOM)
    engine.connect(random=random)
    said = engine.read(b"\x16\3\1\0\xc4" + HELLO)
    first, second = records(said.out)
    assert first == (22, b"\x16\3\3\0\x5a", SERVER_HELLO)
    reading, _ = engine.secrets()
    assert reading[:32].hex() == CLIENT_HANDSHAKE
    kind, content = Keys("sha256", 0x1301, bytes.fromhex(SERVER_HANDSHAKE)).open(*second[1:])
    assert kind == 22
    assert content[0] == 8


def test_key_schedule(oracle: Oracle) -> None:
    transcript = HELLO + SERVER_HELLO + EXTENSIONS + CERTIFICATE + VERIFY + FINISHED
    found = oracle.ask(b"t", bytes.fromhex(SHARED), transcript)
    assert [found[at : at + 32].hex() for at in range(0, len(found), 32)] == [
        "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac",
        CLIENT_HANDSHAKE,
        SERVER_HANDSHAKE,
        FINISHED[4:].hex(),
        "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919",
        "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
        "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
        "a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61",
    ]
