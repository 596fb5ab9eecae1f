"""`lab doctor`: what the lab needs of its host, what of that is there, and the exact command that mends the rest.

What is mended how: as root at once and without asking; for a user at a terminal after showing the list and asking,
by sudo; otherwise the one line to type is printed and the exit status is 69.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.errors import ExitCode, HostError
from lab.host import Host
from lab.requirements import CHECKS, Check, Finding, State

WIDTH = 18  # of the column of names


@dataclass(frozen=True)
class Plan:
    """How what is missing is mended: shell commands for root, in order, and advice where no command helps."""

    commands: tuple[str, ...]
    advice: tuple[str, ...]

    @property
    def one_line(self) -> str:
        """The commands as one line for a root shell."""
        return " && ".join(self.commands)

    def typed_by(self, host: Host) -> str:
        """The line that this user has to type."""
        if host.is_root:
            return self.one_line
        if host.which("sudo") is None:
            return f"su -c {shlex.quote(self.one_line)}"
        return f"sudo sh -c {shlex.quote(self.one_line)}"


def examine(host: Host | None = None, checks: Sequence[Check] = CHECKS) -> list[Finding]:
    """Look at everything; takes a fraction of a second and changes nothing."""
    host = host or Host()
    return [check(host) for check in checks]


def plan(findings: Sequence[Finding]) -> Plan:
    """The mend of all that is missing. What is merely limited is the user's choice and not touched."""
    missing = [finding for finding in findings if finding.state is State.MISSING]
    packages = sorted({package for finding in missing for package in finding.packages})
    commands = []
    if packages:
        commands.append("apt-get update -q")
        commands.append(
            "DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends " + shlex.join(packages)
        )
    for finding in missing:
        commands.extend(command for command in finding.commands if command not in commands)
    return Plan(tuple(commands), tuple(finding.advice for finding in missing if finding.advice))


def table(findings: Sequence[Finding]) -> str:
    """The findings for people."""
    lines = []
    for finding in findings:
        lines.append(f"  {finding.state.value:<8} {finding.name:<{WIDTH}} {finding.detail}")
        if finding.state is not State.OK:
            lines.append(f"           {'':<{WIDTH}} needed for: {finding.why}")
            if finding.mend:
                lines.append(f"           {'':<{WIDTH}} mend: {finding.mend}")
    return "\n".join(lines)


def require(
    host: Host | None = None, *, checks: Sequence[Check] = CHECKS, ask: Callable[[str], str] | None = None
) -> None:
    """Return once every requirement is met, mending what may be mended. Raises HostError (exit status 69) otherwise.

    `ask` puts a question to the user; None takes the terminal, if there is one on both standard input and error.
    """
    host = host or Host()
    findings = examine(host, checks)
    missing = [finding for finding in findings if finding.state is State.MISSING]
    if not missing:
        return
    mend = plan(findings)
    names = ", ".join(finding.name for finding in missing)
    print(f"doctor: this host lacks: {names}\n{table(missing)}", file=sys.stderr, flush=True)
    if mend.commands and (host.is_root or _agreed(mend.typed_by(host), ask)):
        _run(mend, host)
        findings = examine(host, checks)
        missing = [finding for finding in findings if finding.state is State.MISSING]
        if not missing:
            print("doctor: mended", file=sys.stderr, flush=True)
            return
        names = ", ".join(finding.name for finding in missing)
        mend = plan(findings)
    typed = [f"type: {mend.typed_by(host)}"] if mend.commands else []
    hint = "; ".join([*typed, *mend.advice])
    raise HostError(f"this host lacks: {names}", hint=hint)


def _agreed(line: str, ask: Callable[[str], str] | None) -> bool:
    if ask is None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()) or shutil.which("sudo") is None:
            return False
        ask = input
    try:
        answer = ask(f"doctor: run this now? It asks for your password.\n    {line}\n[Y/n] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("", "y", "yes")


def _run(mend: Plan, host: Host) -> None:
    shell = ["sh", "-c", mend.one_line]
    argv = shell if host.is_root else ["sudo", *shell]
    print(f"doctor: {mend.typed_by(host)}", file=sys.stderr, flush=True)
    environment = {**os.environ, "PATH": host.path}
    # What the commands say goes to standard error: standard output belongs to the lab's own command.
    status = subprocess.run(argv, stdout=sys.stderr.fileno(), env=environment, check=False).returncode
    if status != 0:
        raise HostError(
            f"the mend failed with status {status}: {mend.typed_by(host)}",
            hint="its own messages are above; then try again",
        )


def as_json(findings: Sequence[Finding]) -> str:
    """The findings for programs."""
    mend = plan(findings)
    return json.dumps(
        {
            "ok": not any(finding.state is State.MISSING for finding in findings),
            "mend": list(mend.commands),
            "advice": list(mend.advice),
            "requirements": [
                {
                    "name": finding.name,
                    "state": finding.state.value,
                    "detail": finding.detail,
                    "why": finding.why,
                    "mend": finding.mend,
                }
                for finding in findings
            ],
        },
        indent=2,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--fix", action="store_true", help="run the commands that mend what is missing")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Prints the findings; exit status 0 if the host has all the lab needs, 69 if not."""
    host = Host()
    if args.fix:
        require(host)
    findings = examine(host)
    if args.json:
        print(as_json(findings))
    else:
        print(f"{host.describe()}\n{table(findings)}")
    if not any(finding.state is State.MISSING for finding in findings):
        return ExitCode.PASSED
    if not args.json:
        mend = plan(findings)
        for advice in mend.advice:
            print(f"\nto do: {advice}")
        if mend.commands:
            print(f"\nto mend all that a command can mend: {mend.typed_by(host)}")
    return ExitCode.HOST_REQUIREMENT
