"""OCSP staples: clients that want to know a certificate's status are told it, by other people's libraries."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator

import pytest

from suites.duts.adapter import ConfigurationRefused
from suites.duts.config import configured
from suites.duts.dut import HTTPS, Dut
from suites.duts.weir import WeirAdapter
from suites.traffic.certificates import Authority, Certified, Kind, authority
from suites.traffic.client import Client
from suites.traffic.messages import Reply
from suites.traffic.origin import Origin
from suites.traffic.programs import Answer, Programs
from suites.traffic.tls import Tls, trusting
from suites.traffic.tls_programs import SUITES, GnuTls, OpenSsl

pytestmark = pytest.mark.own_engine(reason="it sends no staples")

HOUR = datetime.timedelta(hours=1)
every_version = pytest.mark.parametrize("version", ["1.2", "1.3"])
every_kind = pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
only_weir = pytest.mark.only("weir", reason="about its configuration, its counters or its clock")


@pytest.fixture(scope="module")
def issuer() -> Authority:
    """Whose own certificate servers send along: clients check a response by it."""
    return Authority("Weir's test authority below", above=authority())


@pytest.fixture(scope="module")
def certified(issuer: Authority) -> Certified:
    return issuer.issue("weir.test")


@pytest.fixture
def weir(dut: Dut) -> WeirAdapter:
    assert isinstance(dut.adapter, WeirAdapter)
    return dut.adapter


@pytest.fixture
def stapled(dut: Dut, origin: Origin, issuer: Authority, certified: Certified) -> Dut:
    """The device with a certificate and its status."""
    origin.replies(Reply(200, b"hello"))
    serve(dut, certified, issuer.status(certified))
    return dut


def serve(dut: Dut, certified: Certified, response: bytes = b"") -> None:
    dut.apply(listeners=[], https=[HTTPS], certificates=[configured(certified, ocsp=response)])


def asked(programs: Programs, dut: Dut, version: str, *options: str) -> Answer:
    """What OpenSSL's client says that asks for a status."""
    return OpenSsl(programs, dut.endpoint).say(f"-tls{version.replace('.', '_')}", "-status", *options)


def told(answer: Answer) -> bool:
    assert b"hello" in answer.output, answer.text
    good = "OCSP Response Status: successful (0x0)" in answer.text and "Cert Status: good" in answer.text
    assert good != ("OCSP response: no response sent" in answer.text), answer.text
    return good


@every_version
@every_kind
def test_who_asks_is_told(
    dut: Dut, origin: Origin, programs: Programs, issuer: Authority, kind: Kind, version: str
) -> None:
    origin.replies(Reply(200, b"hello"))
    certified = issuer.issue("weir.test", kind=kind)
    serve(dut, certified, issuer.status(certified))
    assert told(asked(programs, dut, version))
    serve(dut, certified)
    assert not told(asked(programs, dut, version))


@every_version
@only_weir
def test_who_asks_is_counted(stapled: Dut, programs: Programs, version: str) -> None:
    before = stapled.statistics["tls_staples"]
    asked(programs, stapled, version)
    assert stapled.statistics["tls_staples"] == before + 1
    answer = OpenSsl(programs, stapled.endpoint).say(f"-tls{version.replace('.', '_')}")
    assert b"hello" in answer.output
    assert "OCSP" not in answer.text
    assert stapled.statistics["tls_staples"] == before + 1


@every_version
def test_curl_that_insists(stapled: Dut, programs: Programs, certified: Certified, version: str) -> None:
    """It verifies the response: who signed it, and what it is about."""
    address, port = stapled.endpoint
    command = (
        "--cacert", str(programs.put("authority.pem", authority().pem)), "--tls-max", version, "--cert-status",
        "--resolve", f"weir.test:{port}:{address}", f"https://weir.test:{port}/",
    )  # fmt: skip
    answer = programs.curl(*command)
    assert (answer.status, answer.output) == (0, b"hello"), answer.text
    serve(stapled, certified)
    assert programs.curl(*command).status == 91


@every_version
def test_gnutls_where_the_certificate_insists(
    dut: Dut, origin: Origin, others: Programs, issuer: Authority, version: str
) -> None:
    """A certificate that is to come with its status, which GnuTLS then wants to see, and verifies."""
    origin.replies(Reply(200, b"hello"))
    certified = issuer.issue("weir.test", must_staple=True)
    suite = next(one for one in SUITES if one.version == version)
    serve(dut, certified, issuer.status(certified))
    answer = GnuTls(others, dut.endpoint).say(suite=suite)
    assert (answer.status, b"hello" in answer.output) == (0, True), answer.text
    assert "OCSP status request" in answer.text


def test_response_is_replaced_under_way(
    stapled: Dut, programs: Programs, issuer: Authority, certified: Certified, new_client: Callable[[], Client]
) -> None:
    """By the same certificate with another file; connections go on."""
    client = new_client()
    client.tls = Tls(trusting())
    with client.connect() as connection:
        assert connection.ask().status == 200
        for year in (2090, 2091):
            until = datetime.datetime(year, 1, 2, tzinfo=datetime.UTC)
            serve(stapled, certified, issuer.status(certified, until=until))
            answer = asked(programs, stapled, "1.3")
            assert told(answer)
            assert f"Next Update: Jan  2 00:00:00 {year} GMT" in answer.text
        assert connection.ask().status == 200


@only_weir
def test_it_is_shown_and_applies_again(stapled: Dut, weir: WeirAdapter) -> None:
    assert stapled.config
    (certificate,) = stapled.config.certificates
    shown = weir.weirctl("show").stdout
    assert "# its OCSP response is sent until 20" in shown
    assert f'ocsp = "{certificate.ocsp_file}"' in shown
    weir.weirctl("apply", "-", input=shown)
    assert weir.weirctl("show").stdout == shown


@pytest.fixture
def clock(dut: Dut) -> Iterator[Callable[[datetime.timedelta], None]]:
    """Puts the machine's clock forward, until the test is over."""

    def forward(by: datetime.timedelta) -> None:
        dut.machine.run("date", "-s", f"@{time.time() + by.total_seconds():.0f}")

    yield forward
    forward(datetime.timedelta())


@only_weir
@every_version
def test_old_one_is_not_sent(
    stapled: Dut,
    weir: WeirAdapter,
    programs: Programs,
    issuer: Authority,
    certified: Certified,
    clock: Callable[[datetime.timedelta], None],
    version: str,
) -> None:
    """It gets old while it is served. Then it is no longer sent, shown as old, and not taken again."""
    response = issuer.status(certified, until=datetime.datetime.now(datetime.UTC) + HOUR)
    serve(stapled, certified, response)
    assert told(asked(programs, stapled, version))
    clock(2 * HOUR)
    assert not told(asked(programs, stapled, version))
    assert "# its OCSP response is old: 20" in weir.weirctl("show").stdout
    with pytest.raises(ConfigurationRefused, match=r"certificate\[0\].ocsp: .* it has expired: "):
        serve(stapled, certified, response)
    serve(stapled, certified, issuer.status(certified))
    assert told(asked(programs, stapled, version))


@only_weir
def test_response_about_another_certificate_is_refused(stapled: Dut, issuer: Authority, certified: Certified) -> None:
    """With the key and the line; what was there stays."""
    other = issuer.status(issuer.issue("weir.test"))
    with pytest.raises(ConfigurationRefused, match=r"certificate\[0\].ocsp: expected one about the chain's first"):
        serve(stapled, certified, other)
