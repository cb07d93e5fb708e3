"""What makes a command trust a forward proxy: the authorities that it trusted before, and mitmproxy's own.

mitmproxy's lies in requestshook's folder, made when first needed: nothing of the user's changes, and what trusts it is
the command alone.
"""

from __future__ import annotations

import os
import re
import secrets
import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

FOLDER = "mitmproxy"  # in requestshook's: mitmproxy's `confdir`
OWN = "mitmproxy-ca-cert.pem"
_TRUSTED, _BUNDLE = "trusted-ca.pem", "proxy-ca.pem"

# By which of these a library, or a tool, finds the authorities that it trusts.
VARIABLES = (
    "SSL_CERT_FILE",  # OpenSSL: Python's ssl, Go, Ruby
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "GIT_SSL_CAINFO",
    "AWS_CA_BUNDLE",
    "OS_CACERT",  # OpenStack's clients
    "HTTPLIB2_CA_CERTS",
    "CARGO_HTTP_CAINFO",
    "DENO_CERT",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)
_SYSTEM = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_ANY_PROXY = (*_PROXIES, "ALL_PROXY", "all_proxy")
_DIRECT = ("NO_PROXY", "no_proxy")


def confdir(folder: str) -> str:
    """mitmproxy's folder in requestshook's."""
    return os.path.join(folder, FOLDER)


def write_trusted(folder: str, environ: Mapping[str, str]) -> str | None:
    """Write what a command trusts without us, for mitmproxy to hold services to; gives the path, None for nothing."""
    found = _trusted(environ)
    if not found:
        return None
    path = os.path.join(folder, _TRUSTED)
    _write(path, found)
    return path


def write_bundle(folder: str, confdir: str, environ: Mapping[str, str]) -> str:
    """Write the same with mitmproxy's authority, which has to be there; gives the file's path."""
    path = os.path.join(folder, _BUNDLE)
    _write(path, [*_trusted(environ), *_read(os.path.join(confdir, OWN))])
    return path


def variables(proxy: str, bundle: str) -> dict[str, str]:
    """What leads a command's calls through the forward proxy at an address: all of them, to this machine's too."""
    return {
        **dict.fromkeys(_PROXIES, proxy),
        **dict.fromkeys(_DIRECT, ""),
        **dict.fromkeys(VARIABLES, bundle),
        "NODE_USE_ENV_PROXY": "1",
    }


def proxy_before(environ: Mapping[str, str]) -> str | None:
    """The proxy that the environment names already."""
    return next((environ[name] for name in _ANY_PROXY if environ.get(name)), None)


def direct(environ: Mapping[str, str], host: str) -> dict[str, str]:
    """What has a command ask a host itself, where the environment names a proxy for all that it does not except."""
    excepted = next((environ[name] for name in reversed(_DIRECT) if environ.get(name)), "")
    hosts = [part.strip() for part in excepted.split(",")]
    if proxy_before(environ) is None or "*" in hosts or host in hosts:
        return {}
    return dict.fromkeys(_DIRECT, f"{excepted},{host}" if excepted else host)


def _trusted(environ: Mapping[str, str]) -> list[str]:
    found: dict[str, None] = {}
    for path in _files(environ):
        with suppress(OSError, ValueError):
            found.update(dict.fromkeys(_read(path)))
    return list(found)


def _files(environ: Mapping[str, str]) -> Iterator[str]:
    yield from (environ[name] for name in VARIABLES if environ.get(name))
    system = ssl.get_default_verify_paths().cafile
    yield next((path for path in (system, *_SYSTEM) if path and os.path.isfile(path)), "")
    with suppress(ImportError):
        import certifi

        yield certifi.where()


def _read(path: str) -> list[str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        return _CERTIFICATE.findall(file.read())


def _write(path: str, certificates: Iterable[str]) -> None:
    """In one go, so that a command that reads it meanwhile reads all of one version."""
    temporary = f"{path}.{secrets.token_hex(4)}"
    try:
        with open(temporary, "x", encoding="utf-8", errors="replace") as file:
            file.writelines(f"{certificate}\n" for certificate in certificates)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
