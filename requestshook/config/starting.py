"""The `requestshook.yaml` that `requestshook init` writes: it says what can be said, and loads as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from requestshook import tags

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][\w./@+-]*", re.ASCII)
_PLAIN_URL = re.compile(r"https?://[\w.:/~%-]*[\w/]", re.ASCII)

_BEGINNING = """\
# requestshook.yaml: every key is optional, docs/configuration.md describes them all.
# Commands in this folder and below find it; running services notice a change at the next command.

# Who answers where; the longest matching beginning of an address wins.
"""
_NO_SERVICES = """\
# services:
#   keystone: [http://10.0.0.1:5000, http://10.0.0.1/identity]
#   glance-api: [http://10.0.0.1/image]
"""
_REST = """
# Who calls, where the caller carries no hook: User-Agents, * is any part of one.
# clients:
#   openstack: ["openstacksdk/*"]

# Calls that are tagged and passed on, but not recorded. Quote the selectors: many of their characters mean
# something else in YAML.
# ignore:
#   - "* GET /healthcheck"
#   - "nova-compute -> placement-api GET /placement/resource_providers/{uuid}/inventories"

# capture:
#   body_limit: 64KiB   # how much is kept of each body; its size is always counted
#   max: 1GiB           # all that one process may write; off: no end
#   tag: all            # known: only hosts of services, loopback, private addresses and names without a dot get tags
#   group: null         # share the folder with this group, for services of several users

# Redacted beyond the defaults; `redact: off` records secrets as they are.
# redact:
#   headers: [X-My-Token]
#   keys: [adminPass]
#   patterns: ["gAAAA[\\\\w-]{60,}"]

# page:
#   hide_headers: [Date, Server]
#   labels: {header: Header, body: Body}

# API documentation, shown at a call's first use on a page.
# references:
#   - call: "keystone POST /v3/auth/tokens"
#     title: Password authentication with scoped authorization
#     url: https://docs.openstack.org/api-ref/identity/v3/
#     response: {highlight: [X-Subject-Token]}

# Where recordings are kept.
# store: .requestshook/traces.db
"""


def starting_config(services: Iterable[tuple[str, str]] = (), schema: str = "") -> str:
    """The text of a first `requestshook.yaml`, with the services (name, address) that are known already.

    `schema` is the line that tells editors where the file's schema is.
    """
    found: dict[str, list[str]] = {}
    for name, url in services:
        urls = found.setdefault(tags.as_name(name), [])
        if url not in urls:
            urls.append(url)
    lines = [f"  {_quoted(_PLAIN_NAME, name)}: [{', '.join(_quoted(_PLAIN_URL, url) for url in urls)}]\n"
             for name, urls in found.items()]  # fmt: skip
    return schema + _BEGINNING + ("services:\n" + "".join(lines) if lines else _NO_SERVICES) + _REST


def _quoted(plain: re.Pattern[str], text: str) -> str:
    return text if plain.fullmatch(text) else json.dumps(text)
