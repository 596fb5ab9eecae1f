"""One QEMU process: its command line, its start and its end.

QEMU comes from the tools tree, whose root the isolation has put together; control (QMP) and the agent's port are
socket pairs that it inherits, so no socket has a name anywhere.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab import sandbox
from lab.agent import Agent
from lab.deadline import Deadline
from lab.errors import DeadlineExpired, InfrastructureError
from lab.kernel import MEMORY_MIB
from lab.network import BRIDGE_MAC, HOST, HOST6, NETWORK6, GuestPort
from lab.qmp import Event, Qmp, QmpError

if TYPE_CHECKING:
    from lab.accel import Accel
    from lab.tools import ToolsTree

PORT_NAME = "org.weir.agent"  # as lab/guest/protocol.h has it
CPUS = 2
START_TIMEOUT = 15.0  # seconds to QMP's greeting
FATAL_STATES = ("internal-error", "io-error", "guest-panicked", "watchdog")  # run states, qapi/run-state.json

# A kernel that has crashed or hangs must end the guest, not wait for somebody at the console. Warnings (level 4) reach
# the console from the start; init raises the level further once the boot's own chatter is over.
KERNEL_PARAMETERS = (
    "console=ttyS0",
    "loglevel=5",
    "panic=-1",
    # An NMI, which the lab injects into a guest that no longer answers, tells where it is stuck.
    "unknown_nmi_panic",
    # One CPU takes it and panics; PANIC_PRINT_ALL_CPU_BT makes it ask all others where they are.
    "panic_print=0x40",
    "oops=panic",
    "softlockup_panic=1",
    "hung_task_panic=1",
    "sysctl.kernel.hung_task_timeout_secs=60",
    "nokaslr",
    "mitigations=off",
    "audit=0",
    "apparmor=0",
    "cryptomgr.notests",
    "random.trust_cpu=1",
)
# Under TCG a vCPU may wait seconds for a core of the host: the limits count host time, the guest did nothing wrong.
BY_ACCELERATOR = {
    "tcg": (
        "watchdog_thresh=20",
        "rcupdate.rcu_cpu_stall_timeout=45",
        # 2.6 GHz at 250 Hz. The second CPU's calibration costs 0.2 s; udelay() is all that uses the value.
        "lpj=10400000",
        # With cmpxchg16b kernels were seen to oops in every second boot under QEMU 7.2 on a busy host. It is hidden
        # from the kernel, which notes a taint, [S]; not from programs, some of which (HAProxy) take it for granted.
        "clearcpuid=cx16",
    ),
    "kvm": ("watchdog_thresh=10",),
}


@dataclass(frozen=True)
class Hardware:
    """What a guest is made of. Equal for boot and restore, or the restore would meet other devices."""

    name: str
    accel: Accel
    kernel: Path
    initrd: Path
    root: Path
    port: GuestPort
    memory_file: Path
    append: str = ""
    cpus: int = CPUS
    memory_mib: int = MEMORY_MIB
    parameters: tuple[str, ...] = ()

    def kernel_command_line(self) -> str:
        """The guest kernel's parameters; those that begin with `lab.` are for lab/guest/."""
        return " ".join(
            (
                *KERNEL_PARAMETERS,
                *BY_ACCELERATOR[self.accel],
                *self.parameters,
                f"lab.hostname={self.name}",
                f"lab.address={self.port.address}/24",
                f"lab.address6={self.port.address6}/{NETWORK6.prefixlen}",
                f"lab.gateway={HOST}",
                f"lab.gateway6={HOST6}",
                f"lab.gateway_mac={BRIDGE_MAC}",
                *([self.append] if self.append else []),
            )
        )

    def arguments(self, *, share_memory: bool, console: Path, qmp: int, agent: int) -> list[str]:
        """QEMU's arguments. `share_memory`: writes go to the memory file (boot), or to private copies of its pages."""
        cpu = "host" if self.accel == "kvm" else "max"
        share = "on" if share_memory else "off"
        return [
            "qemu-system-x86_64",
            *("-name", f"{self.name},debug-threads=on"),
            *("-nodefaults", "-no-user-config", "-display", "none"),
            *("-machine", "q35,memory-backend=ram,smm=off,vmport=off,graphics=off"),
            *("-accel", "kvm" if self.accel == "kvm" else "tcg,thread=multi,tb-size=256"),
            *("-cpu", cpu, "-smp", str(self.cpus), "-m", f"{self.memory_mib}M"),
            *(
                "-object",
                f"memory-backend-file,id=ram,size={self.memory_mib}M,mem-path={self.memory_file},share={share}",
            ),
            # A crash or a reset leaves QEMU there, paused, so that the memory can be dumped.
            *("-action", "reboot=shutdown,shutdown=pause,panic=pause,watchdog=pause"),
            *("-kernel", str(self.kernel), "-initrd", str(self.initrd), "-append", self.kernel_command_line()),
            *("-chardev", f"file,id=console,path={console},append=on", "-serial", "chardev:console"),
            *("-chardev", f"socket,id=qmp,fd={qmp}", "-mon", "chardev=qmp,mode=control"),
            *("-device", "virtio-serial-pci,max_ports=2"),
            *("-chardev", f"socket,id=agent,fd={agent}", "-device", f"virtserialport,chardev=agent,name={PORT_NAME}"),
            *("-blockdev", f"driver=file,node-name=root-file,filename={self.root},read-only=on,locking=off"),
            *("-blockdev", "driver=raw,node-name=root,file=root-file,read-only=on"),
            *("-device", "virtio-blk-pci,drive=root"),
            *("-netdev", f"tap,id=net,ifname={self.port.tap},script=no,downscript=no"),
            *("-device", f"virtio-net-pci,id=nic,netdev=net,mac={self.port.mac},romfile="),
            *("-device", "virtio-rng-pci"),
        ]


class Qemu:
    """A running QEMU. `died` tells why its guest can no longer run, once that is so."""

    def __init__(
        self,
        hardware: Hardware,
        tools: ToolsTree,
        *,
        console: Path,
        log: Path,
        share_memory: bool,
        incoming: bool,
    ) -> None:
        """Start the process; start() is what others call. `log` gets what QEMU itself says."""
        self.name = hardware.name
        self.died = ""
        self.on_death: Callable[[str], None] | None = None
        self._dying = threading.Lock()
        self._death_told = threading.Event()
        self._log = log
        ours, its_qmp = socket.socketpair()
        agent, its_agent = socket.socketpair()
        with its_qmp, its_agent, log.open("ab") as output:
            self._log_start = output.tell()
            arguments = hardware.arguments(
                share_memory=share_memory, console=console, qmp=its_qmp.fileno(), agent=its_agent.fileno()
            )
            if incoming:
                arguments += ["-incoming", "defer"]
            self.process = subprocess.Popen(
                sandbox.command(tools, arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(its_qmp.fileno(), its_agent.fileno()),
                start_new_session=True,  # the terminal's ^C is for the tests, which then end it in order
            )
        self.qmp = Qmp(ours, name=hardware.name, on_event=self._note)
        self.agent = Agent(agent, name=hardware.name)
        self._waiter = threading.Thread(target=self._wait, name=f"qemu-{self.name}", daemon=True)
        self._waiter.start()

    @classmethod
    def start(
        cls,
        hardware: Hardware,
        tools: ToolsTree,
        *,
        console: Path,
        log: Path,
        share_memory: bool,
        incoming: bool = False,
    ) -> Qemu:
        """Start it; back as soon as QMP answers. Raises InfrastructureError with what QEMU said."""
        self = cls(hardware, tools, console=console, log=log, share_memory=share_memory, incoming=incoming)
        try:
            self.qmp.connect(Deadline(START_TIMEOUT).remaining)
        except QmpError as error:
            status = self.process.poll()
            self.kill()
            what = f"ended at once (status {status})" if status is not None else "does not answer"
            raise InfrastructureError(
                f"QEMU of {hardware.name} {what}: {self.said or error}", hint=f"its output: {log}"
            ) from error
        return self

    @property
    def said(self) -> str:
        """What QEMU wrote on its own standard output and error."""
        with self._log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace").strip()

    def check(self) -> str:
        """Why the guest can no longer run, or nothing; looks at the process too."""
        if not self.died and (status := self.process.poll()) is not None:
            how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
            self._die(f"QEMU ended by {how}{': ' + self.said if self.said else ''}")
        return self.died

    def cpu_seconds(self) -> float:
        """CPU time that QEMU has used so far (proc(5), stat): unlike the clock it hardly depends on the host's load."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_for_death(self, seconds: float) -> str:
        """Wait at most so long until the guest is known to be dead and `on_death` has been told: why it died."""
        with contextlib.suppress(DeadlineExpired):
            Deadline(seconds).wait_for(self.check, what="the end of the guest")
            self._death_told.wait(seconds)
        return self.died

    def set_link(self, up: bool) -> None:
        """Plug or pull the network card's cable."""
        self.qmp.execute("set_link", name="nic", up=up)

    def kill(self) -> None:
        """End it at once; nothing of it is left on return."""
        self.on_death = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._waiter.join(5.0)
        self.agent.close()
        self.qmp.close()

    def _wait(self) -> None:
        self.process.wait()
        self.check()

    def _note(self, event: Event) -> None:
        name = event["event"]
        if name == "SHUTDOWN":
            self._die(f"the guest's kernel ended ({event['data'].get('reason', 'no reason given')})")
        elif name == "GUEST_PANICKED":
            self._die("the guest's kernel panicked")
        elif name == "STOP" and event.get("status") in FATAL_STATES:
            self._die(f"QEMU stopped the guest: {event['status']}")

    def _die(self, why: str) -> None:
        with self._dying:
            if self.died:
                return
            self.died = why
        if self.on_death is not None:
            self.on_death(why)
        self._death_told.set()
