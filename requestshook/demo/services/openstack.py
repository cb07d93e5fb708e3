"""The `openstack` command in miniature: `openstack image create`, as python-openstackclient does it.

OS_AUTH_URL, OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME say where and as whom.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import shutil
import sys
import textwrap
from typing import Any
from unicodedata import east_asian_width

import requests
from identity import TIMEOUT, Account, IdentityError, Login, endpoint, error_text, session

AGENT = (
    "openstacksdk/0.101.0 keystoneauth1/5.0.0 "
    f"python-requests/{requests.__version__} CPython/{platform.python_version()}"
)
FIELDS = (
    *("container_format", "created_at", "disk_format", "file", "id", "min_disk", "min_ram", "name", "owner"),
    *("properties", "protected", "schema", "status", "tags", "updated_at", "visibility"),
)
NO_PROPERTIES = {*FIELDS, "self", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"}
NARROWEST = 40  # columns for a value


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="openstack", description="The openstack command in miniature.")
    nouns = parser.add_subparsers(required=True, metavar="image")
    verbs = nouns.add_parser("image").add_subparsers(required=True, metavar="create")
    create = verbs.add_parser("create", description="Create and upload an image.")
    create.add_argument("name")
    create.add_argument("--file", required=True)
    create.add_argument("--disk-format", default="raw")
    create.add_argument("--container-format", default="bare")
    create.add_argument("--property", action="append", default=[], metavar="KEY=VALUE", type=_pair)
    visibility = create.add_mutually_exclusive_group()
    for choice in ("public", "private", "shared", "community"):
        visibility.add_argument(f"--{choice}", dest="visibility", action="store_const", const=choice)
    return parser.parse_args(words)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return name, value


def account() -> tuple[str, Account]:
    """Where keystone is and who we are there; raises IdentityError where a variable is missing."""
    names = ("OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        raise IdentityError(f"Missing value {', '.join(missing)} required for authentication")
    auth_url, name, password, project = (os.environ[name] for name in names)
    return auth_url, Account(name, password, project, ("id", "default"))


def create_image(options: argparse.Namespace, token: str, glance: str) -> dict[str, Any]:
    """Make the image's record, then send its file as a stream."""
    http = session(AGENT)
    described = {"container_format": options.container_format, "visibility": options.visibility or "shared"}
    described |= {"disk_format": options.disk_format, "name": options.name}
    described |= {f"owner_specified.openstack.{name}": "" for name in ("md5", "sha256")}
    described["owner_specified.openstack.object"] = options.file
    described |= dict(options.property)
    with open(options.file, "rb") as file:
        made = http.post(
            f"{glance}/v2/images",
            json=described,
            headers={"Accept": "*/*", "X-Auth-Token": token},
            timeout=TIMEOUT,
        )
        image = _checked(made).json()
        sent = {"Accept": "", "Content-Type": "application/octet-stream", "X-Auth-Token": token}
        _checked(http.put(glance + image["file"], data=file, headers=sent, timeout=TIMEOUT))
    return dict(image)


def _checked(answer: requests.Response) -> requests.Response:
    if not answer.ok:
        raise IdentityError(error_text(answer))
    return answer


def table(image: dict[str, Any]) -> str:
    """The image's fields as a box of ASCII, no wider than the terminal that it is shown on."""
    others = {key: value for key, value in image.items() if key not in NO_PROPERTIES}
    image = {**image, "properties": ", ".join(f"{key}='{value}'" for key, value in sorted(others.items()))}
    image["tags"] = ", ".join(image["tags"])
    name_width = max(map(len, FIELDS))
    limit = None
    if sys.stdout.isatty():
        limit = max(shutil.get_terminal_size().columns - name_width - 7, NARROWEST)
    rows = [("Field", "Value"), *((name, str(image[name])) for name in FIELDS)]
    lines = [(name, _folded(value, limit)) for name, value in rows]
    value_width = max(_columns(text) for _, texts in lines for text in texts)
    rule = f"+{'-' * (name_width + 2)}+{'-' * (value_width + 2)}+"
    shown = [
        f"| {name if first else '':<{name_width}} | {text}{' ' * (value_width - _columns(text))} |"
        for name, texts in lines
        for first, text in ((text is texts[0], text) for text in texts)
    ]
    return "\n".join([rule, shown[0], rule, *shown[1:], rule])


def _folded(value: str, limit: int | None) -> list[str]:
    if limit is None or _columns(value) <= limit:
        return [value]
    spare = _columns(value) - len(value)  # wide characters take two columns each
    return textwrap.wrap(value, limit - spare) if limit > 2 * spare else textwrap.wrap(value, limit // 2)


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def main() -> int:
    """Run one command; 1 where a service refuses or the file is not there."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that has no Korean
    options = arguments()
    try:
        auth_url, who = account()
        token, facts = Login(auth_url, who, session(AGENT)).token()
        image = create_image(options, token, endpoint(facts, "image"))
    except (IdentityError, OSError, ValueError) as error:  # requests' errors are OSErrors
        print(error, file=sys.stderr)
        return 1
    print(table(image))
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
