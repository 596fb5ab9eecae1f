"""The page as readers meet it: on a phone, in the dark, by keyboard, on paper, offline, with hostile names."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from results.figures import Comparison, Figure
from suites.report import generated
from suites.report.conftest import DESK, PHONE, Written
from suites.traffic.browser import Browser, Page

_UNFOLD = "document.querySelectorAll('details').forEach(details => { details.open = true; })"
_WIDE = """
[...document.querySelectorAll('body *')]
  .filter(node => node.getBoundingClientRect().right > innerWidth + 1 && !node.closest('nav, thead'))
  .map(node => `${node.tagName}.${node.className} ${node.textContent.slice(0, 40)}`)
"""


def test_verdict_comes_first(on_desk: Page) -> None:
    assert on_desk.ask("document.querySelector('h1').textContent") == "Slower: 2 regressions"
    assert "Slower: 2 regressions" in on_desk.ask("document.title")
    first = on_desk.ask("document.querySelector('.verdict li').textContent")
    assert "get-keepalive-1k" in first
    assert "weir_http_parse" in first
    assert on_desk.box(".verdict h1")[1] < 200
    order = on_desk.ask("[...document.querySelectorAll('section')].map(section => section.id)")
    assert order == [
        "changes",
        "peers",
        "timed",
        "costs",
        "history",
        "missing",
        "tests",
        "environment",
        "settings",
        "records",
    ]


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_is_requested_and_nothing_fails(chromium: Browser, slower: Written, size: tuple[int, int]) -> None:
    page = chromium.open(slower.url, lambda page: page.size(*size, phone=size == PHONE))
    page.ask(_UNFOLD)
    page.box("footer")
    assert page.requests == [slower.url]
    assert page.problems == []
    assert page.ask("performance.getEntriesByType('resource').map(entry => entry.name)") == []


def test_policy_stops_what_escaping_might_miss(on_desk: Page) -> None:
    on_desk.ask(
        "(s => { s.textContent = 'window.owned = 1'; document.body.append(s); })(document.createElement('script'))"
    )
    on_desk.ask("document.body.append(Object.assign(new Image(), { src: 'https://weir.example/x.png' }))")
    assert on_desk.ask("window.owned") is None
    assert any("Content Security Policy" in problem for problem in on_desk.problems)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_needs_no_sideways_scrolling(on_phone: Page, scheme: str) -> None:
    on_phone.prefers(scheme=scheme)
    for prepare in ("1", _UNFOLD):
        on_phone.ask(prepare)
        assert on_phone.ask(_WIDE) == []
        assert on_phone.ask("[document.documentElement.scrollWidth, innerWidth]") == [360, 360]


def test_names_of_records_are_text_never_markup(chromium: Browser, report: Callable[..., Written]) -> None:
    evil = generated.EVIL
    run = generated.gate(7, {evil: 0.02})
    history = list(generated.history(generated.Plan(runs=5, slower=2, new_qemu=4, scenarios=(evil,))))
    host = msgspec.structs.replace(run.environment.host, processor=evil, system=evil)
    run = msgspec.structs.replace(
        run,
        command=f"nox {evil}",
        revision=msgspec.structs.replace(run.revision, branch=evil),
        environment=msgspec.structs.replace(run.environment, host=host, kernel_release=evil),
        versions={evil: evil},
        drift=[evil],
        verdict=f"FAIL: {evil}",
        figures=[
            msgspec.structs.replace(one, unfit=[*one.unfit, evil], unit=f"{one.unit}{evil}") for one in run.figures
        ],
        comparisons=[_with_evil_functions(one) for one in run.comparisons],
        configurations={evil: evil},
        environments={key: {**told, evil: evil} for key, told in run.environments.items()},
        not_measured=[msgspec.structs.replace(one, reason=evil, dut=evil) for one in run.not_measured],
    )
    tests = generated.functional(6, broken=1)
    tests = msgspec.structs.replace(
        tests, tests=[msgspec.structs.replace(one, id=evil, reason=evil) for one in tests.tests], dut=evil
    )
    written = report([*history, tests, run])
    page = chromium.open(written.url, lambda page: page.size(*PHONE, phone=True))
    page.ask(_UNFOLD)
    assert page.ask("window.owned") is None
    assert page.ask("document.images.length") == 0
    assert page.ask("document.scripts.length") == 2
    assert page.ask("document.querySelectorAll('[onerror]').length") == 0
    assert evil in page.ask("document.querySelector('main').textContent")
    assert page.problems == []
    assert page.requests == [written.url]
    assert page.ask(_WIDE) == []


def _with_evil_functions(one: Comparison) -> Comparison:
    changes = [msgspec.structs.replace(change, name=generated.EVIL) for change in one.functions]
    return msgspec.structs.replace(one, functions=changes)


def test_pointing_at_a_plot_tells_value_and_revision(on_desk: Page) -> None:
    left, top, width, height = on_desk.box(".plot .area")
    on_desk.mouse("mouseMoved", left + width * 0.1, top + height / 2)
    tip = on_desk.ask("document.querySelector('.plot .tip').innerText")
    first = on_desk.ask("document.querySelector('.plot .tip').hidden")
    assert first is False
    assert "instructions" in tip
    assert "±0.04 %" in tip
    assert "generated-0" in tip
    on_desk.mouse("mouseMoved", left + width * 0.95, top + height / 2)
    later = on_desk.ask("document.querySelector('.plot .tip').innerText")
    assert "generated-1" in later
    on_desk.mouse("mouseMoved", left, top - 300)
    assert on_desk.ask("document.querySelector('.plot .tip').hidden") is True


def test_dragging_zooms_and_all_shows_all_again(on_desk: Page) -> None:
    view = "document.querySelector('.plot svg').getAttribute('viewBox').split(' ').map(Number)"
    ticks = "[...document.querySelectorAll('.plot .y')[0].children].map(tick => tick.textContent)"
    whole, ticks_before = on_desk.ask(view), on_desk.ask(ticks)
    left, top, width, height = on_desk.box(".plot .area")
    on_desk.drag(left + width * 0.05, top + height / 2, left + width * 0.3)
    zoomed = on_desk.ask(view)
    assert zoomed[2] < whole[2] * 0.35
    assert on_desk.ask(ticks) != ticks_before
    assert on_desk.ask("document.getElementById('point').open") is False
    on_desk.ask("[...document.querySelectorAll('.plot .tools button')].find(b => b.textContent == 'All').click()")
    assert on_desk.ask(view) == whole
    assert on_desk.ask(ticks) == ticks_before


def test_click_on_a_point_shows_its_record(on_desk: Page) -> None:
    left, top, width, height = on_desk.box(".plot .area")
    on_desk.click(left + width - 2, top + height / 2)
    told = on_desk.until("document.getElementById('point').open && document.getElementById('point').innerText")
    run = generated.gate(62, {}).id
    assert run in told
    assert f"{run}-performance.jsonl:1" in told
    on_desk.ask("document.querySelector('#point .whole').click()")
    opened = "[...document.querySelectorAll('#records details')].filter(d => d.open).map(d => d.id)"
    assert on_desk.until(f"({opened}).length && ({opened})")[0].startswith("record-")


def test_plots_work_by_keyboard_alone(on_desk: Page) -> None:
    on_desk.ask("document.querySelector('.plot .area').focus()")
    on_desk.key("End")
    last = on_desk.ask("document.querySelector('.plot .tip').innerText")
    on_desk.key("ArrowLeft")
    assert on_desk.ask("document.querySelector('.plot .tip').innerText") != last
    before = on_desk.ask("document.querySelector('.plot svg').viewBox.baseVal.width")
    on_desk.key("+")
    assert on_desk.ask("document.querySelector('.plot svg').viewBox.baseVal.width") < before
    on_desk.key("Enter")
    assert on_desk.ask("document.getElementById('point').open") is True
    on_desk.key("Escape")
    on_desk.until("!document.getElementById('point').open")
    assert on_desk.ask("document.activeElement.className") == "area"


def test_focus_is_seen_wherever_it_goes(on_desk: Page) -> None:
    on_desk.ask(_UNFOLD)
    focusable = on_desk.ask("document.querySelectorAll('a[href], button, summary, select, [tabindex]').length")
    seen = 0
    for _ in range(min(60, focusable)):
        on_desk.key("Tab")
        outline = on_desk.ask(
            "(n => n === document.body ? 'none' : getComputedStyle(n).outlineStyle + n.tagName)(document.activeElement)"
        )
        assert not outline.startswith("none"), f"focus {seen} is not to be seen"
        seen += 1
    assert seen > 30


def test_tables_pictures_and_headings_make_sense_unseen(on_desk: Page) -> None:
    assert on_desk.ask("[...document.querySelectorAll('table')].filter(t => !t.querySelector('th[scope]')).length") == 0
    assert on_desk.ask("[...document.querySelectorAll('th')].filter(th => !th.scope).length") == 0
    names = on_desk.ask("[...document.querySelectorAll('[role=img]')].map(p => p.getAttribute('aria-label') || '')")
    names += on_desk.ask("[...document.querySelectorAll('.plot .area')].map(plot => plot.getAttribute('aria-label'))")
    assert len(names) > 12
    assert [name for name in names if len(name) < 20] == []
    tables = on_desk.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in tables if "role" in node]
    assert roles.count("table") >= 7
    assert roles.count("rowheader") >= 15
    assert on_desk.ask("[...document.querySelectorAll('svg')].filter(svg => !svg.ariaHidden).length") == 0
    assert on_desk.ask("document.querySelectorAll('h1').length") == 1
    levels = on_desk.ask("[...document.querySelectorAll('h1, h2, h3')].map(h => Number(h.tagName[1]))")
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    identities = on_desk.ask("[...document.querySelectorAll('[id]')].map(node => node.id)")
    assert len(identities) == len(set(identities))
    targets = on_desk.ask("[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1))")
    assert set(targets) <= set(identities)


_CONTRAST = r"""
(() => {
  const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const weak = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.checkVisibility({ visibilityProperty: true }) || node.closest('script')) continue;
    let behind = node, back = [0, 0, 0, 0];
    while (behind && back[3] < 255) {
      back = rgba(getComputedStyle(behind).backgroundColor);
      behind = behind.parentElement;
    }
    const [a, b] = [light(rgba(getComputedStyle(node).color)), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05), what = node.textContent.slice(0, 30);
    if (ratio < 4.5) weak.push(`${node.tagName}.${node.className} ${ratio.toFixed(2)} ${what}`);
  }
  return weak;
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(on_desk: Page, scheme: str) -> None:
    """WCAG 2.1, success criterion 1.4.3: 4.5 to 1 for all text."""
    on_desk.prefers(scheme=scheme)
    on_desk.ask(_UNFOLD)
    assert on_desk.ask(_CONTRAST) == []


def test_theme_can_be_chosen(on_desk: Page) -> None:
    on_desk.prefers(scheme="light")
    colour = "getComputedStyle(document.body).backgroundColor"
    before = on_desk.ask(colour)
    on_desk.ask("document.getElementById('theme').click()")
    assert on_desk.ask(colour) != before
    on_desk.ask("document.getElementById('theme').click()")
    assert on_desk.ask(colour) == before


def test_paper_has_the_verdict_the_tables_and_no_controls(on_desk: Page) -> None:
    pdf = on_desk.print_pages()
    assert pdf.startswith(b"%PDF")
    assert 2 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") + pdf.count(b"/Type /Page>") <= 12
    on_desk.call("Emulation.setEmulatedMedia", media="print")
    assert on_desk.ask("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert on_desk.ask("getComputedStyle(document.querySelector('.tools')).display") == "none"


def test_without_script_the_facts_are_there(chromium: Browser, slower: Written) -> None:
    def prepare(page: Page) -> None:
        page.size(*DESK)
        page.call("Emulation.setScriptExecutionDisabled", value=True)

    page = chromium.open(slower.url, prepare)
    shown = page.ask("[...document.querySelectorAll('.plot')].filter(plot => plot.checkVisibility()).length")
    assert shown == page.ask("document.querySelectorAll('.plot').length")
    assert shown > 3
    assert "14,330 instructions now" in page.ask("document.querySelector('.plot figcaption').innerText")
    assert page.ask("document.querySelectorAll('.plot .tools').length") == 0


def test_cost_bars_tell_the_function_under_the_pointer(on_desk: Page) -> None:
    left, top, width, height = on_desk.box(".icicle .cut span")
    on_desk.mouse("mouseMoved", left + width / 2, top + height / 2)
    told = on_desk.until("document.querySelector('.readout:not([hidden])')?.textContent")
    assert told.startswith("weir_http_parse: ")
    widths = on_desk.ask(
        "[...document.querySelectorAll('.icicle')].slice(0, 3).map(bar => bar.getBoundingClientRect().width)"
    )
    ratios = [widths[1] / widths[0], widths[2] / widths[0]]
    expected = [generated.PEERS[name] / generated.GATED for name in ("nginx", "haproxy")]
    assert ratios == pytest.approx(expected, rel=0.02)


def test_deterministic_and_timed_are_never_in_one_table(on_desk: Page) -> None:
    both = "[...document.querySelectorAll('#peers, #timed')].map(s => s.innerText)"
    deterministic, timed = on_desk.ask(both)
    assert "instructions" in deterministic
    assert "requests/s" not in deterministic
    assert "Requests per second" in timed
    assert "instructions" not in timed
    assert "Not valid for sign-off" in timed
    assert "TCG" in timed
    assert "Not valid" not in deterministic


def test_many_points_are_thinned_and_that_is_said(chromium: Browser, report: Callable[..., Written]) -> None:
    plan = generated.Plan(runs=1500, slower=1400, new_qemu=2000, scenarios=("get-keepalive-1k",))
    runs = list(generated.history(plan))
    # A peak long ago, which no thinning may hide.
    peak = [replace_value(one, 1.2) for one in runs[300].figures]
    runs[300] = msgspec.structs.replace(runs[300], figures=peak)
    written = report(runs)
    assert written.path.stat().st_size < 1_500_000
    page = chromium.open(written.url, lambda page: page.size(*DESK))
    assert "thinned" in page.ask("document.querySelector('#history').innerText")
    plots = page.ask(
        "Object.values(JSON.parse(document.getElementById('data').textContent).plots).map(p => p.points.length)"
    )
    assert max(plots) <= 360
    highest = page.ask("document.querySelector('.plot figcaption').innerText")
    assert "highest 17," in highest
    assert page.problems == []


def replace_value(figure: Figure, factor: float) -> Figure:
    """The figure with another value."""
    return msgspec.structs.replace(figure, value=figure.value * factor)


def test_a_plan_is_what_it_says() -> None:
    """The generated history has the traits that the other tests look for."""
    runs = list(generated.history(replace(generated.Plan(), runs=50)))
    totals = [next(f.value for f in run.figures if f.dut == "weir" and f.metric == "instr_per_request") for run in runs]
    assert totals[30] / totals[10] == pytest.approx(1.03, rel=0.005)
    assert totals[45] / totals[30] == pytest.approx(0.94, rel=0.005)
