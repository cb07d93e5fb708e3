"""Where the secrets of a text stand: under known names and in known shapes. docs/redaction.md has both lists.

Most texts hold none, and a service waits while we look. So a text is first strained: one `translate` drops all but
a few letters, and what is left is small enough to be asked for a dozen words. Only what is found there is looked for
in the text itself, and regular expressions run only at the places found. All of it is linear in the text's length,
whatever the text: each search goes on where the last one ended.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol
from urllib.parse import unquote, unquote_plus

PSEUDONYM = re.compile(r"‹[a-z]{1,16}:[0-9a-f]{16}›")

AUTHORIZATION = "authorization"  # a credential after its scheme
COOKIES = "cookies"  # pairs of a name and a secret
SET_COOKIE = "set-cookie"  # one such pair, then attributes

_JOINING = ("_", "-", ".", " ")
_STEMS = ("pass", "pwd", "secret", "token", "key", "credential", "authorization", "cookie", "session")

# (the least that it holds, how far it goes, what it is then, kind)
_SHAPES = tuple(
    (needle, re.compile(run, re.ASCII), re.compile(whole, re.ASCII), kind)
    for needle, run, whole, kind in (
        ("eyJ", r"[\w-]+(?:\.[\w-]*)*", r"(?=.{20})eyJ[\w-]*\.[\w-]*\.[\w.-]*", "token"),
        ("gAAAA", r"[\w-]+(?:=|%3D)*", r"gAAAA[\w-]{35,}(?:=|%3D)*", "token"),
        ("AKIA", r"[A-Za-z0-9]+", r"AKIA[A-Z0-9]{16}", "key"),
        ("ASIA", r"[A-Za-z0-9]+", r"ASIA[A-Z0-9]{16}", "key"),
        ("AIza", r"[\w-]+", r"AIza[\w-]{35,}", "key"),
        ("GOCSPX-", r"[\w-]+", r"GOCSPX-[\w-]{20,}", "secret"),
        ("ghp_", r"\w+", r"ghp_\w{30,}", "token"),
        ("gho_", r"\w+", r"gho_\w{30,}", "token"),
        ("ghu_", r"\w+", r"ghu_\w{30,}", "token"),
        ("ghs_", r"\w+", r"ghs_\w{30,}", "token"),
        ("ghr_", r"\w+", r"ghr_\w{30,}", "token"),
        ("github_pat_", r"\w+", r"github_pat_\w{22,}", "token"),
        ("glpat-", r"[\w-]+", r"glpat-[\w-]{20,}", "token"),
        ("xox", r"[\w-]+", r"xox[a-z](?:\.[a-z]+)?-[\w-]{10,}", "token"),
        ("k_live_", r"\w+", r"k_live_\w{16,}", "key"),
    )
)
_BEGIN = "-----BEGIN"
_PRIVATE_KEY = re.compile(r"-----BEGIN(?:[ +]|%20)[A-Z0-9 +%]{0,40}PRIVATE(?:[ +]|%20)KEY")
_PRIVATE_KEY_RUN = re.compile(r"[A-Za-z0-9+/=\s\\:,.%-]*")
_NOT_BASE64 = re.compile(r"\\[nrt]|%0[AaDd]|\s")
_USER_INFO = re.compile(r""":(?:\\*/){2}(‹[a-z]+:[0-9a-f]{16}›|[^/\s:@"'<>?#\\]*):([^/\s@"'<>?\\]*)@""")

_WORD = re.compile(r"[\w.\-]*")
_MEMBER = re.compile(r"""(\\*)(["'])(?:\s|\\+[nrt])*(?::|=>)(?:\s|\\+[nrt])*""")
_STRING = re.compile(r"""[bu]?((\\*)(["']))""")
_NUMBER = re.compile(r"-?[0-9][0-9.eE+-]*")
_LITERAL = re.compile(r"true|false|null|None|True|False")
_BETWEEN = re.compile(r"(?:[\s,]|\\+[nrt])*")
_OBJECT_ID = re.compile(r"""\{[^{}]*?\\*["']id\\*["']\s*:\s*""")
_QUERY = re.compile(r"""\?[^\s"'<>]*""")
_ASSIGNMENT = re.compile(r"(?:\]|%5d)?(\s*)=(\s*)")
_BARE = re.compile(r"""[^&\s"'<>\\]*""")
_BARE_IN_PATH = re.compile(r"""[^&\s"'<>\\;/?#,]*""")
_TAG_END = re.compile(r"""(?:[^<>"']|"[^"<]*"|'[^'<]*')*>""")
_HIDING = re.compile(r"\\u00(?:2[de]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])", re.IGNORECASE)
_JSON_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.S)
_PLAIN_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))
_JSON_BEGIN = re.compile(r'\ufeff?\s*[\[{"]')

_DEPTH = 6  # of JSON in strings of JSON


class Edit(NamedTuple):
    """A stretch of a text and what stands there instead."""

    start: int
    end: int
    text: str


class Secrets(Protocol):
    """What is known of secrets: their names, and what stands instead of them."""

    def kind(self, name: str, query: bool = False) -> str | None:
        """The kind of what stands under the name; None where it is no secret. `query`: also what signs a URL."""

    def pseudonym(self, kind: str, value: str) -> str:
        """The pseudonym of a value."""

    def instead(self, kind: str, raw: str, plain: Callable[[str], str]) -> str:
        """What stands instead of a value as spelled in the text: a scheme and the names of cookies stay."""


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
        if not any(map(rest.__contains__, self._parts)):
            return []
        return [word for part in self._parts if part in rest for word in self._words[part]]


class Scanner:
    """Finds secrets in a text: what is known by name and by shape, `keys` (names too) and `patterns`."""

    def __init__(self, known: Secrets, keys: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        keys = tuple(keys)
        self._known = known
        self._patterns = [re.compile(pattern) for pattern in patterns]
        stems = (*_STEMS, *_stems_of(keys))
        self._by_name = Strainer(stems, "kpstwcnyzr", fold=True)
        self._by_shape = Strainer([shape[0] for shape in _SHAPES] + [_BEGIN], "AIJGCKSBENzghlpxk_", fold=False)
        self._shapes = {shape[0]: shape for shape in _SHAPES}
        self._hiding = "\\u" if any(not key.isascii() for key in keys) else "\\u00"

    def redact(self, text: str, octets: bytes | None = None, cut: bool = False) -> str:
        """The text with its secrets replaced; `octets` is the same in UTF-8, where it is at hand."""
        return apply(text, self.edits(text, octets, cut))

    def edits(self, text: str, octets: bytes | None = None, cut: bool = False, depth: int = 0) -> list[Edit]:
        """What is to be replaced in the text, in order. `cut`: the text ends where something of it was cut off."""
        if octets is None:
            octets = text.encode("utf-8", "surrogatepass")
        found: list[Edit] = []
        stems = self._by_name.words(octets)
        if 0x3F in octets and any("sig" in query.lower() for query in _QUERY.findall(text)):
            stems.append("sig")  # what signs a URL
        if stems and not text.isascii():  # lowering it is slow: ask the octets first
            low_octets = octets.lower()
            stems = [stem for stem in stems if not stem.isascii() or stem.encode() in low_octets]
        if stems:
            low = lower(text)
            for stem in stems:
                self._named(text, low, stem, found)
        for needle in self._by_shape.words(octets):
            self._shaped(text, needle, cut, found)
        if 0x40 in octets:  # @
            self._user_info(text, found)
        if 0x5C in octets and depth < _DEPTH and (stems or self._hides_words(text)):
            self._hidden(text, cut, depth, found)
        for pattern in self._patterns:
            found += [Edit(*m.span(), self._known.pseudonym("secret", m[0])) for m in pattern.finditer(text) if m[0]]
        return _settled(text, found) if found else found

    # by shape

    def _shaped(self, text: str, needle: str, cut: bool, found: list[Edit]) -> None:
        if needle is _BEGIN:
            self._private_keys(text, found)
            return
        _, run, whole, kind = self._shapes[needle]
        at = text.find(needle)
        while at >= 0:
            match = run.match(text, at)
            end = match.end() if match else at + len(needle)
            value = text[at:end].rstrip(".")
            if whole.fullmatch(text, at, end) or (cut and end == len(text)):
                found.append(Edit(at, at + len(value), self._known.pseudonym(kind, unquote(value))))
            at = text.find(needle, end)

    def _private_keys(self, text: str, found: list[Edit]) -> None:
        at = text.find(_BEGIN)
        while at >= 0:
            end = at + len(_BEGIN)
            if _PRIVATE_KEY.match(text, at):
                run = _PRIVATE_KEY_RUN.match(text, at)
                end = run.end() if run else end
                last = text.find("-----END", at, end)
                last = text.find("-----", last + 8, end) if last >= 0 else -1
                end = last + 5 if last >= 0 else at + len(text[at:end].rstrip("\\ \t\r\n:,."))
                found.append(Edit(at, end, self._known.pseudonym("key", _NOT_BASE64.sub("", text[at:end]))))
            at = text.find(_BEGIN, end)

    def _user_info(self, text: str, found: list[Edit]) -> None:
        for match in _USER_INFO.finditer(text):
            group = 2 if match[2] else 1  # https://TOKEN:@host
            if match[group] and not PSEUDONYM.fullmatch(match[group]):
                found.append(Edit(*match.span(group), self._known.pseudonym("password", unquote(match[group]))))

    # by name

    def _named(self, text: str, low: str, stem: str, found: list[Edit]) -> None:
        at = low.find(stem)
        done = 0
        while at >= 0:
            if stem == "key" and not (low[at - 1 : at].isalnum() or low[at - 1 : at] in _JOINING):
                at = low.find(stem, at + 3)  # a key alone is no secret, and stands everywhere
                continue
            word = _WORD.match(low, at)
            end = word.end() if word else at + len(stem)
            done = max(end, self._at_name(text, low, at, end, done, found))
            at = low.find(stem, done)

    def _at_name(self, text: str, low: str, at: int, end: int, done: int, found: list[Edit]) -> int:
        """The end of the value that belongs to the name around `at`, which ends at `end`."""
        after = low[end : end + 1]
        if after in ('"', "'", "\\"):
            member = _MEMBER.match(text, end)
            if member is None:
                return end
            kind = self._known.kind(text[low.rfind(member[2], 0, at) + 1 : end])
            return self._json(text, member.end(), kind, member[1] + member[2], found) if kind else end
        if after not in ("=", " ", ">", "]", "%", "/", "\t", "\r", "\n"):
            return end
        start = at
        while start > done and (low[start - 1].isalnum() or low[start - 1] in "_.-:[%"):
            start -= 1
        if low[start - 1 : start] == "<":
            kind = self._known.kind(text[start:end])
            return self._element(text, end, kind, found) if kind else end
        assignment = _ASSIGNMENT.match(low, end)
        kind = self._known.kind(unquote(text[start:end]), query=True) if assignment else None
        if assignment is None or kind is None:
            return end
        return self._assigned(text, start, assignment, kind, found)

    def _assigned(self, text: str, start: int, assignment: re.Match[str], kind: str, found: list[Edit]) -> int:
        """Replace what is assigned to a name: an attribute, a setting, a pair of a query. Gives the value's end."""
        value = assignment.end()
        quoted = _STRING.match(text, value)
        if quoted and (quoted[2] or quoted[3] == "'" or not _JSON_BEGIN.match(text)):
            return self._string(text, quoted, kind, _xml_unescaped, found)
        before = text[start - 1 : start]
        if assignment[1] or assignment[2] or not (before == "" or before.isspace() or before in "?&#;\"'("):
            return value
        bare = (_BARE_IN_PATH if before == ";" else _BARE).match(text, value)
        end = bare.end() if bare else value
        self._replace(text, value, end, kind, unquote_plus, found)
        return end

    def _json(self, text: str, at: int, kind: str, mark: str, found: list[Edit]) -> int:
        """Replace the JSON value at `at`, or the strings and numbers of the array there; gives its end."""
        if text.startswith("[", at):
            return self._array(text, at + 1, kind, mark, found)
        if text.startswith("{", at):
            identity = _OBJECT_ID.match(text, at) if kind == "token" else None
            return self._scalar(text, identity.end(), kind, mark, found) if identity else at
        return self._scalar(text, at, kind, mark, found)

    def _array(self, text: str, at: int, kind: str, mark: str, found: list[Edit]) -> int:
        while True:
            between = _BETWEEN.match(text, at)
            at = between.end() if between else at
            literal = _LITERAL.match(text, at)
            end = literal.end() if literal else self._scalar(text, at, kind, mark, found)
            if end == at:
                return at
            at = end

    def _scalar(self, text: str, at: int, kind: str, mark: str, found: list[Edit]) -> int:
        string = _STRING.match(text, at)
        if string:
            same = _level(len(string[2])) == _level(len(mark) - 1)
            if not same or (string[3] != mark[-1] and _JSON_BEGIN.match(text)):
                return at  # not a value: the end of the string that the name stands in
            return self._string(text, string, kind, unescaped, found)
        number = _NUMBER.match(text, at)
        if number is None:
            return at
        found.append(Edit(at, number.end(), mark + self._known.pseudonym(_plain(kind), number[0]) + mark))
        return number.end()

    def _string(
        self, text: str, opening: re.Match[str], kind: str, plain: Callable[[str], str], found: list[Edit]
    ) -> int:
        start = opening.end()
        end, after = string_end(text, start, len(opening[2]), opening[3])
        for _ in range(_level(len(opening[2]))):
            plain = _after_unescaping(plain)
        self._replace(text, start, end, kind, plain, found)
        return after

    def _element(self, text: str, at: int, kind: str, found: list[Edit]) -> int:
        """Replace the text of the XML element whose name ends at `at`, up to its end or the first element in it."""
        tag = _TAG_END.match(text, at)
        if tag is None or text[tag.end() - 2] == "/":
            return at
        at = tag.end()
        limit = string_end(text, at, 0, '"')[0] if _JSON_BEGIN.match(text) else len(text)
        while at < limit:
            start, end, after = _piece(text, at, limit)
            core = text[start:end].strip()
            if core:
                start = text.index(core, start)
                self._replace(text, start, start + len(core), kind, _xml_unescaped, found)
            if after == at:
                break
            at = after
        return at

    def _replace(
        self, text: str, start: int, end: int, kind: str, plain: Callable[[str], str], found: list[Edit]
    ) -> None:
        raw = text[start:end]
        instead = self._known.instead(kind, raw, plain)
        if instead != raw:
            found.append(Edit(start, end, instead))

    # behind escapes

    def _hides_words(self, text: str) -> bool:
        return self._hiding in text and (self._hiding == "\\u" or _HIDING.search(text) is not None)

    def _hidden(self, text: str, cut: bool, depth: int, found: list[Edit]) -> None:
        """What `\\u` escapes hide: a member's name, or JSON in a string. The whole text is read as JSON."""
        if "\\u00" not in text and not self._hides_words(text):
            return
        for string in _JSON_STRING.finditer(text):
            if "\\u" not in string[0]:
                continue
            closed = string[0].endswith('"') and string_end(text, string.start() + 1, 0, '"')[1] == string.end()
            raw = string[0][1:-1] if closed and len(string[0]) > 1 else string[0][1:]
            plain = unescaped(raw)
            member = _MEMBER.match(text, string.end() - 1) if closed else None
            kind = self._known.kind(plain) if member else None
            if member and kind:
                self._json(text, member.end(), kind, '"', found)
                continue
            inner = self.edits(plain, None, cut and string.end() == len(text), depth + 1)
            if inner:
                places, first = _places(raw), string.start() + 1
                found += [Edit(first + places[e.start], first + places[e.end], _escaped(e.text)) for e in inner]


def _plain(kind: str) -> str:
    return "token" if kind == AUTHORIZATION else "cookie" if kind in (COOKIES, SET_COOKIE) else kind


def lower(text: str) -> str:
    """The text in lower case, every character in its place."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


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


def _settled(text: str, found: list[Edit]) -> list[Edit]:
    """Edits in order: of two that overlap the first grows over both, and a pseudonym is never touched in part."""
    if "‹" in text:
        found = [whole for whole in (_whole(text, edit) for edit in found) if whole]
    found.sort(key=lambda e: (e.start, -e.end))
    settled: list[Edit] = []
    for edit in found:
        last = settled[-1] if settled else None
        if last is None or edit.start >= last.end:
            settled.append(edit)
        elif edit.end > last.end:
            settled[-1] = Edit(last.start, edit.end, last.text)
    return settled


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


def string_end(text: str, start: int, marks: int, quote: str) -> tuple[int, int]:
    """Where the content of the string that began before `start` ends, and where its closing quote ends.

    `marks` backslashes stood before the opening quote: JSON in a string of JSON has one, in that again three. A
    quote after a run of backslashes closes the string as many levels up as the run's length ends in binary ones.
    """
    level = _level(marks)
    at = text.find(quote, start)
    while at >= 0:
        run = at
        while run > start and text[run - 1] == "\\":
            run -= 1
        closing = _level(at - run)
        if closing <= level:
            return at - (1 << closing) + 1, at + 1
        at = text.find(quote, at + 1)
    return len(text), len(text)


def _level(marks: int) -> int:
    level = 0
    while marks & 1:
        marks >>= 1
        level += 1
    return level


def _piece(text: str, at: int, limit: int) -> tuple[int, int, int]:
    """A piece of an XML element's text, and where the next begins: at `at` itself where there is none."""
    for opening, closing in (("<![CDATA[", "]]>"), ("<!--", "-->"), ("<?", "?>")):
        if text.startswith(opening, at):
            if closing == "]]>":
                end = text.find(closing, at, limit)
                at += len(opening)
                return (at, end, end + 3) if end >= 0 else (at, limit, limit)
            end = text.find(closing, at, min(limit, at + 4096))
            return (at, at, end + len(closing)) if end >= 0 else (at, at, at)
    end = text.find("<", at, limit)
    return (at, end, end) if end >= 0 else (at, limit, limit)


def _places(raw: str) -> list[int]:
    """For each character of the unescaped content of a JSON string, and for its end, its place in `raw`."""
    places: list[int] = []
    at = 0
    for escape in _ESCAPE.finditer(raw):
        places += range(at, escape.start() + 1)
        at = escape.end()
    places += range(at, len(raw) + 1)
    return places


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _after_unescaping(plain: Callable[[str], str]) -> Callable[[str], str]:
    return lambda raw: plain(unescaped(raw))


def unescaped(raw: str) -> str:
    """The content of a JSON string, escapes undone; of JSON in strings only the outer level."""
    return _ESCAPE.sub(_unescaped, raw) if "\\" in raw else raw


def _unescaped(escape: re.Match[str]) -> str:
    high, low, code, plain = escape.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
    return chr(int(code, 16)) if code else _PLAIN_ESCAPES.get(plain, plain)


def _xml_unescaped(raw: str) -> str:
    if "&" in raw:
        for entity, character in _ENTITIES:
            raw = raw.replace(entity, character)
    return raw


def _stems_of(keys: Iterable[str]) -> Iterator[str]:
    """For each configured name its longest word, in lower case, by which it is looked for."""
    for key in keys:
        words = re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", key))
        stem = max(words, key=len, default="").lower()
        if stem and not any(known in stem for known in _STEMS if known != "key"):
            yield stem
