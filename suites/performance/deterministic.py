"""Instructions per request: one counting boot for each scenario, device under test, kernel and build of the module.

The device has CPU 0 to itself (suites/performance/stage.py). Its cost is what CPU 0 ran in the device's processes, in
softirqs, and in the interrupts by which the other CPU hands packets over; not what it ran idle, in timer interrupts
and in kernel threads. Five windows of equal load are counted: the figure is their median.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab import counting
from lab.cache import Cache
from lab.counting_root import ensure_counting_root
from lab.counts import Account, Counts, Runs, Window, read_counts
from lab.errors import InfrastructureError, LabError, ProductFailure
from lab.image import Image
from lab.kallsyms import symbols_of
from lab.kernel import Kernel
from lab.module import Module
from lab.profile import CodeMap, Profile, profile
from lab.tools import ToolsTree
from results import environment
from results.figures import Figure, FunctionCost
from results.records import Retry
from suites.performance.scenarios import PARTS, SCENARIOS
from suites.performance.stage import CONTROLS, read_maps, read_modules, read_report, read_sections, stage

RECIPE: Final = 1
"""Part of the environment: raised when this code comes to count something else."""
FUNCTIONS: Final = 40
"""Functions that a figure lists, the dearest; all of the module's come on top."""
CONTROL_SCENARIO: Final = "get-keepalive-1k"
FORWARDING_AT_LEAST: Final = 1000.0
"""Instructions a request that a router costs at the very least: two packets each way (7,000 are usual)."""
DIRECT_AT_MOST: Final = 50.0
"""Instructions a request on the device's CPU when the client asks the origin directly (0 to 3 are usual)."""
SEEDS: Final = (1, 2)
"""Of the first attempt and of the second: QEMU 7.2 crashes a guest now and then."""

_DEVICE_CPU, _LOAD_CPU = 0, 1
_DEVICE_ACCOUNTS: Final = frozenset({Account.PROCESS, Account.SOFTIRQ, Account.IPI})


@dataclass(frozen=True)
class Cell:
    """One thing to measure. `revision` names the module's source where there are several in a run."""

    scenario: str
    dut: str
    kernel: str
    revision: str = ""

    def __str__(self) -> str:
        at = f" at {self.revision[:12]}" if self.revision else ""
        return f"{self.scenario} on {self.dut} ({self.kernel}{at})"


@dataclass(frozen=True)
class CountingInputs:
    """All that a cell's counting boot is made of; made before the lab is entered.

    `source` is the checkout whose kmod/user/weirctl is staged. `run_dir` takes logs and raw counts.
    """

    tools: ToolsTree
    count_tools: ToolsTree
    kernel: Kernel
    module: Module
    image: Image
    initrd: Path
    source: Path
    plugin: Path
    run_dir: Path


@dataclass(frozen=True)
class Failure:
    """A cell without a figure, and why: of both attempts where there were two.

    `product`: the device gave a wrong reply, or its kernel crashed twice.
    """

    cell: Cell
    reason: str
    product: bool = False
    retries: tuple[Retry, ...] = ()


@dataclass(frozen=True)
class Measured:
    """The device's and the load's profile in each window, and what was repeated to get them."""

    device: tuple[Profile, ...]
    load: tuple[Profile, ...]
    retries: tuple[Retry, ...] = ()


def describe_environment(inputs: CountingInputs) -> dict[str, str]:
    """What the figures depend on besides the device (results/environment.py); nothing of the host."""
    compiler = inputs.tools.toolchain()
    return {
        "qemu": inputs.count_tools.versions["qemu-system-x86"],
        "cpu": counting.CPU,
        "icount": counting.ICOUNT,
        "kernel": inputs.kernel.key,
        "compiler": ", ".join(f"{name} {version}" for name, version in sorted(compiler.items()) if "gcc" in name),
        "image": inputs.image.key,
        "recipe": str(RECIPE),
    }


def measure(cell: Cell, inputs: CountingInputs) -> list[Figure]:
    """The cell's figures. Raises InfrastructureError (boot, plugin, control) or ProductFailure (wrong replies)."""
    return figures_of(cell, inputs, run(cell, inputs))


def run(cell: Cell, inputs: CountingInputs, retries: list[Retry] | None = None) -> Measured:
    """Boot, count, check and attribute; a guest that fails by the lab's fault is tried once more with another seed.

    What was repeated is appended to `retries`, also when it was in vain. Raises as `measure` does.
    """
    retries = [] if retries is None else retries
    for seed in SEEDS:
        try:
            device, load = _attempt(cell, inputs, seed)
            return Measured(device, load, tuple(retries))
        except (LabError, ProductFailure) as error:
            # A wrong reply is the product's and would come again; a crash may be QEMU 7.2's.
            if type(error) is ProductFailure or seed == SEEDS[-1]:
                for retry in retries:
                    error.add_note(f"{retry.what} failed too: {retry.reason}")
                raise
            retries.append(Retry(f"counting {cell} with seed {seed}", str(error).splitlines()[0]))
    raise AssertionError("unreachable")


def _attempt(cell: Cell, inputs: CountingInputs, seed: int) -> tuple[tuple[Profile, ...], tuple[Profile, ...]]:
    scenario = SCENARIOS[cell.scenario]
    staged = stage(scenario, cell.dut, inputs)
    cache = Cache()
    root = ensure_counting_root(cache, inputs.tools, inputs.image)
    symbols = symbols_of(cache, inputs.kernel, inputs.count_tools, inputs.initrd, root)
    name = f"{cell.scenario}-{cell.dut}-{cell.kernel}{'-' + cell.revision[:12] if cell.revision else ''}"
    guest = counting.CountingGuest(
        name=name,
        count_tools=inputs.count_tools,
        kernel=inputs.kernel,
        symbols=symbols,
        initrd=inputs.initrd,
        root=root,
        plugin=inputs.plugin,
        folder=inputs.run_dir / "counting" / f"{name}-{seed}",
        files=staged.files,
        script=staged.script,
        seed=seed,
    )
    counted = counting.count(guest)
    read_report(counted.console, scenario, cell.dut)
    if counted.status != 0:
        raise InfrastructureError(
            f"{cell}: the guest's script ended with status {counted.status}", hint=f"see {guest.folder / 'console'}"
        )
    windows = _windows(read_counts(counted.counts), cell)
    code = CodeMap(
        symbols,
        module=inputs.module.debug_ko,
        sections=read_sections(counted.console),
        modules=read_modules(counted.console),
        maps=[(start, end, path) for start, end, _, path in read_maps(counted.console)],
    )
    accounts = _DEVICE_ACCOUNTS | ({Account.WORK} if cell.dut == "weir" else frozenset())
    device = tuple(profile(window.entries, code, _on(_DEVICE_CPU, accounts)) for window in windows)
    load = tuple(profile(window.entries, code, _on(_LOAD_CPU, _DEVICE_ACCOUNTS)) for window in windows)
    # Megabytes a cell, which nobody needs once they are attributed.
    counted.counts.unlink()
    return device, load


def _on(cpu: int, accounts: frozenset[Account]) -> Callable[[Runs], bool]:
    return lambda runs: runs.cpu == cpu and runs.account in accounts


def _windows(counts: Counts, cell: Cell) -> tuple[Window, ...]:
    markers = [window.marker for window in counts.windows]
    if markers != list(range(2, PARTS + 2)):
        raise InfrastructureError(f"{cell}: expected the markers 2 to {PARTS + 1} after the first, found {markers}")
    if counts.anomalies:
        raise InfrastructureError(
            f"{cell}: {counts.anomalies} interrupts did not begin or end where the plugin expects it",
            hint="the kernel's entry code is not what lab/kernel_symbols.py knows",
        )
    return counts.windows


def figures_of(cell: Cell, inputs: CountingInputs, measured: Measured) -> list[Figure]:
    """The figures, the device's whole cost first; those of its parts are of the same window and sum to it."""
    scenario = SCENARIOS[cell.scenario]
    units = scenario.units_per_part
    middle = _middle([window.total for window in measured.device])
    key = environment.key(describe_environment(inputs))
    attributes = {
        "unit of load": scenario.unit,
        f"{scenario.unit}s in a window": str(units),
        "windows": str(len(measured.device)),
        "scenario revision": str(scenario.revision),
    }
    if measured.retries:
        attributes["repeated"] = "; ".join(f"{retry.what}: {retry.reason}" for retry in measured.retries)

    def figure(metric: str, unit: str, counted: list[int], at: int, functions: list[FunctionCost]) -> Figure:
        samples = [number / units for number in counted]
        value = samples[at]
        return Figure(
            scenario=cell.scenario,
            dut=cell.dut,
            kernel=cell.kernel,
            mode="deterministic",
            metric=metric,
            value=value,
            unit=unit,
            spread=(max(samples) - min(samples)) / 2 / value if value else 0.0,
            samples=samples,
            revision=cell.revision,
            environment=key,
            functions=functions,
            attributes=attributes,
        )

    device = measured.device
    load = [window.total for window in measured.load]
    return [
        figure("instr_per_request", "instructions", [window.total for window in device], middle,
               _functions(device[middle], units)),
        figure("instr_per_request_module", "instructions", [window.parts["module"] for window in device], middle, []),
        figure("instr_per_request_kernel", "instructions", [window.parts["kernel"] for window in device], middle, []),
        figure("instr_per_request_user", "instructions", [window.parts["user"] for window in device], middle, []),
        figure("instr_per_request_client", "instructions", load, _middle(load), []),
        figure("bytes_copied_per_request", "bytes", [window.moved for window in device], middle, []),
    ]  # fmt: skip


def _middle(numbers: list[int]) -> int:
    """Where the median is; of an even number of them the lower one of the two."""
    return numbers.index(statistics.median_low(numbers))


def _functions(window: Profile, units: int) -> list[FunctionCost]:
    """The dearest functions, and all of the module's."""
    ordered = sorted(window.functions.items(), key=lambda item: (-item[1], item[0]))
    dearest = {key for key, _ in ordered[:FUNCTIONS]}
    return [
        FunctionCost(name, part, count / units)
        for (part, name), count in ordered
        if count and (part == "module" or (part, name) in dearest)
    ]


def measure_all(
    cells: Iterable[Cell],
    inputs_of: Callable[[Cell], CountingInputs],
    jobs: int,
    progress: Callable[[str], None],
) -> Iterator[tuple[Cell, list[Figure] | Failure]]:
    """Measure the cells, `jobs` guests at a time, in the order in which they finish; the controls before them.

    Where a control fails every cell of that kernel is a Failure: no figure of it means anything.
    """
    wanted = list(dict.fromkeys(cells))
    with ThreadPoolExecutor(max_workers=max(1, jobs), thread_name_prefix="counting") as pool:
        controls: dict[str, dict[str, Future[float]]] = {}
        for cell in wanted:
            inputs = inputs_of(cell)
            if inputs.kernel.key not in controls:
                controls[inputs.kernel.key] = {
                    dut: pool.submit(_control, dut, inputs, cell.kernel, progress) for dut in CONTROLS
                }
        retries: dict[Cell, list[Retry]] = {cell: [] for cell in wanted}
        futures = {pool.submit(_timed, cell, inputs_of(cell), retries[cell], progress): cell for cell in wanted}
        try:
            for future in as_completed(futures):
                cell = futures[future]
                try:
                    measured = future.result()
                    _judge_controls(controls[inputs_of(cell).kernel.key])
                    yield cell, figures_of(cell, inputs_of(cell), measured)
                except (LabError, ProductFailure) as error:
                    reason = "\n".join([str(error), *getattr(error, "__notes__", ())])
                    yield cell, Failure(cell, reason, isinstance(error, ProductFailure), tuple(retries[cell]))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _timed(cell: Cell, inputs: CountingInputs, retries: list[Retry], progress: Callable[[str], None]) -> Measured:
    """As `run`, and says how long it took."""
    began = time.monotonic()
    measured = run(cell, inputs, retries)
    progress(f"counted {cell} in {time.monotonic() - began:.1f} s")
    return measured


def _control(dut: str, inputs: CountingInputs, kernel: str, progress: Callable[[str], None]) -> float:
    """What the control costs on the device's CPU, in instructions a request. Raises InfrastructureError."""
    cell = Cell(CONTROL_SCENARIO, dut, kernel)
    try:
        measured = _timed(cell, inputs, [], progress)
    except ProductFailure as error:  # there is no product in it
        raise InfrastructureError(f"the control {dut!r} did not work: {error}") from error
    units = SCENARIOS[CONTROL_SCENARIO].units_per_part
    return statistics.median(window.total for window in measured.device) / units


def _judge_controls(controls: Mapping[str, Future[float]]) -> None:
    """Whether the device's CPU runs the device's work and nothing else. Raises InfrastructureError if not."""
    forwarding, direct = (controls[dut].result() for dut in CONTROLS)
    if forwarding < FORWARDING_AT_LEAST:
        raise InfrastructureError(
            f"control: a router between client and origin cost CPU 0 only {forwarding:.0f} instructions a request",
            hint="packets do not reach CPU 0: receive packet steering in suites/performance/stage.py",
        )
    if direct > DIRECT_AT_MOST:
        raise InfrastructureError(
            f"control: a client that asks the origin directly cost CPU 0 {direct:.0f} instructions a request",
            hint="something but the device works on CPU 0: suites/performance/stage.py moves it away",
        )
