"""What the octets of a body are, before anything is looked for in them: codings undone, text found, files left out."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator

BOUND = 64 * 1024  # octets that undoing a coding may give, or as many as came in

_MEMBERS = 100  # of one gzip content
_GZIP = b"\x1f\x8b"
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_CHARSETS = (
    "utf-8", "utf8", "utf-16", "utf16", "utf-32", "utf32", "us-ascii", "ascii", "iso-8859-", "iso8859", "latin",
    "windows-", "cp", "euc", "ks_c", "johab", "iso-2022-", "shift", "sjis", "big5", "gb", "hz", "koi8", "tis-", "mac",
)  # fmt: skip
_NEVER_TEXT = ("image/", "audio/", "video/", "font/")
_CUT_SHORT = ("unexpected end of data", "incomplete multibyte sequence", "truncated data")

_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;,"]{1,200}))""", re.IGNORECASE)
_FIRST_LINE = re.compile(rb"\s{0,20}--([^\r\n]{1,200}?)[ \t]*\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_DISPOSITION = re.compile(rb"(?:^|\n)content-disposition[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE)
_PARAMETER = re.compile(rb"""[;\s](filename|name)\*?[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)|([^;\s"]*))""", re.I | re.S)
_NOTE = re.compile("‹[0-9]+ octets(?: or more)?›".encode())


def undo(content: bytes, coding: str) -> tuple[bytes | None, str | None, bool, bool]:
    """Undo the content codings: the content, the codings, whether our bound cut it, whether its end is missing.

    There is no content where a coding is neither gzip nor deflate, or the content is not in it.
    """
    names = [name for name in (part.strip().lower() for part in coding.split(",")) if name not in ("", "identity")]
    if not names or not content:
        return content, None, False, False
    if names[-1] in ("gzip", "x-gzip") and not content.startswith(_GZIP[: len(content)]):
        return content, None, False, False  # the header says what is not so
    bound = max(len(content), BOUND)
    bounded = missing = False
    for name in reversed(names):
        inflated = _inflate(content, bound, name) if len(names) <= 3 else None
        if inflated is None:
            return None, name, False, True
        content, full, lost = inflated
        bounded, missing = bounded or full, missing or lost
    return content, ", ".join(names), bounded, missing


def _inflate(content: bytes, bound: int, name: str) -> tuple[bytes, bool, bool] | None:
    """The content, whether the bound was reached, whether its end is missing; None where it is not in that coding."""
    if name in ("gzip", "x-gzip"):
        return _members(content, bound, 31)
    if name == "deflate":  # RFC 9110, 8.4.1.2: some send it without the zlib format around it
        return _members(content, bound, 15) or _members(content, bound, -15)
    return None


def _members(content: bytes, bound: int, wbits: int) -> tuple[bytes, bool, bool] | None:
    out = bytearray()
    ended = False
    for _ in range(_MEMBERS):
        stream = zlib.decompressobj(wbits)
        content, sound = _member(stream, content, out, bound)
        ended = stream.eof
        if not sound and not out:
            return None
        if len(out) >= bound and (stream.unconsumed_tail or not ended):
            return bytes(out), True, True
        if not ended or not sound or not content.startswith(_GZIP):
            break
    return bytes(out), False, not ended or content.startswith(_GZIP)


def _member(stream: zlib._Decompress, content: bytes, out: bytearray, bound: int) -> tuple[bytes, bool]:
    """Inflate one member into `out`; what follows it, and whether it was sound."""
    at = 0
    try:
        while at < len(content) and not stream.eof and len(out) < bound:
            out += stream.decompress(content[at : at + 4096], bound - len(out))
            at += 4096
    except zlib.error:
        return b"", False
    return stream.unused_data + content[at:], True


def text_of(content: bytes, content_type: str, cut: bool) -> tuple[str | None, bool]:
    """The content as text, cut at a character's end, and whether it was in UTF-8; None where it is no text."""
    if content_type[:6].lower() in _NEVER_TEXT and "xml" not in content_type:
        return None, False
    declared = _CHARSET.search(content_type) if ";" in content_type else None
    names = ("utf-8", "") if declared is None else (declared[1].lower(), "", "utf-8")
    for given in names:
        name = given or _wide(content)  # nothing: what the first octets say
        if not name.startswith(_CHARSETS) or (name == "utf-8" and 0 in content):
            continue
        text = _decoded(content, name, cut)
        if text is not None and (name == "utf-8" or "\0" not in text):
            return text, name == "utf-8"
    return None, False


def _wide(content: bytes) -> str:
    """UTF-16 where the content begins as a text in it does, else nothing."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") and len(content) > 2:
        return "utf-16"
    if content[:1] in b'{["<' and content[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if content[:1] == b"\0" and content[1:2] in b'{["<' else ""


def _decoded(content: bytes, charset: str, cut: bool) -> str | None:
    try:
        return content.decode(charset)
    except UnicodeDecodeError as error:
        if not cut or error.reason not in _CUT_SHORT or error.start < len(content) - 8:
            return None
        start = error.start
    except (UnicodeError, LookupError, ValueError):
        return None
    try:
        return content[:start].decode(charset)
    except (UnicodeError, ValueError):
        return None


def without_files(content: bytes, content_type: str, cut: bool, instead: Callable[[str, bytes], bytes]) -> bytes:
    """A multipart content with a note in place of each file, and `instead(name, value)` in place of each field.

    Content of another kind is given back as it is.
    """
    boundary = _boundary(content, content_type)
    if boundary is None:
        return content
    pieces: list[bytes] = []
    at = 0
    for head, start, end in _parts(content, boundary):
        name, is_file = _disposition(content[head:start])
        value = content[start:end]
        if is_file:
            note = f"‹{len(value)} octets{' or more' if cut and end == len(content) else ''}›".encode()
            value = value if _NOTE.fullmatch(value) else note
        elif name is not None:
            value = instead(name, value)
        pieces += (content[at:start], value)
        at = end
    return b"".join((*pieces, content[at:]))


def _boundary(content: bytes, content_type: str) -> bytes | None:
    declared = content_type[:10].lower() == "multipart/"
    if not declared and not (content[:2] == b"--" and b"content-disposition" in content[:2000].lower()):
        return None
    found = _BOUNDARY.search(content_type) if declared else None
    if found:
        boundary = (found[1] or found[2]).encode("utf-8", "surrogatepass")
        if b"--" + boundary in content:
            return boundary
    first = _FIRST_LINE.match(content)
    return first[1] if first else None


def _parts(content: bytes, boundary: bytes) -> Iterator[tuple[int, int, int]]:
    """For each part: where its head begins, where its content begins and ends."""
    delimiter = b"--" + boundary
    at = content.find(delimiter)
    while at >= 0:
        head = at + len(delimiter)
        at = content.find(b"\n" + delimiter, head)
        end = len(content) if at < 0 else at - (content[at - 1 : at] == b"\r")
        gap = _HEAD_END.search(content, head, max(end, head))
        if gap:
            yield head, gap.end(), end
        at = at + 1 if at >= 0 else -1


def _disposition(head: bytes) -> tuple[str | None, bool]:
    """The name of a part's field, and whether the part is a file."""
    found = _DISPOSITION.search(head)
    name, is_file = None, False
    for parameter in _PARAMETER.finditer(found[1]) if found else ():
        if parameter[1].lower() == b"filename":
            is_file = True
        else:
            name = (parameter[2] or parameter[3] or b"").decode("utf-8", "replace")
    return name, is_file
