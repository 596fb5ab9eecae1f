"""Debian packages: which mirror, what it offers, fetching them. Never touches the host's own apt state.

The mirror is the one the host's apt is configured for; the lab only asks it for another suite. `WEIR_DEBIAN_MIRROR`
overrides: the base URI of an archive, optionally followed by a space and the base URI of its security archive
("none": there is none; default: the same URI with `-security` appended).
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from lab.errors import HostError, InfrastructureError

VARIABLE: Final = "WEIR_DEBIAN_MIRROR"
PAUSES_S: Final = (1.0, 5.0, 20.0)
"""Before what the network refused is tried again: a name server was seen to give no answer for some seconds."""
_KEYRINGS: Final = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
_HINT: Final = f"set {VARIABLE} to the base URI of a Debian archive, or run in a Debian 12 or 13 container"


@dataclass(frozen=True)
class Mirror:
    """`archive` and `security` are base URIs. `keyring` verifies them; None trusts them blindly (tests only)."""

    archive: str
    security: str | None
    keyring: Path | None

    def sources(self, suite: str, kind: Literal["deb", "deb-src"] = "deb") -> list[str]:
        """The lines of a sources.list(5) for `suite`, its updates and its security updates."""
        option = f"[signed-by={self.keyring}]" if self.keyring else "[trusted=yes]"
        lines = [f"{kind} {option} {self.archive} {name} main" for name in (suite, f"{suite}-updates")]
        if self.security:
            lines.append(f"{kind} {option} {self.security} {suite}-security main")
        return lines


def find_mirror(environ: Mapping[str, str] | None = None) -> Mirror:
    """The mirror to use. Raises HostError when the host has none configured or lacks Debian's archive keys."""
    environ = os.environ if environ is None else environ
    keyring = next((path for path in _KEYRINGS if path.exists()), None)
    if keyring is None:
        raise HostError(
            "the keys of Debian's archive are missing", hint="sudo apt-get install -y debian-archive-keyring"
        )
    if explicit := environ.get(VARIABLE, "").split():
        archive = explicit[0].rstrip("/")
        security = explicit[1].rstrip("/") if len(explicit) > 1 else f"{archive}-security"
        return Mirror(archive, None if security == "none" else security, keyring)
    archives = _configured()
    if not archives:
        raise HostError("the host's apt has no Debian archive configured", hint=_HINT)
    main = [uri for uri, is_security in archives if not is_security]
    security_only = [uri for uri, is_security in archives if is_security]
    if not main:
        raise HostError("the host's apt has only Debian's security archive configured", hint=_HINT)
    return Mirror(main[0], security_only[0] if security_only else None, keyring)


def _configured() -> list[tuple[str, bool]]:
    """(base URI, is it a security archive) of every Debian archive apt knows, in its order."""
    form = "$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)|$(CODENAME)"
    for release_info in ((), ("--no-release-info",)):  # the second works before the first `apt-get update`
        try:
            listing = subprocess.run(
                ["apt-get", "indextargets", *release_info, "--format", form, "Created-By: Packages"],
                capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
        except (OSError, subprocess.CalledProcessError) as error:
            raise HostError(f"cannot ask apt for its archives: {error}", hint=_HINT) from error
        found = []
        for line in listing.splitlines():
            origin, label, component, uri, codename = line.split("|")
            named = uri.rstrip("/").rpartition("/")[2]
            is_debian = named in ("debian", "debian-security") if release_info else origin == "Debian"
            # What is no general archive (backports and the like) has a suite of its own, not a base URI of its own.
            if is_debian and component == "main":
                is_security = "security" in (named if release_info else f"{label} {codename}").lower()
                found.append((uri.rstrip("/"), is_security))
        if found:
            return list(dict.fromkeys(found))
    return []


class Apt:
    """An apt of our own: lists, cache and dpkg state under `state`, an empty system on top of the mirror.

    `kind` "deb-src" makes it one for source packages, which alone it then knows.
    """

    def __init__(self, mirror: Mirror, suite: str, state: Path, kind: Literal["deb", "deb-src"] = "deb") -> None:
        self.mirror = mirror
        self.suite = suite
        self.state = state
        self.kind = kind
        self._prepare()

    def update(self) -> None:
        """Fetch the package lists. Raises InfrastructureError when any of them cannot be had."""
        self._run(["apt-get", "update", "--error-on=any"], "fetching the package lists", retry=True)

    def offered(self, packages: Iterable[str]) -> dict[str, list[str]]:
        """The versions that the mirror has of each package, newest first; those it lacks are left out."""
        names = sorted(set(packages))
        if not names:
            return {}
        found: dict[str, list[str]] = {}
        for line in self._run(["apt-cache", "madison", *names], "reading the package lists").splitlines():
            name, version, _ = (field.strip() for field in line.split("|", 2))
            if version not in found.setdefault(name, []):
                found[name].append(version)
        return found

    def resolve(
        self, packages: Sequence[str], pins: Mapping[str, str] | None = None, *, dependencies: bool = True
    ) -> dict[str, str]:
        """What would be installed on an empty system: package -> version, the versions in `pins` preferred.

        With `dependencies` false only the named packages are looked up. Raises InfrastructureError when a package
        does not exist or its dependencies cannot be met.
        """
        self.write_preferences(self.state / "preferences", pins or {})
        what = f"resolving {len(packages)} packages"
        if not dependencies:
            found = {}
            for name in packages:
                policy = self._run(["apt-cache", "policy", name], what)
                match = re.search(r"^  Candidate: (\S+)$", policy, re.MULTILINE)
                if match is None or match[1] == "(none)":
                    raise InfrastructureError(f"the mirror has no package {name} in {self.suite}", hint=_HINT)
                found[name] = match[1]
            return found
        plan = self._run(["apt-get", "install", "--simulate", "-qq", *packages], what)
        found = dict(re.findall(r"^Inst (\S+?)(?::\w+)? \((\S+) ", plan, re.MULTILINE))
        if not found:
            raise InfrastructureError(f"{what}: apt's answer names none:\n{plan[:500]}")
        return found

    def depends(self, package: str) -> list[str]:
        """The packages that `package` depends on directly; of alternatives the first."""
        listing = self._run(["apt-cache", "depends", "--important", package], f"reading about {package}")
        found, alternative = [], False
        for bar, name in re.findall(r"^ ([ |])(?:Pre)?Depends: (\S+)$", listing, re.MULTILINE):
            if not alternative:
                found.append(name)
            alternative = bar == "|"
        return found

    def download(self, packages: Mapping[str, str], into: Path) -> list[Path]:
        """Fetch these packages at these versions as .deb files into `into`; signatures are verified by apt."""
        wanted = [f"{name}={version}" for name, version in sorted(packages.items())]
        self._run(["apt-get", "download", *wanted], f"fetching {len(wanted)} packages", cwd=into, retry=True)
        return sorted(into.glob("*.deb"))

    def download_source(self, package: str, version: str, into: Path) -> list[Path]:
        """Fetch a source package's files, unpacked by nobody, into `into`; signatures are verified by apt.

        Needs an apt of the kind "deb-src". Raises InfrastructureError when the mirror lacks that version.
        """
        argv = ["apt-get", "source", "--download-only", f"{package}={version}"]
        self._run(argv, f"fetching the source of {package} {version}", cwd=into, retry=True)
        return sorted(into.iterdir())

    @staticmethod
    def write_preferences(path: Path, pins: Mapping[str, str]) -> None:
        """An apt_preferences(5) file: each pinned version wins where it is offered, else the newest does."""
        records = (f"Package: {name}\nPin: version {pins[name]}\nPin-Priority: 1001\n" for name in sorted(pins))
        path.write_text("\n".join(records))

    def proxies(self) -> list[str]:
        """The host's proxy settings, as apt.conf(5) lines."""
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
        return re.findall(r'^Acquire::\S*proxy\S* "[^"]+";$', dump, re.MULTILINE | re.IGNORECASE)

    def _prepare(self) -> None:
        for folder in ("lists/partial", "archives/partial", "empty"):
            (self.state / folder).mkdir(parents=True, exist_ok=True)
        (self.state / "status").touch()
        (self.state / "preferences").touch()
        (self.state / "sources.list").write_text("\n".join(self.mirror.sources(self.suite, self.kind)) + "\n")
        empty = self.state / "empty"
        (self.state / "apt.conf").write_text(
            "\n".join(
                [
                    f'Dir::State "{self.state}";',
                    f'Dir::State::Lists "{self.state}/lists";',
                    f'Dir::State::Status "{self.state}/status";',
                    f'Dir::Cache "{self.state}";',
                    f'Dir::Cache::Archives "{self.state}/archives";',
                    f'Dir::Etc::SourceList "{self.state}/sources.list";',
                    f'Dir::Etc::SourceParts "{empty}";',
                    f'Dir::Etc::Preferences "{self.state}/preferences";',
                    f'Dir::Etc::PreferencesParts "{empty}";',
                    f'Dir::Etc::Main "{empty}/none";',  # hooks of the host's (container clean-up and such) stay out
                    f'Dir::Etc::Parts "{empty}";',
                    'APT::Architecture "amd64";',
                    'APT::Architectures { "amd64"; };',
                    'APT::Install-Recommends "false";',
                    'APT::Get::Assume-Yes "true";',
                    'APT::Sandbox::User "root";',  # the state may lie where the user _apt cannot go
                    'Acquire::Languages "none";',
                    'Acquire::Retries "3";',
                    *self.proxies(),
                ]
            )
            + "\n"
        )

    def _run(self, argv: list[str], what: str, *, cwd: Path | None = None, retry: bool = False) -> str:
        env = {**os.environ, "APT_CONFIG": str(self.state / "apt.conf"), "LC_ALL": "C.UTF-8"}
        for pause in (*PAUSES_S, None) if retry else (None,):
            done = subprocess.run(argv, capture_output=True, text=True, env=env, cwd=cwd, check=False)
            if done.returncode == 0:
                return done.stdout
            if pause is None:
                raise InfrastructureError(
                    f"{what} failed: {' '.join(argv[:3])} …\n    " + done.stderr.strip().replace("\n", "\n    "),
                    hint=f"is the mirror {self.mirror.archive} reachable? {_HINT}",
                )
            time.sleep(pause)
        raise AssertionError("unreachable")
