"""What a step of a page costs: beside f-strings and beside Jinja2 with the standard library's JSON."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator

import jinja2

from benchmarks.results import Figure, Result, Row, below, figure, ratios
from benchmarks.scale import Scale
from requestshook import events, trace
from requestshook.events import Body
from requestshook.page.render import render
from requestshook.trace.calls import Step, Trace

_TIMES = 1.5
_GROWTH = 1.1
_TEMPLATE = """\
### ({{ step.number }}) {{ heading }} { #step-{{ step.number }} }

`{{ step.call.caller }}` {{ arrow }} `{{ step.call.callee }}`

=== "Header"
    ``` http title="{{ heading }}" linenums="1"
{%- for name, value in headers %}
    {{ name }}: {{ value }}
{%- endfor %}
    ```

=== "Body"
    ``` json title="{{ heading }}" linenums="1"
    {{ dumps(body, indent=2) | indent(4) }}
    ```
"""


class _Story:
    """A trace of so many calls whose bodies are made when they are asked for."""

    def __init__(self, calls: int) -> None:
        self.body = _body()
        self.trace: Trace = trace.build(self._events(calls))

    def load(self, ref: int) -> Body:
        """Every body is the same, and a new object."""
        return Body(self.body + " " * 0, len(self.body))

    def _events(self, calls: int) -> Iterator[tuple[int, events.Event]]:
        fields = tuple((f"X-Openstack-Field-{number:02}", f"value-{number} of a usual length") for number in range(10))
        fields = (("Host", "127.0.0.1:9292"), ("Content-Type", "application/json"), *fields)
        body = Body(self.body, len(self.body))
        for n in range(calls):
            origin = events.Origin("client", f"{n:032x}", "5eed" * 8, "node1", 4711, n)
            at = 1671683885.0 + n / 50
            url = f"http://127.0.0.1:9292/v2/images/{n:08x}"
            yield 2 * n, events.Request(at, origin, None, "openstack", "glance", "PUT", url, "HTTP/1.1", fields, body)
            yield 2 * n + 1, events.Response(at + 0.01, origin, 200, "OK", "HTTP/1.1", fields, (), body)


def pages(scale: Scale) -> Result:
    """Steps of 12 header lines and a body of 150 lines."""
    story = _Story(scale.of(200, 3))
    steps = len(story.trace.steps)
    ways: dict[str, Callable[[_Story], Iterator[str]]] = {
        "f-strings": _with_f_strings,
        "jinja": _with_jinja,
        "steps": lambda told: render(told.trace, told.load, part="steps"),
        "page": lambda told: render(told.trace, told.load),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    fixed: list[float] = []
    shortest = _Story(1)
    for _ in range(scale.of(15)):
        for name, way in ways.items():
            begun = _cpu(way, shortest)  # what a page costs however short it is
            found[name].append((_cpu(way, story) - begun) / (steps - 2) * 1e6)
        fixed.append(begun * 1e3)
    beside = {name: ratios(values, found["f-strings"]) for name, values in found.items()}
    rows = (
        Row("f-strings with `json.dumps(indent=2)`, a step", figure(found["f-strings"], "µs")),
        below("requestshook, the steps", beside["steps"], _TIMES),
        below("requestshook, the whole page", beside["page"], _TIMES),
        Row("naive Jinja2 with `json.dumps(indent=2)`", beside["jinja"]),
        Row("requestshook, a page of one call: templates compiled", figure(fixed, "ms")),
        *_memory(scale),
    )
    return Result("rendering", "Rendering, a step of 12 header lines and 150 lines of JSON: CPU and memory", rows)


def _cpu(way: Callable[[_Story], Iterator[str]], story: _Story) -> float:
    began = time.process_time()
    for _ in way(story):
        pass
    return time.process_time() - began


def _memory(scale: Scale) -> tuple[Row, ...]:
    few, many = (scale.of(calls, 2) for calls in (250, 1000))
    small, large = _peak(_Story(few)), _peak(_Story(many))
    return (
        Row(f"memory while {2 * few:,} steps are rendered", Figure(small, small, small, "MiB")),
        below(f"memory while {2 * many:,} steps are rendered, beside that", figure([large / small]), _GROWTH),
    )


def _peak(story: _Story) -> float:
    """MiB of memory at most while the steps are rendered, the trace itself left out."""
    for _ in render(_Story(1).trace, story.load, part="steps"):  # templates are loaded once
        pass
    tracemalloc.start()
    try:
        for _ in render(story.trace, story.load, part="steps"):
            pass
        return tracemalloc.get_traced_memory()[1] / 1024**2
    finally:
        tracemalloc.stop()


def _with_f_strings(story: _Story) -> Iterator[str]:
    for step in story.trace.steps:
        heading, arrow, headers = _shown(step)
        fields = "\n".join(f"    {name}: {value}" for name, value in headers)
        body = json.dumps(json.loads(_text(story)), indent=2).replace("\n", "\n    ")
        yield (
            f"### ({step.number}) {heading} {{ #step-{step.number} }}\n\n"
            f"`{step.call.caller}` {arrow} `{step.call.callee}`\n\n"
            f'=== "Header"\n    ``` http title="{heading}" linenums="1"\n{fields}\n    ```\n\n'
            f'=== "Body"\n    ``` json title="{heading}" linenums="1"\n    {body}\n    ```\n'
        )


def _with_jinja(story: _Story) -> Iterator[str]:
    template = jinja2.Environment().from_string(_TEMPLATE)
    for step in story.trace.steps:
        heading, arrow, headers = _shown(step)
        body = json.loads(_text(story))
        yield template.render(step=step, heading=heading, arrow=arrow, headers=headers, body=body, dumps=json.dumps)


def _text(story: _Story) -> str:
    content = story.load(0).content
    assert isinstance(content, str)
    return content


def _shown(step: Step) -> tuple[str, str, events.Headers]:
    call = step.call
    if step.kind == "request":
        return f"{call.method} {call.target}", "-->", call.request.event.headers
    assert call.response is not None
    return f"{call.status} OK {call.target}", "<--", call.response.event.headers


def _body() -> str:
    """JSON of 150 lines when it is indented."""
    image = {"id": "a42bfade-78ec-4c95-b7b4-272ba265072c", "name": "cirros", "size": 21233664, "protected": False}
    return json.dumps({"images": [{**image, "tags": ["a", "b"], "n": n, "owner": None} for n in range(12)], "next": 1})
