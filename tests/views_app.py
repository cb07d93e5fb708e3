"""A WSGI application behind the proxies of test_views_processes: `python views_app.py wsgiref|gunicorn FOLDER`.

The port is printed in the first line. What waits, waits for a file `go` in FOLDER.
"""

from __future__ import annotations

import gzip
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

FOLDER = sys.argv[2] if __name__ == "__main__" else os.environ["VIEWS_FOLDER"]
tried: dict[str, int] = {}


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
    """Answer by the path's first segment."""
    kind, _, rest = environ["PATH_INFO"].strip("/").partition("/")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if kind == "redirect":
        start("302 Found", [("Location", f"http://{environ['HTTP_HOST']}/echo"), ("Content-Length", "0")])
        return []
    if kind == "flaky":
        tried[rest] = tried.get(rest, 0) + 1
        if tried[rest] < 3:
            start("503 Service Unavailable", [("Content-Type", "text/plain"), ("Content-Length", "4")])
            return [b"busy"]
    if kind == "crash":
        raise ValueError("no such thing")
    if kind == "slow":
        wait()
    answer = json.dumps({"path": environ["PATH_INFO"], "got": len(body)}).encode()
    if kind == "zipped":
        answer = gzip.compress(json.dumps({"password": "hush", "access_token": "t" * 5000}).encode())
        start(
            "200 OK", [("Content-Encoding", "gzip"), ("Content-Type", "application/json"), ("Set-Cookie", "s=secret")]
        )
        return [answer]
    if kind == "large":
        start("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", "300000")])
        return pieces(b"x" * 300000)
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer))), ("X-Own", "1")])
    return [answer] if kind != "pieces" else pieces(answer)


def pieces(answer: bytes) -> Iterator[bytes]:
    yield answer[:5]
    yield answer[5:]


def wait() -> None:
    deadline = time.monotonic() + 60
    while not os.path.exists(os.path.join(FOLDER, "go")) and time.monotonic() < deadline:
        time.sleep(0.02)


def main(server: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    print(listener.getsockname()[1], flush=True)
    if server == "gunicorn":
        from gunicorn.app.wsgiapp import run

        os.environ["VIEWS_FOLDER"] = FOLDER
        listener.set_inheritable(True)
        sys.argv = ["gunicorn", "-b", f"fd://{listener.detach()}", "--log-level", "error", "--graceful-timeout", "1"]
        sys.argv += ["--no-control-socket", "-k", "gthread", "--threads", "8", "views_app:application"]
        run()
    else:
        from socketserver import ThreadingMixIn
        from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

        class Server(ThreadingMixIn, WSGIServer):
            daemon_threads = True

        serving = Server(listener.getsockname()[:2], WSGIRequestHandler, bind_and_activate=False)
        serving.socket.close()
        serving.socket = listener
        serving.server_name, serving.server_port = listener.getsockname()[:2]
        serving.setup_environ()
        serving.set_app(application)
        serving.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
