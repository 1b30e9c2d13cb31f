"""Headless Chromium, steered over two pipes: no driver, no port, no library.

One browser per worker; each page is a context of its own, with its own storage and settings. A
page waits inside itself, by a promise, so no test sleeps.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

AXE = Path(__file__).with_name("vendor") / "axe.min.js"
NAMES = ("chromium", "chromium-browser", "google-chrome")
_INSTALL = "apt-get install -y --no-install-recommends chromium fonts-noto-cjk"
_PATIENCE = 20.0  # seconds, for a busy computer
_WAIT = """new Promise((done, fail) => {
  const end = performance.now() + %d;
  const look = () => {
    let found = false;
    try { found = %s; } catch (error) { if (performance.now() > end) { fail(error); return; } }
    if (found) done(found);
    else if (performance.now() > end) fail(new Error(
      "waited in vain; the page shows: " + document.body.innerText.slice(0, 1500)));
    else setTimeout(look, 8);
  };
  look();
})"""


class Chromium:
    """A running browser."""

    def __init__(self, program: str) -> None:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        read_there, self._write = os.pipe()
        self._read, write_there = os.pipe()
        words = [
            program,
            "--headless=new",
            "--remote-debugging-pipe",
            f"--user-data-dir={self._folder.name}",
            "--no-sandbox",  # a container's root has no sandbox
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-gpu",
            "--no-first-run",
            "--no-proxy-server",
            "--hide-scrollbars",
            "--mute-audio",
            "--autoplay-policy=no-user-gesture-required",
            "--enable-precise-memory-info",
            "--lang=en",
            "about:blank",
        ]
        script = f'exec "$0" "$@" 3<&{read_there} 4>&{write_there}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, *words],
            pass_fds=(read_there, write_there),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_there)
        os.close(write_there)
        self._rest = b""
        self._number = 0
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            self.call("Browser.close")
        os.close(self._write)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)
        self._folder.cleanup()

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Return the result of a command of the DevTools protocol."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            received = self._next()
            if received.get("id") == self._number:
                if "error" in received:
                    raise RuntimeError(f"{method}: {received['error']['message']}")
                result: dict[str, Any] = received["result"]
                return result
            if "method" in received:
                self.events.append(received)

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + 3 * _PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            more = os.read(self._read, 1 << 20) if ready else b""
            if not more:
                raise RuntimeError("Chromium does not answer")
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        received: dict[str, Any] = json.loads(message)
        return received

    @contextlib.contextmanager
    def page(
        self,
        url: str,
        *,
        width: int = 1400,
        height: int = 900,
        dark: bool = False,
        still: bool = False,
        languages: str = "en",
    ) -> Iterator[Page]:
        """Open a page; it must end without an error of a script or of the policy."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, attached["sessionId"])
        self.events.clear()
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.resize(width, height)
        features = [("prefers-color-scheme", "dark" if dark else "light")]
        features += [("prefers-reduced-motion", "reduce")] if still else []
        page.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": name, "value": value} for name, value in features],
        )
        agent = self.call("Browser.getVersion")["userAgent"]
        page.call("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=languages)
        try:
            page.call("Page.navigate", url=url)
            page.wait("document.querySelector('main')")
            yield page
            problems = page.problems()
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)
        assert not problems, problems


class Page:
    """One tab."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self.browser = browser
        self.session = session
        self.expected: tuple[str, ...] = ()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.call(method, self.session, **parameters)

    def run(self, script: str) -> Any:
        """Return the value of an expression, or of the promise that it is."""
        reply = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in reply:
            details = reply["exceptionDetails"]
            text = details.get("exception", {}).get("description") or details["text"]
            raise AssertionError(f"{script[:200]}: {text}")
        return reply["result"].get("value")

    def wait(self, condition: str, seconds: float = _PATIENCE) -> Any:
        """Return the value of an expression once it is true."""
        return self.run(_WAIT % (seconds * 1000, condition))

    def reload(self) -> None:
        """Load the page again; return when the old one, which may show the same, is gone."""
        self.run("window.isOld = true")
        self.call("Page.reload")
        end = time.monotonic() + _PATIENCE
        while self._is_old():
            assert time.monotonic() < end, "the page is not loaded again"

    def _is_old(self) -> bool:
        try:
            return bool(self.run("window.isOld === true || document.documentElement === null"))
        except RuntimeError as error:
            if "navigated" not in str(error):
                raise
            return True  # the page went while it was asked

    def wait_text(self, text: str, where: str = "main") -> None:
        """Wait until an element shows a text."""
        self.wait(
            f"[...document.querySelectorAll({json.dumps(where)})]"
            f".some((one) => one.innerText.includes({json.dumps(text)}))"
        )

    def text(self, where: str = "main") -> str:
        return str(self.run(f"document.querySelector({json.dumps(where)}).innerText"))

    def click(self, what: str, text: str = "") -> None:
        """Click on an element, with a real mouse, once it is there and does not move.

        A page that gets its rows meanwhile moves it from under the mouse.

        Args:
            what: A selector.
            text: What the element says.
        """
        place = self.wait(f"""(() => {{
          const found = [...document.querySelectorAll({json.dumps(what)})]
            .find((one) => one.innerText.includes({json.dumps(text)}) && !one.disabled);
          if (!found) return null;
          found.scrollIntoView({{ block: "center" }});
          const box = found.getBoundingClientRect();
          const place = [box.x + box.width / 2, box.y + box.height / 2];
          const stands = String(place) === String(window.lastPlace);
          window.lastPlace = place;
          return stands && found.contains(document.elementFromPoint(...place)) ? place : null;
        }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=place[0],
                y=place[1],
                button="left",
                clickCount=1,
            )

    def press(self, key: str, *, ctrl: bool = False) -> None:
        """Press a key: a character, or a name such as `Enter`."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 and not ctrl else "")
        codes = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38}
        code = codes.get(key, ord(key[0].upper()))
        shared = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 2 if ctrl else 0}
        kind = "keyDown" if text else "rawKeyDown"
        self.call("Input.dispatchKeyEvent", type=kind, text=text, **shared)
        self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def choose(self, select: str, value: str) -> None:
        """Choose an option of a select element."""
        self.wait(f"document.querySelector({json.dumps(select)})")
        self.run(f"""(() => {{
          const one = document.querySelector({json.dumps(select)});
          one.value = {json.dumps(value)};
          one.dispatchEvent(new Event("change", {{ bubbles: true }}));
        }})()""")

    def resize(self, width: int, height: int = 900) -> None:
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def colours(self, scheme: str) -> None:
        """Let the system prefer light or dark."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def picture(self) -> bytes:
        """Return the visible part as a PNG file."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def problems(self) -> list[str]:
        """Return what scripts, the policy and requests have complained about."""
        problems: list[str] = []
        for event in self._events():
            details = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                problems.append(json.dumps(details["exceptionDetails"])[:500])
            elif event["method"] == "Log.entryAdded" and details["entry"]["level"] == "error":
                problems.append(f"{details['entry']['text']} {details['entry'].get('url', '')}")
        return [
            problem for problem in problems if not any(text in problem for text in self.expected)
        ]

    def _events(self) -> list[dict[str, Any]]:
        self.run("0")  # whatever was said before has come then
        return [event for event in self.browser.events if event.get("sessionId") == self.session]

    def requests(self) -> list[str]:
        """Return the addresses of all requests so far."""
        sent = (event for event in self._events() if event["method"] == "Network.requestWillBeSent")
        return [str(event["params"]["request"]["url"]) for event in sent]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """The browser of this worker."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        text = f"no Chromium; install it: {_INSTALL}"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    with Chromium(program) as browser:
        yield browser
