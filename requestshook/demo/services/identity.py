"""What every program of the demo knows of keystone: log in, and have another's token validated."""

from __future__ import annotations

import threading
import time
from calendar import timegm
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

Token = dict[str, Any]  # the "token" object of keystone's answers
TIMEOUT = 20  # seconds
EARLY = 60  # seconds before its end in which a token counts as expired
SERVICE_PASSWORD = "asdf"  # of every account of this small system


class IdentityError(Exception):
    """Keystone would not: the sentence says what."""


class Account(NamedTuple):
    """Who logs in, and into which project. `domain` is how the domain of both is given."""

    name: str
    password: str
    project: str
    domain: tuple[str, str]  # ("id", "default") or ("name", "Default")


def session(user_agent: str) -> requests.Session:
    """A session that calls itself so. Proxies and .netrc of the user's environment are left alone."""
    made = requests.Session()
    made.trust_env = False
    made.headers.update({"User-Agent": user_agent, "Accept-Encoding": "gzip, deflate", "Accept": "application/json"})
    return made


class Login:
    """A token for one account, asked for when it is needed and again when it has expired."""

    def __init__(self, auth_url: str, account: Account, session: requests.Session) -> None:
        self._auth_url = auth_url
        self._account = account
        self._session = session
        self._lock = threading.Lock()
        self._token: tuple[str, Token] | None = None

    def token(self) -> tuple[str, Token]:
        """The token's text and what keystone says of it; raises IdentityError."""
        with self._lock:
            if self._token is None or is_expired(self._token[1]):
                self._token = self._ask()
            return self._token

    def _ask(self) -> tuple[str, Token]:
        answer = self._session.post(
            self.version_url() + "/auth/tokens",
            json={"auth": _password_request(self._account)},
            timeout=TIMEOUT,
        )
        if answer.status_code != requests.codes.created:
            raise IdentityError(error_text(answer))
        return answer.headers["X-Subject-Token"], answer.json()["token"]

    def version_url(self) -> str:
        """Where version 3 of the API lies: keystone is asked, unless the address says it."""
        if urlsplit(self._auth_url).path.rstrip("/").endswith("/v3"):
            return self._auth_url.rstrip("/")
        answer = self._session.get(self._auth_url, timeout=TIMEOUT)
        for version in answer.json()["versions"]["values"]:
            if version["status"] == "stable" and version["id"].startswith("v3"):
                return str(version["links"][0]["href"]).rstrip("/")
        raise IdentityError(f"{self._auth_url} offers no stable version 3")


class Validator:
    """Checks callers' tokens with keystone, under a login of its own, each only once until it expires."""

    def __init__(self, auth_url: str, login: Login) -> None:
        self._url = auth_url.rstrip("/") + "/v3/auth/tokens"
        self._login = login
        self._session = session("python-keystoneclient")
        self._lock = threading.Lock()
        self._known: dict[str, Token] = {}

    def validate(self, subject: str) -> Token | None:
        """What keystone says of a token; None where it does not know it."""
        with self._lock:
            known = self._known.get(subject)
            if known is None:
                known = self._ask(subject)
            if known is None or is_expired(known, early=0):
                return None
            self._known[subject] = known
            return known

    def _ask(self, subject: str) -> Token | None:
        headers = {
            "X-Subject-Token": subject,
            "Openstack-Identity-Access-Rules": "1",
            "X-Auth-Token": self._login.token()[0],
        }
        answer = self._session.get(self._url, headers=headers, timeout=TIMEOUT)
        if answer.status_code == requests.codes.not_found:
            return None
        if answer.status_code != requests.codes.ok:
            raise IdentityError(error_text(answer))
        token: Token = answer.json()["token"]
        return token


def endpoint(token: Token, type: str) -> str:
    """The public address of a service of this type in the token's catalog."""
    for service in token["catalog"]:
        for place in service["endpoints"] if service["type"] == type else ():
            if place["interface"] == "public":
                return str(place["url"])
    raise IdentityError(f"public endpoint for {type} service not found")


def is_expired(token: Token, early: float = EARLY) -> bool:
    """Whether the token's time is over, or nearly."""
    end = timegm(time.strptime(token["expires_at"], "%Y-%m-%dT%H:%M:%S.%fZ"))
    return time.time() + early > end


def error_text(answer: requests.Response) -> str:
    """One line that says why a service refused."""
    try:
        return f"{answer.json()['error']['message']} (HTTP {answer.status_code})"
    except (ValueError, LookupError, TypeError):
        return f"{answer.reason} (HTTP {answer.status_code})"


def _password_request(account: Account) -> dict[str, Any]:
    domain = dict([account.domain])
    user = {"password": account.password, "name": account.name, "domain": domain}
    return {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": {"name": account.project, "domain": domain}},
    }
