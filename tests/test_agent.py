"""The agent's protocol: lab/agent.py against the real C agent, compiled for this host and run on a socket pair."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.agent import FILE_LIMIT, HEADER, Agent, AgentLost, AgentSilent, Channel, ToAgent
from lab.deadline import Deadline

SOURCES = sorted((Path(__file__).parent.parent / "lab" / "guest").glob("*.c"))


@pytest.fixture(scope="session")
def agent_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler on this host; the guest's build compiles the same files in the tools tree")
    binary = tmp_path_factory.mktemp("agent") / "init"
    subprocess.run(
        [compiler, "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-std=gnu17", "-o", binary, *SOURCES], check=True
    )
    return binary


@pytest.fixture
def agent(agent_binary: Path) -> Iterator[Agent]:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen([agent_binary, "agent", str(theirs.fileno())], pass_fds=[theirs.fileno()])
    theirs.close()
    agent = Agent(ours)
    agent.sync(Deadline(10.0))
    yield agent
    agent.close()
    assert process.wait(10) == 0


def finish(channel: Channel, seconds: float = 20.0) -> tuple[int | None, bytes, bytes]:
    deadline = Deadline(seconds)
    out, err = bytearray(), bytearray()
    while True:
        channel.wait_change(deadline)
        finished = channel.finished
        stdout, stderr = channel.take()
        out += stdout
        err += stderr
        if finished:
            return channel.status, bytes(out), bytes(err)


def test_streams_and_status_are_told_apart(agent: Agent) -> None:
    status, out, err = finish(agent.execute(["sh", "-c", "echo to out; echo to err >&2; exit 7"], folder="/"))
    assert (status, out, err) == (7, b"to out\n", b"to err\n")


def test_arguments_and_environment_arrive_byte_for_byte(agent: Agent) -> None:
    odd = ["", " ", "a\nb", "ä€", '"$HOME"', "\\"]
    channel = agent.execute(
        ["sh", "-c", 'printf "%s|" "$@"; printf "%s" "$GIVEN"', "sh", *odd], env={"GIVEN": "x=y z"}, folder="/"
    )
    assert finish(channel)[1].decode() == "|".join(odd) + "|x=y z"


def test_a_missing_command_is_127_and_says_so(agent: Agent) -> None:
    status, _, err = finish(agent.execute(["/no/such/command"], folder="/"))
    assert status == 127
    assert b"/no/such/command: No such file" in err


def test_without_standard_input_there_is_its_end_at_once(agent: Agent) -> None:
    status, out, _ = finish(agent.execute(["sh", "-c", "cat; readlink /proc/$$/fd/0"], folder="/", stdin=False))
    assert (status, out) == (0, b"/dev/null\n")


def test_a_signal_reaches_the_whole_group(agent: Agent) -> None:
    channel = agent.execute(["sh", "-c", "sleep 100 & sleep 100; echo never"], folder="/")
    channel.signal(9)
    assert finish(channel)[:2] == (128 + 9, b"")


def test_commands_start_with_ordinary_signals(agent: Agent) -> None:
    """A child that kept the agent's blocked SIGCHLD or ignored SIGPIPE would not behave as it does in a shell."""
    _, out, _ = finish(agent.execute(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"], folder="/"))
    assert [line.split()[1] for line in out.decode().splitlines()] == ["0" * 16, "0" * 16]


def test_no_descriptor_leaks_into_commands(agent: Agent) -> None:
    running = agent.execute(["sleep", "100"], folder="/")
    _, out, _ = finish(agent.execute(["ls", "/proc/self/fd"], folder="/"))
    assert out.split() == [b"0", b"1", b"2", b"3"]  # 3 is ls's own folder
    running.signal(9)
    finish(running)


@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 64 * 1024, 64 * 1024 + 1, 3_000_000])
def test_input_of_any_size_comes_back(agent: Agent, size: int) -> None:
    data = os.urandom(size)
    channel = agent.execute(["cat"], folder="/")
    received = bytearray()

    def feed() -> None:
        assert channel.send(data, Deadline(20.0))
        channel.end()

    feeder = threading.Thread(target=feed)
    feeder.start()
    status, received, _ = finish(channel)  # type: ignore[assignment]
    feeder.join()
    assert status == 0
    assert received == data


def test_a_command_that_does_not_read_holds_up_nobody(agent: Agent) -> None:
    stuck = agent.execute(["sleep", "100"], folder="/")
    with pytest.raises(AgentSilent):
        stuck.send(bytes(1_000_000), Deadline(0.3, scale=False))
    assert finish(agent.execute(["echo", "alive"], folder="/"))[1] == b"alive\n"
    assert agent.ping(Deadline(2.0)) < 2.0
    stuck.signal(9)
    assert finish(stuck)[0] == 128 + 9


def test_input_after_the_command_closed_its_own_is_disposed_of(agent: Agent) -> None:
    channel = agent.execute(["sh", "-c", "exec <&-; sleep 0.3; echo done"], folder="/")
    channel.send(bytes(1_000_000), Deadline(10.0))
    assert finish(channel)[:2] == (0, b"done\n")


def test_output_nobody_takes_stops_the_command_not_the_agent(agent: Agent) -> None:
    flood = agent.execute(["sh", "-c", "yes"], folder="/")
    flood.wait_change(Deadline(10.0))
    for _ in range(50):
        assert agent.ping(Deadline(2.0)) < 2.0
    with agent.changed:
        assert len(flood.stdout) <= 64 * 1024
    assert finish(agent.execute(["echo", "alive"], folder="/"))[1] == b"alive\n"
    flood.signal(9)
    assert finish(flood)[0] == 128 + 9


def test_pings_are_answered_under_output_from_many_commands(agent: Agent) -> None:
    floods = [agent.execute(["sh", "-c", "head -c 20000000 /dev/zero"], folder="/") for _ in range(4)]
    totals = [0] * len(floods)
    worst = 0.0
    deadline = Deadline(60.0)
    while not all(flood.finished and not flood.stdout for flood in floods):
        deadline.check("the output of four commands")
        for index, flood in enumerate(floods):
            totals[index] += len(flood.take()[0])
        worst = max(worst, agent.ping(Deadline(5.0)))
    assert totals == [20_000_000] * 4
    assert worst < 1.0


def test_a_daemon_left_behind_does_not_keep_the_command_open(agent: Agent) -> None:
    start = time.monotonic()
    status, out, _ = finish(agent.execute(["sh", "-c", "setsid sleep 5 & echo started"], folder="/"))
    assert (status, out) == (0, b"started\n")
    assert time.monotonic() - start < 4


def test_output_is_whole_at_the_end(agent: Agent) -> None:
    for _ in range(20):
        status, out, err = finish(
            agent.execute(["sh", "-c", "head -c 60000 /dev/zero; head -c 60000 /dev/zero >&2"], folder="/")
        )
        assert (status, len(out), len(err)) == (0, 60000, 60000)


def test_a_terminal_is_one(agent: Agent) -> None:
    channel = agent.execute(
        ["sh", "-c", "tty >/dev/null && stty size; read line; echo got $line"], folder="/", terminal=(31, 97)
    )
    channel.send(b"word\n", Deadline(5.0))
    status, out, _ = finish(channel)
    assert status == 0
    assert b"31 97\r\n" in out
    assert b"got word\r\n" in out


@pytest.mark.parametrize("size", [0, 1, 64 * 1024, 5_000_000])
def test_files_go_there_and_back(agent: Agent, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    path = tmp_path / "made" / "on the way" / "file"
    agent.put(str(path), data, 0o640, Deadline(20.0))
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o7777 == 0o640
    assert agent.get(str(path), Deadline(20.0)) == data
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_an_upload_that_fails_leaves_the_old_file(agent: Agent, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    channel = agent._open(ToAgent.PUT, b"\0\0\0\0" + os.fsencode(path) + b"\0", Deadline(5.0))
    channel.send(b"new", Deadline(5.0))
    channel.signal(15)
    channel.wait_change(Deadline(5.0))
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_file_errors_keep_their_kind(agent: Agent, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        agent.get(str(tmp_path / "missing"), Deadline(5.0))
    with pytest.raises(IsADirectoryError):
        agent.get(str(tmp_path), Deadline(5.0))
    with pytest.raises(IsADirectoryError):
        agent.put(str(tmp_path), b"", 0o600, Deadline(5.0))
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(FILE_LIMIT + (1 << 20))
    with pytest.raises(OSError, match="more than"):
        agent.get(str(big), Deadline(20.0))
    with pytest.raises(OSError, match="64 KiB"):
        agent.execute(["echo", "x" * 70_000])


def test_the_65th_command_is_refused_and_room_comes_back(agent: Agent) -> None:
    running = [agent.execute(["sleep", "100"], folder="/") for _ in range(64)]
    with pytest.raises(OSError, match="Too many open files"):
        agent.execute(["true"], folder="/")
    for channel in running:
        channel.signal(9)
        assert finish(channel)[0] == 128 + 9
    assert finish(agent.execute(["true"], folder="/"))[0] == 0


def test_sync_kills_what_an_earlier_connection_left(agent: Agent, tmp_path: Path) -> None:
    channel = agent.execute(["sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 100"], folder="/")
    Deadline(5.0).wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    agent.sync(Deadline(5.0))
    assert channel.pid is not None
    gone = Path(f"/proc/{channel.pid}")
    Deadline(5.0).wait_for(lambda: not gone.exists(), what="the command's end")


def test_frames_that_make_no_sense_are_survived(agent: Agent) -> None:
    agent.send(ToAgent.EXEC, 4_000_000, b"\1")
    agent.send(ToAgent.EXEC, 4_000_001, b"\0\0\xff\xff\xff\xff\0\0\0\0abc")
    agent.send(ToAgent.PUT, 4_000_002, b"\0\0\0\0relative\0")
    agent.send(ToAgent.GET, 4_000_003, b"/no/end")
    agent.send(ToAgent.SIGNAL, 4_000_004, b"")
    agent.send(ToAgent.CLOCK, 4_000_005, b"short")
    agent._socket.sendall(HEADER.pack(0, 0, 99))
    assert agent.ping(Deadline(5.0)) < 5.0


def test_whoever_waits_learns_that_the_agent_is_gone(agent_binary: Path) -> None:
    ours, theirs = socket.socketpair()
    process = subprocess.Popen([agent_binary, "agent", str(theirs.fileno())], pass_fds=[theirs.fileno()])
    theirs.close()
    agent = Agent(ours)
    agent.sync(Deadline(10.0))
    channel = agent.execute(["sleep", "100"], folder="/")
    threading.Timer(0.2, process.kill).start()
    with pytest.raises(AgentLost):
        channel.wait_change(Deadline(10.0))
    agent.close()
    process.wait(10)


def test_an_agent_that_never_answers_is_silent_not_lost() -> None:
    ours, theirs = socket.socketpair()
    agent = Agent(ours)
    with pytest.raises(AgentSilent, match="did not answer within"):
        agent.sync(Deadline(0.3, scale=False))
    agent.close()
    theirs.close()
