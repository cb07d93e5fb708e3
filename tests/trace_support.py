"""A small system in a test's hands: processes whose calls to each other give the events that capture would write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from requestshook.events import Body, Event, Failure, Origin, Request, Response

TRACE = "5f" * 16


@dataclass
class Service:
    """One process: its name, its host, and how far that host's clock is wrong."""

    name: str
    base: str = "http://127.0.0.1:1"
    host: str = "node1"
    pid: int = 100
    wrong: float = 0.0
    hooked: bool = True  # writes client views
    wrapped: bool = True  # writes server views
    lines: list[Event] = field(default_factory=list)


class System:
    """A clock, and calls that take a millisecond a step; `events` gives each line a number, process by process."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.count = 0
        self.services: list[Service] = []

    def service(self, name: str, **options: object) -> Service:
        """One more process."""
        self.services.append(Service(name, pid=100 + len(self.services), **options))  # type: ignore[arg-type] # test
        return self.services[-1]

    def tick(self) -> float:
        """A millisecond later."""
        self.now = round(self.now + 0.001, 6)
        return self.now

    @contextmanager
    def call(
        self, caller: Service, callee: Service, method: str, path: str, status: int = 200, parent: str | None = None
    ) -> Iterator[str]:
        """One call; what the block does is done while the callee answers it."""
        self.count += 1
        id = f"{self.count:032x}"
        client = Origin("client", id, TRACE, caller.host, caller.pid, self.count)
        server = Origin("server", id, TRACE, callee.host, callee.pid, self.count)
        url = callee.base + path
        headers = (("Host", "h"), ("X-B", "1"), ("X-A", "2"), *((f"X-{i}", "v" * 30) for i in range(9)))
        if caller.hooked:
            at = self.tick() + caller.wrong
            caller.lines.append(
                Request(at, client, parent, caller.name, None, method, url, "HTTP/1.1", headers, Body("", 0))
            )
        if callee.wrapped:
            at = self.tick() + callee.wrong
            callee.lines.append(
                Request(at, server, parent, caller.name, callee.name, method, url, "HTTP/1.1", headers, Body("", 0))
            )
        yield id
        if callee.wrapped:
            at = self.tick() + callee.wrong
            callee.lines.append(Response(at, server, status, "", "HTTP/1.1", (), (), Body("{}", 2)))
        if caller.hooked:
            at = self.tick() + caller.wrong
            caller.lines.append(Response(at, client, status, "", "HTTP/1.1", (), (), Body("{}", 2)))

    def events(self, order: list[int] | None = None) -> list[tuple[int, Event]]:
        """All lines, those of one process in their order."""
        services = [self.services[index] for index in order] if order else self.services
        return list(enumerate((line for service in services for line in service.lines), 1))


def failure(at: float, origin: Origin, error: str = "ConnectTimeout: no") -> Failure:
    """A call that failed."""
    return Failure(at, origin, error)
