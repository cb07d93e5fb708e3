"""A client that sends secrets in all places: run as `python leaking_client.py PORT` where a file `mark` is."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

PORT, MARK = sys.argv[1], Path("mark").read_text()
BASE = f"http://127.0.0.1:{PORT}"
HEADERS = {
    "authorization": f"Bearer {MARK}bearer",
    "Proxy-Authorization": "Basic " + base64.b64encode(f"u:{MARK}proxy".encode()).decode(),
    "Cookie": f'a={MARK}a; b="{MARK}b"; c=x={MARK}c',
    "x_auth-TOKEN": f"{MARK}odd",
    "X-Forwarded-Authorization": f"Digest username=u, response={MARK}digest",
    "X-Something": f"Bearer {MARK}something",
    "Referer": f"http://u:{MARK}referer@h/?api%5Fkey={MARK}key",
    "User-Agent": f"client token={MARK}agent",
}
SCHEMES = ("Basic", "Bearer", "Token", "Digest", "Custom", "AWS4-HMAC-SHA256", "")
DOCUMENT = json.dumps({"auth": {"password": f"{MARK}sent"}, "text": json.dumps({"secret": f"{MARK}inner"})})


def tiny(content: bytes) -> Iterator[bytes]:
    """The content in pieces of three octets."""
    for at in range(0, len(content), 3):
        yield content[at : at + 3]


def main() -> None:
    """One call after the other; what fails is printed as programs do."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(1, backoff_factor=0)))
    session.get(f"{BASE}/redirect", headers=HEADERS)
    for scheme in SCHEMES:
        session.get(f"{BASE}/json", headers={"Authorization": f"{scheme} {MARK}scheme".strip()})
    session.get(
        f"http://u:{MARK}userinfo@127.0.0.1:{PORT}/json?to%6Ben={MARK}query&q=%7B%22password%22%3A%22{MARK}q%22%7D"
    )
    for path in (
        "unannounced",
        "bom",
        "utf-16",
        "lines",
        "pieces",
        "gzip",
        "deflate",
        "unknown",
        "xml",
        "octets",
        "jwt",
    ):
        session.get(f"{BASE}/{path}").content  # noqa: B018 - reading is the point
    for path in ("html", "straddling"):
        with session.get(f"{BASE}/{path}", stream=True) as response:
            response.raw.read(65536 + 30)
    with session.get(f"{BASE}/pieces", stream=True) as response:  # half read, within the secret
        response.raw.read(len('{"user": "a", "password": "') + len(MARK))
    for body in (DOCUMENT, tiny(DOCUMENT.encode()), f"[{DOCUMENT},{DOCUMENT[:-20]}"):
        session.post(f"{BASE}/echo", data=body, headers={"Content-Type": "application/json"})
    session.post(f"{BASE}/echo", data={"password": f"{MARK}form", "payload": DOCUMENT})
    session.post(
        f"{BASE}/echo", data={"password": f"{MARK}field"}, files={"file": ("x", f"{MARK}file"), "b": ("y", b"z")}
    )
    session.post(f"{BASE}/echo", data=gzip.compress(DOCUMENT.encode(), 0), headers={"Content-Encoding": "gzip"})
    session.post(f"{BASE}/echo", data=tiny(DOCUMENT.encode("utf-16")), headers={"Content-Type": "application/json"})
    logging.basicConfig(stream=sys.stdout, level=logging.DEBUG)
    for attempt in (
        lambda: session.get(f"http://127.0.0.1:1/?token={MARK}refused&q=%7B%22password%22%3A%22{MARK}q%22%7D"),
        lambda: session.get(f"{BASE}/json", proxies={"http": f"http://u:{MARK}proxied@127.0.0.1:1"}),
        lambda: session.get(f"{BASE}/error?password={MARK}failing").raise_for_status(),
    ):
        try:
            attempt()
        except requests.RequestException as error:
            print(f"{type(error).__name__}: {error}", error.request and error.request.headers)
    print(f"+ curl -H 'X-Auth-Token: {MARK}printed' -u user:{MARK}printed http://h")
    print(f"| adminPass | {MARK}table |")
    print(f'\x1b[34m"token"\x1b[0m: \x1b[32m"{MARK}coloured"\x1b[0m', end="", flush=True)
    with contextlib.suppress(requests.RequestException):
        session.get(f"{BASE}/echo", headers={"X-Auth-Token": f"{MARK}\n"})
    with contextlib.suppress(UnicodeError, requests.RequestException):  # our own words about it are no leak either
        session.post(f"{BASE}/echo", data=iter([f"{MARK}chunk\ud800"]))
    print(f"\nOS_PASSWORD={MARK}end", file=sys.stderr)


main()
