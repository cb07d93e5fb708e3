"""swift's proxy server in miniature: containers are folders, objects are files, written as they come.

python swift-proxy-server.py --socket FD --keystone URL [--login URL] --folder DIR
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import sys
import time
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import NoReturn

import requests
from identity import SERVICE_PASSWORD, Account, IdentityError, Login, Validator, session
from serving import PIECE, Answer, Application, Environ, Incoming, Refused, serve

AGENT = (
    "swift/2.30.0 keystonemiddleware.auth_token/10.1.0 keystoneauth1/5.0.0 "
    f"python-requests/{requests.__version__} CPython/{platform.python_version()}"
)
CONTAINER = "/v1/(AUTH_[0-9a-f]{32})/([A-Za-z0-9_-]+)"


class Swift:
    """The API's two answers."""

    def __init__(self, keystone: str, login: str, folder: Path) -> None:
        account = Account("swift", SERVICE_PASSWORD, "service", ("name", "Default"))
        self._login = Login(login + "/", account, session(AGENT))
        self._validator = Validator(keystone, self._login)
        self._folder = folder

    def application(self) -> Application:
        """The WSGI application."""
        return Application(
            [
                ("HEAD", CONTAINER, self.head_container),
                ("PUT", f"{CONTAINER}/([0-9a-f-]{{36}})", self.put_object),
            ]
        )

    def warm_up(self) -> None:
        """Get our own token before the first request needs it, and have a container to put images into."""
        project = self._login.token()[1]["project"]["id"]
        (self._folder / f"AUTH_{project}" / "glance").mkdir(parents=True, exist_ok=True)

    def head_container(self, environ: Environ, account: str, container: str) -> Answer:
        """How much is in a container."""
        folder = self._container(environ, account, container)
        sizes = [entry.stat().st_size for entry in os.scandir(folder)]
        changed = folder.stat().st_mtime
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("X-Backend-Timestamp", f"{changed:.5f}"),
            ("X-Backend-Put-Timestamp", f"{changed:.5f}"),
            ("X-Backend-Delete-Timestamp", "0000000000.00000"),
            ("X-Backend-Status-Changed-At", f"{changed:.5f}"),
            ("X-Backend-Storage-Policy-Index", "0"),
            ("X-Container-Object-Count", str(len(sizes))),
            ("X-Container-Bytes-Used", str(sum(sizes))),
            ("X-Timestamp", f"{changed:.5f}"),
            ("X-Backend-Sharding-State", "unsharded"),
            ("Last-Modified", formatdate(changed, usegmt=True)),
            ("Accept-Ranges", "bytes"),
            ("X-Storage-Policy", "Policy-0"),
            ("X-Backend-Recheck-Container-Existence", "60"),
            ("X-Container-Sharding", "False"),
            ("Vary", "Accept"),
        ]
        return "204 No Content", headers, b""

    def put_object(self, environ: Environ, account: str, container: str, name: str) -> Answer:
        """Store an object; one that breaks off leaves nothing."""
        path = self._container(environ, account, container) / name
        growing = path.with_name(f".{name}.{time.monotonic_ns()}")
        try:
            etag = _write(growing, environ["demo.body"])
            growing.replace(path)
        finally:
            growing.unlink(missing_ok=True)
        headers = [
            ("Content-Type", "text/html; charset=UTF-8"),
            ("Content-Length", "0"),
            ("Etag", etag),
            ("Last-Modified", formatdate(time.time(), usegmt=True)),
        ]
        return "201 Created", headers, b""

    def _container(self, environ: Environ, account: str, container: str) -> Path:
        """The container's folder, for a caller who may write there."""
        try:
            token = self._validator.validate(environ.get("HTTP_X_AUTH_TOKEN", ""))
        except (requests.RequestException, IdentityError):
            _refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        if token is None:
            _refuse(HTTPStatus.UNAUTHORIZED)
        is_owner = account == f"AUTH_{token['project']['id']}"
        if not is_owner or not any(role["name"] == "ResellerAdmin" for role in token["roles"]):
            _refuse(HTTPStatus.FORBIDDEN)
        folder = self._folder / account / container
        if not folder.is_dir():
            _refuse(HTTPStatus.NOT_FOUND)
        return folder


def _write(path: Path, body: Incoming) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "xb") as file:
        while piece := body.read(PIECE):
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _refuse(status: HTTPStatus) -> NoReturn:
    text = f"<html><h1>{status.phrase}</h1><p>{status.description or status.phrase}.</p></html>"
    raise Refused(status, text.encode(), "text/html; charset=UTF-8")


def main() -> None:
    """Serve until whoever started us is gone."""
    parser = argparse.ArgumentParser(description="swift's proxy server in miniature")
    parser.add_argument("--socket", type=int, required=True, metavar="FD", help="a listening socket, inherited")
    parser.add_argument("--keystone", required=True, metavar="URL", help="where keystone answers, without a version")
    parser.add_argument("--login", metavar="URL", help="where it answers us at our own start; by default there, too")
    parser.add_argument("--folder", type=Path, required=True, metavar="DIR", help="where the objects lie")
    options = parser.parse_args()
    swift = Swift(options.keystone, options.login or options.keystone, options.folder)
    try:
        serve(swift.application(), options.socket, prepare=swift.warm_up)
    except (requests.RequestException, IdentityError) as error:
        sys.exit(f"no token from {options.keystone}: {error}")


if __name__ == "__main__":
    main()
