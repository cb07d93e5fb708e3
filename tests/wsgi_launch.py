"""Serves wsgi_apps on a free port: `python wsgi_launch.py wsgiref|gunicorn|gthread|eventlet patched|plain`.

The port is printed in the first line. `patched` does what the import finder of the start-up file does.
"""

from __future__ import annotations

import socket
import sys
from importlib import import_module


def main(server: str, how: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    port = listener.getsockname()[1]
    print(port, flush=True)
    module = {"wsgiref": "wsgiref.simple_server", "eventlet": "eventlet.wsgi"}.get(server, "gunicorn.app.base")
    if how == "patched":
        from requestshook.capture.servers import SERVERS

        SERVERS[module](import_module(module))
        SERVERS[module](import_module(module))
    globals()[f"serve_{server}"](listener)


def serve_wsgiref(listener: socket.socket) -> None:
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIServer, make_server

    import wsgi_apps

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True
        request_queue_size = 200

    port = listener.getsockname()[1]
    listener.close()
    make_server("127.0.0.1", port, wsgi_apps.application, server_class=Server).serve_forever()


def serve_gunicorn(listener: socket.socket, *options: str) -> None:
    from gunicorn.app.wsgiapp import run

    listener.set_inheritable(True)
    sys.argv = ["gunicorn", "-b", f"fd://{listener.detach()}", "--log-level", "error", "--graceful-timeout", "1"]
    sys.argv += ["--no-control-socket", *options, "wsgi_apps:application"]
    run()


def serve_gthread(listener: socket.socket) -> None:
    serve_gunicorn(listener, "-k", "gthread", "--threads", "40", "--keep-alive", "20")


def serve_eventlet(listener: socket.socket) -> None:
    import warnings

    warnings.simplefilter("ignore")
    import eventlet

    eventlet.monkey_patch()
    import wsgi_apps
    from eventlet import wsgi

    port = listener.getsockname()[1]
    listener.close()
    wsgi.server(
        eventlet.listen(("127.0.0.1", port), backlog=200), site=wsgi_apps.application, log_output=False, debug=False
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
