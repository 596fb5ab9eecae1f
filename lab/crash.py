"""Reads crashes from a kernel's console text. Pure: text in, records out.

A report begins with a headline (lab/headlines.py) and ends with the kernel's end marker, the next report's headline,
or silence, which only the reader's clock can tell: it calls `Scanner.flush()`. Reports that belong together (a list
corruption, the BUG it raises, the oops that is, the panic that follows) become one record, named by the most telling.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from lab.headlines import CONSEQUENCE, Headline, Kind, classify

__all__ = ["Crash", "Frame", "Kind", "Scanner", "from_event", "from_samples", "from_taint", "scan", "strip_stamp"]

LONGEST_REPORT = 600  # lines; a stall report of many CPUs stays below
SEVERAL_HEADLINES = 8  # lines within which further headlines may name the same fault
LONGEST_LINE = 16_384  # characters without a newline: not a kernel's line any more

_STAMP = re.compile(r"^(?:<\d+>)?(?:\[\s*\d+\.\d+\](?:\[\s*[TC]\d+\])? ?)?(?:\[\s*[TC]\d+\] )?")
_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FRAME = re.compile(
    r"^(?P<rip>RIP: (?:0010|[0-9a-f]{4}):)?\s*(?:\[<[0-9a-f]+>\] )?(?P<guess>\? )?"
    r"(?P<function>[A-Za-z_][\w.$]*)\+0x(?P<offset>[0-9a-f]+)/0x(?P<size>[0-9a-f]+)"
    r"(?: \[(?P<module>\w+)[^\]]*\])?\s*$"
)
_IN_FUNCTION = re.compile(r" in (?P<function>[A-Za-z_][\w.$]*)(?:\+0x[0-9a-f]+|\s|$)")
_CUT = "------------[ cut here ]------------"
_LEAKS_PREFIX = "kmemleak: "  # kmemleak puts its name before each line of a report
_LEAKS_TOLD = re.compile(r"^kmemleak: \d+ new")
_LONE = re.compile(r"^kmemleak: \d+ new|^Out of memory")  # the report is this line, or ends with it
_OOM_END = re.compile(r"^Out of memory")
_RULER = re.compile(r"^={20,}$")
_END_TRACE = re.compile(r"^---\[ end (?:trace|Kernel panic)")
_STACK_OVER = re.compile(
    r"^\s*</TASK>|^(?:Allocated by|Freed by|Sending NMI|NMI backtrace for|Showing all locks|Last potentially related"
    r"|The buggy address|Modules linked in|other info that might)"
)
# Lines the kernel prints behind an end marker that still belong to the report.
_AFTERMATH = re.compile(
    r"^(?:RIP: |Code: |RSP: |R[A-Z0-9]{2}: |[FC]S: |CR\d: |DR\d: |PKRU: |Kernel Offset: |note: |Rebooting in"
    r"|Dumping ftrace|---\[ end|Fixing recursive fault|Memory state around|Modules linked in|CPU: |Hardware name: "
    r"|Tainted: |Disabling lock debugging|\s*$)"
)

# Functions that report a fault, or do what they are told with a pointer: never the one to blame.
_REPORTER = re.compile(
    r"(?:__)?dump_stack(?:_lvl)?|show_(?:stack|regs|trace).*|v?panic|__?warn.*|report_bug|handle_bug|die.*|oops_.*"
    r"|(?:asm_)?(?:exc|sysvec)_.*|(?:end_repeat_)?nmi(?:_.*)?|trigger_.*backtrace.*|print_.*|(?:__)?(?:kasan|asan|kmsan|kcsan|kfence|ubsan)_.*"
    r"|__asan_.*|__tsan_.*|check_region_inline|page_fault_oops|bad_area.*|fixup_exception|do_error_trap|do_trap"
    r"|(?:__)?list_(?:add|del)(?:_entry)?_valid.*|(?:__)?list_(?:add|del)_.*report|refcount_.*|(?:__)?mem(?:cpy|set|move|cmp).*"
    r"|rep_(?:movs|stos)_.*|clear_page_.*|copy_page.*|lockdep_rcu_suspicious|stack_trace_.*|save_stack.*"
    r"|unknown_nmi_error|default_do_nmi|exc_nmi.*|kmemleak_.*|save_stack_trace|__stack_chk_fail|dump_header|oom_.*|out_of_memory"
)
# Functions in which one waits, locks, or is interrupted: not to blame when the report is about waiting.
_WAITER = re.compile(
    r"(?:__)?schedule.*|preempt_schedule.*|__cond_resched.*|io_schedule.*|(?:__)?wait_for_.*|do_wait_.*|msleep.*"
    r"|usleep.*|__might_.*|lock_(?:acquire|release).*|__lock_.*|_raw_.*|native_queued_.*|queued_.*|mutex_.*"
    r"|__mutex_.*|down(?:_.*)?|rwsem_.*|lockdep_.*|check_.*|validate_.*|mark_(?:lock|usage).*|debug_.*|context_switch"
    r"|bit_wait.*|out_of_line_wait.*|rcu_.*|tick_.*|(?:__)?hrtimer_.*|update_process_times|watchdog_.*|do_raw_.*"
    r"|delay_\w+|__delay|__const_udelay|valid_state|usage_\w+|register_lock_class|assign_lock_key|(?:un)?lock_.*"
    r"|(?:__)?switch_to.*"
)
_ALLOCATOR = re.compile(
    r"(?:__)?k[mvz]?[mz]?alloc.*|(?:__)?kv?malloc.*|kmem_cache_.*|(?:__)?slab_.*|__alloc.*|alloc_.*"
)

_WAITING = frozenset(
    {
        Kind.HUNG_TASK,
        Kind.RCU_STALL,
        Kind.SOFT_LOCKUP,
        Kind.HARD_LOCKUP,
        Kind.WORKQUEUE_LOCKUP,
        Kind.LOCKDEP,
        Kind.RCU_USAGE,
        Kind.SLEEP_IN_ATOMIC,
        Kind.HANG,
    }
)
_WATCHDOGS = frozenset(
    {Kind.HUNG_TASK, Kind.RCU_STALL, Kind.SOFT_LOCKUP, Kind.HARD_LOCKUP, Kind.WORKQUEUE_LOCKUP, Kind.KMEMLEAK}
)
# Code that spins is caught at another place each time: only who spins is told.
_SPINNING = frozenset({Kind.RCU_STALL, Kind.SOFT_LOCKUP, Kind.HARD_LOCKUP, Kind.HANG})
_SUFFIX = re.compile(r"\.(?:isra|constprop|part|cold|llvm|lto_priv)(?:\.\d+)?")


@dataclass(frozen=True)
class Frame:
    """One line of a kernel stack: function+offset/size [module].

    `reliable` is False for the kernel's "?" guesses. `exact`: the CPU was at this very instruction (RIP); else the
    offset is a return address, behind the call.
    """

    function: str
    offset: int
    size: int
    module: str = ""
    reliable: bool = True
    exact: bool = False

    @property
    def plain(self) -> str:
        """The function without the compiler's suffixes, which change from build to build."""
        return _SUFFIX.sub("", self.function)

    def __str__(self) -> str:
        where = f" [{self.module}]" if self.module else ""
        return f"{self.function}+{self.offset:#x}/{self.size:#x}{where}"


_BREAKPOINT = "cc"  # int3, as "Code:" shows it


@dataclass(frozen=True)
class Crash:
    """One crash: `title` is its headline without addresses, `text` the console's words, `function` the one to blame.

    `fingerprint` is equal for the same fault in another boot, on another CPU, at another address, in another build
    of the same code. `fatal`: the kernel panicked or QEMU is gone. Every crash calls for a fresh machine.
    """

    kind: Kind
    title: str
    text: str
    function: str
    fingerprint: str
    frames: tuple[Frame, ...] = ()
    fatal: bool = False

    @property
    def of_the_emulator(self) -> bool:
        """Whether a CPU ran into a breakpoint that is not in memory: QEMU's TCG ran a translation that was out of date.

        The kernel changes its code (static keys) by way of a breakpoint, and waits for all CPUs before and after. The
        one that still sees it then finds nobody who expects it. "Code:" shows memory; the byte ahead of the mark is
        what was run. Seen once in some thousands of runs; known of QEMU 8 and later. A breakpoint that is there, or
        any other crash, is not the emulator's.
        """
        trapped = re.search(r"int3: 0000 \[.*?Code: [0-9a-f ]*([0-9a-f]{2}) <", self.text, re.DOTALL)
        return trapped is not None and trapped[1] != _BREAKPOINT


def strip_stamp(line: str) -> str:
    """A console line without time stamp, caller and terminal escapes."""
    plain = _STAMP.sub("", _ESCAPE.sub("", line).rstrip("\r\n"), count=1)
    return plain if _LEAKS_TOLD.match(plain) else plain.removeprefix(_LEAKS_PREFIX)


@dataclass
class _Report:
    """A report being collected."""

    lines: list[str] = field(default_factory=list)  # as on the console
    headline: Headline | None = None
    words: str = ""  # of the headline, without stamp
    message: str = ""  # what WARN() was given to say: it comes between the cut mark and the headline
    stacks: list[list[Frame]] = field(default_factory=lambda: [[]])
    stack_over: bool = False
    seen_stack: bool = False
    ended: bool = False
    fatal: bool = False
    rulers: int = 0

    def name(self, headline: Headline, words: str) -> None:
        if self.headline is None or headline.rank > self.headline.rank:
            self.headline, self.words = headline, words


class Scanner:
    """Finds crashes in console text that arrives in pieces cut anywhere.

    `feed(text)` returns the crashes that this piece completed. `pending` tells that a report has begun and its end has
    not been seen; call `flush()` when no more comes (a fraction of a second of silence, end of file).
    """

    def __init__(self) -> None:
        self._partial = ""
        self._report: _Report | None = None
        self._done: list[Crash] = []

    @property
    def pending(self) -> bool:
        return self._report is not None or bool(self._partial)

    def feed(self, text: str) -> list[Crash]:
        """Take the next piece."""
        lines = (self._partial + text).split("\n")
        self._partial = lines.pop()
        if len(self._partial) > LONGEST_LINE:
            lines.append(self._partial)
            self._partial = ""
        for line in lines:
            self._line(line)
        return self._take()

    def flush(self) -> list[Crash]:
        """Close what is open, as if the text ended here."""
        if self._partial:
            partial, self._partial = self._partial, ""
            self._line(partial)
        self._close()
        return self._take()

    def _take(self) -> list[Crash]:
        done, self._done = self._done, []
        return done

    def _close(self) -> None:
        report, self._report = self._report, None
        if report is not None and report.headline is not None:
            self._done.append(_crash(report))

    def _line(self, raw: str) -> None:
        line = strip_stamp(raw)
        report = self._report
        if line == _CUT or _RULER.match(line):
            if report is None or report.headline is None or report.ended or (line == _CUT and report.seen_stack):
                if report is not None and report.headline is not None:
                    self._close()
                self._report = _Report(lines=[raw], rulers=1)
                return
        else:
            headline = classify(line)
            if headline is not None and not self._belongs(headline, line):
                self._close()
                report = self._report = _Report()
            if headline is not None and report is not None:
                report.lines.append(raw)
                report.fatal |= line.startswith("Kernel panic")
                report.name(headline, line)
                if headline.kind is Kind.TAINT or _LONE.match(line):
                    self._close()
                return
        if report is None:
            return
        if report.ended and not _AFTERMATH.match(line):
            self._close()
            return
        report.lines.append(raw)
        self._body(report, line)
        if report.headline is None:
            report.message = report.message or line
            # A ruler or a cut mark must be followed by a headline within two lines, or it was decoration.
            if len(report.lines) > 3:
                self._report = None
        elif len(report.lines) >= LONGEST_REPORT:
            self._close()

    def _belongs(self, headline: Headline, line: str) -> bool:
        """Whether this headline is part of the report that is open."""
        report = self._report
        if report is None:
            return False
        if report.headline is None:
            return True
        if _LEAKS_TOLD.match(line) and report.headline.kind is Kind.KMEMLEAK:
            return True  # how many there were, behind the last of them
        if CONSEQUENCE.match(line) or (_OOM_END.match(line) and report.headline.kind is Kind.OUT_OF_MEMORY):
            return True
        if report.ended or report.seen_stack:
            return False
        # A fault is told in several headlines, one close upon the other. Watchdogs always speak for themselves.
        if headline.kind in _WATCHDOGS:
            return False
        return len(report.lines) <= SEVERAL_HEADLINES

    @staticmethod
    def _body(report: _Report, line: str) -> None:
        if line.strip() == "stack backtrace:":
            # What came before were the stacks that took the other locks.
            report.stacks = [[]]
            report.stack_over = False
        elif report.stack_over and line.startswith("NMI backtrace for"):
            report.stacks.append([])
            report.stack_over = False
        frame = None if report.stack_over else _FRAME.match(line)
        if frame is not None:
            report.seen_stack = True
            report.stacks[-1].append(
                Frame(
                    frame["function"],
                    int(frame["offset"], 16),
                    int(frame["size"], 16),
                    frame["module"] or "",
                    reliable=frame["guess"] is None,
                    exact=frame["rip"] is not None,
                )
            )
        elif report.stacks[-1] and _STACK_OVER.match(line):
            report.stack_over = True
        if line.startswith("Call Trace:"):
            report.seen_stack = True
        if _END_TRACE.match(line):
            report.ended = True
        elif _RULER.match(line):
            # KASAN and its kin are framed by two rulers, lockdep by three.
            report.rulers += 1
            if report.seen_stack:
                report.ended = True


def _telling_stack(kind: Kind, stacks: list[list[Frame]]) -> list[Frame]:
    """The stack to show. Where nothing moves, each CPU's is told: that of a module is what one looks for."""
    if kind in _SPINNING:
        for stack in stacks:
            if any(frame.module and frame.reliable for frame in stack):
                return stack
    return stacks[0]


def _blame(kind: Kind, words: str, frames: list[Frame]) -> Frame | None:
    """The innermost frame that is neither a reporter nor, where waiting is the matter, a waiter."""
    sure = [frame for frame in frames if frame.reliable]
    if kind in _SPINNING:
        for frame in sure:
            if frame.module:
                return frame
    for frame in sure:
        if _REPORTER.fullmatch(frame.plain):
            continue
        if kind in _WAITING and not frame.module and _WAITER.fullmatch(frame.plain):
            continue
        if kind in (Kind.KMEMLEAK, Kind.OUT_OF_MEMORY) and _ALLOCATOR.fullmatch(frame.plain):
            continue
        return frame
    named = _IN_FUNCTION.search(words)
    if named:
        return Frame(named["function"], 0, 0)
    return sure[0] if sure else None


def _normalise(words: str) -> str:
    """A headline without what differs from boot to boot: addresses, numbers, CPUs, tasks, build paths."""
    words = re.sub(r"WARNING: CPU: \d+ PID: \d+ at \S*?([^/\s]+:)\d+ .*", r"WARNING at \1", words)
    words = re.sub(r"^Oops: (?=\w)| \[#\d+\].*$", "", words)
    words = re.sub(r"kernel BUG at \S*?([^/\s]+):\d+", r"kernel BUG at \1", words)
    words = re.sub(r" \[\w+\]", "", words)
    words = re.sub(r"CPU#\d+", "a CPU", words)
    words = re.sub(r"\[[^\]]*:\d+\]", "", words)
    words = re.sub(r"(task|by task) \S+:\d+", r"\1", words)
    words = re.sub(r"\S+/\d+/0x[0-9a-f]+", "a task", words)
    words = re.sub(r"\+0x[0-9a-f]+(?:/0x[0-9a-f]+)?", "", words)
    words = re.sub(r"\b(?:0x)?[0-9a-f]{8,}\b", "ADDRESS", words)
    words = re.sub(r"\b0x[0-9a-f]+\b", "N", words)
    words = re.sub(r"(?<![\w.])\d+(?:\.\d+)?(?=s?\b)", "N", words)
    return re.sub(r"\s+", " ", words).strip(" :!=[]")


def _fingerprint(kind: Kind, function: str, frames: list[Frame], title: str) -> str:
    path: list[str] = []
    for frame in frames:
        name = f"{frame.module}:{frame.plain}"
        if frame.module and frame.reliable and (not path or path[-1] != name):
            path.append(name)
    if kind in _SPINNING and path:
        path = path[-1:]
    parts = [kind.value, function, *path[:6]] if function else [kind.value, title]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
    slug = re.sub(r"[^A-Za-z0-9_.]+", "-", "-".join(filter(None, (kind.value, function)))).strip("-")
    return f"{slug}-{digest}"


def _crash(report: _Report) -> Crash:
    assert report.headline is not None
    kind = report.headline.kind
    frames = _telling_stack(kind, report.stacks)
    blamed = _blame(kind, report.words, frames)
    function = blamed.plain if blamed else ""
    title = _normalise(report.words)
    if kind is Kind.WARN and report.message:
        title = f"{title}: {_normalise(report.message)}"
    if function and function not in title:
        title = f"{title} in {function}"
    return Crash(
        kind=kind,
        title=title,
        text="\n".join(line.rstrip("\r") for line in report.lines).strip("\n"),
        function=function,
        fingerprint=_fingerprint(kind, function, frames, title),
        frames=tuple(frames),
        fatal=report.fatal,
    )


def scan(text: str) -> list[Crash]:
    """All crashes in a whole text."""
    scanner = Scanner()
    return scanner.feed(text) + scanner.flush()


# Bits of /proc/sys/kernel/tainted (Documentation/admin-guide/tainted-kernels.rst): letter and meaning.
TAINTS = (
    ("P", "proprietary module"),
    ("F", "module force-loaded"),
    ("S", "CPU out of specification"),
    ("R", "module force-unloaded"),
    ("M", "machine check exception"),
    ("B", "bad page referenced"),
    ("U", "taint requested by user space"),
    ("D", "kernel died (oops or BUG)"),
    ("A", "ACPI table overridden"),
    ("W", "kernel issued a warning"),
    ("C", "staging driver loaded"),
    ("I", "platform firmware workaround"),
    ("O", "out-of-tree module loaded"),
    ("E", "unsigned module loaded"),
    ("L", "soft lockup occurred"),
    ("K", "kernel live-patched"),
    ("X", "auxiliary taint"),
    ("T", "built with struct randomisation"),
    ("N", "in-kernel test run"),
)
LAWFUL_TAINTS = frozenset("OETN")


def from_taint(before: int, after: int) -> Crash | None:
    """The crash that a change of /proc/sys/kernel/tainted tells of, or None if only lawful bits were added."""
    added = [
        (letter, meaning)
        for bit, (letter, meaning) in enumerate(TAINTS)
        if (after & ~before) >> bit & 1 and letter not in LAWFUL_TAINTS
    ]
    if not added:
        return None
    title = "kernel tainted: " + ", ".join(f"[{letter}] {meaning}" for letter, meaning in added)
    text = f"/proc/sys/kernel/tainted changed from {before} to {after}: {title}"
    return Crash(Kind.TAINT, title, text, "", _fingerprint(Kind.TAINT, "", [], title))


def from_event(kind: Kind, title: str, text: str = "") -> Crash:
    """A crash that the console does not tell of: QEMU_GONE, INTERNAL_ERROR. No pid or address belongs in `title`."""
    return Crash(kind, title, text or title, "", _fingerprint(kind, "", [], title), fatal=True)


_SAMPLED = re.compile(r"^task:(?P<task>\S+) |^NMI backtrace for cpu (?P<cpu>\d+)")


def from_samples(first: str, second: str) -> Crash | None:
    """The hang that two samples of SysRq w and l tell of: a task or CPU that stays in the same function of a module."""
    before, after = _sampled(first), _sampled(second)
    for who, (text, frames) in after.items():
        blamed = _blame(Kind.HANG, "", frames)
        if blamed is None or not blamed.module or who not in before:
            continue
        same = _blame(Kind.HANG, "", before[who][1])
        if same is not None and (same.module, same.plain) == (blamed.module, blamed.plain):
            title = f"stuck in {blamed.plain}"
            fingerprint = _fingerprint(Kind.HANG, blamed.plain, frames, title)
            return Crash(Kind.HANG, title, text, blamed.plain, fingerprint, tuple(frames))
    return None


def _sampled(text: str) -> dict[str, tuple[str, list[Frame]]]:
    """By task or CPU: its part of the text, and its stack."""
    found: dict[str, tuple[str, list[Frame]]] = {}
    who, report = "", _Report()
    for raw in text.splitlines():
        line = strip_stamp(raw)
        match = _SAMPLED.match(line)
        if match:
            who, report = match[0], _Report()
        report.lines.append(raw)
        Scanner._body(report, line)
        if who:
            found[who] = ("\n".join(report.lines), report.stacks[0])
    return found
