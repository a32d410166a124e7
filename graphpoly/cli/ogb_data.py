"""Data of OGB's that can be known not to be had before torch is imported, which takes seconds."""

from __future__ import annotations

import csv
import socket
import sys
import threading
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from graphpoly.cli.names import known_names
from graphpoly.ogb_files import absent, is_occupied, ogb_folder

__all__ = ["check_ogb_data"]

_PACKAGES = {"ogbg-": "graphproppred", "ogbn-": "nodeproppred", "ogbl-": "linkproppred"}
_SECONDS = 1.0


def check_ogb_data(names: list[str], root: Path | None) -> None:
    """Refuse a dataset of OGB's that is not there while its host is out of reach for certain.

    What does not answer within a second is left to the download, and so is a network with a proxy.

    Args:
        names: A recipe, or a model and a dataset; see ``graphpoly train``.
        root: Folder of all datasets, or None for the default.

    Raises:
        ConnectionError: With the words of the download.
    """
    if "torch" in sys.modules or not names or len(names) > 2:
        return
    name = names[1].lower() if len(names) == 2 else known_names()["ogb"].get(names[0], "")
    url = _url(name)
    if not url or urllib.request.getproxies():
        return
    folder = ogb_folder(root, name)
    if is_occupied(folder):
        return
    reason = _unreachable(urlsplit(url).hostname or "")
    if reason:
        raise ConnectionError(absent(name, folder, reason))


def _url(name: str) -> str:
    """Return from where a dataset of OGB's comes, by ogb's own table; nothing of another."""
    package, found = _PACKAGES.get(name[:5]), find_spec("ogb")
    if package is None or found is None or not found.submodule_search_locations:
        return ""
    table = Path(found.submodule_search_locations[0], package, "master.csv")
    with table.open(newline="", encoding="utf-8") as stream:
        rows = {row[""]: row for row in csv.DictReader(stream)}
    return rows["url"].get(name, "")


def _unreachable(host: str) -> str:
    """Return why no connection can be made, if that is known soon."""
    failure: list[OSError] = []

    def probe() -> None:
        try:
            socket.create_connection((host, 80), timeout=_SECONDS).close()
        except TimeoutError:
            pass
        except OSError as error:
            failure.append(error)

    # looking up a name obeys no timeout
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return f"ConnectionError: {failure[0]}" if failure else ""
