"""Event -> event: what is secret becomes a pseudonym, and a body's octets become text where they are text.

A pseudonym is `‹kind:16 hex digits›`, a keyed hash of the value alone: the same value has the same digits wherever
it stands and however it is spelled there, in every process with the same key. The kind says what it is to a reader.
docs/redaction.md lists what is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_plus

from requestshook.events import (
    COMPLETE,
    Attempt,
    Body,
    BodyEnd,
    Count,
    Event,
    Failure,
    Headers,
    Note,
    Process,
    Recorded,
    Recording,
    Request,
    Response,
)
from requestshook.redact import bodies, scan
from requestshook.redact.names import HEADERS, Known
from requestshook.redact.scan import AUTHORIZATION
from requestshook.redact.shapes import PSEUDONYM

_QUERY_OR_FRAGMENT = re.compile("[?#]")
_SEPARATOR = re.compile("([&#])")
_HARMLESS = re.compile(r"[0-9a-f-]{0,64}")  # a call's id, a UUID, a length: no name of a secret, and no shape
_HEADER_ARGUMENT = re.compile(r"(-H|--header=|)([A-Za-z][\w-]*)(:\s*)(.+)", re.DOTALL)
_PASSWORD_IS_P = re.compile(r"(?:.*/)?(?:mysql|mariadb|sshpass)")  # programs whose `-p` is a password
_USER_OPTIONS = ("-u", "--user", "-U", "--proxy-user", "-a", "-E", "--cert", "--proxyauth", "--upstream-auth")
_USER_ARGUMENT = re.compile(
    r"(-[uU]|--(?:user|proxy-user|cert|proxyauth|upstream-auth)=|(?:proxyauth|upstream_auth)=)"
    r"[^\s:/=]+:(?!\d+$|//)(.+)",
    re.DOTALL,
)
_OPTION = re.compile(r"(--[A-Za-z][\w.-]*)((?:=|\s+)[\"']?)([^\s\"']+)")
_IS_OPTION = re.compile(r"--[A-Za-z‹]")
_IS_LONG_OPTION = re.compile(r"--[A-Za-z‹]|-[A-Za-z][A-Za-z-]{3,}$")
_BEARER = re.compile(r"(?:(?<=\n)|\A)(?:bearer|basic|token)[ \t]+[\w.~+/-]{8,}=*[ \t]*(?=\n|\Z)", re.IGNORECASE)
_UNDECODED = "its coding ({}) was not undone, so that nothing secret could be found in it"


class Redactor:
    """Replaces secrets by pseudonyms under one key; `headers`, `keys` and `patterns` are added to what is known.

    With `on=False` nothing is replaced; codings are undone and bodies become text all the same.
    """

    def __init__(
        self,
        key: bytes,
        *,
        on: bool = True,
        headers: Iterable[str] = (),
        keys: Iterable[str] = (),
        patterns: Iterable[str] = (),
    ) -> None:
        keys, patterns = tuple(keys), tuple(patterns)
        self.on = on
        self._known = Known(key, keys)
        self._scanner = scan.Scanner(self._known, keys, patterns)
        self._own_headers = {name.lower(): "secret" for name in headers}
        self._header_kinds: dict[str, str | None] = {}
        self._harmless = None if patterns else _HARMLESS.fullmatch
        self._clean: set[str] = set()  # header values and the like that hold no secret: most come again

    def event(self, event: Event, headers: Headers = ()) -> Event:
        """The event with every secret replaced; `headers` are those of the message whose body a BodyEnd brings."""
        return _EVENTS[type(event)](self, event, headers)

    def text(self, text: str) -> str:
        """A text with the secrets in it replaced: known shapes, and what stands under known names."""
        return self._scanner.redact(text) if self.on and text and text not in self._clean else text

    def url(self, url: str) -> str:
        """A URL with the secrets of its user-info, query and fragment replaced, and known shapes everywhere."""
        if not self.on:
            return url
        if "=" in url:
            url = self._pairs(url, _QUERY_OR_FRAGMENT.search(url))
        return self._scanner.redact(url)

    def headers(self, pairs: Headers) -> Headers:
        """Header fields with the values of known ones replaced, and what is found in others."""
        return self._headers(pairs)[0] if self.on else pairs

    def _headers(self, pairs: Headers, *texts: str) -> tuple[Headers, bool]:
        """The header fields, and whether one of the other texts may hold something too."""
        kinds = [self._header_kind(name) for name, _ in pairs]
        clean = self._clean
        others = [value for (_, value), kind in zip(pairs, kinds) if kind is None and value not in clean]
        others += [text for text in texts if text not in clean]
        if others and self._harmless is not None:
            others = [value for value in others if not self._harmless(value)]
        # all at once, after a dash so that they do not look like JSON: most often there is nothing
        joined = "-\n" + "\n".join(others)
        suspect = bool(others and (self._scanner.edits(joined) or _has_bearer(joined)))
        if others and not suspect:
            if len(clean) > 1000:
                clean.clear()
            clean.update([value for value in others if len(value) < 200])
        if not suspect and kinds.count(None) == len(kinds):
            return pairs, False
        if suspect:
            return tuple([(name, self._header(value, kind)) for (name, value), kind in zip(pairs, kinds)]), True
        return tuple([(p[0], self._header(p[1], kind)) if kind else p for p, kind in zip(pairs, kinds)]), False

    def _header_kind(self, name: str) -> str | None:
        try:
            return self._header_kinds[name]
        except KeyError:
            low = name.lower()
            kind = HEADERS.get(low) or self._known.kind(low) or self._own_headers.get(low)
            if len(self._header_kinds) < 2000:
                self._header_kinds[name] = kind
            return kind

    def _header(self, value: str, kind: str | None) -> str:
        if kind is not None:
            return self._known.instead(kind, value, _from_latin)
        return (
            self._known.instead(AUTHORIZATION, value, str) if _BEARER.fullmatch(value) else self._scanner.redact(value)
        )

    def _pairs(self, url: str, begin: re.Match[str] | None) -> str:
        if begin is None:
            return url
        at = begin.end()
        return url[:at] + "".join([self._pair(piece) for piece in _SEPARATOR.split(url[at:])])

    def _pair(self, pair: str) -> str:
        name, equals, value = pair.partition("=")
        kind = self._known.kind(unquote_plus(name), query=True) if value else None
        if kind is None:
            return pair
        core = value.rstrip("\r\n")
        return name + equals + self._known.instead(kind, core, unquote_plus) + value[len(core) :]

    def arguments(self, argv: Iterable[str]) -> tuple[str, ...]:
        """A command line with the values of known options replaced: `--os-password x`, `--os-password=x`, `-u a:x`."""
        if not self.on:
            return tuple(argv)
        arguments: list[str] = []
        kind = before = None
        argv = tuple(argv)
        password = bool(argv) and _PASSWORD_IS_P.match(argv[0]) is not None
        for argument in argv:
            if kind is not None and not _IS_OPTION.match(argument):
                arguments.append(self._known.instead(kind, argument))
                kind = None
            else:
                kind = self._option_kind(argument) if _IS_LONG_OPTION.match(argument) else None
                arguments.append(self._argument(argument, before, password))
            before = argument
        return tuple(arguments)

    def value(self, name: str, value: str) -> str:
        """A value that stands under a name by itself, as in an environment: its pseudonym where the name is known."""
        kind = self._known.kind(name) if self.on and value else None
        return self._known.instead(kind, value) if kind else value

    def pseudonym(self, kind: str, value: str) -> str:
        """What stands instead of a value: the digits depend on the value and the key alone."""
        return self._known.pseudonym(kind, value)

    def _option_kind(self, argument: str) -> str | None:
        return self._known.kind(argument.lstrip("-"), query=True)

    def _argument(self, argument: str, before: str | None, password: bool) -> str:
        header = _HEADER_ARGUMENT.fullmatch(argument)
        kind = self._header_kind(header[2]) if header else None
        if header and kind:
            return header[1] + header[2] + header[3] + self._known.instead(kind, header[4])
        if password and (before == "-p" or (argument[:2] == "-p" and argument[2:])):
            begin = "" if before == "-p" else "-p"
            return begin + self._known.instead("password", argument.removeprefix(begin))
        user = _USER_ARGUMENT.fullmatch(argument if before not in _USER_OPTIONS else f"-u{argument}")
        if user and not PSEUDONYM.fullmatch(user[2]):
            return argument[: len(argument) - len(user[2])] + self._known.pseudonym("password", user[2])
        return self._scanner.redact_pieces([_OPTION.sub(self._option, argument) if "--" in argument else argument])[0]

    def _option(self, option: re.Match[str]) -> str:
        kind = self._option_kind(option[1])
        value = self._known.instead(kind, option[3]) if kind and not _IS_OPTION.match(option[3]) else option[3]
        return option[1] + option[2] + value

    def body(self, body: Body, content_type: str, content_encoding: str, *, partial: bool = False) -> Body:
        """A body as text where it is text, its coding undone, its secrets replaced; `partial`: its end was not seen."""
        content, size, cut, encoding, why = body
        if not content:
            return body if content is None else Body("", size, cut, encoding, why)
        missing = cut or partial
        if isinstance(content, bytes) and encoding is None and content_encoding:
            undone, encoding, bounded, lost = bodies.undo(content, content_encoding)
            if undone is None:
                return body._replace(content=None, why=_UNDECODED.format(encoding)) if self.on else body
            content, cut, missing = undone, cut or bounded, missing or bounded or lost
        return Body(self._content(content, content_type, missing), size, cut, encoding, why)

    def _content(self, content: bytes | str, content_type: str, cut: bool) -> bytes | str:
        text = content if isinstance(content, str) else None
        octets = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        if self.on and octets:
            whole = bodies.without_files(octets, content_type, cut, self._field)
            if whole is not octets:
                octets, text = whole, None if text is None else whole.decode("utf-8", "surrogatepass")
        utf8 = True
        if text is None:
            text, utf8 = bodies.text_of(octets, content_type, cut)
        if not self.on or not octets:
            return octets if text is None else text
        if text is None:
            return self._octets(octets, content_type, cut)
        if content_type[:33].lower() == "application/x-www-form-urlencoded" and "=" in text:
            text = "&".join([self._pair(pair) for pair in text.split("&")])
        return self._scanner.redact(text, octets if utf8 else None, cut)

    def _octets(self, octets: bytes, content_type: str, cut: bool) -> bytes | str:
        """Octets that are no text, with what is found in them as Latin-1 replaced."""
        latin = octets.decode("latin-1")
        if _MARKS[0][0].encode() in octets:
            for character, spelled in _MARKS:
                latin = latin.replace(spelled, character)
        redacted = self._scanner.redact(latin, octets, cut)
        if redacted == latin:
            return octets
        for character, spelled in _MARKS:
            redacted = redacted.replace(character, spelled)
        return self._content(redacted.encode("latin-1"), content_type, cut)

    def _field(self, name: str, value: bytes) -> bytes:
        kind = self._known.kind(name, query=True)
        if kind is None or not value:
            return value
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        return self._known.instead(kind, text).encode("utf-8", "surrogatepass")

    # what each event holds

    def _request(self, event: Request, _: Headers) -> Request:
        body = self._message(event.body, event.headers)
        if not self.on:
            return event._replace(body=body)
        headers, suspect = self._headers(event.headers, event.url)
        url = self.url(event.url) if suspect or "=" in event.url else event.url
        return Request(*event[:6], url, event.http, headers, body)

    def _response(self, event: Response, _: Headers) -> Response:
        body = self._message(event.body, event.headers)
        if not self.on:
            return event._replace(body=body)
        headers, suspect = self._headers(event.headers, event.reason)
        reason = self.text(event.reason) if suspect else event.reason
        return Response(*event[:3], reason, event.http, headers, self._attempts(event.attempts), body)

    def _message(self, body: Body | None, headers: Headers, partial: bool = False) -> Body | None:
        if body is None:
            return None
        content_type = content_encoding = ""
        if not body.content:  # nothing that they would tell of
            headers = ()
        for name, value in headers:
            if len(name) == 12 and name.lower() == "content-type":
                content_type = value
            elif len(name) == 16 and name.lower() == "content-encoding":
                content_encoding = f"{content_encoding},{value}" if content_encoding else value
        return self.body(body, content_type, content_encoding, partial=partial)

    def _body_end(self, event: BodyEnd, headers: Headers) -> BodyEnd:
        body = self._message(event.body, headers, event.end != COMPLETE)
        return event._replace(body=body or event.body, end=self.text(event.end))

    def _attempts(self, attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
        return tuple([Attempt(a.status, a.error and self.text(a.error)) for a in attempts]) if attempts else attempts

    def _failure(self, event: Failure, _: Headers) -> Failure:
        return event._replace(error=self.text(event.error), attempts=self._attempts(event.attempts))

    def _note(self, event: Note, _: Headers) -> Note:
        return event._replace(text=self.text(event.text))

    def _recording(self, event: Recording, _: Headers) -> Recording:
        return event._replace(command=self.arguments(event.command))

    def _recorded(self, event: Recorded, _: Headers) -> Recorded:
        return event._replace(output=self._output(event.output, event.cut)) if self.on else event

    def _output(self, output: tuple[tuple[str, str], ...], cut: bool) -> tuple[tuple[str, str], ...]:
        """Each stream is read as one text: a secret may begin in one piece and end in the next."""
        pieces = [text for _, text in output]
        for stream in {name for name, _ in output}:
            mine = [i for i, (name, _) in enumerate(output) if name == stream]
            for i, text in zip(mine, self._scanner.redact_pieces([pieces[i] for i in mine], cut)):
                pieces[i] = text
        return tuple([(name, text) for (name, _), text in zip(output, pieces)])

    def _process(self, event: Process, _: Headers) -> Process:
        return event._replace(program=self.text(event.program))

    def _count(self, event: Count, _: Headers) -> Count:
        return event._replace(why=event.why and self.text(event.why))


def _has_bearer(joined: str) -> bool:
    """Whether one of the values, one a line, is a scheme with a credential."""
    low = joined.lower()  # the expression takes ten times as long
    return ("bearer" in low or "basic" in low or "token" in low) and _BEARER.search(joined) is not None


_MARKS = tuple((character, character.encode().decode("latin-1")) for character in "‹›")

_EVENTS: dict[type, Callable[[Any, Any, Headers], Event]] = {
    Request: Redactor._request,
    Response: Redactor._response,
    BodyEnd: Redactor._body_end,
    Failure: Redactor._failure,
    Note: Redactor._note,
    Recording: Redactor._recording,
    Recorded: Redactor._recorded,
    Process: Redactor._process,
    Count: Redactor._count,
}


def _from_latin(value: str) -> str:
    """The text of a header field's value: octets read as Latin-1 that are most often UTF-8."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
