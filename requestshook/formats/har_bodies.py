"""A message's content in a HAR -> a body. A HAR has content as a page's script gets it: its coding is undone."""

from __future__ import annotations

import binascii
import codecs
import re
from typing import Any
from urllib.parse import quote_plus

from requestshook.events import Body, Headers
from requestshook.formats.har_values import mappings, size, text

NO_TEXT = "the HAR does not hold it"
BROKEN = "its base64 in the HAR is broken"
FIELDS_ONLY = "the HAR holds its fields, not its text"
_GZIP = b"\x1f\x8b"
_OTHER_CHARSET = re.compile(r"charset\s*=\s*[\"']?(?!utf-?8\b|us-ascii)", re.IGNORECASE)
_TEXTUAL = re.compile("text/|json|xml|javascript|urlencoded", re.IGNORECASE)
_SLACK = 4  # a mark of the byte order that whoever decoded the text took away, and the rest of a character


def of_request(fields: dict[str, Any], declared: Any, headers: Headers, limit: int) -> Body:
    """The body of `postData`; `declared` is `bodySize`."""
    sent = size(declared)
    content = fields.get("text")
    if not isinstance(content, str) or (not content and fields.get("params")):
        params = mappings(fields.get("params"))
        if not params:
            return Body("", 0) if not sent else Body(None, sent, why=NO_TEXT)
        if "multipart" in text(fields.get("mimeType")).lower():
            return Body(None, sent or 0, why=FIELDS_ONLY)
        content = "&".join(f"{_quoted(param.get('name'))}={_quoted(param.get('value'))}" for param in params)
    coding = _coding(headers)
    if fields.get("encoding") == "base64":
        return _of_base64(content, text(fields.get("mimeType")), sent, None, coding, limit)
    return _of_text(content, sent or None, None, coding, limit)


def of_response(fields: dict[str, Any], declared: Any, headers: Headers, limit: int) -> Body:
    """The body of `content`; `declared` is `bodySize`."""
    whole = size(fields.get("size"))
    coding = _coding(headers)
    sent = _sent(whole, size(declared), fields.get("compression"), coding)
    content = fields.get("text")
    if not isinstance(content, str):
        return Body("", 0) if not sent else Body(None, sent, why=NO_TEXT)
    if text(fields.get("encoding")).lower() == "base64":
        return _of_base64(content, text(fields.get("mimeType")), sent, whole, coding, limit)
    comparable = not _OTHER_CHARSET.search(text(fields.get("mimeType")))
    return _of_text(content, sent, whole if comparable else None, coding, limit)


def _quoted(value: Any) -> str:
    return quote_plus(text(value), errors="replace")


def _coding(headers: Headers) -> str | None:
    """The content codings that whoever wrote the HAR has undone."""
    found = ", ".join(value.strip().lower() for name, value in headers if name.lower() == "content-encoding")
    return found if found and found != "identity" else None


def _sent(whole: int | None, declared: int | None, saved: Any, coding: str | None) -> int | None:
    """How many octets went over the wire, as far as it is told."""
    if coding is None:
        return whole or declared
    if declared:
        return declared
    compression = size(saved)
    if whole is not None and compression is not None and compression < whole:
        return whole - compression
    return whole


def _of_text(content: str, sent: int | None, whole: int | None, coding: str | None, limit: int) -> Body:
    head = content[:limit]  # no character takes less than an octet
    octets = head.encode("utf-8", "replace")
    length = len(octets) if len(head) == len(content) else len(content.encode("utf-8", "replace"))
    cut = length > limit
    kept = octets[:limit].decode("utf-8", "ignore") if cut else content
    missing = whole is not None and whole > length + _SLACK
    return Body(kept, length if sent is None else sent, cut or missing, coding)


def _of_base64(
    content: str, mime_type: str, sent: int | None, whole: int | None, coding: str | None, limit: int
) -> Body:
    try:
        octets = binascii.a2b_base64(content.encode("ascii", "replace").translate(_URL_SAFE))
    except binascii.Error:
        return Body(None, sent or 0, why=BROKEN)
    if coding and octets.startswith(_GZIP) and coding.endswith("gzip"):
        coding = whole = None  # it was not undone
    elif (
        coding and _TEXTUAL.search(mime_type) and not _is_text(octets[:limit]) and not _OTHER_CHARSET.search(mime_type)
    ):
        return Body(None, sent or len(octets), why=f"its coding ({coding}) was not undone in the HAR")
    size_ = len(octets) if sent is None else sent
    missing = whole is not None and whole > len(octets)
    return Body(octets[:limit], size_, len(octets) > limit or missing, coding)


def _is_text(octets: bytes) -> bool:
    """Whether it is UTF-8, as far as it goes."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(octets)
    except UnicodeDecodeError:
        return False
    return True


_URL_SAFE = bytes.maketrans(b"-_", b"+/")
