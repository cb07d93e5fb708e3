"""Long flows for tests: a client that does a round of the same calls again and again."""

from __future__ import annotations

from textwrap import dedent

from page_support import JSON, TOKEN, Story

from requestshook.annotations.placing import Placed, place
from requestshook.annotations.reading import parse

ROUND = 12  # steps
BODY = '{"images": [' + ", ".join(f'{{"id": "image-{n}", "status": "queued", "size": {n}00}}' for n in range(8)) + "]}"
NOTES = """\
title: A long flow
text:
  intro: "It begins with [[first]] and ends with [[last.response]]."
  steps: {above: The pages., below: The end.}
variables:
  token: $login.response.header.X-Subject-Token
phases:
  - {title: "Before: <all> 준비", from: middle}
  - {title: Then, from: last}
calls:
  - {call: "client -> api GET /v2/images/0", id: first, request: {text: "[[last]] is far away, [[login]] is near."}}
  - {call: "api -> keystone POST /v3/auth/tokens@1", id: login}
  - {call: "client -> api GET /v2/images/2", id: middle}
  - {call: "client -> api GET /v2/images/4", id: last}
"""


def long_story(steps: int) -> Story:
    """A flow of as many steps, with nesting, tokens, bodies and a failure in the seventh round."""
    story = Story(name="long", command=("client", "--all"))
    number = 0
    while len(story.told) < steps:
        outer = story.request("client", "api", "GET", f"http://api/v2/images/{number}", ("Host", "api"), *JSON)
        for inner, callee in enumerate(("keystone", "db", "store", "cache", "db")):
            if len(story.told) >= steps - 2:
                break
            path = "v3/auth/tokens" if callee == "keystone" else f"{callee}/{number}/{inner}"
            method = "POST" if callee == "keystone" else "PUT"
            call = story.request("api", callee, method, f"http://{callee}/{path}", ("X-Auth-Token", TOKEN), *JSON,
                                 body=BODY, parent=outer)  # fmt: skip
            if number == 6 and callee == "store":
                story.failure(call, "ReadTimeout: Read timed out.")
            else:
                story.response(call, 201, "Created", ("X-Subject-Token", TOKEN), *JSON, body=BODY)
        story.response(outer, 200, "OK", *JSON, body=BODY)
        number += 1
    return story


def placed(story: Story, file: str = NOTES) -> Placed:
    """An author's words, laid on a long flow."""
    return place(parse(dedent(file), "long.yaml"), story.trace())
