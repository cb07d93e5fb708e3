"""Where the secrets of a text stand. docs/redaction.md lists what is known by name and by shape.

A name is looked for by a word that it holds, and only around that word is it seen what kind of text this is: a member
of JSON, an XML element, a pair of a query. So one scan serves all formats, also one inside the other and cut anywhere.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Protocol
from urllib.parse import unquote, unquote_plus

from requestshook.redact.lines import line_value, option_value, row_value
from requestshook.redact.shapes import Edit, Shapes, Strainer, apply, apply_within, settled
from requestshook.redact.spelling import (
    after_unescaping,
    escaped,
    level,
    lower,
    percent_decoded,
    places_of,
    string_end,
    unescaped,
    xml_piece,
    xml_unescaped,
)

AUTHORIZATION = "authorization"  # a credential after its scheme
COOKIES = "cookies"  # pairs of a name and a secret
SET_COOKIE = "set-cookie"  # one such pair, then attributes

_JOINING = ("_", "-", ".", " ")
_STEMS = ("pass", "pwd", "secret", "token", "key", "credential", "authorization", "cookie", "sess")


_WORD = re.compile(r"[\w.\-]*")
_MEMBER = re.compile(r"""(\\*)(["'])(?:\s|\\+[nrt])*(?::|=>)(?:\s|\\+[nrt])*""")
_STRING = re.compile(r"""[bu]?((\\*)(["']))""")
_NUMBER = re.compile(r"-?[0-9][0-9.eE+-]*")
_LITERAL = re.compile(r"true|false|null|None|True|False")
_BETWEEN = re.compile(r"(?:[\s,]|\\+[nrt])*")
_INSIDE = r"""\{(?:[^{}]|\{[^{}]*\})*?\\*["']"""
_OBJECT_ID = re.compile(_INSIDE + r"""(?:id|value)\\*["']\s*:\s*""")
_OBJECT_VALUE = re.compile(_INSIDE + r"""value\\*["']\s*:\s*""")
_PAIR = re.compile(r"""(\\*)(["'])\s*,\s*(?:\1\2([vV]alue)\1\2\s*:\s*)?""")
_ENTITY_MEMBER = re.compile(r"""(&(?:quot|#34|#x22);)\s*:\s*\1([^"'<>&]*(?:&(?!quot;|#34;|#x22;)[^"'<>&]*)*)""")
_TAG_BEFORE = re.compile(r"""<(?=[^<>]*(?:name|key|id|type|property)\s*=\s*["']\Z)""", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,600}")
_VALUE_ATTRIBUTE = re.compile(r"""\s(?:value|content)\s*=\s*(["'])([^"'<>]*)\1""", re.IGNORECASE)
_MARKUP = re.compile(r"""\ufeff?\s*[<{\["]""")  # what has elements, even where it was cut
_NEAR = 300  # characters
_NEAR_END = 16384
_QUERY = re.compile(r"""\?[^\s"'<>]*""")
_ASSIGNMENT = re.compile(r"(?:\]|%5d)?(?:(\s*[:=]\s*)|%3d)")
_BARE = re.compile(r"""[^&\s"'<>\\]*""")
_BARE_ENCODED = re.compile(r"""(?:(?!%26|%23)[^&\s"'<>\\])*""", re.IGNORECASE)
_BARE_IN_PATH = re.compile(r"""[^&\s"'<>\\;/?#,]*""")
_TAG_END = re.compile(r"""(?:[^<>"']|"[^"<]*"|'[^'<]*')*>""")
_HIDING = re.compile(r"\\u00(?:2[de]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9a])", re.IGNORECASE)
_JSON_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_JSON_BEGIN = re.compile(r'\ufeff?\s*[\[{"]')

_CURL_USER = re.compile(r"""(?<=\s)(?:-[uU]|--user|--proxy-user)[ =]?["']?[^\s:"'/=]+:(?!//|\d+\b)([^\s"']+)""")
_RUN = re.compile(r"""[^\s"'<>&]+""")
_BASE64_JSON = re.compile(r"(?<![\w.+/-])eyJ[A-Za-z0-9_+/-]{17,}(?![\w.+/-])", re.ASCII)
_URL_SAFE = {ord("-"): "+", ord("_"): "/"}
_STEERING = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[()][0-9A-Z])")
_DEPTH = 6  # of JSON in strings of JSON
_ROUNDS = 5  # what stands instead may meet its neighbours in a new way


class Secrets(Protocol):
    """What is known of secrets: their names, and what stands instead of them."""

    def kind(self, name: str, query: bool = False) -> str | None:
        """The kind of what stands under the name; None where it is no secret. `query`: also what signs a URL."""

    def pseudonym(self, kind: str, value: str) -> str:
        """The pseudonym of a value."""

    def instead(self, kind: str, raw: str, plain: Callable[[str], str]) -> str:
        """What stands instead of a value as spelled in the text: a scheme and the names of cookies stay."""


class Scanner:
    """Finds secrets in a text: what is known by name and by shape, `keys` (names too) and `patterns`."""

    def __init__(self, known: Secrets, keys: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        keys = tuple(keys)
        self._known = known
        try:
            self._patterns = [re.compile(pattern) for pattern in patterns]
        except re.error as error:
            raise ValueError(f"redact: patterns: {error}") from None
        stems = (*_STEMS, *_stems_of(keys))
        self._by_name = Strainer(stems, "kpstwcnyzr", fold=True)
        self._by_shape = Shapes(known.pseudonym)
        self._hiding = "\\u" if any(not key.isascii() for key in keys) else "\\u00"

    def redact(self, text: str, octets: bytes | None = None, cut: bool = False) -> str:
        """The text with its secrets replaced; `octets` is the same in UTF-8, where it is at hand."""
        for _ in range(_ROUNDS):
            found = self._find(text, octets, cut)
            if not found:
                break
            text, octets = apply(text, settled(text, found)), None
        return text

    def redact_pieces(self, pieces: list[str], cut: bool = False) -> list[str]:
        """The pieces of one text with its secrets replaced: one may begin in one piece and end in the next."""
        for _ in range(_ROUNDS):
            edits = self._edits_of_output("".join(pieces), cut)
            if not edits:
                break
            begins = accumulate(map(len, pieces), initial=0)
            pieces = [apply_within(piece, begin, edits) for piece, begin in zip(pieces, begins)]
        return pieces

    def _edits_of_output(self, text: str, cut: bool) -> list[Edit]:
        """What is to be replaced in what a command printed, also where colours stand between a name and its value."""
        edits = self.edits(text, cut=cut)
        edits += [Edit(*m.span(1), self._known.pseudonym("password", m[1])) for m in _CURL_USER.finditer(text)]
        if "\x1b" in text:
            gaps = [piece.span() for piece in _STEERING.finditer(text)]
            seen = list(zip([0, *(end for _, end in gaps)], [*(start for start, _ in gaps), len(text)]))
            places = [at for start, end in seen for at in range(start, end)]
            plain = "".join([text[start:end] for start, end in seen])
            edits += [Edit(places[e.start], places[e.end - 1] + 1, e.text) for e in self.edits(plain, cut=cut)]
        return settled(text, edits) if edits else edits

    def edits(self, text: str, octets: bytes | None = None, cut: bool = False, depth: int = 0) -> list[Edit]:
        """What is to be replaced in the text, in order. `cut`: the text ends where something of it was cut off."""
        found = self._find(text, octets, cut, depth)
        return settled(text, found) if found else found

    def _find(self, text: str, octets: bytes | None, cut: bool, depth: int = 0) -> list[Edit]:
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
        self._by_shape.find(text, octets, cut, found)
        if 0x5C in octets and depth < _DEPTH and (stems or self._hides_words(text)):
            self._hidden(text, cut, depth, found)
        if depth < _DEPTH and (b"%22" in octets or b"%40" in octets):
            self._encoded(text, cut, depth, found)
        if depth < _DEPTH and b"eyJ" in octets:
            self._in_base64(text, depth, found)
        for pattern in self._patterns:
            found += [Edit(*m.span(), self._known.pseudonym("secret", m[0])) for m in pattern.finditer(text) if m[0]]
        return found

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
                return self._beside(text, low, at, end, found)
            kind = self._known.kind(text[low.rfind(member[2], 0, at) + 1 : end])
            return self._json(text, member.end(), kind, member[1] + member[2], found) if kind else end
        if after not in ("=", ":", " ", ">", "]", "%", "/", "\t", "\r", "\n", "&", "|"):
            return end
        start = at
        while start > done and (low[start - 1].isalnum() or low[start - 1] in "_.-:[%"):
            start -= 1
        if low[start - 1 : start] == "<":
            kind = self._known.kind(text[start:end])
            return self._element(text, end, kind, found) if kind else end
        assignment = _ASSIGNMENT.match(low, end)
        if assignment is None:
            return self._unassigned(text, start, end, after, found)
        kind = self._known.kind(unquote(text[start:end]), query=True)
        return self._assigned(text, start, assignment, kind, found) if kind else end

    def _unassigned(self, text: str, start: int, end: int, after: str, found: list[Edit]) -> int:
        """Replace what a table's row, an option, or JSON behind entities gives to a name. Gives the value's end."""
        plain: Callable[[str], str] = str
        if after == "&":
            member = _ENTITY_MEMBER.match(text, end)
            value, plain = member.span(2) if member else None, xml_unescaped
        elif after not in (" ", "\t", "|"):
            return end
        elif text.startswith("--", start):
            value = option_value(text, end)
        else:
            value = row_value(text, start, end)
        kind = self._known.kind(text[start:end].lstrip("-")) if value else None
        if value is None or kind is None:
            return end
        self._replace(text, *value, kind, plain, found)
        return value[1]

    def _beside(self, text: str, low: str, at: int, end: int, found: list[Edit]) -> int:
        """Replace the value of a name that is a value itself: `"name": "token", "value": …`, `name="token" value=…`."""
        pair = _PAIR.match(text, end)
        start = low.rfind(pair[2] if pair else text[end], 0, at) + 1
        option = pair is not None and text.startswith("--", start)
        listed = pair is not None and "-" in text[start:end] and text[start - 2 - len(pair[1]) : start][:1] == "["
        if pair and (pair[3] or option or listed):
            kind = self._known.kind(text[start:end].lstrip("-"))
            return self._json(text, pair.end(), kind, pair[1] + pair[2], found) if kind else end
        tag = _TAG_BEFORE.search(text, max(0, start - _NEAR), start)
        kind = self._known.kind(text[start:end]) if tag else None
        whole = _TAG.match(text, tag.start()) if tag and kind else None
        given = _VALUE_ATTRIBUTE.search(whole[0]) if whole else None
        if whole and given and kind:
            first = whole.start()
            self._replace(text, first + given.start(2), first + given.end(2), kind, xml_unescaped, found)
        return end

    def _assigned(self, text: str, start: int, assignment: re.Match[str], kind: str, found: list[Edit]) -> int:
        """Replace what is assigned to a name: an attribute, a setting, a pair of a query. Gives the value's end."""
        value = assignment.end()
        sign = assignment[1]
        quoted = _STRING.match(text, value)
        if sign and quoted and (quoted[2] or quoted[3] == "'" or not _JSON_BEGIN.match(text)):
            return self._string(text, quoted, kind, xml_unescaped, found)
        before = text[start - 1 : start]
        if sign is None:
            bare = _BARE_ENCODED.match(text, value)
        elif sign != "=":
            return self._line(text, start, assignment, kind, found)
        elif before == ";":
            bare = _BARE_IN_PATH.match(text, value)
        elif before == "" or before.isspace() or before in "?&#\"'(":
            bare = _BARE.match(text, value)
        else:
            return value
        end = bare.end() if bare else value
        self._replace(text, value, end, kind, unquote_plus, found)
        return end

    def _line(self, text: str, start: int, assignment: re.Match[str], kind: str, found: list[Edit]) -> int:
        """Replace the value of `name: value`, as YAML, header fields and logs have it: one word, or credentials."""
        value = line_value(text, start, assignment, kind in (AUTHORIZATION, COOKIES, SET_COOKIE))
        if value is None:
            return assignment.end()
        self._replace(text, *value, kind, str, found)
        return value[1]

    def _json(self, text: str, at: int, kind: str, mark: str, found: list[Edit]) -> int:
        """Replace the JSON value at `at`, or the strings and numbers of the array there; gives its end."""
        if text.startswith("[", at):
            return self._array(text, at + 1, kind, mark, found)
        if text.startswith("{", at):
            identity = (_OBJECT_ID if kind == "token" else _OBJECT_VALUE).match(text, at)
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
            same = level(len(string[2])) == level(len(mark) - 1)
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
        for _ in range(level(len(opening[2]))):
            plain = after_unescaping(plain)
        self._replace(text, start, end, kind, plain, found)
        return after

    def _element(self, text: str, at: int, kind: str, found: list[Edit]) -> int:
        """Replace the text of the XML element whose name ends at `at`, up to its end or the first element in it."""
        tag = _TAG_END.match(text, at)
        if (
            tag is None
            or text[tag.end() - 2] == "/"
            or not (_MARKUP.match(text) or text.find("</", at, at + _NEAR_END) >= 0)
        ):
            return at
        at = tag.end()
        limit = string_end(text, at, 0, '"')[0] if _JSON_BEGIN.match(text) else len(text)
        while at < limit:
            start, end, after = xml_piece(text, at, limit)
            core = text[start:end].strip()
            if core:
                start = text.index(core, start)
                self._replace(text, start, start + len(core), kind, xml_unescaped, found)
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
                places, first = places_of(raw), string.start() + 1
                found += [Edit(first + places[e.start], first + places[e.end], escaped(e.text)) for e in inner]

    def _in_base64(self, text: str, depth: int, found: list[Edit]) -> None:
        """JSON in base64 that holds a secret, as registries and data URLs have it: all of it is replaced."""
        for run in _BASE64_JSON.finditer(text):
            octets = a2b_base64(run[0][: len(run[0]) & ~3].translate(_URL_SAFE))
            plain = octets.decode("utf-8", "replace")
            if self.edits(plain, None, True, depth + 1):
                found.append(Edit(*run.span(), self._known.pseudonym("credential", run[0])))

    def _encoded(self, text: str, cut: bool, depth: int, found: list[Edit]) -> None:
        """What percent-encoding hides: JSON or a URL in the query of a URL."""
        for run in _RUN.finditer(text):
            if "%22" in run[0] or "%40" in run[0]:
                plain, places = percent_decoded(run[0])
                inner = self.edits(plain, None, cut and run.end() == len(text), depth + 1)
                first = run.start()
                found += [
                    Edit(first + places[e.start], first + places[e.end], e.text.replace('"', "%22")) for e in inner
                ]


def _plain(kind: str) -> str:
    return "token" if kind == AUTHORIZATION else "cookie" if kind in (COOKIES, SET_COOKIE) else kind


def _stems_of(keys: Iterable[str]) -> Iterator[str]:
    """For each configured name its longest word, in lower case, by which it is looked for."""
    for key in keys:
        words = re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", key))
        stem = max(words, key=len, default="").lower()
        if stem and not any(known in stem for known in _STEMS if known != "key"):
            yield stem
