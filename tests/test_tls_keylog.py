"""Secrets by which recorded connections can be read: the engine says what OpenSSL does, and only if it is built to."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lab import sandbox
from lab.tools import ToolsTree
from tests.test_http_parser import tools
from tests.test_tls_engine import S_CLIENT, Identity, identity
from tests.test_tls_sign import RsaIdentity, rsa_identity
from tests.tls_programs import FLAGS, SUITES, build, chain_of

__all__ = ["identity", "rsa_identity", "tools"]

TRAFFIC = {
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    "CLIENT_TRAFFIC_SECRET_0",
    "SERVER_TRAFFIC_SECRET_0",
}
SOURCES = [SUITES / "serve.c", SUITES / "crypto.c"]


@pytest.fixture(scope="module")
def program(tools: ToolsTree) -> Path:
    return build(tools, "serve", SOURCES, (*FLAGS, "-DWEIR_TLS_KEYLOG"))


def connect(tools: ToolsTree, program: Path, folder: Path, *options: str) -> None:
    """One connection of s_client's for each of them, one behind the other."""
    client = f"{S_CLIENT} -keylogfile client"
    command = "; ".join(f"(sleep 1; echo Q) | {client} {how}" for how in options)
    argv = sandbox.command(
        tools,
        ["sh", "-c", 'ip link set lo up; exec "$0" chain key timeout 60 sh -c "$1"', program, command],
        cwd=folder,
    )
    done = subprocess.run(argv, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def lines(file: Path) -> list[str]:
    """Those of a log that speak of secrets that both sides log; OpenSSL has comments, and exporters."""
    found = file.read_text().splitlines()
    return sorted(line for line in found if not line.startswith(("#", "EXPORTER_SECRET")))


@pytest.fixture
def folder(tmp_path: Path, identity: Identity) -> Path:
    (tmp_path / "chain").write_bytes(chain_of([identity.der]))
    (tmp_path / "key").write_bytes(identity.secret.to_bytes(32, "big"))
    (tmp_path / "ca.pem").write_text(identity.pem)
    return tmp_path


@pytest.mark.parametrize(
    ("options", "length", "labels"),
    [
        ("-tls1_3", 64, TRAFFIC),
        ("-tls1_3 -groups P-384:P-256 -ciphersuites TLS_AES_256_GCM_SHA384", 96, TRAFFIC),
        ("-tls1_2", 96, {"CLIENT_RANDOM"}),
        ("-tls1_2 -no_ems -cipher ECDHE-ECDSA-AES256-GCM-SHA384", 96, {"CLIENT_RANDOM"}),
    ],
)
def test_lines_are_those_of_openssl(
    tools: ToolsTree, program: Path, folder: Path, options: str, length: int, labels: set[str]
) -> None:
    connect(tools, program, folder, options)
    found = lines(folder / "keylog")
    assert found == lines(folder / "client")
    said = [line.split(" ") for line in found]
    assert {label for label, _, _ in said} == labels
    assert len(said) == len(labels)
    assert {(len(random), len(secret)) for _, random, secret in said} == {(64, length)}


def test_signature_that_takes_its_time(
    tools: ToolsTree, program: Path, folder: Path, rsa_identity: RsaIdentity
) -> None:
    (folder / "chain").write_bytes(chain_of([rsa_identity.der]))
    (folder / "key").write_bytes(rsa_identity.packed)
    (folder / "ca.pem").write_text(rsa_identity.pem)
    connect(tools, program, folder, "-tls1_3", "-tls1_2")
    found = lines(folder / "keylog")
    assert found == lines(folder / "client")
    assert len(found) == len(TRAFFIC) + 1


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_sessions_that_go_on(tools: ToolsTree, program: Path, folder: Path, version: str) -> None:
    connect(tools, program, folder, f"{version} -sess_out session", f"{version} -sess_in session")
    found = lines(folder / "keylog")
    assert found == lines(folder / "client")
    assert len(found) == 2 * (1 if version == "-tls1_2" else len(TRAFFIC))
    assert len({line.split(" ")[1] for line in found}) == 2


def test_nothing_of_it_is_in_what_others_build(tools: ToolsTree, program: Path) -> None:
    other = build(tools, "serve", SOURCES)
    for label in (b"CLIENT_TRAFFIC_SECRET_0", b"CLIENT_RANDOM"):
        assert label in program.read_bytes()
        assert label not in other.read_bytes()
