"""Scanners that look for weaknesses: sslscan, testssl.sh and sslyze find none but those that a table here names, with
reasons.

A server of the same certificate that is weak on purpose shows that they would.
"""

from __future__ import annotations

import datetime
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

import pytest

from lab.bootstrap import scanners
from lab.deadline import Deadline
from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.traffic.certificates import Certified, authority
from suites.traffic.programs import Programs

if TYPE_CHECKING:
    from lab.session import Lab

VERSIONS: Final = {"1.2", "1.3"}
SUITES: Final = {
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
}  # fmt: skip
GROUPS: Final = {"x25519", "secp256r1 (NIST P-256)"}
SCAN_S: Final = 240.0
"""Then one is taken to hang."""

KNOWN: Final = {
    "engine_problem": "of the scanner's own OpenSSL, which has no GOST",
    "HSTS": "a field of the application's, which Weir passes on",
    "security_headers": "the same",
    "cert_revocation": "the tests' authority has no list of revoked certificates, and no OCSP",
}
"""What testssl.sh finds that is not to be mended, by its id."""
FINE: Final = {"OK", "INFO"}


@pytest.fixture(scope="module")
def lasting() -> Certified:
    """A certificate for as long as authorities give them, which scanners look at."""
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    return authority().issue("weir.test", before=now - day, after=now + 90 * day)


@pytest.fixture
def scanned(dut: Dut, lasting: Certified) -> str:
    """The device's endpoint."""
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(lasting)])
    return "{}:{}".format(*dut.endpoint)


@pytest.fixture
def weak(lab: Lab, lasting: Certified, tmp_path: Path) -> Iterator[str]:
    """The endpoint of an nginx that still speaks TLS 1.0 and has ciphers without authentication."""
    folder = tmp_path / "weak"
    folder.mkdir()
    with Programs(lab.prepared.tools, folder) as programs:
        chain, key = programs.put("chain.pem", lasting.chain), programs.put("key.pem", lasting.key_pem())
        yield programs.nginx_origin(
            lab.network.origin_address(240),
            {"index.html": b"weak"},
            port=8443,
            tls=(
                f"ssl_certificate {chain}; ssl_certificate_key {key};",
                "ssl_protocols TLSv1 TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;",
            ),
        )


def sslscan(others: Programs, endpoint: str) -> ElementTree.Element:
    answer = others.run("sslscan", "--no-colour", "--xml=-", "--sni-name=weir.test", endpoint, seconds=SCAN_S)
    assert answer.status == 0, answer.text
    found = ElementTree.fromstring(answer.output).find("ssltest")
    assert found is not None
    return found


def weaknesses(scan: ElementTree.Element) -> list[str]:
    """All that sslscan marks as bad, and versions that are not meant to be spoken."""

    def wrong(path: str, **attributes: str) -> Iterator[str]:
        for one in scan.iter(path):
            if all(one.get(name) == value for name, value in attributes.items()):
                yield f"{path} {one.attrib}"

    found = [f"TLS {one}" for one in versions(scan) - VERSIONS]
    found += wrong("compression", supported="1")
    found += wrong("renegotiation", supported="1", secure="0")
    found += wrong("fallback", supported="0")
    found += wrong("heartbleed", vulnerable="1")
    found += [f"cipher {one.attrib}" for one in scan.iter("cipher") if one.get("strength") != "strong"]
    for name in ("self-signed", "expired", "not-yet-valid"):
        found += [f"certificate: {name}" for one in scan.iter(name) if one.text != "false"]
    return found


def versions(scan: ElementTree.Element) -> set[str]:
    """Those that are spoken."""
    return {str(one.get("version")) for one in scan.iter("protocol") if one.get("enabled") == "1"}


@pytest.mark.own_engine(reason="it does not know TLS_FALLBACK_SCSV")
def test_sslscan_finds_nothing(others: Programs, scanned: str) -> None:
    scan = sslscan(others, scanned)
    assert not weaknesses(scan)
    assert versions(scan) == VERSIONS
    assert {one.get("cipher") for one in scan.iter("cipher")} == SUITES
    assert {one.get("name") for one in scan.iter("group")} == GROUPS
    assert [one.text for one in scan.iter("signature-algorithm")] == ["ecdsa-with-SHA256"]


def test_sslscan_finds_what_is_weak(others: Programs, weak: str) -> None:
    found = weaknesses(sslscan(others, weak))
    assert {"TLS 1.0", "TLS 1.1"} <= set(found)
    assert [one for one in found if "'anonymous'" in one]


def findings(others: Programs, folder: Path, endpoint: str, *checks: str) -> dict[str, tuple[str, str]]:
    """testssl.sh's: severity and words of each, by its id."""
    address, port = endpoint.split(":")
    others.put("authority.pem", authority().pem)
    answer = others.run(
        "testssl", "--quiet", "--warnings", "off", "--color", "0", "--jsonfile", "found.json", "--add-ca",
        "authority.pem", "--ip", address, "--nodns", "none", *checks, f"weir.test:{port}", seconds=SCAN_S,
    )  # fmt: skip
    found = json.loads((folder / "found.json").read_text())
    assert len(found) > 3, answer.text
    return {one["id"]: (one["severity"], one["finding"]) for one in found}


CHECKS: Final = {
    "versions-and-certificate": ("--protocols", "--fs", "--server-defaults"),
    "attacks": (
        "--heartbleed", "--ccs-injection", "--ticketbleed", "--robot", "--renegotiation", "--compression",
        "--tls-fallback", "--winshock",
    ),
    "ciphers-and-headers": (
        "--std", "--server-preference", "--breach", "--poodle", "--sweet32", "--freak", "--drown", "--logjam",
        "--beast", "--lucky13", "--rc4", "--headers",
    ),
}  # fmt: skip

SEEN: Final = {
    "versions-and-certificate": {"TLS1_3", "cert_chain_of_trust", "cert_trust", "FS"},
    "attacks": {"heartbleed", "CCS", "ticketbleed", "ROBOT", "secure_client_renego", "CRIME_TLS"},
    "ciphers-and-headers": {"BREACH", "POODLE_SSL", "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13", "RC4"},
}
"""What each has to call good, so none has ended early."""


@pytest.mark.parametrize("checks", CHECKS)
def test_testssl_finds_nothing(others: Programs, tmp_path: Path, scanned: str, checks: str) -> None:
    found = findings(others, tmp_path, scanned, *CHECKS[checks])
    assert {name: what for name, what in found.items() if what[0] not in FINE and name not in KNOWN} == {}
    assert {name for name, (severity, _) in found.items() if severity == "OK"} >= SEEN[checks]


def test_testssl_finds_what_is_weak(others: Programs, tmp_path: Path, weak: str) -> None:
    found = findings(others, tmp_path, weak, "--protocols")
    assert {"TLS1", "TLS1_1"} <= {name for name, (severity, _) in found.items() if severity not in FINE}


SSLYZE: Final = (
    "--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3", "--certinfo", "--compression",
    "--early_data", "--elliptic_curves", "--heartbleed", "--openssl_ccs", "--reneg",
    "--resum", "--robot",
)  # fmt: skip
OUTDATED: Final = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")


def sslyze(folder: Path, endpoint: str) -> dict[str, Any]:
    """What sslyze found, each check's result by its name."""
    if not scanners().exists():
        pytest.skip("no environment with sslyze: `nox -s tls` makes it")
    trusted, found = folder / "authority.pem", folder / "sslyze.json"
    trusted.write_text(authority().pem)
    argv = [str(scanners()), "-m", "sslyze", *SSLYZE, "--certinfo_ca_file", str(trusted), "--sni", "weir.test"]
    done = subprocess.run(
        [*argv, "--json_out", str(found), endpoint],
        capture_output=True, text=True, timeout=Deadline(SCAN_S).seconds, check=False,
    )  # fmt: skip
    assert found.exists(), done.stdout + done.stderr
    (scan,) = json.loads(found.read_text())["server_scan_results"]
    assert scan["scan_result"], done.stdout
    results = {name: one for name, one in scan["scan_result"].items() if one["status"] != "NOT_SCHEDULED"}
    assert {one["status"] for one in results.values()} == {"COMPLETED"}, results
    return {name: one["result"] for name, one in results.items()}


def accepted(result: dict[str, Any], version: str) -> set[str]:
    """The suites with which a connection came about."""
    return {one["cipher_suite"]["name"] for one in result[f"{version}_cipher_suites"]["accepted_cipher_suites"]}


def sslyze_findings(result: dict[str, Any]) -> set[str]:
    """All that is above informational."""
    found = {f"{one} is spoken" for one in OUTDATED if accepted(result, one)}
    for version in ("tls_1_2", "tls_1_3"):
        for name in accepted(result, version):
            if not name.endswith(("GCM_SHA256", "GCM_SHA384", "POLY1305_SHA256")) or "anon" in name:
                found.add(f"{version} has {name}")
    bad = {
        "Heartbleed": result["heartbleed"]["is_vulnerable_to_heartbleed"],
        "CCS injection": result["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"],
        "compression": result["tls_compression"]["supports_compression"],
        "early data": result["tls_1_3_early_data"]["supports_early_data"],
        "renegotiation by clients": result["session_renegotiation"]["is_vulnerable_to_client_renegotiation_dos"],
        "insecure renegotiation": not result["session_renegotiation"]["supports_secure_renegotiation"],
        "ROBOT": not result["robot"]["robot_result"].startswith("NOT_VULNERABLE"),
    }
    found |= {name for name, true in bad.items() if true}
    for deployment in result["certificate_info"]["certificate_deployments"]:
        if not any(path["was_validation_successful"] for path in deployment["path_validation_results"]):
            found.add(f"untrusted certificate: {deployment['path_validation_results'][-1]}"[:1000])
    return found


def test_sslyze_finds_nothing(tmp_path: Path, scanned: str) -> None:
    result = sslyze(tmp_path, scanned)
    assert sslyze_findings(result) == set()
    assert accepted(result, "tls_1_3") == {
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    }  # fmt: skip
    assert accepted(result, "tls_1_2") == {
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    }  # fmt: skip
    assert {one["name"] for one in result["elliptic_curves"]["supported_curves"]} == {"X25519", "secp256r1"}


def test_sslyze_finds_what_is_weak(tmp_path: Path, weak: str) -> None:
    assert {"tls_1_0 is spoken", "tls_1_1 is spoken"} <= sslyze_findings(sslyze(tmp_path, weak))
