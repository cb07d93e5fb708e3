"""keystone in miniature: versions, tokens for a password, and what a token is worth.

python keystone.py --socket FD --image URL --object-store URL
"""

from __future__ import annotations

import argparse
import base64
import hmac
import json
import os
import struct
import threading
import time
import uuid
from http import HTTPStatus
from typing import Any, NoReturn

from identity import SERVICE_PASSWORD, Token
from serving import Answer, Application, Environ, Headers, Refused, json_body, serve

LIFETIME = 3 * 60 * 60  # seconds
ROLES = {  # account: (project, roles)
    "admin": ("admin", ("admin", "member", "reader")),
    "glance": ("service", ("service",)),
    "glance-swift": ("service", ("ResellerAdmin", "service")),
    "swift": ("service", ("service",)),
}
DOMAIN = {"id": "default", "name": "Default"}
VARY = ("Vary", "X-Auth-Token")


def identifier(*names: str) -> str:
    """The same 32 hexadecimal digits for the same names, at every start."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, ".".join(names)).hex


class Tokens:
    """The tokens that were issued, in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._issued: dict[str, Token] = {}

    def issue(self, token: Token) -> str:
        """A new name for the token, of Fernet's form: version, time, and bytes that tell nobody anything."""
        octets = b"\x80" + struct.pack(">Q", int(time.time())) + os.urandom(128)
        text = base64.urlsafe_b64encode(octets).decode().rstrip("=")
        with self._lock:
            self._issued[text] = token
        return text

    def find(self, text: str) -> Token | None:
        """What was issued under this name."""
        with self._lock:
            return self._issued.get(text)


class Keystone:
    """The API's four answers."""

    def __init__(self, image: str, object_store: str) -> None:
        self._tokens = Tokens()
        self._image = image
        self._object_store = object_store

    def application(self) -> Application:
        """The WSGI application, everything under /identity."""
        return Application(
            [
                ("GET", "/identity/?", self.versions),
                ("POST", "/identity/v3/auth/tokens", self.authenticate),
                ("GET", "/identity/v3/auth/tokens", self.validate),
            ]
        )

    def versions(self, environ: Environ) -> Answer:
        """Which versions there are, and where."""
        here = f"http://{environ['HTTP_HOST']}/identity/v3/"
        version = {
            "id": "v3.14",
            "status": "stable",
            "updated": "2020-04-07T00:00:00Z",
            "links": [{"rel": "self", "href": here}],
            "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
        }
        return _answer("300 MULTIPLE CHOICES", {"versions": {"values": [version]}}, [("Location", here)])

    def authenticate(self, environ: Environ) -> Answer:
        """A token for a name and a password that belong together."""
        try:
            asked = json.loads(environ["demo.body"].read())["auth"]
            user, project = asked["identity"]["password"]["user"], asked["scope"]["project"]
            name, password, wanted = str(user["name"]), str(user["password"]), project["name"]
            domains = (user["domain"], project["domain"])
            known_domains = all(key in DOMAIN and DOMAIN[key] == value for d in domains for key, value in d.items())
        except (ValueError, LookupError, TypeError, AttributeError):
            _refuse(HTTPStatus.BAD_REQUEST, "The request body is not a password request with a project's scope.")
        right = hmac.compare_digest(password.encode(), SERVICE_PASSWORD.encode())
        if not right or not known_domains or name not in ROLES or ROLES[name][0] != wanted:
            _refuse(HTTPStatus.UNAUTHORIZED, "The request you have made requires authentication.", environ)
        token = self._token(name, environ["HTTP_HOST"])
        return _answer("201 CREATED", {"token": token}, [("X-Subject-Token", self._tokens.issue(token))])

    def validate(self, environ: Environ) -> Answer:
        """What another's token says, to a caller who has one too."""
        if self._tokens.find(environ.get("HTTP_X_AUTH_TOKEN", "")) is None:
            _refuse(HTTPStatus.UNAUTHORIZED, "The request you have made requires authentication.", environ)
        subject = environ.get("HTTP_X_SUBJECT_TOKEN", "")
        token = self._tokens.find(subject)
        if token is None:
            _refuse(HTTPStatus.NOT_FOUND, "Could not find token.")
        return _answer("200 OK", {"token": token}, [("X-Subject-Token", subject)])

    def _token(self, name: str, host: str) -> Token:
        project, roles = ROLES[name]
        now = time.time()
        return {
            "methods": ["password"],
            "user": {"domain": DOMAIN, "id": identifier("user", name), "name": name, "password_expires_at": None},
            "audit_ids": [base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")],
            "expires_at": _timestamp(now + LIFETIME),
            "issued_at": _timestamp(now),
            "project": {"domain": DOMAIN, "id": identifier("project", project), "name": project},
            "is_domain": False,
            "roles": [{"id": identifier("role", role), "name": role} for role in roles],
            "catalog": self._catalog(identifier("project", project), host),
        }

    def _catalog(self, project: str, host: str) -> list[dict[str, Any]]:
        account = f"{self._object_store}/v1/AUTH_{project}"
        return [
            _service("image", "glance", {"public": self._image}),
            _service("object-store", "swift", {"admin": self._object_store, "public": account}),
            _service("identity", "keystone", {"public": f"http://{host}/identity"}),
        ]


def _service(type: str, name: str, places: dict[str, str]) -> dict[str, Any]:
    endpoints = [
        {
            "id": identifier("endpoint", name, interface),
            "interface": interface,
            "region_id": "RegionOne",
            "url": url,
            "region": "RegionOne",
        }
        for interface, url in places.items()
    ]
    return {"endpoints": endpoints, "id": identifier("service", name), "type": type, "name": name}


def _timestamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(at))


def _answer(status: str, value: object, headers: Headers) -> Answer:
    return status, [("Content-Type", "application/json"), *headers, VARY], json_body(value)


def _refuse(status: HTTPStatus, message: str, environ: Environ | None = None) -> NoReturn:
    error = {"code": status.value, "message": message, "title": status.phrase}
    headers = [VARY]
    if environ is not None:
        headers.append(("WWW-Authenticate", f'Keystone uri="http://{environ["HTTP_HOST"]}/identity"'))
    raise Refused(status, json_body({"error": error}), "application/json", headers)


def main() -> None:
    """Serve until whoever started us is gone."""
    parser = argparse.ArgumentParser(description="keystone in miniature")
    parser.add_argument("--socket", type=int, required=True, metavar="FD", help="a listening socket, inherited")
    parser.add_argument("--image", required=True, metavar="URL", help="where the catalog says glance is")
    parser.add_argument("--object-store", required=True, metavar="URL", help="where the catalog says swift is")
    options = parser.parse_args()
    serve(Keystone(options.image, options.object_store).application(), options.socket)


if __name__ == "__main__":
    main()
