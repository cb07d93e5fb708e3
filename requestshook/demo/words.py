"""What the demo's author says of the recording: its annotation file."""

from __future__ import annotations

FILE = "image-create.yaml"
ANNOTATIONS = """\
# yaml-language-server: $schema=.requestshook/schemas/annotations.json
# The words on the demo's page. Change them, then: requestshook render image-create.yaml --watch
# The demo writes this file once, and leaves it as you have it from then on.
trace: image-create
title: openstack image create

text:
  intro: |
    An image is created in two calls of the client: [[create]] makes its record, [[upload]] brings its content.
    Everything else on this page is about who may do that.
  command:
    below: The `status` is still `queued`, although the content was sent; nobody asked glance-api once more.
  map:
    below: |
      A row is a call; what is further to the right below it happened because of it.

command: {title: What was typed, highlight: [{text: "| id "}, {text: "| status "}]}

variables:
  image_id: $create.response.body.id
  project_id: $store-login.response.body.token.project.id

phases:
  - {title: Log in, from: negotiate}
  - {title: Make the image's record, from: create}
  - {title: Upload its content, from: upload}

groups:
  - {kind: opt, label: glance-api has no token of its own yet, calls: own-negotiate..own-login}

calls:
  # The client finds its way.
  - call: "openstack -> keystone GET /identity/"
    id: negotiate
    request:
      text: |
        The client knows one address, `OS_AUTH_URL`, and asks what is spoken there.
    response:
      text: One version, `v3.14`, and where it is. The status is 300 because there might be several to choose from.
      highlight: ["$.versions.values[?@.status=='stable'].id", $.versions.values..href]
  - call: "openstack -> keystone POST /identity/v3/auth/tokens"
    id: login
    request:
      text: |
        Who it is, by a password, and for which project.
        What is redacted keeps one name on the whole page: in [[own-login]], glance-api has the same password.
      highlight: [$.auth.identity.password.user, $.auth.scope]
    response:
      text: The token is in a header. From here on it stands in the `X-Auth-Token` of all that the client sends.
      highlight: [X-Subject-Token, "$.token.catalog[?@.type=='image']"]
      after: |
        !!! tip
            The catalog says where the other services are. The client takes the endpoint of the type `image`.

  # The record.
  - call: "openstack -> glance-api POST /v2/images"
    id: create
    request:
      text: |
        A description of the image, no content yet: that follows in [[upload]].
        Nobody typed `container_format`; the client adds `bare`.
      highlight: [X-Auth-Token, $.container_format]
    response:
      text: "The image has an id, `[[$image_id]]`, and waits for its content: it is `queued`."
      highlight: [$.id, $.status]
  - call: "glance-api -> keystone GET /identity/"
    id: own-negotiate
    request:
      text: |
        glance-api wants to know whose token it was given. To ask keystone that, it needs a token of its own.
        It goes the way that the client went, [[negotiate..login]], and keeps what it gets for later requests.
  - call: "glance-api -> keystone POST /identity/v3/auth/tokens"
    id: own-login
    request:
      highlight: [$.auth.identity.password.user.name]
  - call: "glance-api -> keystone GET /identity/v3/auth/tokens"
    id: validate
    request:
      text: "Two tokens: glance-api shows its own and asks about the other one, the client's."
      highlight: [X-Auth-Token, X-Subject-Token]
    response:
      text: The client's token is good, and says for which project and with which roles.
      highlight: [$.token.roles, $.token.project]

  # The content.
  - call: "openstack -> glance-api PUT /v2/images/{image_id}/file"
    id: upload
    request:
      text: |
        The content, as a stream of 4 MiB of which the page shows the beginning.

        !!! question "Why is the token not validated again?"
            It was, a moment ago, in [[validate]]. glance-api remembers the answer for a while.
      highlight: [X-Auth-Token, Content-Type]
    response:
      text: The content is stored, and the image can be used.
  - call: "glance-api -> keystone POST /identity/v3/auth/tokens"
    id: store-login
    request:
      text: For the object store glance-api is somebody else, with another project.
      highlight: [$.auth.identity.password.user.name, $.auth.scope.project.name]
    response:
      highlight: ["$.token.catalog[?@.type=='object-store']..url"]
  - call: "glance-api -> swift-proxy-server HEAD /v1/AUTH_{project_id}/glance"
    id: container
    request:
      text: Is there a container for images? The answer, [[container.response]], has no body, and needs none.
  - "swift-proxy-server -> keystone GET /identity/v3/auth/tokens"
  - call: "glance-api -> swift-proxy-server PUT /v1/AUTH_{project_id}/glance/{image_id}"
    id: store
    request:
      text: |
        The same bytes as in [[upload]], passed on while they arrive: the image is in no one's memory as a whole.
"""
