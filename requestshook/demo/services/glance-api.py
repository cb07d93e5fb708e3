"""glance-api in miniature: makes an image's record, then passes its file on to the object store as it comes.

python glance-api.py --socket FD --keystone URL
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import threading
import time
import uuid
from http import HTTPStatus
from typing import Any, NoReturn

import requests
from identity import SERVICE_PASSWORD, TIMEOUT, Account, IdentityError, Login, Token, Validator, endpoint, session
from serving import PIECE, Answer, Application, Environ, Headers, Incoming, Refused, json_body, serve

ENGINE = f"python-requests/{requests.__version__} CPython/{platform.python_version()}"
AGENT = f"glance/25.0.1 keystonemiddleware.auth_token/10.1.0 keystoneauth1/5.0.0 {ENGINE}"
SWIFT_AGENT = f"uwsgi keystoneauth1/5.0.0 {ENGINE}"
CONTAINER = "glance"
INJECTED = {"description": "작은 리눅스 이미지"}  # what inject_metadata_properties gives every image
Image = dict[str, Any]


class LengthWrapper:
    """A body of known length that is read as it is sent, and never held whole; knows its MD5 at the end."""

    def __init__(self, source: Incoming) -> None:
        self._source = source
        self._length = source.length
        self._digest = hashlib.md5(usedforsecurity=False)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most 64 KiB of them."""
        piece = self._source.read(PIECE if size < 0 else min(size, PIECE))
        self._digest.update(piece)
        return piece

    @property
    def etag(self) -> str:
        """The MD5 of what was read."""
        return self._digest.hexdigest()


class ObjectStore:
    """The part of python-swiftclient that the upload needs."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.clear()

    def upload(self, image_id: str, body: LengthWrapper) -> str:
        """Store an object; gives its ETag. Raises IdentityError, OSError (requests' errors are such)."""
        token, facts = self._login.token()
        container = f"{endpoint(facts, 'object-store')}/{CONTAINER}"
        sent = {"Accept-Encoding": "identity", "X-Auth-Token": token, "User-Agent": "python-swiftclient-4.1.0"}
        found = self._session.head(container, headers={"Content-Type": "", **sent}, timeout=TIMEOUT)
        found.raise_for_status()
        length = {"Content-Type": "", "Content-Length": str(len(body))}
        stored = self._session.put(f"{container}/{image_id}", data=body, headers={**length, **sent}, timeout=TIMEOUT)
        stored.raise_for_status()
        return stored.headers["Etag"]


class Glance:
    """The API's two answers."""

    def __init__(self, keystone: str) -> None:
        own = Account("glance", SERVICE_PASSWORD, "service", ("name", "Default"))
        self._validator = Validator(keystone, Login(keystone + "/", own, session(AGENT)))
        swift = Account("glance-swift", SERVICE_PASSWORD, "service", ("id", "default"))
        self._store = ObjectStore(Login(keystone + "/v3", swift, session(SWIFT_AGENT)))
        self._lock = threading.Lock()
        self._images: dict[str, Image] = {}

    def application(self) -> Application:
        """The WSGI application."""
        return Application(
            [
                ("POST", "/v2/images", self.create),
                ("PUT", "/v2/images/([0-9a-f-]{36})/file", self.upload),
            ]
        )

    def create(self, environ: Environ) -> Answer:
        """The record of a new image; its file comes later."""
        token = self._caller(environ)
        try:
            asked = dict(json.loads(environ["demo.body"].read()))
        except (ValueError, TypeError):
            _refuse(HTTPStatus.BAD_REQUEST, "The image must be described by a JSON object.")
        image = _record(asked, token["project"]["id"])
        with self._lock:
            self._images[image["id"]] = image
        headers = [
            ("Content-Type", "application/json"),
            ("Location", f"http://{environ['HTTP_HOST']}{image['self']}"),
            ("OpenStack-image-import-methods", "glance-direct,web-download,copy-image"),
            _request_id(),
        ]
        return "201 Created", headers, json_body(image)

    def upload(self, environ: Environ, image_id: str) -> Answer:
        """The image's file, passed on piece by piece."""
        self._caller(environ)
        image = self._begin(image_id)
        body = LengthWrapper(environ["demo.body"])
        try:
            etag = self._store.upload(image_id, body)
            if etag != body.etag:
                raise OSError("the object store has stored something else")
        except (OSError, IdentityError) as error:
            image["status"] = "queued"
            _refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"Error in store configuration: {error}")
        image.update(status="active", size=len(body), checksum=etag)
        return "204 No Content", [("Content-Type", "text/html; charset=UTF-8"), _zero(), _request_id()], b""

    def _begin(self, image_id: str) -> Image:
        with self._lock:
            image = self._images.get(image_id)
            if image is None:
                _refuse(HTTPStatus.NOT_FOUND, f"No image found with ID {image_id}")
            if image["status"] != "queued":
                _refuse(HTTPStatus.CONFLICT, f"Image status transition from {image['status']} to saving is not allowed")
            image["status"] = "saving"
            return image

    def _caller(self, environ: Environ) -> Token:
        """Who calls, once keystone has said so."""
        try:
            token = self._validator.validate(environ.get("HTTP_X_AUTH_TOKEN", ""))
        except (requests.RequestException, IdentityError) as error:
            _refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"The identity service cannot be asked: {error}")
        if token is None:
            _refuse(HTTPStatus.UNAUTHORIZED, "This server could not verify that you are authorized.")
        return token


def _record(asked: Image, owner: str) -> Image:
    identity = str(uuid.uuid4())
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    fixed = {"name", "disk_format", "container_format", "visibility"}
    return {
        **{name: value for name, value in asked.items() if name not in fixed},
        **INJECTED,
        **{name: asked.get(name) for name in ("name", "disk_format", "container_format")},
        "visibility": asked.get("visibility", "shared"),
        "size": None,
        "virtual_size": None,
        "status": "queued",
        "checksum": None,
        "protected": False,
        "min_ram": 0,
        "min_disk": 0,
        "owner": owner,
        "os_hidden": False,
        "os_hash_algo": None,
        "os_hash_value": None,
        "id": identity,
        "created_at": now,
        "updated_at": now,
        "tags": [],
        "self": f"/v2/images/{identity}",
        "file": f"/v2/images/{identity}/file",
        "schema": "/v2/schemas/image",
    }


def _request_id() -> tuple[str, str]:
    return "x-openstack-request-id", f"req-{uuid.uuid4()}"


def _zero() -> tuple[str, str]:
    return "Content-Length", "0"


def _refuse(status: HTTPStatus, message: str) -> NoReturn:
    headers: Headers = [_request_id()]
    body = json_body({"error": {"code": status.value, "message": message, "title": status.phrase}})
    raise Refused(status, body, "application/json", headers)


def main() -> None:
    """Serve until whoever started us is gone."""
    parser = argparse.ArgumentParser(description="glance-api in miniature")
    parser.add_argument("--socket", type=int, required=True, metavar="FD", help="a listening socket, inherited")
    parser.add_argument("--keystone", required=True, metavar="URL", help="where keystone answers, without a version")
    options = parser.parse_args()
    serve(Glance(options.keystone).application(), options.socket)


if __name__ == "__main__":
    main()
