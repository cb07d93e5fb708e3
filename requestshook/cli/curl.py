"""A recorded request as a curl command that a shell can run: our tags left out, secrets to be filled in.

Text between single quotes is data to every shell; what single quotes cannot hold stands between `$'…'`. A
pseudonym becomes a shell variable, which the lines above the command ask the reader to fill in.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from requestshook import tags
from requestshook.events import Body, Request

_PSEUDONYM = re.compile(r"‹([\w-]+):([0-9a-f]{16})›")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_STEERING = (
    r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"  # what a terminal obeys
)
_PLAIN = re.compile(f"[^'{_STEERING}]*")
_STEERS = re.compile(f"[{_STEERING}]")
_BARE = re.compile(r"[\w./:][\w.:/@%+=,-]*", re.ASCII)
_BY_CURL = {"content-length", "transfer-encoding", "connection", "expect"}  # curl sends its own
_ALIAS = "redacted"


class Secrets:
    """The pseudonyms of a request, each with the shell variable that stands for it."""

    def __init__(self) -> None:
        self._variables: dict[str, tuple[str, str]] = {}

    def variable(self, pseudonym: str, kind: str, where: str) -> str:
        """The variable of a pseudonym; `where` is where it was first seen."""
        if pseudonym not in self._variables:
            word = re.sub(r"\W", "_", kind, flags=re.ASCII).upper() or _ALIAS.upper()
            number = 1 + sum(name.rpartition("_")[0] == word for name, _ in self._variables.values())
            self._variables[pseudonym] = (f"{word}_{number}", where)
        return self._variables[pseudonym][0]

    def lines(self) -> Iterator[str]:
        """What the reader has to fill in, one assignment a line."""
        for pseudonym, (name, where) in self._variables.items():
            yield f"{name}=''  # fill in: {where}, recorded as {pseudonym}"


def command(request: Request, body: Body | None) -> str:
    """The lines of a curl command that sends the request once more; `body` holds its content where it was kept."""
    secrets = Secrets()
    sends = body is not None and body.size > 0
    parts = [*_method(request, sends), _quoted(_url(request), "the URL", secrets)]
    parts += _headers(request, body, secrets)
    before, data = _data(body, secrets)  # last: secrets are numbered as they stand
    parts += data
    comments = [line for line in before if line.startswith("#")]
    pipe = "".join(line for line in before if not line.startswith("#"))
    lines = [*secrets.lines(), *comments, pipe + "curl " + " \\\n  ".join(parts)]
    return "\n".join(lines)


def _url(request: Request) -> str:
    """The URL; a server saw only a path, and `Host` says the rest."""
    if "://" in request.url:
        return request.url
    host = next((text for name, text in request.headers if name.lower() == "host"), "localhost")
    return f"http://{host}{request.url if request.url.startswith('/') else '/' + request.url}"


def _method(request: Request, has_body: bool) -> list[str]:
    options = []
    if request.method == "HEAD" and not has_body:
        options.append("--head")
    elif request.method != ("POST" if has_body else "GET"):
        options.append("-X " + _shell_word(request.method))
    url = _url(request)
    if any(character in url for character in "[]{}"):
        options.append("--globoff")
    if re.search(r"/\.\.?(/|$|\?)", url):
        options.append("--path-as-is")
    return options


def _headers(request: Request, body: Body | None, secrets: Secrets) -> Iterator[str]:
    host = _url(request).partition("://")[2].partition("/")[0].rpartition("@")[2]
    names = set()
    for name, text in request.headers:
        lower = name.lower()
        names.add(lower)
        if lower in tags.LOWER or lower in _BY_CURL or not _TOKEN.fullmatch(name):
            continue
        if lower == "host" and text == host:
            continue
        if lower == "content-encoding" and body is not None and body.encoding is not None:
            continue
        if lower == "accept-encoding":
            yield "--compressed"
            continue
        yield "-H " + _quoted(f"{name}: {text}" if text else f"{name};", f"header {name}", secrets)
    if body is not None and body.size and "content-type" not in names:
        yield "-H 'Content-Type:'"


def _data(body: Body | None, secrets: Secrets) -> tuple[list[str], list[str]]:
    """Lines before the command, and the option that sends the body."""
    if body is None:
        return ["# the request's body was not seen to its end; add it with --data-binary @FILE"], []
    if body.size == 0:
        return [], []
    if body.content is None or body.cut:
        kept = len(body.content or "")
        return [f"# put the whole body, {body.size} bytes, into body.bin; recorded were the first {kept}"], [
            "--data-binary @body.bin"
        ]
    if isinstance(body.content, str) and "\x00" not in body.content:
        return [], ["--data-raw " + _quoted(body.content, "the body", secrets)]
    octets = body.content if isinstance(body.content, bytes) else body.content.encode("utf-8", "surrogateescape")
    packed = binascii.b2a_base64(octets, newline=False).decode("ascii")
    return [f"printf %s {packed} | base64 -d | "], ["--data-binary @-"]


def _quoted(text: str, where: str, secrets: Secrets) -> str:
    """Text as one word of a shell, its pseudonyms as variables."""
    word, at = [], 0
    for found in _PSEUDONYM.finditer(text):
        if found.start() > at:
            word.append(_shell_word(text[at : found.start()]))
        word.append('"$' + secrets.variable(found[0], found[1], where) + '"')
        at = found.end()
    if at < len(text) or not word:
        word.append(_shell_word(text[at:]))
    return "".join(word)


def _shell_word(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return f"'{text}'" if not _BARE.fullmatch(text) else text
    return "$'" + "".join(_escaped(character) for character in text) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return "\\" + character
    if character == "\n":
        return "\\n"
    if _STEERS.match(character):
        octets = character.encode("utf-8", "surrogatepass")
        return "".join(f"\\x{octet:02x}" for octet in octets)
    return character
