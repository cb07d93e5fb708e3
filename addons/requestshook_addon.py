"""Records what passes through mitmproxy: `mitmdump -s "$(requestshook addon)"`. See docs/capture-wire.md.

It loads requestshook from where this file lies, so that mitmproxy may have an environment of its own in which
requestshook is not installed. All that it does with a flow is in `requestshook.capture.wire`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from mitmproxy import ctx, exceptions, version
from mitmproxy.proxy import mode_specs

_HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, _HERE)  # mitmproxy puts the folder there that it was told, which may hold a link to this file
try:
    from _requestshook_loading import demand_mitmproxy, load_here
finally:
    sys.path.remove(_HERE)

demand_mitmproxy(version.VERSION)
load_here("requestshook.capture.wire")

from requestshook import tags  # noqa: E402 - it is there now
from requestshook.capture import forwarded, unreachable  # noqa: E402
from requestshook.capture.wire import Ends, Wire  # noqa: E402
from requestshook.recording import Recorder  # noqa: E402

_ALWAYS, _WHEN_OPEN = "always", "when open"
_LOG = "mitmproxy.proxy.server"
_STREAMED = ("Streaming request to ", "Streaming response from ")


class RequestshookAddon:
    """Options, and mitmproxy's events passed on."""

    def __init__(self) -> None:
        self.wire = Wire(_recorder(""))
        self.options: Any = None
        self.master: Any = None

    def load(self, loader: Any) -> None:
        """Make the options known."""
        self.master = loader.master
        self.options = loader.master.options
        logging.getLogger(_LOG).addFilter(self._is_news)
        add = loader.add_option
        add(
            "requestshook_dir", str, "",
            "requestshook's folder. By default REQUESTSHOOK_DIR, else .requestshook beside requestshook.yaml or in the"
            " working directory.",
        )  # fmt: skip
        add(
            "requestshook_service", str, "",
            "What the service behind listeners of reverse mode is called that neither requestshook_listener nor"
            " requestshook.yaml names.",
        )  # fmt: skip
        add(
            "requestshook_from", str, "",
            "Who calls, where neither the request's own tag nor its listener says so. By default the User-Agent tells.",
        )  # fmt: skip
        add(
            "requestshook_listener", Sequence[str], [],
            "Who is at the ends of a listener: PORT=SERVICE or PORT=CALLER->SERVICE. May be given several times.",
        )  # fmt: skip
        add(
            "requestshook_record", str, _ALWAYS,
            "Whether calls that belong to no recording go into one of this proxy's own (always), or are passed on"
            " without tags (when open).",
            choices=[_ALWAYS, _WHEN_OPEN],
        )  # fmt: skip

    def configure(self, updated: set[str]) -> None:
        """Take the options as they are now."""
        options = self.options
        if "requestshook_listener" in updated:
            self.wire.listeners = dict(map(_listener, options.requestshook_listener))
        if {"requestshook_service", "requestshook_from"} & updated:
            caller = _name("requestshook_from", options.requestshook_from)
            self.wire.ends = Ends(caller, _name("requestshook_service", options.requestshook_service))
        if "requestshook_dir" in updated:
            self.wire.recorder = _recorder(options.requestshook_dir)
        self.wire.recorder.on_purpose = options.requestshook_record == _ALWAYS

    def running(self) -> None:
        """Tell whoever waits for it that this process records."""
        self.wire.recorder.announce()
        view = self.master.addons.get("view")
        if view is not None:  # in mitmweb and mitmproxy: a comment made there is told by this signal alone
            view.sig_view_update.connect(self.view_update)

    def requestheaders(self, flow: Any) -> None:
        self.wire.requestheaders(flow)

    def request(self, flow: Any) -> None:
        self.wire.request(flow)

    def responseheaders(self, flow: Any) -> None:
        self.wire.responseheaders(flow)

    def response(self, flow: Any) -> None:
        self.wire.response(flow)

    def error(self, flow: Any) -> None:
        self.wire.error(flow)

    def update(self, flows: Sequence[Any]) -> None:
        self.wire.update(flows)

    def view_update(self, flow: Any) -> None:
        self.wire.update((flow,))

    def http_connect_error(self, flow: Any) -> None:
        self.wire.http_connect_error(flow)

    def client_disconnected(self, client: Any) -> None:
        self.wire.client_disconnected(client)

    def done(self) -> None:
        self.wire.done()
        logging.getLogger(_LOG).removeFilter(self._is_news)

    def _is_news(self, record: logging.LogRecord) -> bool:
        """mitmproxy logs each message that it streams: since we have all of them streamed, a line a message.

        Nobody asked for these, and to write one is a tenth of what a request costs.
        """
        return not str(record.msg).startswith(_STREAMED) or bool(self.options.stream_large_bodies)


def _recorder(folder: str) -> Recorder:
    say = logging.getLogger("requestshook").warning
    return Recorder(os.path.abspath(os.path.expanduser(folder)) if folder else None, say=lambda text: say("%s", text))


def _name(option: str, text: str) -> str | None:
    if not text:
        return None
    if tags.valid_name(text) is None:
        raise exceptions.OptionsError(
            f"{option}: expected a name of 1 to 128 letters, digits and _ . : @ / + -, found {text!r}"
        )
    return text


def _listener(text: str) -> tuple[int, Ends]:
    port, _, names = text.partition("=")
    caller, arrow, service = names.rpartition("->")
    if not (port.strip().isascii() and port.strip().isdecimal() and service.strip()) or (arrow and not caller.strip()):
        raise exceptions.OptionsError(
            f"requestshook_listener: expected PORT=SERVICE or PORT=CALLER->SERVICE, found {text!r}"
        )
    option = "requestshook_listener"
    return int(port), Ends(_name(option, caller.strip()), _name(option, service.strip()))


class StartedByUs:
    """What `requestshook proxy` asks of the mitmdump that it starts; otherwise nothing."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.master: Any = None

    def load(self, loader: Any) -> None:
        """Make the option known."""
        self.master = loader.master
        loader.add_option(
            "requestshook_tied", bool, False,
            "Set by `requestshook proxy`: standard input is a socket of whoever started this proxy. It is told there"
            " when every listener is open, the proxy ends when it closes, and a 502 names the service.",
        )  # fmt: skip

    def configure(self, updated: set[str]) -> None:
        """Have 502s of ours."""
        if "requestshook_tied" in updated and self.master.options.requestshook_tied:
            for name in ("_http1", "_http2", "_http3"):
                with suppress(ImportError, AttributeError):  # of a mitmproxy that does it in another way: its own then
                    module: Any = import_module(f"mitmproxy.proxy.layers.http.{name}")
                    module.format_error = unreachable.in_plain_words(module.format_error)

    def running(self) -> None:
        """Every listener is open: say so, and listen for the other side's end."""
        if self.master.options.requestshook_tied:
            asyncio.get_running_loop().add_reader(0, self._heard)
            with suppress(OSError):  # nobody is there any more: that is heard at once
                os.write(0, f"up {version.VERSION}\n".encode())

    def _heard(self) -> None:
        try:
            ended = not os.read(0, 1024)
        except OSError:
            ended = True
        if ended:
            asyncio.get_running_loop().remove_reader(0)
            self.master.shutdown()

    def error(self, flow: Any) -> None:
        if self.master.options.requestshook_tied:
            unreachable.remember(flow, self._wire.callee)


class OwnListeners:
    """What a forward proxy of `requestshook proxy` does with calls to the listeners beside it."""

    def __init__(self) -> None:
        self._listeners: dict[int, forwarded.Listener] = {}

    def configure(self, updated: set[str]) -> None:
        """Know the listeners."""
        options: Any = ctx.options
        if "requestshook_tied" in updated and options.requestshook_tied:
            modes = [mode_specs.ProxyMode.parse(mode) for mode in options.mode]
            for mode in modes:
                port = mode.listen_port()
                if isinstance(mode, mode_specs.ReverseMode) and port:
                    host = mode.listen_host() or ""
                    self._listeners[port] = forwarded.Listener(host, mode.scheme, *mode.address[:2])

    def requestheaders(self, flow: Any) -> None:
        forwarded.lead_on(flow, self._listeners)


_addon = RequestshookAddon()
addons = [OwnListeners(), _addon, StartedByUs(_addon.wire)]
