"""What is sent and answered: JSON of the kind that services answer, in whatever size, and usual header fields."""

from __future__ import annotations

import json
from itertools import count

TOKEN = "gAAAAAB" + "kOc4dTZQx1pW8sVnM2bYhJ7rLfGq0uEi" * 5
REQUEST_HEADERS = {"X-Auth-Token": TOKEN, "User-Agent": "python-glanceclient", "Accept": "application/json"}
_RESPONSE_HEADERS = (
    ("Date", "Tue, 03 Mar 2026 09:12:44 GMT"),
    ("Server", "Apache/2.4.57 (Debian)"),
    ("Content-Type", "application/json; charset=UTF-8"),
    ("Vary", "X-Auth-Token"),
    ("X-Openstack-Request-Id", "req-6d5ee9ac-1b6c-4b8e-a0a6-2f1a0a3e9b57"),
    ("Keep-Alive", "timeout=5, max=100"),
    ("Connection", "Keep-Alive"),
)


def images(size: int) -> str:
    """A list of images of about so many octets of JSON."""
    entries: list[str] = []
    rest = size - 60
    for number in count():
        entry = json.dumps(_image(number))
        if len(entry) + 2 > rest and entries:
            break
        entries.append(entry)
        rest -= len(entry) + 2
    text = f'{{"images": [{", ".join(entries)}], "schema": "/v2/schemas/images"'
    return text + ', "first": "' + "x" * max(0, size - len(text) - 13) + '"}'


def _image(number: int) -> dict[str, object]:
    id = f"a42bfade-78ec-4c95-b7b4-{number:012x}"
    return {
        "id": id, "name": f"cirros-0.6.2-{number}", "disk_format": "qcow2", "container_format": "bare",
        "visibility": "public", "size": 21233664 + number, "virtual_size": 117440512, "status": "active",
        "checksum": "c8fc807773e5354afe61636071771906", "protected": False, "min_ram": 0, "min_disk": 1,
        "owner": "de5af600557d44d0996e667499376dbb", "os_hidden": False, "os_hash_algo": "sha512",
        "created_at": "2026-02-17T08:11:52Z", "updated_at": "2026-02-17T08:11:53Z", "tags": ["cirros", "test"],
        "self": f"/v2/images/{id}", "file": f"/v2/images/{id}/file", "hw_rng_model": "virtio",
    }  # fmt: skip


def answer(body: bytes) -> bytes:
    """A whole HTTP answer with this body."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in _RESPONSE_HEADERS)
    return f"HTTP/1.1 200 OK\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body
