"""A page with an author's words, for tests: the story of `page_support.image_create` and a file about it."""

from __future__ import annotations

from textwrap import dedent

from page_support import Story, image_create

from requestshook.annotations.placing import Fault, Placed, place
from requestshook.annotations.reading import parse
from requestshook.page.render import render
from requestshook.page.settings import PageSettings

FILE = """\
title: 이미지 생성
text:
  intro: |
    네 개의 프로그램이 주고받는 말이다.
    전체는 [[negotiate..upload]] 이다.
  map: {above: 위, below: 아래}
  outro: 끝.
command: {title: "openstack image create", highlight: [1]}
variables:
  image_id: a42bfade-78ec-4c95-b7b4-272ba265072c
  token: $login.response.header.X-Subject-Token
  version: "$negotiate.response.body.versions.values[0].id"
phases:
  - {title: 로그인, from: negotiate}
  - {title: 업로드, from: upload}
groups:
  - {kind: opt, label: keystone 확인, calls: check}
calls:
  - call: "openstack -> keystone GET /identity/"
    id: negotiate
    request: {text: "`[[negotiate.response]]` 을 보라: [[negotiate.response]]"}
    response: {highlight: ["$..rank", "$.versions.values[0].links"]}
  - call: "openstack -> keystone POST /identity/v3/auth/tokens"
    id: login
    response:
      highlight: [x-subject-token]
      after: |
        !!! note "토큰"
            [[$token]] 은
            [[upload]] 에서 쓰인다.
  - call: "openstack -> glance-api PUT /v2/images/{image_id}/file"
    id: upload
    request: {header: {after: 머리}, body: {after: 몸}}
  - call: "glance-api -> keystone GET /identity/v3/auth/tokens"
    id: check
  - call: "glance-api -> swift-proxy-server PUT /v1/{account}/glance/{object}?multipart=1"
    id: store
    request: {highlight: ["?name"]}
    response: {text: "여기서 실패한다.", highlight: [{text: ReadTimeout}]}
"""


def placed(file: str, story: Story | None = None) -> tuple[Placed, Story]:
    """The file laid on the story."""
    story = story or image_create()
    return place(parse(dedent(file), "flow.yaml"), story.trace()), story


def noted(
    file: str = FILE, story: Story | None = None, settings: PageSettings | None = None, part: str = "page"
) -> tuple[str, list[str]]:
    """The page, and what does not fit."""
    notes, story = placed(file, story)
    faults: list[Fault] = []
    text = "".join(render(notes.trace, story.load, settings, notes=notes, faults=faults, part=part))
    return text, [str(fault) for fault in faults]
