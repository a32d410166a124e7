"""Chromium without a window, driven through a pipe in its DevTools protocol; no package needed.

https://chromedevtools.github.io/devtools-protocol: each message is JSON and ends with a zero byte.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np

__all__ = ["Browser", "axe_source", "chromium", "open_browser"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking"),
    "--remote-debugging-pipe",
)
_ERRORS = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")


def chromium() -> str | None:
    """Return the command of a browser, if there is one."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def axe_source() -> str | None:
    """Return the script of axe-core: the file $GRAPHPOLY_AXE, or that of axe-core-python."""
    given = os.environ.get("GRAPHPOLY_AXE")
    if given:
        return Path(given).read_text(encoding="utf-8")
    found = find_spec("axe_core_python")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8")


@contextmanager
def open_browser(command: str, profile: Path) -> Iterator[Browser]:
    """Start a browser with an empty page; it ends with the block."""
    (read_by_it, ours_to_write), (ours_to_read, written_by_it) = os.pipe(), os.pipe()
    # it reads from descriptor 3 and writes to 4
    start = f'exec "$0" "$@" 3<&{read_by_it} 4>&{written_by_it}'
    process = subprocess.Popen(
        ["bash", "-c", start, command, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(read_by_it, written_by_it),
        stderr=subprocess.DEVNULL,
    )
    os.close(read_by_it)
    os.close(written_by_it)
    try:
        with os.fdopen(ours_to_write, "wb", 0) as to, os.fdopen(ours_to_read, "rb") as back:
            yield Browser(to, back)
    finally:
        process.kill()
        process.wait()


class Browser:
    """One page of a browser.

    Args:
        to: Where it reads messages.
        back: Where it writes them.
    """

    def __init__(self, to: IO[bytes], back: IO[bytes]) -> None:
        self._to, self._back, self._number, self._session = to, back, 0, ""
        self._rest = b""
        self._seen: list[dict[str, Any]] = []
        target = next(
            each for each in self.call("Target.getTargets")["targetInfos"] if each["type"] == "page"
        )
        attached = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return what it answers."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self._number:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']['message']}")
                answer: dict[str, Any] = found["result"]
                return answer

    def open(self, page: Path, query: str = "") -> None:
        """Load a file, and forget what was said about the one before."""
        self._seen.clear()
        self.call("Page.navigate", url=page.as_uri() + (f"?{query}" if query else ""))
        while not any(each.get("method") == "Page.loadEventFired" for each in self._seen):
            self._next()

    def show(self, width: int, scheme: str, height: int = 900) -> None:
        """Set the width of the window, and whether the reader likes it light or dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.call("Emulation.setEmulatedMedia", features=[feature])

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page; a promise is awaited."""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:2000])
        return found["result"].get("value")

    def screenshot(self) -> np.ndarray:
        """Return what the window shows, ``[height, width, 3]`` between 0 and 1."""
        from matplotlib.image import imread

        taken = self.call("Page.captureScreenshot", format="png", optimizeForSpeed=True)
        return imread(BytesIO(base64.b64decode(taken["data"])))[..., :3]

    def errors(self) -> list[str]:
        """Return what went wrong since the page was opened, and what it asked for beside itself."""
        found = []
        for each in self._seen:
            method, told = each.get("method"), each.get("params", {})
            level = told.get("entry", {}).get("level") or told.get("type") or "error"
            if method in _ERRORS and level in ("error", "warning", "assert"):
                found.append(json.dumps(told)[:500])
            if method == "Network.requestWillBeSent" and told["type"] != "Document":
                found.append(told["request"]["url"])
        return found

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = os.read(self._back.fileno(), 1 << 16)
            if not more:
                raise RuntimeError("the browser has ended")
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(line)
        if "method" in found:
            self._seen.append(found)
        return found
