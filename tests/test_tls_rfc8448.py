"""The TLS engine against RFC 8448: section 3, a handshake with an RSA key, and 4, where its session goes on.

The engine has no RSA and takes no early data, so what it says behind the ServerHello is its own; keys are checked along
the RFC's messages.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import sandbox
from lab.tools import ToolsTree
from tests.oracle import Oracle
from tests.test_http_parser import tools
from tests.test_tls_engine import Identity, engine, identity, program
from tests.tls_client import Keys, label, messages, records
from tests.tls_programs import FLAGS, SUITES, Alert, Engine, build

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
CLIENT_FINISHED = bytes.fromhex("14000020a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61")
FINISHED = bytes.fromhex("140000209b9b141d906337fbd2cbdce71df4deda4ab42c309572cb7fffee5454b78f0718")

SERVER_SECRET = "b1580eeadf6dd589b8ef4f2d5652578cc810e9980191ec8d058308cea216a21e"
SERVER_RANDOM = "a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e26928"
SHARED = "8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d"
CLIENT_HANDSHAKE = "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"
SERVER_HANDSHAKE = "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"

PSK = "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3"
RESUMED_HELLO = (
    bytes.fromhex(
        "010001fc03031bc3ceb6bbe39cff938355b5a50adb6db21b7a6af649d7b4bc419d7876487d95000006130113031302010001cd0000000b00"
        "09000006736572766572ff01000100000a00140012001d00170018001901000101010201030104003300260024001d0020e4ffb68ac05f8d"
        "96c99da26698346c6be16482badddafe051a66b4f18d668f0b002a0000002b0003020304000d0020001e0403050306030203080408050806"
        "04010501060102010402050206020202002d00020101001c0002400100150057"
    )
    + bytes(87)
    + bytes.fromhex(
        "002900dd00b800b22c035d829359ee5ff7af4ec900000000262a6494dc486d2c8a34cb33fa90bf1b0070ad3c498883c9367c09a2be785abc"
        "55cd226097a3a982117283f82a03a143efd3ff5dd36d64e861be7fd61d2827db279cce145077d454a3664d4e6da4d29ee03725a6a4dafcd0"
        "fc67d2aea70529513e3da2677fa5906c5b3f7d8f92f228bda40dda721470f9fbf297b5aea617646fac5c03272e970727c621a79141ef5f7d"
        "e6505e5bfbc388e93343694093934ae4d357fad6aacb0021203add4fb2d8fdf822a0ca3cf7678ef5e88dae990141c5924d57bb6fa31b9e5f"
        "9d"
    )
)
RESUMED_SERVER_HELLO = bytes.fromhex(
    "0200005c03033ccfd2dec890222763472ae8136777c9d7358777bb66e91ea5122495f559ea2d00130100003400290002000000330024001d"
    "0020121761ee42c333e1b9e77b60dd57c2053cd94512ab47f115e86eff50942cea31002b00020304"
)
RESUMED_REST = bytes.fromhex(
    "080000280026000a00140012001d00170018001901000101010201030104001c0002400100000000002a00001400002048d3e0e1b3d907c6"
    "acff145e16090388c77b05c050b634ab1a88bbd0dd1a34b205000000140000207230a9c952c25cd6138fc5e6628308c41c5335dd81b9f96b"
    "cea50fd32bda416d"
)
"""EncryptedExtensions, the server's Finished, EndOfEarlyData, the client's Finished."""
RESUMED_SERVER_SECRET = "de5b4476e7b490b2652d338acbf2948066f255f9440e23b98fc69835298dc107"
RESUMED_SHARED = "f44194756ff9ec9d25180635d66ea6824c6ab3bf179977be37f723570e7ccb2e"
RESUMED_HANDSHAKE = [
    "005cb112fd8eb4ccc623bb88a07c64b3ede1605363fc7d0df8c7ce4ff0fb4ae6",
    "2faac08f851d35fea3604fcb4de82dc62c9b164a70974d0462e27f1ab278700f",
    "fe927ae271312e8bf0275b581c54eef020450dc4ecffaa05a1a35d27518e7803",
]
"""The secret, the client's, the server's."""
RESUMED_MASTER = "5e95bdf1f89005ea2e9aa0ba85e728e3c19c5fe0c699e3f5bee59faebd0b5406"


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
    transcript = HELLO + SERVER_HELLO + EXTENSIONS + CERTIFICATE + VERIFY + FINISHED + CLIENT_FINISHED
    found = oracle.ask(b"t", bytes.fromhex(SHARED), transcript)
    assert [found[at : at + 32].hex() for at in range(0, len(found), 32)] == [
        "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac",
        CLIENT_HANDSHAKE,
        SERVER_HANDSHAKE,
        FINISHED[4:].hex(),
        "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919",
        "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
        "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
        CLIENT_FINISHED[4:].hex(),
        PSK,
    ]


@pytest.fixture(scope="module")
def resuming(tools: ToolsTree, identity: Identity) -> Iterator[Engine]:
    """Has the trace's ticket."""
    sources = [SUITES / "engine.c", SUITES / "crypto.c", SUITES / "trace.c"]
    program = build(tools, "trace", sources, (*FLAGS, "-Wl,--wrap=tls_ticket_open"))
    oracle = Oracle(sandbox.command(tools, [program]))
    one = Engine(oracle)
    one.identity([identity.der], identity.secret)
    one.tickets(bytes(48))
    yield one
    oracle.end()


def test_resumed_server_hello(resuming: Engine) -> None:
    """The binder is right, and ServerHello and keys are the trace's; behind it early data is refused."""
    resuming.connect(random=bytes.fromhex(RESUMED_SERVER_SECRET) + RESUMED_SERVER_HELLO[6:38])
    said = resuming.read(b"\x16\3\1\2\0" + RESUMED_HELLO)
    first, second = records(said.out)
    assert first == (22, b"\x16\3\3\0\x60", RESUMED_SERVER_HELLO)
    assert resuming.resumed()
    assert resuming.secrets()[0][:32].hex() == RESUMED_HANDSHAKE[1]
    kind, content = Keys("sha256", 0x1301, bytes.fromhex(RESUMED_HANDSHAKE[2])).open(*second[1:])
    assert kind == 22
    assert [one[0] for one in messages(content)] == [8, 20]


def test_resumed_binder_with_a_bit_changed(resuming: Engine) -> None:
    resuming.connect()
    said = resuming.read(b"\x16\3\1\2\0" + RESUMED_HELLO[:-1] + b"\x9c")
    assert said.alert == Alert.DECRYPT_ERROR


def test_resumed_key_schedule(oracle: Oracle) -> None:
    """With the early data's end, which the trace's server takes."""
    transcript = RESUMED_HELLO + RESUMED_SERVER_HELLO + RESUMED_REST
    found = oracle.ask(b"t", bytes.fromhex(RESUMED_SHARED + PSK), transcript)
    assert [found[at : at + 32].hex() for at in range(0, len(found), 32)] == [
        *RESUMED_HANDSHAKE,
        "48d3e0e1b3d907c6acff145e16090388c77b05c050b634ab1a88bbd0dd1a34b2",
        "e2d32d4ed66dd37897a0e80c84107503ce58bf8aad4cb55a5002d77ecb890ece",
        "2abbf2b8e381d23dbebe1dd2a7d16a8bf484cb4950d23fb7fb7fa8547062d9a1",
        "cc21f1bf8feb7dd5fa505bd9c4b468a9984d554a993dc49e6d285598fb672691",
        "7230a9c952c25cd6138fc5e6628308c41c5335dd81b9f96bcea50fd32bda416d",
        label("sha256", bytes.fromhex(RESUMED_MASTER), "resumption", bytes(2), 32).hex(),
    ]
