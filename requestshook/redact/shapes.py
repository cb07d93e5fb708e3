"""Secrets that show by their shape: tokens and keys of known make, private keys, passwords in URLs.

Most texts hold none, and a service waits while we look. So a text is first strained: one `translate` drops all but a
few letters, and what is left is small enough to be asked for a dozen words. Only what is found there is looked for in
the text itself, and regular expressions run only at the places found, each search going on where the last one ended:
all of it is linear in the text's length, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import unquote

PSEUDONYM = re.compile(r"‹[a-z]{1,16}:[0-9a-f]{16}›")

# the least that it holds: how far it goes, what it is then, kind
_SHAPES = {
    "eyJ": (r"[\w-]+(?:\.[\w-]*)*", r"(?=.{20})eyJ[\w-]*\.[\w-]*\.[\w.-]*", "token"),
    "gAAAA": (r"[\w-]+(?:=|%3D)*", r"gAAAA[\w-]{35,}(?:=|%3D)*", "token"),
    "AKIA": (r"[A-Za-z0-9]+", r"AKIA[A-Z0-9]{16}", "key"),
    "ASIA": (r"[A-Za-z0-9]+", r"ASIA[A-Z0-9]{16}", "key"),
    "AIza": (r"[\w-]+", r"AIza[\w-]{35,}", "key"),
    "GOCSPX-": (r"[\w-]+", r"GOCSPX-[\w-]{20,}", "secret"),
    "ghp_": (r"\w+", r"ghp_\w{30,}", "token"),
    "gho_": (r"\w+", r"gho_\w{30,}", "token"),
    "ghu_": (r"\w+", r"ghu_\w{30,}", "token"),
    "ghs_": (r"\w+", r"ghs_\w{30,}", "token"),
    "ghr_": (r"\w+", r"ghr_\w{30,}", "token"),
    "github_pat_": (r"\w+", r"github_pat_\w{22,}", "token"),
    "glpat-": (r"[\w-]+", r"glpat-[\w-]{20,}", "token"),
    "xox": (r"[\w-]+", r"xox[a-z](?:\.[a-z]+)?-[\w-]{10,}", "token"),
    "k_live_": (r"\w+", r"k_live_\w{16,}", "key"),
}
_BEGIN = "-----BEGIN"
_PRIVATE_KEY = re.compile(r"-----BEGIN(?:[ +]|%20)[A-Z0-9 +%]{0,40}PRIVATE(?:[ +]|%20)KEY")
_PRIVATE_KEY_RUN = re.compile(r"[A-Za-z0-9+/=\s\\:,.%-]*")
_NOT_BASE64 = re.compile(r"\\[nrt]|%0[AaDd]|\s")
_USER_INFO = re.compile(r""":(?:\\*/){2}(‹[a-z]+:[0-9a-f]{16}›|[^/\s:@"'<>?#\\]*)(:[^/\s"'<>?\\]*)?@""")
_NO_PASSWORDS = ("", "x-oauth-basic", "api_token", "x")  # the user is the token
_LISTENER = re.compile(r"(?:reverse|upstream):[a-z0-9]+\Z")  # mitmproxy's modes: reverse:http://HOST:PORT@[HOST:]PORT
_PORT = re.compile(r"[0-9]{1,5}")
_LEAST_TOKEN = 20  # characters of a user without a password, to be taken for a token


class Edit(NamedTuple):
    """A stretch of a text and what stands there instead."""

    start: int
    end: int
    text: str


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits made, which are in order and do not overlap."""
    pieces: list[str] = []
    at = 0
    for start, end, instead in edits:
        pieces += (text[at:start], instead)
        at = end
    return "".join((*pieces, text[at:])) if pieces else text


def apply_within(text: str, begin: int, edits: Iterable[Edit]) -> str:
    """A piece of a longer text, beginning there at `begin`, with its part of the longer text's edits made."""
    end = begin + len(text)
    mine = [
        Edit(max(e.start, begin) - begin, min(e.end, end) - begin, e.text if e.start >= begin else "")
        for e in edits
        if e.start < end and e.end > begin
    ]
    return apply(text, mine)


def settled(text: str, found: list[Edit]) -> list[Edit]:
    """Edits in order: of two that overlap the first grows over both, and a pseudonym is never touched in part."""
    if "‹" in text:
        found = [whole for whole in (_whole(text, edit) for edit in found) if whole]
    found.sort(key=lambda e: (e.start, -e.end))
    kept: list[Edit] = []
    for edit in found:
        last = kept[-1] if kept else None
        if last is None or edit.start >= last.end:
            kept.append(edit)
        elif edit.end > last.end:
            kept[-1] = Edit(last.start, edit.end, last.text)
    return kept


def _whole(text: str, edit: Edit) -> Edit | None:
    """The edit grown over the pseudonyms that it touches in part; None where it lies inside one."""
    start, end, instead = edit
    for place in (start, end):
        at = text.rfind("‹", max(0, place - 40), place + (place == start))
        taken = PSEUDONYM.match(text, at) if at >= 0 else None
        if taken and taken.start() <= edit.start and edit.end <= taken.end():
            return None
        if taken and taken.end() > place:
            start, end = min(start, taken.start()), max(end, taken.end() if place == edit.end else end)
    return Edit(start, end, instead)


class Strainer:
    """Tells which of some words a text may hold, in less time than asking it for two of them."""

    def __init__(self, words: Iterable[str], kept: str, fold: bool) -> None:
        keep = (kept + kept.upper() if fold else kept).encode()
        self._table = bytes(range(256)).lower() if fold else None
        self._drop = bytes(c for c in range(256) if c not in keep)
        self._words: dict[str, list[str]] = {}
        for word in words:
            self._words.setdefault("".join(c for c in word if c in kept), []).append(word)
        self._parts = tuple(self._words)

    def words(self, octets: bytes) -> list[str]:
        """The words that the text in UTF-8 may hold; those that it holds are among them."""
        rest = octets.translate(self._table, self._drop).decode("ascii")
        parts = [part for part in self._parts if part in rest]
        return [word for part in parts for word in self._words[part]] if parts else []


class Shapes:
    """Finds what is known by its shape; `pseudonym` names a value by its kind."""

    def __init__(self, pseudonym: Callable[[str, str], str]) -> None:
        self._pseudonym = pseudonym
        # quotes are kept, and so the words of JSON stay apart: fewer seem to be there
        self._strainer = Strainer([*_SHAPES, _BEGIN], 'AIJGCKSBENzghlpxk_"', fold=False)
        self._shapes: dict[str, tuple[re.Pattern[str], re.Pattern[str], str]] = {}

    def find(self, text: str, octets: bytes, cut: bool, found: list[Edit]) -> None:
        """Add to `found` what is to be replaced. `octets`: the text in UTF-8; `cut`: it was cut off at its end."""
        for needle in self._strainer.words(octets):
            self._shaped(text, needle, cut, found)
        if 0x40 in octets:  # @
            self._user_info(text, found)

    def _shaped(self, text: str, needle: str, cut: bool, found: list[Edit]) -> None:
        if needle is _BEGIN:
            self._private_keys(text, found)
            return
        run, whole, kind = self._shapes.get(needle) or self._compiled(needle)
        at = text.find(needle)
        while at >= 0:
            match = run.match(text, at)
            end = match.end() if match else at + len(needle)
            value = text[at:end].rstrip(".")
            if whole.fullmatch(text, at, end) or (cut and end == len(text)):
                found.append(Edit(at, at + len(value), self._pseudonym(kind, unquote(value))))
            at = text.find(needle, end)

    def _compiled(self, needle: str) -> tuple[re.Pattern[str], re.Pattern[str], str]:
        """The expressions of a shape, compiled when it is first met: most processes never do."""
        run, whole, kind = _SHAPES[needle]
        self._shapes[needle] = re.compile(run, re.ASCII), re.compile(whole, re.ASCII), kind
        return self._shapes[needle]

    def _private_keys(self, text: str, found: list[Edit]) -> None:
        at = text.find(_BEGIN)
        while at >= 0:
            following = text.find(_BEGIN, at + len(_BEGIN))
            end = at + len(_BEGIN)
            if _PRIVATE_KEY.match(text, at):
                limit = following if following >= 0 else len(text)
                last = text.find("-----END", at, limit)
                closing = text.find("-----", last + 8, limit) if last >= 0 else -1
                run = _PRIVATE_KEY_RUN.match(text, at, limit)
                end = closing + 5 if closing >= 0 else last if last >= 0 else run.end() if run else end
                end = at + len(text[at:end].rstrip("\\ \t\r\n:,."))
                found.append(Edit(at, end, self._pseudonym("key", _NOT_BASE64.sub("", text[at:end]))))
            at = following

    def _user_info(self, text: str, found: list[Edit]) -> None:
        for match in _USER_INFO.finditer(text):
            user, password = match[1], (match[2] or "")[1:]
            if _PORT.fullmatch(password) and _LISTENER.search(text, max(0, match.start() - 20), match.start()):
                continue
            if password not in _NO_PASSWORDS and not PSEUDONYM.fullmatch(password):
                start, end = match.span(2)
                found.append(Edit(start + 1, end, self._pseudonym("password", unquote(password))))
            alone = match[2] is None and len(user) >= _LEAST_TOKEN and any(c.isdigit() for c in user)
            if user and (alone or (match[2] and password in _NO_PASSWORDS)) and not PSEUDONYM.fullmatch(user):
                found.append(Edit(*match.span(1), self._pseudonym("password", unquote(user))))
