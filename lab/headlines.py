"""How the kernel begins each kind of report. Patterns match a console line without its time stamp, from its start.

Sources, Linux 6.12: arch/x86/kernel/{dumpstack,traps}.c, arch/x86/mm/fault.c, kernel/panic.c, lib/bug.c,
kernel/{hung_task,watchdog}.c, kernel/rcu/{tree_stall.h,tasks.h}, kernel/locking/lockdep.c, kernel/sched/core.c,
kernel/workqueue.c, lib/{list_debug,refcount,ubsan}.c, mm/kasan/report.c, mm/kfence/report.c, kernel/kcsan/report.c,
mm/{kmemleak,oom_kill,slub}.c, kernel/module/main.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What happened, in the kernel's own vocabulary."""

    OOPS = "oops"
    BUG = "BUG"
    WARN = "WARN"
    PANIC = "panic"
    GENERAL_PROTECTION = "general protection fault"
    DOUBLE_FAULT = "double fault"
    STACK_OVERFLOW = "stack overflow"
    KASAN = "KASAN"
    KFENCE = "KFENCE"
    KCSAN = "KCSAN"
    KMSAN = "KMSAN"
    UBSAN = "UBSAN"
    LOCKDEP = "lockdep"
    RCU_USAGE = "suspicious RCU usage"
    SLEEP_IN_ATOMIC = "sleeping in atomic"
    LIST_CORRUPTION = "list corruption"
    REFCOUNT = "refcount"
    HUNG_TASK = "hung task"
    RCU_STALL = "RCU stall"
    SOFT_LOCKUP = "soft lockup"
    HARD_LOCKUP = "hard lockup"
    WORKQUEUE_LOCKUP = "workqueue lockup"
    KMEMLEAK = "kmemleak"
    OUT_OF_MEMORY = "out of memory"
    TAINT = "taint"
    HANG = "hang"
    QEMU_GONE = "QEMU gone"
    INTERNAL_ERROR = "internal-error"


@dataclass(frozen=True)
class Headline:
    kind: Kind
    pattern: re.Pattern[str]
    rank: int  # of two headlines in one report the higher rank names it


def _table(*rows: tuple[Kind, int, str]) -> tuple[Headline, ...]:
    return tuple(Headline(kind, re.compile(pattern), rank) for kind, rank, pattern in rows)


# The first row that matches decides. Ranks: 9 tools that name the fault, 5 what the kernel noticed, 1 how it trapped.
HEADLINES = _table(
    (Kind.KASAN, 9, r"BUG: KASAN: |KASAN: (?:null-ptr-deref|probably user-memory-access|maybe wild-memory-access) "),
    (Kind.KFENCE, 9, r"BUG: KFENCE: "),
    (Kind.KCSAN, 9, r"BUG: KCSAN: "),
    (Kind.KMSAN, 9, r"BUG: KMSAN: "),
    (Kind.UBSAN, 9, r"UBSAN: \S.* in "),
    (Kind.RCU_USAGE, 9, r"WARNING: suspicious RCU usage"),
    (
        Kind.LOCKDEP,
        9,
        r"WARNING: (?:possible (?:circular|recursive) locking|possible irq lock inversion|inconsistent lock state"
        r"|bad unlock balance|bad contention|held lock freed|lock held when returning|Nested lock was not taken"
        r"|\S+-safe -> \S+-unsafe lock order|\S+ still has locks held)"
        r"|\[ BUG: Invalid wait context \]|\[ BUG: \S+ still has locks held! \]"
        r"|INFO: trying to register non-static key|BUG: key \S+ has not been registered"
        r"|BUG: MAX_(?:LOCK|STACK)\w+ too low",
    ),
    (Kind.SLEEP_IN_ATOMIC, 9, r"BUG: (?:sleeping function called from invalid context|scheduling while atomic)"),
    (Kind.LIST_CORRUPTION, 9, r"list_(?:add|del)(?:_rcu)? (?:corruption|double add)"),
    (Kind.REFCOUNT, 9, r"refcount_t: "),
    (Kind.STACK_OVERFLOW, 8, r"BUG: \S+ stack guard page was hit|.*kernel stack overflow"),
    (
        Kind.STACK_OVERFLOW,
        8,
        r"Kernel panic - not syncing: (?:stack-protector:|corrupted stack end|kernel stack overflow)",
    ),
    (Kind.DOUBLE_FAULT, 8, r"(?:traps: )?PANIC: double fault|(?:Oops: )?double fault: "),
    (Kind.SOFT_LOCKUP, 7, r"(?:NMI )?watchdog: BUG: soft lockup - CPU#\d+ stuck"),
    (Kind.HARD_LOCKUP, 7, r"(?:NMI )?watchdog: (?:CPU\s?\d+: )?Watchdog detected hard LOCKUP"),
    (Kind.WORKQUEUE_LOCKUP, 7, r"BUG: workqueue lockup - pool"),
    (Kind.HUNG_TASK, 7, r"INFO: task \S.* blocked (?:in I/O wait )?for more than \d+ seconds"),
    (
        Kind.RCU_STALL,
        7,
        r"(?:rcu: )?INFO: \w+ (?:self-detected stall|detected stalls|detected expedited stalls|\w+ stall)",
    ),
    (Kind.KMEMLEAK, 7, r"kmemleak: \d+ new suspected memory leaks|unreferenced object 0x"),
    (Kind.OUT_OF_MEMORY, 7, r".* invoked oom-killer: |Out of memory(?: \(oom_kill\w+\))?: Kill"),
    # The lab injects an NMI into a guest that no longer answers; the kernel panics where it was stuck.
    (Kind.HANG, 4, r"Kernel panic - not syncing: NMI: "),
    (Kind.PANIC, 3, r"Kernel panic - not syncing"),
    (Kind.GENERAL_PROTECTION, 4, r"(?:Oops: )?general protection fault"),
    (
        Kind.OOPS,
        5,
        r"BUG: (?:kernel NULL pointer dereference|unable to handle|supervisor )"
        r"|Unable to handle kernel |kernel tried to execute NX-protected page",
    ),
    (Kind.BUG, 5, r"kernel BUG at |BUG: |BUG \S+ \(.*\): "),
    (Kind.OOPS, 1, r"Oops(?::| -) |(?:Oops: )?[a-z0-9][\w ,-]{2,40}: [0-9a-f]{4} \[#\d+\]"),
    (Kind.WARN, 2, r"WARNING: CPU: \d+ PID: \d+ at "),
    (Kind.TAINT, 0, r"\S+: module license '.*' taints kernel|.* - tainting kernel|\S+: .*taints kernel"),
)

# Loading a module that is not part of the kernel taints it, lawfully: every run of the lab does.
LAWFUL_TAINT = re.compile(r"\S+: (?:loading out-of-tree module taints|module verification failed: )")

# Panics that only carry out what a report just before them asked for.
CONSEQUENCE = re.compile(
    r"Kernel panic - not syncing: (?:Fatal exception|Fatal machine|Attempted to kill|Aiee, killing interrupt"
    r"|softlockup: hung tasks|hung_task: blocked tasks|Hard LOCKUP|RCU Stall|RCU Tasks|\S*: ?panic_on_warn"
    r"|panic_on_(?:warn|stall)|KASAN: panic_on_warn|UBSAN: panic_on_warn|kernel: panic_on_warn"
    r"|Machine halted|scheduling while atomic|Out of memory|System is deadlocked)"
)

# Words that any headline has; a line without them needs no closer look.
QUICK = re.compile(
    r"BUG|WARN|Oops|panic|PANIC|fault|SAN: |INFO: |LOCKUP|corruption|double add|refcount_t|kmemleak|unreferenced"
    r"|oom-killer|Out of memory|taint|\[#\d|Unable to handle|stack overflow|NX-protected"
)


def classify(line: str) -> Headline | None:
    """The kind of report that `line` (without time stamp) begins, or None."""
    if not QUICK.search(line) or LAWFUL_TAINT.match(line):
        return None
    for row in HEADLINES:
        if row.pattern.match(line):
            return row
    return None
