"""The names under which secrets stand, and what stands instead of them. docs/redaction.md lists them."""

from __future__ import annotations

import re
from _blake2 import blake2s
from collections.abc import Callable, Iterable
from urllib.parse import unquote

from requestshook.redact.scan import AUTHORIZATION, COOKIES, SET_COOKIE
from requestshook.redact.shapes import PSEUDONYM

SUFFIXES = (
    ("password", "password"), ("passwd", "password"), ("passphrase", "password"), ("passcode", "password"),
    ("pwd", "password"), ("adminpass", "password"), ("userpass", "password"), ("dbpass", "password"),
    ("passwords", "password"), ("storagepass", "password"),
    ("secret", "secret"), ("token", "token"), ("tokenhint", "token"),
    ("authorization", AUTHORIZATION), ("cookie", "cookie"), ("sessionid", "cookie"), ("sessid", "cookie"),
    ("apikey", "key"), ("accesskey", "key"), ("secretkey", "key"), ("privatekey", "key"), ("authkey", "key"),
    ("signingkey", "key"), ("encryptionkey", "key"), ("sharedkey", "key"), ("masterkey", "key"),
    ("accountkey", "key"), ("sessionkey", "key"), ("subscriptionkey", "key"), ("tempurlkey", "key"),
    ("ssecustomerkey", "key"), ("encryptioncustomerkey", "key"), ("functionskey", "key"), ("applicationkey", "key"),
)  # fmt: skip
EXACT = {
    "pass": "password", "passwordhash": "password", "passwordconfirmation": "password", "passwordconfirm": "password",
    "tokenid": "token", "tokenvalue": "token", "secretid": "secret", "secretvalue": "secret",
    "secretstring": "secret", "credential": "credential", "credentials": "credential",
    "cookie": COOKIES, "httpcookie": COOKIES, "setcookie": SET_COOKIE,
}  # fmt: skip
IN_QUERY = {
    "signature": "key", "sig": "key", "xamzsignature": "key", "xgoogsignature": "key", "tempurlsig": "key",
    "assertion": "token", "clientassertion": "token", "samlresponse": "token", "codeverifier": "secret",
    "hmac": "key", "auth": "credential", "pw": "password", "bearer": "token", "oauth2bearer": "token",
}  # fmt: skip
NO_SECRET = (  # where a page of results begins is nobody's secret
    "pagetoken", "nexttoken", "continuationtoken", "continuetoken", "synctoken", "scrolltoken",
)  # fmt: skip
_JOINERS = {ord(c): None for c in "-_.: []\t\r\n"}
_SCHEME = re.compile(
    r"(basic|bearer|digest|negotiate|ntlm|token|apikey|api-key|key|hawk|oauth|mac|dpop|jwt|sharedkey|ssws|vapid"
    r"|aws|aws4-hmac-sha256|googlelogin|hoba|mutual|scram-sha-1|scram-sha-256|gnap)[ \t]+(?=\S)",
    re.IGNORECASE,
)
_TOKEN_SCHEMES = ("bearer", "token", "jwt", "dpop")
_ATTRIBUTE = re.compile(
    r"[ \t]*(?:(?:domain|expires|max-age|path|samesite|version|comment|commenturl|port|priority)[ \t]*="
    r"|(?:secure|httponly|partitioned|discard)?[ \t]*(?:,|\Z))",
    re.IGNORECASE,
)
_NEXT_COOKIE = re.compile(r"(?<=,)[ \t]*[^\s=;,]+=")
HEADERS = {
    "x-instance-id-signature": "key", "authentication": AUTHORIZATION, "x-auth": AUTHORIZATION,
    "x-registry-auth": "credential", "x-registry-config": "credential",
}  # fmt: skip


class Known:
    """Known names of secrets, and what stands instead of their values."""

    def __init__(self, key: bytes, keys: Iterable[str] = ()) -> None:
        self._key = key[:32]
        self._own = {_compact(name) for name in keys} - {""}
        self._kinds: dict[tuple[str, bool], str | None] = {}

    def kind(self, name: str, query: bool = False) -> str | None:
        """The kind of what stands under the name; None where it is no secret. `query`: also what signs a URL."""
        try:
            return self._kinds[name, query]
        except KeyError:
            kind = self._kind(_compact(name[-128:]), query)
            if len(self._kinds) < 2000:
                self._kinds[name, query] = kind
            return kind

    def _kind(self, name: str, query: bool) -> str | None:
        own = "secret" if name in self._own else None
        name = name.rstrip("0123456789") or name
        if name in EXACT:
            return EXACT[name]
        if query and name in IN_QUERY:
            return IN_QUERY[name]
        if own is None and name.endswith(NO_SECRET):
            return None
        return next((kind for suffix, kind in SUFFIXES if name.endswith(suffix)), own)

    def pseudonym(self, kind: str, value: str) -> str:
        """What stands instead of a value: the digits depend on the value and the key alone."""
        octets = value.encode("utf-8", "surrogatepass")
        return f"‹{kind}:{blake2s(octets, digest_size=8, key=self._key).hexdigest()}›"

    def instead(self, kind: str, raw: str, plain: Callable[[str], str] = str) -> str:
        """What stands instead of a value as spelled, which `plain` undoes: a scheme and the names of cookies stay."""
        if not raw or PSEUDONYM.fullmatch(raw):
            return raw
        if kind == AUTHORIZATION:
            return self._authorization(raw, plain)
        if kind == COOKIES:
            return ";".join(self._cookie(pair, plain) for pair in raw.split(";"))
        if kind == SET_COOKIE:
            return self._set_cookie(raw, plain)
        return self.pseudonym(kind, plain(raw))

    def _authorization(self, raw: str, plain: Callable[[str], str]) -> str:
        scheme = _SCHEME.match(raw)
        if scheme is None:
            return self.pseudonym("token", plain(raw))
        kind = "token" if scheme[1].lower() in _TOKEN_SCHEMES else "credential"
        return scheme[0] + self.instead(kind, raw[scheme.end() :].rstrip(), plain)

    def _set_cookie(self, raw: str, plain: Callable[[str], str]) -> str:
        """A cookie and its attributes; what is no attribute belongs to a value, or to a cookie after a comma."""
        first, *rest = raw.split(";")
        pieces = [self._cookie(first, plain)]
        for piece in rest:
            following = _NEXT_COOKIE.search(piece)
            end = following.start() if following else len(piece)
            begin = piece[:end] if _ATTRIBUTE.match(piece) else self._cookie(piece[:end], plain)
            pieces.append(begin + self._cookie(piece[end:], plain))
        return ";".join(pieces)

    def _cookie(self, pair: str, plain: Callable[[str], str]) -> str:
        name, equals, value = pair.partition("=")
        if not equals:
            name, value = "", pair
        core = value.strip(' \t"\\')
        if not core or PSEUDONYM.fullmatch(core):
            return pair
        head, _, tail = value.partition(core)
        return name + equals + head + self.pseudonym("cookie", unquote(plain(core))) + tail


def _compact(name: str) -> str:
    return name.lower().translate(_JOINERS)
