"""An author's pictures as part of the page: a page of one file asks nobody for them."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from html import escape, unescape
from urllib.parse import unquote, urlsplit

LARGEST = 2 * 1024 * 1024  # octets of a picture
LARGEST_ALL = 10 * 1024 * 1024  # of those of a page
_PICTURE = re.compile(r"""(<img\b[^>]*?\bsrc\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)
_KINDS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "png"),
    (re.compile(rb"\xff\xd8\xff"), "jpeg"),
    (re.compile(rb"GIF8[79]a"), "gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "webp"),
    (re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!--|!DOCTYPE svg|svg)\b", re.IGNORECASE), "svg+xml"),
)
_BELOW = ("", "docs")  # of the file's folder: Markdown has its paths from where pages lie


class Pictures:
    """Those that one annotation file names. `fault` hears of each that the page cannot hold."""

    def __init__(self, path: str, fault: Callable[[int, str], None]) -> None:
        self._path, self._fault = path, fault
        self._left = LARGEST_ALL

    def inlined(self, html: str) -> str:
        """The author's HTML with the octets of its pictures in the place of their names."""
        return _PICTURE.sub(self._embed, html) if "<img" in html.lower() else html

    def _embed(self, found: re.Match[str]) -> str:
        source = unquote(unescape(found[2][1:-1]))
        if source.startswith("data:"):
            return found[0]
        try:
            return f'{found[1]}"{escape(self._data(source))}"'
        except (ValueError, OSError) as error:
            self._fault(self._line(source), f"the picture {source[:80]!r} is not on the page: {error}")
            return found[0]

    def _data(self, source: str) -> str:
        split = urlsplit(source)
        if split.scheme or split.netloc:
            raise ValueError("this page asks nothing of the network; put a copy beside this file")
        content = self._read(split.path)
        kind = next((kind for beginning, kind in _KINDS if beginning.match(content)), None)
        if kind is None:
            raise ValueError("it is no PNG, JPEG, GIF, WebP or SVG")
        if len(content) > LARGEST or len(content) > self._left:
            whole = "all pictures of a page together" if len(content) <= LARGEST else "a picture"
            limit = LARGEST_ALL if len(content) <= LARGEST else LARGEST
            raise ValueError(f"{whole} may have {limit // 1024 // 1024} MiB")
        self._left -= len(content)
        return f"data:image/{kind};base64,{b64encode(content).decode()}"

    def _read(self, path: str) -> bytes:
        folder = os.path.realpath(os.path.dirname(self._path) or ".")
        for below in _BELOW:
            found = os.path.realpath(os.path.join(folder, below, path))
            if os.path.isfile(found):
                if os.path.commonpath([folder, found]) != folder:
                    raise ValueError(f"it lies outside {folder}")
                with open(found, "rb") as file:
                    return file.read(LARGEST + 1)
        raise ValueError(f"there is no such file below {folder}")

    def _line(self, source: str) -> int:
        """Where the file names the picture; its first line where it spells the name otherwise."""
        with suppress(OSError), open(self._path, encoding="utf-8", errors="replace") as file:
            return next((number for number, line in enumerate(file, 1) if source in unquote(line)), 1)
        return 1
