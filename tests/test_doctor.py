"""The doctor, on made-up hosts: a folder as root, a PATH of its own, a user of choice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab import doctor
from lab.errors import ExitCode, HostError
from lab.host import Host
from lab.requirements import CHECKS, SUBORDINATE_IDS, Finding, State

MEMINFO = "MemTotal: 16000000 kB\nMemAvailable: {} kB\n"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host, seen by the ordinary user `joe`, that has everything."""
    root = tmp_path / "root"
    for path, text in {
        "etc/os-release": 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
        "etc/subuid": f"anna:100000:{SUBORDINATE_IDS}\njoe:165536:{SUBORDINATE_IDS}\n",
        "etc/subgid": f"anna:100000:{SUBORDINATE_IDS}\njoe:165536:{SUBORDINATE_IDS}\n",
        "etc/apt/sources.list.d/debian.sources": "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n",
        "usr/share/keyrings/debian-archive-keyring.gpg": "keys",
        "dev/net/tun": "",
        "dev/kvm": "",
        "proc/meminfo": MEMINFO.format(8_000_000),
    }.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    programs = tmp_path / "bin"
    programs.mkdir()
    made = Host(
        root=root,
        path=str(programs),
        environment={},
        uid=1000,
        user="joe",
        machine="x86_64",
        python=(3, 11, 2),
        cache=tmp_path / "cache",
    )
    for name in ("mmdebstrap", "newuidmap", "newgidmap", "setpriv", "unshare", "true", "sudo"):
        program(made, name)
    return made


def program(host: Host, name: str, body: str = "exit 0") -> Path:
    """Put a shell script on the host's PATH."""
    path = Path(host.path) / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def found(host: Host, name: str) -> Finding:
    return {finding.name: finding for finding in doctor.examine(host)}[name]


def missing(host: Host) -> list[str]:
    return [finding.name for finding in doctor.examine(host) if finding.state is State.MISSING]


def test_a_good_host_lacks_nothing(host: Host) -> None:
    assert missing(host) == []
    assert [finding.state for finding in doctor.examine(host)] == [State.OK] * len(CHECKS)
    doctor.require(host)


def remove(*paths: str) -> Callable[[Host], None]:
    def act(host: Host) -> None:
        for path in paths:
            (host.file(path) if path.startswith("/") else Path(host.path) / path).unlink()

    return act


def write(path: str, text: str) -> Callable[[Host], None]:
    def act(host: Host) -> None:
        host.file(path).parent.mkdir(parents=True, exist_ok=True)
        host.file(path).write_text(text)

    return act


APT = "DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends"


@pytest.mark.parametrize(
    ("break_it", "name", "commands"),
    [
        (remove("mmdebstrap"), "mmdebstrap", ("apt-get update -q", f"{APT} mmdebstrap")),
        (remove("newuidmap"), "newuidmap", ("apt-get update -q", f"{APT} uidmap")),
        (
            remove("/usr/share/keyrings/debian-archive-keyring.gpg"),
            "archive keyring",
            ("apt-get update -q", f"{APT} debian-archive-keyring"),
        ),
        (
            write("/etc/subuid", "anna:100000:65536\n"),
            "subordinate ids",
            ("usermod --add-subuids 231072-296607 joe",),
        ),
        (
            remove("/etc/subuid", "/etc/subgid"),
            "subordinate ids",
            ("usermod --add-subuids 100000-165535 --add-subgids 100000-165535 joe",),
        ),
        (
            remove("/dev/net/tun"),
            "/dev/net/tun",
            ("mkdir -p /dev/net && mknod /dev/net/tun c 10 200 && chmod 0666 /dev/net/tun",),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_missing_has_its_mend(
    host: Host, break_it: Callable[[Host], None], name: str, commands: tuple[str, ...]
) -> None:
    break_it(host)
    assert missing(host) == [name]
    assert doctor.plan(doctor.examine(host)).commands == commands


@pytest.mark.parametrize(
    ("knob", "value", "command"),
    [
        ("kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"),
    ],
)
def test_refused_namespaces(host: Host, knob: str, value: str, command: str) -> None:
    program(host, "unshare", "echo 'unshare: unshare failed: Operation not permitted' >&2; exit 1")
    write(f"/proc/sys/{knob}", value + "\n")(host)
    finding = found(host, "namespaces")
    assert finding.state is State.MISSING
    assert "Operation not permitted" in finding.detail
    assert finding.commands == (command,)


def test_namespaces_refused_by_a_container_need_another_container(host: Host) -> None:
    program(host, "unshare", "exit 1")
    finding = found(replace(host, uid=0), "namespaces")
    assert finding.commands == ()
    assert "--privileged" in finding.advice


@pytest.mark.parametrize("refused", [True, False])
def test_root_does_with_or_without_a_user_namespace(host: Host, refused: bool) -> None:
    found_user = "exit 1" if refused else "exit 0"
    program(host, "unshare", f'for word; do [ "$word" = --user ] && {found_user}; done; exit {int(not refused)}')
    assert found(replace(host, uid=0), "namespaces").state is State.OK
    assert found(host, "namespaces").state is (State.MISSING if refused else State.OK)


def test_root_needs_no_uidmap(host: Host) -> None:
    remove("newuidmap", "newgidmap", "/etc/subuid", "/etc/subgid")(host)
    assert missing(replace(host, uid=0)) == []


def test_tun_that_cannot_be_opened(host: Host) -> None:
    host.file("/dev/net/tun").unlink()
    host.file("/dev/net/tun").mkdir()  # not even root may open a folder for writing
    finding = found(host, "/dev/net/tun")
    assert finding.state is State.MISSING
    assert "cannot be opened" in finding.detail


def test_without_kvm_the_lab_works(host: Host) -> None:
    remove("/dev/kvm")(host)
    assert found(host, "/dev/kvm").state is State.LIMITED
    assert missing(host) == []
    doctor.require(host)


@pytest.mark.parametrize(
    ("sources", "state"),
    [
        ("deb http://mirror.example/debian bookworm main\n", State.OK),
        ("deb [signed-by=/k.gpg] https://mirror.example/debian bookworm main\n", State.OK),
        ("# deb http://mirror.example/debian bookworm main\n", State.MISSING),
        ("", State.MISSING),
    ],
)
def test_package_sources(host: Host, sources: str, state: State) -> None:
    remove("/etc/apt/sources.list.d/debian.sources")(host)
    write("/etc/apt/sources.list", sources)(host)
    assert found(host, "package mirror").state is state


def test_another_distribution_needs_a_mirror(host: Host) -> None:
    write("/etc/os-release", 'ID=ubuntu\nPRETTY_NAME="Ubuntu 24.04"\n')(host)
    finding = found(host, "package mirror")
    assert finding.state is State.MISSING
    assert "WEIR_DEBIAN_MIRROR" in finding.advice
    chosen = replace(host, environment={"WEIR_DEBIAN_MIRROR": "http://mirror.example/debian"})
    assert found(chosen, "package mirror").state is State.OK


def test_old_python_and_other_machines(host: Host) -> None:
    assert missing(replace(host, python=(3, 9, 2), machine="aarch64")) == ["python", "architecture"]


@pytest.mark.parametrize(
    ("kilobytes", "state"), [(4_000_000, State.OK), (1_500_000, State.LIMITED), (500_000, State.MISSING)]
)
def test_memory(host: Host, kilobytes: int, state: State) -> None:
    write("/proc/meminfo", MEMINFO.format(kilobytes))(host)
    assert found(host, "memory").state is state


def test_user_types_one_line(host: Host) -> None:
    remove("mmdebstrap", "/dev/net/tun")(host)
    with pytest.raises(HostError) as caught:
        doctor.require(host, ask=lambda _: "n")
    assert caught.value.exit_code is ExitCode.HOST_REQUIREMENT
    line = caught.value.hint.removeprefix("type: ")
    assert line.startswith("sudo sh -c 'apt-get update -q && ")
    assert "\n" not in line
    remove("sudo")(host)
    with pytest.raises(HostError, match="su -c 'apt-get update"):
        doctor.require(host, ask=lambda _: "n")
    assert subprocess.run(["sh", "-n", "-c", line], check=False).returncode == 0


def test_user_is_shown_the_command_and_asked(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    remove("mmdebstrap")(host)
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return "no"

    with pytest.raises(HostError):
        doctor.require(host, ask=ask)
    assert len(questions) == 1
    assert "apt-get install" in questions[0]
    assert "mmdebstrap" in capsys.readouterr().err


def test_without_a_terminal_nobody_is_asked(host: Host) -> None:
    remove("mmdebstrap")(host)
    with pytest.raises(HostError, match="lacks: mmdebstrap"):
        doctor.require(host)


def test_root_mends_without_asking(host: Host, tmp_path: Path) -> None:
    remove("mmdebstrap")(host)
    # The made-up apt-get installs what it is told to, as an empty program.
    program(
        host,
        "apt-get",
        f'echo "$@" >>{tmp_path}/apt.log; [ "$1" = install ] || exit 0\n'
        f'printf "#!/bin/sh\\n" >"{host.path}/mmdebstrap"; /bin/chmod 755 "{host.path}/mmdebstrap"',
    )
    program(host, "sh", 'exec /bin/sh "$@"')

    def never(_: str) -> str:
        raise AssertionError("root is not asked")

    doctor.require(replace(host, uid=0), ask=never)
    assert (tmp_path / "apt.log").read_text().splitlines() == [
        "update -q",
        "install -q -y --no-install-recommends mmdebstrap",
    ]
    assert missing(replace(host, uid=0)) == []


def test_a_mend_that_fails_says_so(host: Host) -> None:
    remove("mmdebstrap")(host)
    program(host, "apt-get", "exit 100")
    program(host, "sh", 'exec /bin/sh "$@"')
    with pytest.raises(HostError, match="status 100"):
        doctor.require(replace(host, uid=0))


def test_a_mend_that_mends_nothing_is_not_believed(host: Host) -> None:
    remove("mmdebstrap")(host)
    program(host, "apt-get", "exit 0")
    program(host, "sh", 'exec /bin/sh "$@"')
    with pytest.raises(HostError, match="lacks: mmdebstrap"):
        doctor.require(replace(host, uid=0))


def test_json(host: Host) -> None:
    remove("mmdebstrap")(host)
    said = json.loads(doctor.as_json(doctor.examine(host)))
    assert said["ok"] is False
    assert said["mend"] == ["apt-get update -q", f"{APT} mmdebstrap"]
    states = {row["name"]: row["state"] for row in said["requirements"]}
    assert states["mmdebstrap"] == "MISSING"
    assert states["python"] == "ok"


def test_this_host_is_examined_for_real() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "doctor", "--json"], capture_output=True, text=True, timeout=60, check=False
    )
    said = json.loads(done.stdout)
    assert done.returncode == (ExitCode.PASSED if said["ok"] else ExitCode.HOST_REQUIREMENT)
    assert {"python", "mmdebstrap", "namespaces", "/dev/net/tun", "/dev/kvm"} <= {
        row["name"] for row in said["requirements"]
    }
