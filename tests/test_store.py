from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from requestshook.errors import EventError, NotFoundError, StoreError
from requestshook.events import (
    Body,
    BodyEnd,
    Count,
    Event,
    Failure,
    Origin,
    Process,
    Recorded,
    Recording,
    Request,
    Response,
    to_line,
)
from requestshook.store import Mark, Store, Unread, digest, open_store, read_line

ONE, TWO = "1" * 32, "2" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as found:
        yield found


def origin(trace: str = ONE, id: str = "a" * 32, view: str = "client", pid: int = 7) -> Origin:
    return Origin(view, id, trace, "node1", pid, 1)


def request(at: float, where: Origin, body: Body | None = None) -> Request:
    return Request(at, where, None, "cli", None, "GET", "http://h/", "HTTP/1.1", (), body)


def response(at: float, where: Origin, status: int = 200, body: Body | None = None) -> Response:
    return Response(at, where, status, "", "HTTP/1.1", (), (), body)


def keep(store: Store, *events: Event) -> list[bytes]:
    octets = [to_line(event)[:-1] for event in events]
    store.keep([read_line(line) for line in octets])
    return octets


def recording(trace: str, name: str, at: float, *, ended: float | None = None) -> list[Event]:
    begun: list[Event] = [Recording(at, trace, name, ("openstack", "image", "create"))]
    return begun if ended is None else [*begun, Recorded(ended, trace, 3, (("out", "hello"),))]


def test_what_is_kept_comes_back(store: Store) -> None:
    """Events come back in the order they were kept in, each body by the number of its line."""
    events = [
        *recording(ONE, "image-create", 1.0, ended=9.0),
        request(2.0, origin(), Body('{"a": 1}', 8)),
        response(3.0, origin()),
        BodyEnd(4.0, origin(), "response", Body(b"\x00\xff", 5, cut=True), "closed"),
        Failure(5.0, origin(), "broken"),
    ]
    keep(store, *events)
    found = list(store.events(ONE))
    assert [type(event) for _, event in found] == [type(event) for event in events]
    assert [store.body(ref) for ref, event in found if isinstance(event, (Request, BodyEnd))] == [
        Body('{"a": 1}', 8),
        Body(b"\x00\xff", 5, cut=True),
    ]


def test_events_hold_no_content(store: Store) -> None:
    """Of a body's content only its kind is in the event: a trace takes no memory for bodies."""
    keep(store, request(2.0, origin(), Body("text", 4)), response(3.0, origin(), body=Body(b"\xff", 1)))
    keep(store, request(4.0, origin(id="b" * 32), Body(None, 9, why="compressed with br")))
    bodies = [event.body for _, event in store.events(ONE) if isinstance(event, (Request, Response))]
    assert bodies == [Body("", 4), Body(b"", 1), Body(None, 9, why="compressed with br")]


def test_fields_that_many_messages_have_are_in_memory_once(store: Store) -> None:
    """A trace of many calls does not hold its User-Agent as often."""
    agent = ("User-Agent", "python-requests/2.34.2")
    keep(
        store, *(request(float(n), origin(id=f"{n:032x}"))._replace(headers=(agent, ("X-N", str(n)))) for n in range(9))
    )
    found = [event.headers for _, event in store.events(ONE) if isinstance(event, Request)]
    assert found == [(agent, ("X-N", str(n))) for n in range(9)]
    assert len({id(headers[0]) for headers in found}) == 1


def test_lines_come_back_octet_by_octet(store: Store) -> None:
    """Lines are kept as they were written, blanks and unknown fields included."""
    written = to_line(request(2.0, origin()))[:-1].replace(b'"v":1', b'"v": 1, "more": "\xc3\xa9"') + b"  "
    store.keep([read_line(written)])
    assert list(store.lines(ONE)) == [written + b"\n"]


def test_a_line_kept_twice_is_there_once(store: Store) -> None:
    """Keeping the same line again says so and changes nothing."""
    line = read_line(to_line(request(2.0, origin()))[:-1])
    assert store.keep([line, line])[:2] == (1, 1)
    assert store.keep([line])[:2] == (0, 1)
    assert len(list(store.lines(ONE))) == 1


def test_recordings_are_summed_up(store: Store) -> None:
    """Name, command, times, exit, calls and failures, the newest recording first."""
    keep(store, *recording(ONE, "old", 1.0, ended=9.0), request(2.0, origin()), response(3.0, origin(), 404))
    keep(store, request(2.0, origin(id="b" * 32)), response(3.0, origin(id="b" * 32), 201))
    keep(store, *recording(TWO, "new", 20.0), request(21.0, origin(TWO)), Failure(22.0, origin(TWO), "no"))
    new, old = store.traces()
    assert (old.name, old.command[0], old.started, old.ended, old.exit) == ("old", "openstack", 1.0, 9.0, 3)
    assert (old.calls, old.failures, old.open) == (2, 1, False)
    assert (new.id, new.calls, new.failures, new.open, new.last) == (TWO, 1, 1, True, 22.0)


def test_a_call_fails_where_its_outermost_view_says_so(store: Store) -> None:
    """A try that failed and was repeated with success is no failure; a failure after a response is one."""
    client, server = origin(), origin(view="server", pid=8)
    keep(store, request(1.0, client), request(1.1, server), response(1.2, server, 503), response(2.0, client, 200))
    broken = origin(id="b" * 32)
    keep(store, request(1.0, broken), response(1.2, broken, 200), Failure(2.0, broken, "broken"))
    assert [(summary.calls, summary.failures) for summary in store.traces()] == [(2, 1)]


def test_a_recording_without_its_first_line_is_called_by_its_id(store: Store) -> None:
    """Lines of services alone make a recording, from their first line on."""
    keep(store, request(5.0, origin()))
    (summary,) = store.traces()
    assert (summary.name, summary.started, summary.open) == (ONE, 5.0, True)


class TestFind:
    @pytest.fixture(autouse=True)
    def recordings(self, store: Store) -> None:
        keep(store, *recording("1a" * 16, "image-create", 1.0), *recording("1b" * 16, "image-list", 2.0))
        keep(store, *recording("2c" * 16, "image-create", 3.0))

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            (None, "2c" * 16),
            ("image-create", "2c" * 16),
            ("image-c", "2c" * 16),
            ("image-list", "1b" * 16),
            ("1a" * 16, "1a" * 16),
            ("1a", "1a" * 16),
            ("image-l", "1b" * 16),
        ],
    )
    def test_a_name_an_id_or_a_start_is_found(self, store: Store, text: str | None, found: str) -> None:
        """A name means its newest recording; an unambiguous start will do."""
        assert store.find(text) == found

    def test_what_is_not_there_says_what_is(self, store: Store) -> None:
        """The message lists the names that there are."""
        with pytest.raises(NotFoundError, match=r"no recording 'x'; there is: image-create, image-list"):
            store.find("x")

    def test_an_ambiguous_start_says_of_what(self, store: Store) -> None:
        """The message lists the recordings that it could be."""
        with pytest.raises(NotFoundError, match=r"'image' could be any of: .*image-list \(1b1b1b1b\)"):
            store.find("image")

    def test_an_empty_text_is_no_start(self, store: Store) -> None:
        """The empty text names nothing."""
        with pytest.raises(NotFoundError):
            store.find("")


def test_an_empty_store_says_how_to_fill_it(store: Store) -> None:
    """Without a recording the message says how to make one."""
    with pytest.raises(NotFoundError, match="requestshook run"):
        store.find()
    assert store.traces() == []


def test_what_was_removed_stays_away(store: Store, tmp_path: Path) -> None:
    """A removed recording's lines are dropped when they come again, and its octets are gone from the file."""
    secret = "a-secret-nobody-may-find"
    keep(store, *recording(ONE, "one", 1.0), request(2.0, origin(), Body(secret, len(secret))))
    keep(store, *recording(TWO, "two", 1.0))
    store.remove(ONE)
    assert [summary.id for summary in store.traces()] == [TWO]
    assert list(store.events(ONE)) == []
    again = read_line(to_line(response(3.0, origin()))[:-1])
    assert store.keep([again]) == (0, 0, 1)
    assert not any(secret.encode() in file.read_bytes() for file in tmp_path.iterdir())


def test_old_recordings_are_those_whose_last_line_is_old(store: Store) -> None:
    """A recording that still goes on is not old, however long ago it began."""
    now = time.time()
    keep(store, *recording(ONE, "old", now - 100), *recording(TWO, "going", now - 100), request(now, origin(TWO)))
    assert [summary.id for summary in store.older_than(50)] == [ONE]


def test_processes_are_those_that_took_part(store: Store) -> None:
    """The newest first line before the recording's end, of each process with lines in it."""
    lines = [
        Process(at, "node1", pid, None, "api", (("python", str(at)),), "store")
        for at, pid in ((1, 7), (2, 7), (9, 7), (1, 8))
    ]
    keep(store, *lines, request(3.0, origin()))
    assert [(found.pid, found.at) for found in store.processes(ONE)] == [(7, 2.0)]
    assert isinstance(next(store.events(ONE))[1], Process)
    assert len(list(store.lines(ONE))) == 2


def test_a_process_of_the_recording_itself_is_told_without_a_call(store: Store) -> None:
    """What `run` started counts as taking part, also when it called nobody."""
    keep(store, Process(1.0, "node1", 7, ONE, "cli", (), "store"), *recording(ONE, "one", 1.0))
    assert [found.program for found in store.processes(ONE)] == ["cli"]


def test_the_newest_count_of_each_process_tells_all(store: Store) -> None:
    """Counts are totals."""
    keep(store, Count(1.0, "n", 7, 1, 0, 0), Count(2.0, "n", 7, 5, 0, 0), Count(1.5, "n", 8, 2, 0, 0))
    assert sorted((count.pid, count.untied) for count in store.counts()) == [(7, 5), (8, 2)]


def test_what_was_lost_while_it_was_recorded_belongs_to_a_recording(store: Store) -> None:
    """Of a service that runs on, only what it lost meanwhile is told; what another command's process lost is not."""
    owners = ((7, None), (8, TWO), (9, None), (10, ONE))
    keep(
        store, *(Process(0.5, "n", pid, trace, "p", (), "store") for pid, trace in owners),
        *recording(ONE, "one", 2.0, ended=5.0),
        Count(1.0, "n", 7, 0, 0, 4, "disk full"), Count(3.0, "n", 7, 0, 0, 5, "disk full"),
        Count(4.0, "n", 7, 0, 0, 6, "disk full"), Count(6.0, "n", 7, 0, 0, 9, "disk full"),
        Count(3.0, "n", 8, 0, 0, 3, "disk full"),
        Count(1.0, "n", 9, 0, 0, 4, "disk full"), Count(3.0, "n", 9, 7, 0, 4, "disk full"),
        Count(3.0, "n", 10, 0, 0, 1, "max"),
    )  # fmt: skip
    lost = [event for _, event in store.events(ONE) if isinstance(event, Count)]
    assert [(count.pid, count.dropped, count.why) for count in lost] == [(7, 2, "disk full"), (10, 1, "max")]


def test_a_number_that_is_used_again_begins_to_count_anew(store: Store) -> None:
    """A process of the same number lost more before: it was another one."""
    keep(
        store, *recording(ONE, "one", 2.0, ended=5.0),
        Count(1.0, "n", 7, 0, 0, 4, "disk full"), Count(3.0, "n", 7, 0, 0, 1, "max"),
    )  # fmt: skip
    assert [event.dropped for _, event in store.events(ONE) if isinstance(event, Count)] == [1]


def test_unread_lines_are_kept(store: Store) -> None:
    """A line that cannot be read is there with file, number, reason and octets, once."""
    item = Unread("a.jsonl", 3, "not JSON", b"\xff{")
    store.keep([], None, [item, item])
    assert store.unread() == [item]


def test_marks_are_replaced(store: Store) -> None:
    """A file has one mark, its newest."""
    for position in (10, 20):
        store.keep([], Mark("1", "2", b"head", position, 1))
    assert store.mark("1", "2") == Mark("1", "2", b"head", 20, 1)
    store.forget("1", "2")
    assert store.mark("1", "2") is None


@pytest.mark.parametrize(
    "line",
    [
        to_line(request(1.0, origin(trace="\ud800"))),
        to_line(request(1.0, origin(id="x\x00"))),
        to_line(request(1.0, origin(pid=2**63))),
        to_line(request(1.0, origin(pid=-1))),
        to_line(Recording(1.0, "n" * 1000, "x", ())),
    ],
)
def test_what_no_database_could_keep_is_no_line(line: bytes) -> None:
    """Ids that are no plain text and numbers out of range are refused with a reason."""
    with pytest.raises(EventError):
        read_line(line)


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """The folder is 0700 and every file in it 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with open_store(tmp_path / "sub" / "store.db") as store:
            keep(store, request(1.0, origin()))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "sub").iterdir()}
    finally:
        os.umask(before)
    assert modes.keys() >= {"store.db", "store.db-wal"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "sub").stat().st_mode) == 0o700


def test_an_umask_that_takes_all_is_no_matter(tmp_path: Path) -> None:
    """With a umask of 0777 the file is still its owner's to read."""
    before = os.umask(0o777)
    try:
        open_store(tmp_path / "store.db").close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o600


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """One line says which version it is and which one is read; nothing in it changes."""
    path = tmp_path / "store.db"
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO migrations VALUES (99, 0)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(
        StoreError, match=r"store\.db: it is of version 99, this requestshook reads up to 1: upgrade it$"
    ):
        open_store(path)
    assert path.read_bytes() == before


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    """A database with other tables is no store, and is not changed."""
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="something else"):
        open_store(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"this is text, and long enough to be no database header at all" * 20])
def test_a_file_that_is_no_database_is_told(tmp_path: Path, content: bytes) -> None:
    """One line with the path and the reason."""
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"store\.db: file is not a database"):
        open_store(path)
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A file where the folder should be: one line with the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/store\.db: "):
        open_store(tmp_path / "file" / "store.db")


def test_a_store_that_is_full_is_told_and_stays_whole(tmp_path: Path) -> None:
    """Where no more pages can be had the transaction is undone, and a line says so."""
    with open_store(tmp_path / "store.db") as store:
        keep(store, request(1.0, origin()))
        ((pages,),) = store.rows("PRAGMA page_count")
        store.rows(f"PRAGMA max_page_count = {pages + 1}")
        line = read_line(to_line(request(2.0, origin(id="b" * 32), Body("x" * 200_000, 200_000)))[:-1])
        with pytest.raises(StoreError, match="full"):
            store.keep([line], Mark("1", "2", b"", 10, 1))
        assert len(list(store.lines(ONE))) == 1
        assert store.mark("1", "2") is None


def test_urls_say_where_the_file_is(tmp_path: Path) -> None:
    """A path and a `sqlite:` URL lead to the same file; other kinds of stores are refused in one line."""
    open_store(f"sqlite:///{tmp_path}/a.db").close()
    assert (tmp_path / "a.db").exists()
    with pytest.raises(StoreError, match="PostgreSQL"):
        open_store("postgresql://localhost/x")
    with pytest.raises(StoreError, match="no kind of store"):
        open_store("mysql://localhost/x")


def test_several_open_a_new_store_at_once(tmp_path: Path) -> None:
    """Eight processes that all make the store at the same moment all get it."""
    program = (
        "import sys; from requestshook.store import open_store;"
        "store = open_store(sys.argv[1]); store.remove(sys.argv[2]); store.close()"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "store.db")]
    running = [subprocess.Popen([*command, str(number)], stderr=subprocess.PIPE) for number in range(8)]
    assert [(process.communicate()[1], process.returncode) for process in running] == [(b"", 0)] * 8
    with open_store(tmp_path / "store.db") as store:
        assert len(store.rows("SELECT * FROM removed")) == 8
        assert store.version() == 1


def test_a_reader_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    """While one holds a transaction open, another reads what was committed."""
    with open_store(tmp_path / "store.db") as writer, open_store(tmp_path / "store.db") as reader:
        keep(writer, request(1.0, origin()))
        with writer.writing():
            writer.rows("DELETE FROM lines")
            assert len(list(reader.events(ONE))) == 1
        assert list(reader.events(ONE)) == []


def test_a_line_is_known_by_its_octets() -> None:
    """The identity is a hash of 16 octets over the line without its end: any other octet is another line."""
    line = to_line(request(1.0, origin()))[:-1]
    assert read_line(line).hash == digest(line)
    assert read_line(line + b" ").hash != digest(line)
    assert len(digest(line)) == 16
