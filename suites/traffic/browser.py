"""Chromium without a screen, driven by the DevTools protocol over a pipe: what the page does, asked and looked at.

The browser comes from the tools tree `browser`. It runs in namespaces without any network, or in the lab's, and every
request it makes is written down: a page that asks for something outside is caught even where nothing would answer.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lab import sandbox
from lab.deadline import Deadline
from lab.errors import InfrastructureError
from lab.tools import ToolsTree

_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-dev-shm-usage", "--disable-sync", "--disable-extensions",
    "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
# Chromium reads commands from descriptor 3 and writes to 4; the numbers must be those.
_LAUNCH: Final = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class PageError(AssertionError):
    """A script of the page, or one that a test ran in it, threw."""


class Navigated(InfrastructureError):
    """The page that was asked is no longer there: another is being loaded in its place."""


@dataclass
class Page:
    """One open page. `requests` are the URLs it asked for, `problems` its console errors and uncaught exceptions,
    `statuses` the answers that it used, by URL: of redirects that of the place they lead to.
    """

    browser: Browser
    session: str
    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    statuses: list[tuple[str, int]] = field(default_factory=list)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol to this page; raises InfrastructureError when the browser refuses it."""
        return self.browser.call(method, self.session, **parameters)

    def ask(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression. Raises PageError if it throws."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if details := answer.get("exceptionDetails"):
            raise PageError(f"{expression}: {details.get('exception', {}).get('description', details.get('text'))}")
        return answer["result"].get("value")

    def until(self, expression: str, seconds: float = 10) -> Any:
        """Asks until the answer is true, and returns it, whatever is loaded meanwhile. Raises DeadlineExpired."""

        def answer() -> Any:
            try:
                return self.ask(expression)
            except Navigated:
                return None

        return Deadline(seconds).wait_for(answer, what=expression)

    def go(self, url: str) -> None:
        """Load another page, and whatever that leads to at once."""
        self.call("Page.navigate", url=url)
        self.until(f"location.href == {json.dumps(url)} && document.readyState == 'complete'")

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        """The window's size in CSS pixels; a phone has two pixels each and a finger."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)

    def prefers(self, **features: str) -> None:
        """Media features: `prefers(scheme="dark")`, `prefers(scheme="light")`."""
        chosen = [{"name": f"prefers-color-{name}", "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=chosen)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """`kind` is mouseMoved, mousePressed or mouseReleased, at viewport coordinates."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x: float, y: float) -> None:
        """A press and release of the left button."""
        self.mouse("mouseMoved", x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def drag(self, x: float, y: float, to: float) -> None:
        """Left button down at (x, y), moved along to x = `to`, up."""
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        for step in range(1, 5):
            self.mouse("mouseMoved", x + (to - x) * step / 4, y, button="left", buttons=1)
        self.mouse("mouseReleased", to, y, button="left", clickCount=1)

    def key(self, key: str, **more: Any) -> None:
        """A key pressed and released; `key` as KeyboardEvent.key names it."""
        codes = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39, "End": 35, "Home": 36}
        text = {"text": "\r"} if key == "Enter" else {"text": key} if len(key) == 1 else {}
        common = {"key": key, "code": key, "windowsVirtualKeyCode": codes.get(key, 0)}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **text, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common, **more)

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Left, top, width, height of the first match, scrolled into view, in viewport coordinates."""
        quoted = json.dumps(selector)
        self.ask(f"document.querySelector({quoted}).scrollIntoView({{block: 'center', behavior: 'instant'}})")
        found = self.ask(
            f"(r => [r.left, r.top, r.width, r.height])(document.querySelector({quoted}).getBoundingClientRect())"
        )
        left, top, width, height = (float(value) for value in found)
        return left, top, width, height

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """A PNG of the window, or of the whole page."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def print_pages(self) -> bytes:
        """The page on paper: a PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])


class Browser:
    """One Chromium; use `browser()`, which ends it too."""

    def __init__(self, commands: int, answers: int, process: subprocess.Popen[bytes]) -> None:
        self._commands = commands
        self._answers = answers
        self._process = process
        self._number = 0
        self._buffer = b""
        self._pages: dict[str, Page] = {}

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """One command and its answer; events that come meanwhile go to their pages."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]
        deadline = Deadline(60)
        while True:
            answer = self._read(deadline, method)
            if answer.get("id") == self._number:
                if any(word in answer.get("error", {}).get("message", "") for word in ("context", "navigated")):
                    raise Navigated(f"{method}: {answer['error']['message']}")
                if "error" in answer:
                    raise InfrastructureError(f"Chromium refused {method}: {answer['error']}")
                return dict(answer["result"])
            self._event(answer)

    def _read(self, deadline: Deadline, what: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], deadline.remaining)
            if not ready:
                deadline.check(f"Chromium's answer to {what}")
            chunk = os.read(self._answers, 1 << 20) if ready else b""
            if ready and not chunk:
                raise InfrastructureError(
                    f"Chromium ended (exit status {self._process.poll()}) before it answered {what}",
                    hint="its log is chromium.log in the run's folder",
                )
            self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(line))

    def _event(self, event: dict[str, Any]) -> None:
        page = self._pages.get(event.get("sessionId", ""))
        if page is None:
            return
        parameters = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                page.requests.append(parameters["request"]["url"])
            case "Network.responseReceived":
                page.statuses.append((parameters["response"]["url"], parameters["response"]["status"]))
            case "Runtime.exceptionThrown":
                page.problems.append(str(parameters["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning", "assert"):
                page.problems.append(str(parameters["args"]))
            case "Log.entryAdded" if parameters["entry"]["level"] in ("error", "warning"):
                page.problems.append(str(parameters["entry"]))

    def cpu_seconds(self) -> float:
        """CPU time of the processes that pages and their workers run in."""
        processes = self.call("SystemInfo.getProcessInfo")["processInfo"]
        return sum(float(process["cpuTime"]) for process in processes if process["type"] == "renderer")

    def profile(self, proxy: str) -> str:
        """Another profile, with its own cookies and nothing else yet, that reaches everything by `proxy`, a URL."""
        made = self.call("Target.createBrowserContext", disposeOnDetach=True, proxyServer=proxy)
        return str(made["browserContextId"])

    def forget(self, profile: str) -> None:
        """Close all pages of a profile, which is gone with all it knew."""
        self.call("Target.disposeBrowserContext", browserContextId=profile)

    def open(self, url: str, prepare: Callable[[Page], None] | None = None, *, profile: str = "") -> Page:
        """A page that has loaded `url`; `prepare` is called before it loads."""
        where = {"browserContextId": profile} if profile else {}
        target = self.call("Target.createTarget", url="about:blank", **where)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.call(f"{domain}.enable")
        if prepare:
            prepare(page)
        page.call("Page.navigate", url=url)
        page.until("location.href != 'about:blank' && document.readyState == 'complete'")
        return page


@contextmanager
def browser(tools: ToolsTree, folder: Path, *, flags: Sequence[str] = (), network: bool = False) -> Iterator[Browser]:
    """A running Chromium with its profile and log in `folder`; gone, with all its children, on leaving.

    `flags` come behind those that it always has. `network`: in the network of whoever calls, instead of in none.
    """
    with ExitStack() as stack:
        their_input, commands = os.pipe()
        answers, their_output = os.pipe()
        # Clear of 3 and 4, onto which the launcher copies them.
        inherited = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10) for descriptor in (their_input, their_output)]
        for descriptor in (their_input, their_output):
            os.close(descriptor)
        for descriptor in (commands, answers):
            stack.callback(os.close, descriptor)
        argv = ["/usr/bin/chromium", *_FLAGS, *flags, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        command = sandbox.command(tools, argv, cwd=folder, network=network)
        launch = [sys.executable, "-c", _LAUNCH, *map(str, inherited), *command]
        log = stack.enter_context((folder / "chromium.log").open("wb"))
        process = subprocess.Popen(launch, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=inherited)
        for descriptor in inherited:
            os.close(descriptor)
        stack.callback(_end, process)
        running = Browser(commands, answers, process)
        running.call("Browser.getVersion")
        yield running
        running.call("Browser.close")


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(Deadline(5).seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
