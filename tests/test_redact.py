"""Redaction: what is secret becomes a pseudonym, everything else stays as it was."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import string
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from requestshook import events
from requestshook.events import Body
from requestshook.redact import Redactor, names, shapes

KEY = b"k" * 32
REDACTOR = Redactor(KEY)
OFF = Redactor(KEY, on=False)
ORIGIN = events.Origin("client", "a" * 32, "b" * 32, "node1", 1, 1)
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
XML = "application/xml"
PSEUDONYM = re.compile(r"‹[a-z]+:[0-9a-f]{16}›")

FERNET = "gAAAAABjo-" + "Ab3_-x" * 28
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


def redacted(text: str, content_type: str = JSON, *, cut: bool = False, by: Redactor = REDACTOR) -> str:
    """The text of a body after redaction."""
    content = text.encode()
    body = by.body(Body(content, len(content), cut), content_type, "")
    assert isinstance(body.content, str)
    return body.content


def digits(text: str) -> list[str]:
    """The digits of the pseudonyms in a text, in order."""
    return [found[0][-17:-1] for found in PSEUDONYM.finditer(text)]


def name_of(value: str) -> str:
    """The digits that stand for a value everywhere."""
    return digits(REDACTOR.headers((("X-Auth-Token", value),))[0][1])[0]


def request(**changed: Any) -> events.Request:
    """A request event without secrets, but for what is changed."""
    plain = events.Request(
        1.0, ORIGIN, None, "openstack", None, "GET", "http://h/identity/v3", "HTTP/1.1", (), Body(b"", 0)
    )
    return plain._replace(**changed)


# JSON


def test_keystone_password_login() -> None:
    """Of a keystone login only the password's characters change; `password` as an object and a method stay."""
    body = (
        '{"auth": {"identity": {"methods": ["password"], "password": {"user": {"password": "asdf", "name": "admin",'
        ' "domain": {"id": "default"}}}}, "scope": {"project": {"name": "admin"}}}}'
    )
    assert redacted(body) == body.replace("asdf", f"‹password:{name_of('asdf')}›")


def test_keystone_token_response_stays() -> None:
    """keystone's description of a token holds no secret: not a byte of it changes."""
    body = (
        '{"token": {"methods": ["password"], "user": {"domain": {"id": "default"}, "password_expires_at": null},'
        ' "audit_ids": ["3T2dc1CGQxyJsHdDu1xkcw"], "expires_at": "2022-12-22T02:28:03.000000Z", "is_domain": false,'
        ' "catalog": [{"type": "key-manager", "name": "keystone", "endpoints": []}], "issued_at": "x"}}'
    )
    assert redacted(body) == body


def test_token_login_by_id() -> None:
    """The `id` directly in an object called token is the token."""
    assert redacted('{"token": {"expires": 1, "id": "3f2b"}, "id": "3f2b"}') == (
        f'{{"token": {{"expires": 1, "id": "‹token:{name_of("3f2b")}›"}}, "id": "3f2b"}}'
    )


@pytest.mark.parametrize(
    "name",
    [
        "password", "Password", "PASSWORD", "os_password", "user-password", "userPassword", "new_password", "password2",
        "original_password", "adminPass", "admin_pass", "passwd", "passphrase", "passcode", "pwd", "pass", "db_pass",
        "secret", "client_secret", "clientSecret", "app_secret", "secret_key", "SecretAccessKey", "secret_id",
        "token", "access_token", "refresh_token", "id_token", "accessToken", "X-Auth-Token", "csrf_token", "token_id",
        "api_key", "apikey", "api-key", "apiKey", "access_key", "private_key", "auth_key", "encryption_key",
        "credential", "credentials", "authorization", "cookie", "session_id", "sessionid", "auth.password",
    ],
)  # fmt: skip
def test_known_names(name: str) -> None:
    """A value under a known name is replaced, whatever the name's case, joints and prefix."""
    assert "hunter2" not in redacted(json.dumps({"a": 1, name: "hunter2", "b": [2]}))


@pytest.mark.parametrize(
    "name",
    [
        "password_expires_at", "token_type", "tokens", "max_tokens", "next_page_token", "nextToken", "key", "keys",
        "keystone", "key_name", "public_key", "ssh_key", "bypass", "compass", "passed", "secretary", "secret_ref",
        "secret_uuid", "passwordless", "keypair", "cookies", "access_key_id", "signature", "img_signature", "username",
        "password_regex", "token_endpoint", "monkey", "primary_key",
    ],
)  # fmt: skip
def test_names_that_look_alike(name: str) -> None:
    """Names that only look like known ones stay with their values."""
    body = json.dumps({"a": 1, name: "hunter2", "b": [2]})
    assert redacted(body) == body


def test_only_text_and_numbers() -> None:
    """Under a known name text and numbers are replaced, in an array too; all else stays, and so does the JSON."""
    body = '{"secret": [1.5e3, "a", null, true, "b"], "password": true, "token": null, "pwd": "", "pass": -12}'
    result = json.loads(redacted(body))
    assert [PSEUDONYM.fullmatch(str(value)) is not None for value in result["secret"]] == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert (result["password"], result["token"], result["pwd"]) == (True, None, "")
    assert PSEUDONYM.fullmatch(result["pass"])


def test_a_header_dump_in_json() -> None:
    """Header fields in JSON are treated as header fields: scheme and cookie names stay."""
    result = redacted('{"Authorization": ["Bearer abc"], "cookie": "a=abc; b=2", "set-cookie": "s=abc; Path=/"}')
    token = name_of("abc")
    assert f'["Bearer ‹token:{token}›"]' in result
    assert f'"a=‹cookie:{token}›; b=‹cookie:' in result
    assert f'"s=‹cookie:{token}›; Path=/"' in result


@pytest.mark.parametrize(
    "body",
    [
        r'{"pass\u0077ord": "hunter2"}',
        r'{"\u0070\u0061\u0073\u0073\u0077\u006f\u0072\u0064": "hunter2"}',
        r'{"blob": "{\"access\": \"x\", \"secret\": \"hunter2\"}"}',
        r'{"blob": "{\"a\": \"{\\\"secret\\\": \\\"hunter2\\\"}\"}"}',
        r'{"blob": "{\u0022secret\u0022:\u0022hunter2\u0022}"}',
        r'{"next": "http://h/?a=1\u0026token=hunter2"}',
        r'{"form": "a=1\u0026pass\u0077ord\u003dhunter2"}',
        r'{"u": "http:\/\/admin:hunter2@h\/"}',
        '{"password" :\n\t "hunter2"}',
        "{'password': 'hunter2'}",
        "{'password': b'hunter2'}",
        '{"xml": "<password>hunter2</password>"}',
        '\ufeff{"password": "hunter2"}',
        r'{"query": "mutation { login(name: \"a\", password: \"hunter2\") { id } }"}',
        '{"next": "/login?to=http%3A%2F%2Fh%2Fcb%3Ftoken%3Dhunter2%26x%3D1"}',
        'data: {"token": "hunter2"}\n\n',
        '{"a": 1}\n{"password": "hunter2"}\n',
    ],
)
def test_hidden_in_json(body: str) -> None:
    """Escapes, JSON in strings, other spellings and other formats in JSON hide no secret."""
    result = redacted(body)
    assert "hunter2" not in result
    assert digits(result) == [name_of("hunter2")]
    if body.startswith("{") and "\n{" not in body and "'" not in body:
        json.loads(result)


def test_escaped_values_have_the_plain_values_name() -> None:
    """A value has one pseudonym however JSON, XML or a URL spells it."""
    value = 'a"b\\c/ü한😀&'
    spellings = (
        redacted(json.dumps({"token": value})),
        redacted(json.dumps({"token": value}, ensure_ascii=False)),
        redacted(json.dumps({"blob": json.dumps({"token": value})})),
        redacted(f"<token>{html.escape(value, quote=False)}</token>", XML),
        redacted(urlencode({"token": value}), FORM),
        REDACTOR.url("http://h/?" + urlencode({"token": value})),
        REDACTOR.headers((("X-Auth-Token", value.encode().decode("latin-1")),))[0][1],
    )
    assert {tuple(digits(text)) for text in spellings} == {(name_of_text(value),)}


def test_korean_text_stays() -> None:
    """Korean text stays byte for byte, also beside a secret, and a Korean value is a secret like any other."""
    body = '{"이름": "이미지 업로드", "password": "비밀번호입니다", "설명": "토큰을 발급한다"}'
    result = redacted(body)
    assert result == body.replace("비밀번호입니다", f"‹password:{digits(result)[0]}›")
    euc = REDACTOR.body(Body(body.encode("euc-kr"), 1), "application/json; charset=EUC-KR", "")
    assert euc.content == result


def test_configured_names_and_patterns() -> None:
    """Configured keys, headers and patterns are added to the known ones, in any case and with `-` for `_`."""
    mine = Redactor(KEY, headers=["X-My-Thing"], keys=["room_number", "비밀"], patterns=[r"ABC-\d{4}"])
    result = redacted('{"Room-Number": "x1", "비밀": "x2", "n": "see ABC-1234."}', by=mine)
    assert len(digits(result)) == 3
    assert not re.search("x1|x2|1234", PSEUDONYM.sub("", result))
    assert mine.headers((("x-my-thing", "v"),))[0][1].startswith("‹secret:")
    assert redacted(r'{"\ube44\ubc00": "x2"}', by=mine).count("‹") == 1
    assert redacted('{"room_number": "x1"}') == '{"room_number": "x1"}'


@pytest.mark.parametrize("end", range(14, 40))
def test_cut_json(end: int) -> None:
    """A value that reaches the cut is replaced as far as it goes."""
    body = '{"password": "hunter2 and more secrets", "x": 1}'[:end]
    result = redacted(body, cut=True)
    assert result.startswith('{"password": "')
    assert PSEUDONYM.sub("", result)[14:] in ("", '"')


# other bodies


def test_form() -> None:
    """The values of known fields are replaced, names may be encoded or in brackets, the rest stays."""
    body = "user=a%20b&password=hunter2&pass%77ord=hunter2&user[password]=hunter2&user%5Bpass%5D=x&a=1&&b"
    result = redacted(body, FORM)
    assert "hunter2" not in result
    assert result.startswith("user=a%20b&password=‹password:")
    assert result.endswith("&a=1&&b")
    assert len(set(digits(result)[:3])) == 1
    assert redacted("grant_type=client_credentials&client_assertion=x.y&scope=a", FORM).count("‹") == 1


def test_multipart() -> None:
    """A known field's value is replaced, a file keeps its size alone, other fields stay."""
    content = (
        b'--B\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n'
        b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nplain\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="x"\r\nContent-Type: image/png\r\n\r\n'
        b"\x89PNG\xff\r\nhunter2\r\n--B--\r\n"
    )
    body = REDACTOR.body(Body(content, len(content)), 'multipart/form-data; boundary="B"', "")
    assert body.content == (
        '--B\r\nContent-Disposition: form-data; name="password"\r\n\r\n'
        f"‹password:{name_of('hunter2')}›\r\n"
        '--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nplain\r\n'
        '--B\r\nContent-Disposition: form-data; name="f"; filename="x"\r\nContent-Type: image/png\r\n\r\n'
        "‹14 octets›\r\n--B--\r\n"
    )
    assert body.size == len(content)
    cut = REDACTOR.body(Body(content[:-20], len(content), True), "multipart/form-data; boundary=B", "").content
    assert isinstance(cut, str)
    assert cut.endswith("octets or more›")


def test_multipart_unannounced() -> None:
    """A multipart body is known by its own first line where the content type does not name the boundary."""
    content = b"--xyz\r\ncontent-disposition: form-data; name=api_key\r\n\r\nhunter2\r\n--xyz--\r\n"
    for content_type in ("", "multipart/form-data", "multipart/form-data; boundary=other"):
        body = REDACTOR.body(Body(content, 1), content_type, "")
        assert b"hunter2" not in events.to_line(request(body=body))


def test_xml() -> None:
    """Elements and attributes with known names are replaced, prefixed ones and CDATA too; nested elements stay."""
    body = (
        '<?xml version="1.0"?><r><o:Password o:Type="PasswordText">hunter2</o:Password>'
        "<secret><![CDATA[hunter2]]></secret>"
        '<token><id>5</id></token><user password="hunter2" name="a"/><token/><api_key\n a=">">\n hunter2\n</api_key>'
        "<password>hunt<!-- c -->er2</password><token_type>bearer</token_type></r>"
    )
    result = redacted(body, XML)
    assert "hunter2" not in result
    assert "<token><id>5</id></token>" in result
    assert "<token_type>bearer</token_type>" in result
    assert re.search(r'<user password="‹password:\w+›" name="a"/><token/>', result)
    assert re.search(r"<password>‹password:\w+›<!-- c -->‹password:\w+›</password>", result)
    assert result.endswith("</r>")


@pytest.mark.parametrize("mode", ["reverse:http://127.0.0.1:5000@35000", "reverse:https://h:443@0.0.0.0:80"])
def test_the_port_of_a_mode_of_mitmproxy_is_no_password(mode: str) -> None:
    """`mitmdump --mode reverse:…` stands in a recording as it was given; a password in its place does not."""
    assert list(REDACTOR.arguments(["mitmdump", "--mode", mode])) == ["mitmdump", "--mode", mode]
    assert REDACTOR.text(f"listens as {mode}") == f"listens as {mode}"
    assert "hunter2Q" not in REDACTOR.text("reverse:http://nova:hunter2Q@h and https://nova:12345@h")
    assert "12345" not in REDACTOR.text("https://nova:12345@h")


def test_url_in_text() -> None:
    """User-info and the query of a URL are found in any text."""
    text = "cannot connect to mysql://nova:hunter2@db/nova?charset=utf8 and https://hunter2:@h/x?page=2&sig=hunter2 ."
    result = redacted(text, "text/plain")
    assert "hunter2" not in result
    assert "mysql://nova:‹" in result
    assert "db/nova?charset=utf8 and " in result
    assert "page=2&sig=‹" in result
    assert redacted("http://h:80/x?mail=a@b.c", "text/plain") == "http://h:80/x?mail=a@b.c"


def test_lines() -> None:
    """Lines `name: value` of YAML, header dumps and logs are treated as what they are; prose stays."""
    text = (
        "user: a\n  password: hunter2\n- token: 'hunter2'\npassword: null\nsecret:\n  - hunter2\ntoken: |\n"
        "> X-Auth-Token: hunter2\r\n> Authorization: Bearer hunter2\r\n> Cookie: a=hunter2; b=hunter2\r\n"
        "The token: it was lost.\nToken: what a service gives.\ndb_password=hunter2\n"
    )
    result = redacted(text, "text/plain")
    assert PSEUDONYM.sub("hunter2", result) == text
    assert digits(result) == [name_of("hunter2")] * 8


# shapes


@pytest.mark.parametrize(
    "text",
    [
        "| adminPass                   | hunter2Q |\n",
        "+---+\n| Field | Value |\n+---+\n| secret | hunter2Q |\n+---+",
        "+ curl -H 'X-Auth-Token: hunter2Q' http://h\n",
        '2026 DEBUG REQ: curl -X GET http://h -H "Authorization: Bearer hunter2Q"\n',
        "+ openstack --os-password hunter2Q token issue\n",
        "send: b'GET / HTTP/1.1\\r\\nAuthorization: Basic hunter2Q\\r\\nX-Auth-Token: hunter2Q\\r\\n\\r\\n'\n",
        "header: Set-Cookie: sid=hunter2Q; Path=/\n",
        "< X-Subject-Token: hunter2Q\r\n",
        "2026-01-01 INFO password: hunter2Q, user: x\n",
        "[database]\npassword = hunter2Q\n",
        "password:hunter2Q\n",
        "password: |\n  hunter2Q\n  hunter2Q\nuser: x\n",
        "password:\n  hunter2Q\n",
        "password: &anchor hunter2Q # a comment\n",
        "{password: hunter2Q, user: x}\n",
        '{"name": "DB_PASSWORD", "value": "hunter2Q"}',
        '{"args": ["--os-password", "hunter2Q", "--debug"]}',
        '{"message": "Authorization: Bearer hunter2Q"}',
        '{"headers": [["X-Auth-Token", "hunter2Q"], ["Accept", "*/*"]]}',
        '<input type="hidden" name="csrf_token" value="hunter2Q">',
        '<input value="hunter2Q" name="csrf_token">',
        '<meta name="csrf-token" content="hunter2Q">',
        '<div data-page="{&quot;token&quot;:&quot;hunter2Q&quot;}">',
        '{"token": {"tenant": {"id": "t"}, "id": "hunter2Q"}}',
        '{"password": {"value": "hunter2Q"}}',
    ],
)
def test_beside_its_name(text: str) -> None:
    """A value is found where tables, logs, settings, options, pairs and tags give it to a name; redacting again
    changes nothing."""
    for content_type in ("text/plain", ""):
        result = redacted(text, content_type)
        assert "hunter2Q" not in result
        assert redacted(result, content_type) == result


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Authorization", "Bearer hunter2Q"),
        ("X-Forwarded-Authorization", "Basic hunter2Q"),
        ("Authentication", "hunter2Q"),
        ("X-Whatever", "Bearer hunter2Q"),
        ("X-Session-Id", "hunter2Q"),
        ("X-Storage-Pass", "hunter2Q"),
        ("X-Amz-Server-Side-Encryption-Customer-Key", "hunter2Q"),
        ("X-Registry-Auth", "hunter2Q"),
        ("Set-Cookie", "a=hunter2Q; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT, b=hunter2Q; Secure, c=hunter2Q"),
        ("Set-Cookie", 'a="x; hunter2Q"; Path=/'),
        ("Location", "https://user:p@hunter2Q@host/"),
        ("Location", "https://hunter2QxxxxxxxxxxXXX@host/"),
        ("Location", "https://hunter2Q:x-oauth-basic@host/"),
        ("Location", "/x?u=https%3A%2F%2Fuser%3Ahunter2Q%40host&filter=%7B%22password%22%3A+%22hunter2Q%22%7D"),
    ],
)
def test_credentials_in_header_fields(name: str, value: str) -> None:
    """Credentials are found in header fields of many names and forms; redacting again changes nothing."""
    ((_, result),) = once = REDACTOR.headers(((name, value),))
    assert "hunter2Q" not in result
    assert REDACTOR.headers(once) == once
    assert "21 Oct" not in value or "21 Oct 2026 07:28:00 GMT" in result


def test_json_in_base64() -> None:
    """JSON in base64 is replaced whole where it holds a secret, and stays where it holds none."""
    for secret, gone in (
        (json.dumps({"user": "a", "password": "hunter2"}), True),
        ('{"page":1,"limit":"twenty"}', False),
    ):
        encoded = base64.urlsafe_b64encode(secret.encode()).decode()
        text = f'{{"auth": "{encoded}", "url": "data:application/json;base64,{encoded}"}}'
        result = redacted(text)
        assert (encoded[:16] not in result) == gone
        assert redacted(result) == result
        ((_, value),) = REDACTOR.headers((("X-Config", encoded),))
        assert (value != encoded) == gone


@pytest.mark.parametrize(
    "command",
    [
        ["curl", "-u", "user:hunter2Q", "http://h"],
        ["curl", "-uuser:hunter2Q"],
        ["curl", "--user=user:hunter2Q", "--proxy-user", "user:hunter2Q"],
        ["curl", "-HX-Auth-Token: hunter2Q", "--header=Authorization: Bearer hunter2Q"],
        ["curl", "--oauth2-bearer", "hunter2Q", "--cookie", "a=hunter2Q"],
        ["sh", "-c", "curl -H 'Authorization: Bearer hunter2Q' h; openstack --os-password hunter2Q token issue"],
        ["java", "-password", "hunter2Q", "-token=hunter2Q"],
        ["sh", "-c", "curl -u user:hunter2Q h"],
        ["/usr/bin/mysql", "-phunter2Q"],
        ["sshpass", "-p", "hunter2Q", "ssh", "-p", "22", "h"],
        ["mitmdump", "--proxyauth", "user:hunter2Q", "--upstream-auth=user:hunter2Q"],
        ["mitmdump", "--set", "proxyauth=user:hunter2Q", "--set", "upstream_auth=user:hunter2Q"],
    ],
)
def test_credentials_of_a_command_line(command: list[str]) -> None:
    """Credentials are found where programs take them; redacting again changes nothing."""
    once = REDACTOR.arguments(command)
    assert "hunter2Q" not in " ".join(once)
    assert REDACTOR.arguments(once) == once


@pytest.mark.parametrize(
    "text",
    [
        '\x1b[34;1m"token"\x1b[0m: \x1b[32m"hunter2Q"\x1b[0m\n',
        "\x1b[1mpassword\x1b[0m: \x1b[33mhunter2Q\x1b[0m\r\n",
        "\x1b]0;title\x07X-Auth-Token\x1b[0m: hunter\x1b[1m2Q",
        "+ curl -u user:hunter2Q http://h\n",
    ],
)
def test_colours_hide_nothing(text: str) -> None:
    """What a command printed is read as it was seen."""
    event = events.Recorded(1.0, "b" * 32, 0, (("tty", text[:20]), ("tty", text[20:])))
    once = REDACTOR.event(event)
    assert isinstance(once, events.Recorded)
    assert "2Q" not in "".join(piece for _, piece in once.output)
    assert REDACTOR.event(once) == once


@pytest.mark.parametrize(
    "text",
    [
        '{"error": {"message": "invalid token: expired", "code": 401}}',
        '{"methods": ["password", "token"]}',
        '{"tokens": 5, "usage": {"prompt": "a token: b"}}',
        "SyntaxError: unexpected token: )\nThe password: must have 8 letters, a token: see below\n",
        "usage: x [--os-password <auth-password>] [--os-token TOKEN]\n  --password TEXT  The password\n",
        '<form>Password:\n  <input id="password" type="password" value=""></form>',
        "secretKeyRef:\n  name: x\ntoken:\n  type: string\n",
        "| Field | Value |\n| token | None |\n| Token | Value |\n",
        '{"name": "token", "in": "header", "value": null}',
        "function f(password, token) { return password.length > token; }",
        "password: ${DB_PASSWORD}\nsecret: %s\n",
        "if not password:\n    raise Error\ndef token(self) -> Token:\n    return self.x\n",
    ],
)
def test_ordinary_content_stays(text: str) -> None:
    """What only speaks of secrets stays as it is."""
    assert redacted(text, "text/plain") == text


@pytest.mark.parametrize(
    "secret",
    [
        FERNET, JWT, "eyJhbGciOiJkaXIifQ..iv123456.cipher12.tag", "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE",
        "AIza" + "Sy" * 18, "GOCSPX-" + "ab" * 14, "ghp_" + "a1" * 18, "gho_" + "a1" * 18, "ghs_" + "a1" * 18,
        "github_pat_" + "a1" * 20, "glpat-" + "x_" * 10, "xoxb-1234567890-abcdef", "sk_live_" + "a1" * 12,
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow+/=\nabc\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMIIEow",
    ],
)  # fmt: skip
def test_shapes(secret: str) -> None:
    """A known shape is replaced wherever it stands: prose, JSON, a path, a query, binary data."""
    core = max(re.split(r"[-\s.]+|_live_", secret), key=len)
    for text in (f"({secret})", json.dumps({"a": [secret + " "]}), f"<a>{secret}</a>", f"x={quote(secret)}&y=1"):
        result = redacted(text, "text/plain")
        assert core not in result
        assert len(digits(result)) == 1
        assert result[:1] == text[:1]
        assert result[-1:] == text[-1:]
    assert core not in REDACTOR.url(f"http://h/v2/{quote(secret)}/x?a={quote(secret)}")
    octets = REDACTOR.body(Body(b"\0\xff" + secret.encode() + b"\0\xfe", 1), "application/octet-stream", "").content
    assert isinstance(octets, bytes)
    assert core.encode() not in octets
    assert octets.endswith(b"\0\xfe")


def test_shapes_at_the_cut() -> None:
    """The start of a token that the cut broke off is replaced."""
    assert PSEUDONYM.fullmatch(redacted(FERNET[:20], "text/plain", cut=True))
    assert PSEUDONYM.fullmatch(redacted(JWT[:30], "text/plain", cut=True))
    assert redacted(FERNET[:20], "text/plain") == FERNET[:20]


@pytest.mark.parametrize(
    "text", ["eyJ.example.com", "gAAAA", "AKIA", "eyJ0aGlzIjoxfQ", "-----BEGIN CERTIFICATE-----\nMII"]
)
def test_shapes_that_look_alike(text: str) -> None:
    """What only begins like a known shape stays."""
    assert redacted(text, "text/plain") == text


# headers, URLs, the rest of an event


def test_headers() -> None:
    """Known header fields lose their credential alone; order, case, repeats and all others stay."""
    pairs = (
        ("X-Auth-Token", "abc"), ("x-subject-token", "abc"), ("Authorization", "Bearer abc"),
        ("AUTHORIZATION", "Basic dTpw"), ("authorization", "abc"), ("Proxy-Authorization", "Digest a=b, c=d"),
        ("Cookie", 'sid=abc; theme="abc"; x='), ("Set-Cookie", "sid=abc; Path=/; HttpOnly"),
        ("Set-Cookie", "b=1"), ("Host", "h:80"), ("Vary", "X-Auth-Token"), ("X-Api-Key", "abc"),
        ("Location", "http://h/cb#access_token=abc"), ("Content-Type", "application/json"),
    )  # fmt: skip
    result = REDACTOR.headers(pairs)
    token = name_of("abc")
    values = [value for _, value in result]
    assert [name for name, _ in result] == [name for name, _ in pairs]
    assert values[:3] == [f"‹token:{token}›", f"‹token:{token}›", f"Bearer ‹token:{token}›"]
    assert re.fullmatch("Basic ‹credential:[0-9a-f]{16}›", values[3])
    assert values[4] == f"‹token:{token}›"
    assert re.fullmatch("Digest ‹credential:[0-9a-f]{16}›", values[5])
    assert values[6] == f'sid=‹cookie:{token}›; theme="‹cookie:{token}›"; x='
    assert values[7] == f"sid=‹cookie:{token}›; Path=/; HttpOnly"
    assert values[9:] == [
        "h:80", "X-Auth-Token", f"‹key:{token}›", f"http://h/cb#access_token=‹token:{token}›", "application/json",
    ]  # fmt: skip


def test_a_header_value_seen_before_is_looked_at_for_itself() -> None:
    """That a value was clean in one field does not let it pass in another."""
    redactor = Redactor(KEY)
    assert redactor.headers((("Server", "abc"),)) == (("Server", "abc"),)
    assert redactor.headers((("Server", "abc"), ("X-Auth-Token", "abc")))[1][1].startswith("‹token:")


def test_url() -> None:
    """A URL loses its password and its secret parameters, names decoded; everything else stays."""
    token = name_of("abc")
    assert REDACTOR.url("http://u:abc@h:80/p;jsessionid=abc?a=%20&pass%77ord=abc&x#access_token=abc&y=1") == (
        f"http://u:‹password:{token}›@h:80/p;jsessionid=‹cookie:{token}›?a=%20&pass%77ord=‹password:{token}›&x"
        f"#access_token=‹token:{token}›&y=1"
    )
    assert REDACTOR.url("/v1/o?temp_url_sig=abc&temp_url_expires=1") == (
        f"/v1/o?temp_url_sig=‹key:{token}›&temp_url_expires=1"
    )
    plain = "http://127.0.0.1:60999/v2/images?limit=20&marker=a&sort_key=name&page_token=x"
    assert REDACTOR.url(plain) == plain


def test_arguments() -> None:
    """The values of options with known names are replaced, and URLs, headers and settings among the arguments."""
    command = (
        "openstack", "--os-username", "admin", "--os-password", "abc", "--os-token=abc", "--os-auth-type", "password",
        "--password-prompt", "--user", "x", "--password", "--os-auth-url", "http://u:abc@h/", "-H", "X-Auth-Token: abc",
        "OS_PASSWORD=abc", "sh -c 'run --password abc --name n'", '{"password": "abc"}',
    )  # fmt: skip
    result = REDACTOR.arguments(command)
    token = name_of("abc")
    assert "abc" not in " ".join(result)
    assert result[:9] == (
        "openstack", "--os-username", "admin", "--os-password", f"‹password:{token}›", f"--os-token=‹token:{token}›",
        "--os-auth-type", "password", "--password-prompt",
    )  # fmt: skip
    assert result[11:13] == ("--password", "--os-auth-url")
    assert result[17] == f"sh -c 'run --password ‹password:{token}› --name n'"
    assert OFF.arguments(command) == command


def test_every_event_is_looked_through() -> None:
    """No kind of event lets a token through, in whatever field of text it stands."""
    pairs = (("Content-Type", JSON),)
    secret = Body(f'{{"token": "{FERNET}"}}'.encode(), 1)
    for event in (
        request(url=f"http://h/{FERNET}", headers=(*pairs, ("A", FERNET)), body=secret),
        events.Response(
            1.0, ORIGIN, 200, FERNET, "HTTP/1.1", (("X", FERNET),), (events.Attempt(None, FERNET),), secret
        ),
        events.BodyEnd(1.0, ORIGIN, "response", secret, "error: " + FERNET),
        events.Failure(1.0, ORIGIN, "ConnectTimeout: " + FERNET, (events.Attempt(None, FERNET),)),
        events.Recording(1.0, "b" * 32, "x", ("run", "--x", FERNET)),
        events.Recorded(1.0, "b" * 32, 0, (("out", FERNET[:50]), ("err", "x"), ("out", FERNET[50:] + "\n"))),
        events.Process(1.0, "h", 1, None, FERNET, (), "store"),
        events.Count(1.0, "h", 1, 0, 0, 1, FERNET),
    ):
        result = REDACTOR.event(event, pairs)
        line = events.to_line(result)
        assert FERNET[:40].encode() not in line
        assert FERNET[-40:].encode() not in line
        assert set(digits(line.decode())) == {name_of(FERNET)}
        assert REDACTOR.event(result, pairs) == result
        assert FERNET[:50].encode() in events.to_line(OFF.event(event, pairs))


def test_output_keeps_its_pieces() -> None:
    """The output's pieces keep their order and streams; a token over two pieces stands in the first."""
    output = (("out", "a " + FERNET[:30]), ("err", "warning"), ("out", FERNET[30:] + " b"))
    result = REDACTOR.event(events.Recorded(1.0, "b" * 32, 0, output))
    assert isinstance(result, events.Recorded)
    assert result.output == (("out", f"a ‹token:{name_of(FERNET)}›"), ("err", "warning"), ("out", " b"))


# what a body's octets are


def test_gzip_and_deflate_are_undone() -> None:
    """gzip and deflate, in either format and in several members, are undone before secrets are looked for."""
    plain = b'{"token": "hunter2"}' * 3
    raw = zlib.compressobj(wbits=-15)
    for coding, content in (
        ("gzip", gzip.compress(plain)), ("x-gzip", gzip.compress(plain[:20]) + gzip.compress(plain[20:])),
        ("deflate", zlib.compress(plain)), ("Deflate", raw.compress(plain) + raw.flush()),
        ("gzip, identity, gzip", gzip.compress(gzip.compress(plain))),
    ):  # fmt: skip
        body = REDACTOR.body(Body(content, len(content)), JSON, coding)
        assert body.content == plain.decode().replace("hunter2", f"‹token:{name_of('hunter2')}›")
        assert body.encoding is not None
        assert coding.lower().startswith(body.encoding.split(",")[0])
        assert (body.size, body.cut) == (len(content), False)
        assert OFF.body(Body(content, len(content)), JSON, coding).content == plain.decode()


def test_gzip_cut_in_the_middle() -> None:
    """Of a gzip body that was cut, what can be undone is kept, and a value that reaches the end is replaced."""
    plain = '{"a": "x", "password": "' + "".join(chr(33 + i * 7 % 90) for i in range(3000)).replace('"', "").replace(
        "\\", ""
    )
    content = gzip.compress(plain.encode())
    body = REDACTOR.body(Body(content[: len(content) // 2], len(content), True), JSON, "gzip")
    assert isinstance(body.content, str)
    assert re.fullmatch(r'\{"a": "x", "password": "‹password:\w+›', body.content)


def test_gzip_bomb() -> None:
    """A body that inflates to a gigabyte costs 64 KiB, and is cut."""
    content = zlib.compress(b"a" * 200_000_000, 9)
    started = time.process_time()
    body = REDACTOR.body(Body(content[:65536], len(content), True), "text/plain", "deflate")
    assert time.process_time() - started < 0.1
    assert isinstance(body.content, str)
    assert len(body.content) == 65536
    small = gzip.compress(b"a" * 1_000_000)
    assert REDACTOR.body(Body(small, len(small)), "text/plain", "gzip").cut is True


def test_other_codings_keep_their_size_alone() -> None:
    """A body in a coding that cannot be undone is dropped, with the reason; kept as it is while redaction is off."""
    for coding, content in (
        ("br", b"\x0b\x02"),
        ("zstd", b"(\xb5/\xfd"),
        ("gzip", b"\x1f\x8b\xff\xff"),
        ("gzip, br", b"x"),
    ):
        body = REDACTOR.body(Body(content, 4), JSON, coding)
        assert (body.content, body.size) == (None, 4)
        assert body.why is not None
        assert REDACTOR.body(body, JSON, coding) == body
        assert OFF.body(Body(content, 4), JSON, coding) == Body(content, 4)


def test_a_coding_that_is_not_there() -> None:
    """Plain text that a header calls gzip is what it is."""
    assert REDACTOR.body(Body(b'{"pwd": "x"}', 1), JSON, "gzip").content == redacted('{"pwd": "x"}')


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (b"plain", "", "plain"), (b"", "", ""), (b"a\0b", "text/plain", b"a\0b"), (b"\x89PNG\r\n", "image/png",
        b"\x89PNG\r\n"),
        (b"<svg/>", "image/svg+xml", "<svg/>"), (b"caf\xe9", "text/plain; charset=iso-8859-1", "café"),
        ("한글".encode("euc-kr"), "text/plain;charset=euc-kr", "한글"), ("한글".encode(), "text/plain", "한글"),
        ("{}".encode("utf-16-le"), JSON, "{}"), ("x한".encode("utf-16"), "text/plain", "x한"), (b"\xff\xfa", "",
        b"\xff\xfa"),
        ("한글".encode(), 'text/plain; charset="no-such"', "한글"), (b"x", "text/plain; charset=punycode", "x"),
        (b"plain", "application/octet-stream", "plain"),
    ],
)  # fmt: skip
def test_what_is_text(content: bytes, content_type: str, expected: bytes | str) -> None:
    """Text is what its charset, else UTF-8, decodes without NULs and what is no picture, sound or film."""
    for redactor in (REDACTOR, OFF):
        body = redactor.body(Body(content, len(content)), content_type, "")
        assert body.content == expected
        assert redactor.body(body, content_type, "") == body


@pytest.mark.parametrize("end", [-1, -2])
def test_text_is_cut_at_a_characters_end(end: int) -> None:
    """A character that the cut broke is left out; without a cut such octets are no text."""
    content = "가나다".encode()[:end]
    assert REDACTOR.body(Body(content, 9, True), "text/plain", "").content == "가나"
    assert REDACTOR.body(Body(content, 9), "text/plain", "").content == content


def test_octets_that_are_no_text_are_looked_through() -> None:
    """One octet that is no UTF-8 does not hide a password: the rest stays octet for octet."""
    content = b'{"name": "caf\xe9", "password": "hunter2", "x": "\xe2\x80\xb9"}'
    result = REDACTOR.body(Body(content, 1), JSON, "")
    assert result.content == content.replace(b"hunter2", f"‹password:{name_of('hunter2')}›".encode())
    assert REDACTOR.body(result, JSON, "") == result


# pseudonyms


def test_pseudonyms_depend_on_key_and_value_alone() -> None:
    """Two processes with one key give a value one name; another key gives another."""
    for other, same in ((Redactor(KEY, keys=["x"]), True), (Redactor(b"z" * 32), False)):
        assert (other.headers((("X-Auth-Token", "abc"),)) == REDACTOR.headers((("X-Auth-Token", "abc"),))) is same


def test_a_pseudonym_hides_no_neighbour() -> None:
    """Text that looks like a pseudonym is left alone, but only where it is the whole value."""
    forged = "‹token:0123456789abcdef›"
    assert redacted(f'{{"token": "{forged}"}}') == f'{{"token": "{forged}"}}'
    result = redacted(f'{{"token": "{forged}hunter2", "a": "?token={forged}hunter2"}}')
    assert "hunter2" not in result


def test_imports_nothing_heavy() -> None:
    """Importing the redactor loads nothing that costs a service's start anything."""
    code = "import sys; a = set(sys.modules); import requestshook.redact; print(*sorted(set(sys.modules) - a))"
    folder = Path(__file__).parent.parent
    started = subprocess.run([sys.executable, "-S", "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    heavy = {"hashlib", "html", "email", "threading", "logging", "dataclasses", "inspect", "uuid", "sqlite3"}
    assert not heavy & set(started.stdout.split())


def test_the_documentation_lists_what_is_known() -> None:
    """docs/redaction.md names every known name and the beginning of every known shape."""
    text = (Path(__file__).parent.parent / "docs" / "redaction.md").read_text("utf-8")
    listed = [name for name, _ in names.SUFFIXES] + [*names.EXACT, *names.IN_QUERY, *names.NO_SECRET]
    assert [name for name in listed if f"`{name}`" not in text] == []
    needles = [shape[0] for shape in shapes._SHAPES if shape[0] not in ("eyJ", "k_live_")]
    assert [needle for needle in needles if f"`{needle}" not in text] == []


# properties

NAMES = (
    "password",
    "adminPass",
    "os_password",
    "secret",
    "client_secret",
    "token",
    "access_token",
    "api_key",
    "X-Auth-Token",
)
ALPHABET = string.ascii_letters + string.digits + '"\\/<>&=+%;: \n{}[]’한é😀\u2028-_.'
plain_texts = st.text(ALPHABET, max_size=12).filter(
    lambda text: not re.search("(?i)pass|pwd|token|secret|key|cookie|session|credential|authorization|zq9", text)
)
secrets = st.text(ALPHABET, min_size=1, max_size=12).map(lambda text: "Zq9" + text.strip() + "w7X")


def documents(values: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """JSON documents in which known names stand before secrets, at any depth."""
    leaves = st.none() | st.booleans() | st.integers() | plain_texts
    held = st.dictionaries(st.sampled_from(NAMES), values | st.lists(values, min_size=1, max_size=3), max_size=2)
    return st.recursive(
        leaves | held,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_texts, inner, max_size=3) | held,
        max_leaves=8,
    )


def assert_gone(result: str | bytes | None) -> None:
    """No secret, nor its beginning, is left in a line of the spool."""
    line = events.to_line(request(body=Body(result, 1)))
    assert b"Zq9" not in line
    assert b"w7X" not in line


@settings(max_examples=300, deadline=None)
@given(documents(secrets), st.booleans(), st.sampled_from([None, 1]), st.booleans())
def test_no_secret_of_a_json_document_survives(document: Any, ascii: bool, indent: int | None, nested: bool) -> None:
    """No secret survives in JSON, nested in strings or not; the JSON stays JSON and keeps all else; idempotent."""
    text = json.dumps(document, ensure_ascii=ascii, indent=indent)
    if nested:
        text = json.dumps({"blob": text}, ensure_ascii=ascii)
    result = redacted(text)
    assert_gone(result)
    assert redacted(result) == result
    read = json.loads(result)
    assert masked(json.loads(read["blob"]) if nested else read) == masked(document)


def masked(value: Any) -> Any:
    """A document with secrets and pseudonyms alike replaced by a mark."""
    if isinstance(value, str):
        return "*" if value.startswith("Zq9") or PSEUDONYM.fullmatch(value) else value
    if isinstance(value, list):
        return [masked(item) for item in value]
    return {key: masked(item) for key, item in value.items()} if isinstance(value, dict) else value


@settings(max_examples=300, deadline=None)
@given(documents(secrets), st.booleans(), st.data())
def test_no_secret_survives_a_cut(document: Any, ascii: bool, data: st.DataObject) -> None:
    """Wherever JSON was cut, no part of a secret survives before the cut."""
    content = json.dumps(document, ensure_ascii=ascii).encode()
    content = content[: data.draw(st.integers(0, len(content)))]
    body = REDACTOR.body(Body(content, 9999, True), JSON, "")
    assert_gone(body.content)
    assert REDACTOR.body(body, JSON, "") == body


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([*NAMES, "a", "token_type"]), secrets), max_size=5), st.data())
def test_no_secret_of_a_form_survives(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    """No secret survives in a form, as a body, a query or a multipart body, cut anywhere; others stay."""
    known = [(name, value) for name, value in pairs if name in NAMES]
    others = [(name, "plain value") for name, _ in pairs if name not in NAMES]
    encoded = urlencode([*known, *others])
    content = encoded[: data.draw(st.integers(0, len(encoded)))].encode()
    assert_gone(REDACTOR.body(Body(content, 9999, True), FORM, "").content)
    for result in (redacted(encoded, FORM), REDACTOR.url("http://h/p?" + encoded).partition("?")[2]):
        assert_gone(result)
        assert redacted(result, FORM) == result
        assert result.count("plain+value") == len(others)
        assert [digits(pair) for pair in result.split("&")[: len(known)]] == [[name_of_text(v)] for _, v in known]
    parts = "".join(f'--B\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in known) + "--B--\r\n"
    content = parts.encode()[: data.draw(st.integers(0, len(parts.encode())))]
    assert_gone(REDACTOR.body(Body(content, 9999, True), "multipart/form-data; boundary=B", "").content)


def name_of_text(value: str) -> str:
    """The digits that stand for a text of any characters."""
    return name_of(value.encode().decode("latin-1"))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(("password", "token", "api_key", "a")), secrets), max_size=4), st.data())
def test_no_secret_of_an_xml_document_survives(pairs: list[tuple[str, str]], data: st.DataObject) -> None:
    """No secret survives in XML elements and attributes, cut anywhere; other elements stay."""
    known = [(name, html.escape(value)) for name, value in pairs if name != "a"]
    body = (
        "<r>"
        + "".join(f'<n:{n}>{v}</n:{n}><x {n}="{v}" b="1"/><{n} x="1"><![CDATA[{v}]]></{n}>' for n, v in known)
        + "<a>p</a></r>"
    )
    if "]]>" not in body.replace("]]></", "") and all("]]>" not in value for _, value in pairs):
        content = body.encode()[: data.draw(st.integers(0, len(body.encode())))]
        assert_gone(REDACTOR.body(Body(content, 9999, True), XML, "").content)
        result = redacted(body, XML)
        assert_gone(result)
        assert result.endswith("<a>p</a></r>")
        assert result.count('b="1"/>') == len(known)
        assert redacted(result, XML) == result


header_texts = st.text(st.characters(min_codepoint=32, max_codepoint=255, blacklist_characters="\x7f"), max_size=20)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("Authorization", "cookie", "Set-Cookie", "X-Auth-Token", "X-API-KEY", "Accept")),
            header_texts,
        ),
        max_size=5,
    )
)
def test_headers_keep_their_form(pairs: list[tuple[str, str]]) -> None:
    """Known fields lose their values, all others keep theirs; twice is as once."""
    held = tuple(
        (name, {"cookie": f"a=Zq9{value}", "Set-Cookie": f"a=Zq9{value}; w"}.get(name, f"Bearer Zq9{value}"))
        if name != "Accept" else (name, "*/*")
        for name, value in pairs
    )  # fmt: skip
    result = REDACTOR.headers(held)
    assert "Zq9" not in str(result)
    assert [name for name, _ in result] == [name for name, _ in held]
    assert REDACTOR.headers(result) == result
    assert all(value == "*/*" for name, value in result if name == "Accept")


fragments = st.sampled_from(
    [
        '"token"', "'password'", ":", '"', "\\", '\\"', "\\u0022", "\\u0070", "<token", "<token>", "</", ">",
        "<![CDATA[", "]]>",
        "<!--", "-->", "=", "?", "&", "password=", "token = ", ' key="', "://", "@", "a:b@",
        "eyJhbGciOiJIUzI1NiJ9.e30.x", "gAAAA",
        FERNET, "-----BEGIN PRIVATE KEY-----", "-----END", "‹token:0123456789abcdef›", "‹", "›", "{", "[", ",", "1",
        " ", "\n",
        "x", "한", "--B\r\n", "\r\n\r\n", 'Content-Disposition: form-data; name="token"', "; filename=x", "api_key",
        "\0", "cookie", "id",
    ]
)  # fmt: skip
hostile = st.lists(fragments | st.text(max_size=3), max_size=20).map("".join)
content_types = st.sampled_from(
    ["", JSON, FORM, XML, "text/plain; charset=euc-kr", "multipart/form-data; boundary=B", "image/png"]
)


@settings(max_examples=600, deadline=None)
@given(hostile, content_types, st.booleans(), st.binary(max_size=3))
@example('token = -----BEGIN PRIVATE KEY-----"token"', "", False, b"")
@example("token = :-----BEGIN PRIVATE KEY-----", "", False, b"")
def test_redaction_is_idempotent_and_never_raises(text: str, content_type: str, cut: bool, tail: bytes) -> None:
    """Whatever the octets and the content type, redaction gives an event, and redacting that changes nothing."""
    content = text.encode("utf-8", "surrogatepass") + tail
    for event in (
        request(body=Body(content, 9999, cut), headers=(("Content-Type", content_type), ("X", text)), url=text),
        events.Recorded(1.0, "b" * 32, 0, (("out", text), ("err", text), ("out", text)), cut),
        events.Recording(1.0, "b" * 32, "x", (text, "--token", text, text)),
        events.Failure(1.0, ORIGIN, text),
    ):
        once = REDACTOR.event(event)
        assert REDACTOR.event(once) == once


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200), st.text(max_size=30), st.sampled_from(["", "gzip", "deflate", "br", "gzip, deflate", ",;"])
)
def test_any_octets(content: bytes, content_type: str, coding: str) -> None:
    """Octets and content types of any kind neither raise nor get lost: content or a reason is there."""
    for prefix in (b"", b"\x1f\x8b\x08", b"--a\r\n"):
        body = REDACTOR.body(Body(prefix + content, len(content), True), content_type, coding)
        assert body.content is not None or body.why
        OFF.body(Body(prefix + content, len(content), True), content_type, coding)


@pytest.mark.parametrize(
    "unit",
    [
        '"', "\\", '\\"', "eyJ", "eyJ.", "gAAAA", "AKIA", "ghp_", "xoxb-", '"token":', '"token":"', '"token":[',
        '"token":{', '"token"\\',
        "[", '{"a":', "<token ", '<token "', "<token>", "<token><!--", "<token><![CDATA[",
        "-----BEGIN PRIVATE KEY-----", "://a:", "@://",
        "\\u0041", '"\\u0022', "token=", "token = ", 'token="', "token", " key", "&", "a=", "%41",
        "‹token:0123456789abcdef›",
        '"token":{"id', "--B\r\n", '--B\r\nContent-Disposition: a; name="', ";", "=", "\0", "\n",
        "password: x ", "\npassword: |\n  ", "password:\n", "| token |", "\n| token | ", "--token ", '<a name="token" ',
        '<a name="token', '"token","', "&quot;token&quot;:&quot;", '"token":{"a":{},', "http://a:b@", "%22token%22:",
        "\x1b[1mtoken", "token: 'x", " -u a:b",
    ],
)  # fmt: skip
def test_hostile_bodies_take_bounded_time(unit: str) -> None:
    """64 KiB of anything takes a time in proportion to its length."""
    content = (unit * 65536).encode()[:65536]
    for content_type in (JSON, FORM, "multipart/form-data; boundary=B"):
        started = time.process_time()
        REDACTOR.body(Body(content, 65536, True), content_type, "")
        assert time.process_time() - started < 1.0
    started = time.process_time()
    text = content.decode("latin-1")
    REDACTOR.event(events.Recorded(1.0, "b" * 32, 0, (("out", text),)))
    REDACTOR.headers((("Set-Cookie", text), ("X", text)))
    REDACTOR.url("http://a/?a=" + text)
    assert time.process_time() - started < 2.0
    started = time.process_time()
    text = content.decode("utf-8", "replace")
    REDACTOR.event(request(url=text, headers=(("Cookie", text), ("X", text), ("Authorization", text))))
    assert time.process_time() - started < 2.0


def test_quoted_in_a_url() -> None:
    """A percent-encoded token is the same token."""
    assert digits(REDACTOR.url("http://h/?token=" + quote_plus("a/b c"))) == [name_of("a/b c")]


def test_a_pattern_that_is_none() -> None:
    """A pattern that is no regular expression is a ValueError that says why."""
    with pytest.raises(ValueError, match=r"patterns: .*unterminated"):
        Redactor(KEY, patterns=["(["])
