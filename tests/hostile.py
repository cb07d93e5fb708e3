"""Captured content that would be markup, code or a path if it were written out plainly, and what it would then do."""

from __future__ import annotations

import re

RUN = "window.pwned=1"
IMAGE = f"<img src=x onerror={RUN}>"
SECRET_FILE = "secret.txt"

CONTENTS: dict[str, str] = {
    "closes the fence": f'```\n\n=== "Tab"\n\n# Heading\n\n{IMAGE}\n',
    "closes a longer fence": f"`````\n{IMAGE}\n``````\n",
    "tildes": f"~~~\n{IMAGE}\n~~~",
    "a lone carriage return": f"a\r```\r\r{IMAGE}\r",
    "next line": f"a\x85```\x85\x85{IMAGE}\x85",
    "line separator": f"a\u2028```\u2028\u2029{IMAGE}",
    "vertical tab, form feed": f"a\x0b```\x0c{IMAGE}\x1c\x1d\x1e",
    "controls": "a\x00b\x01\x02c\x03\x1b[31mred\x7f",
    "what Python-Markdown stashes with": "\x02wzxhzdk:0\x03 \x02klzzwxh:0000\x03 \x02amp\x03",
    "bidirectional controls": "/\u202egnp.exe\u2066\u200f",
    "an image": f"/{IMAGE}",
    "a script": f"<script>{RUN}</script>",
    "a script that ends a script": f"</code></pre></script><script>{RUN}</script>",
    "a link": f"/[x](javascript:{RUN})",
    "an autolink": f"<javascript:{RUN}> https://evil.example www.evil.example me@evil.example",
    "an attribute list": f'/x {{ onclick="{RUN}" .evil #evil }}',
    "an attribute list with a colon": f'/x{{: onmouseover="{RUN}" }}',
    "a fence's title": f'/x" title_mode="html" title="{IMAGE}',
    "a title in single quotes": f"/x' onclick='{RUN}",
    "ends a label": f'" onclick="{RUN}" x="{{}}`\n# Heading',
    "emphasis and symbols": "__a__ ~~b~~ ^^c^^ ==d== :smile: (c) (tm) 1/2 3/4 c/o 1st +/- --> ++ctrl+alt++ {--x--}",
    "ellipses and dashes": "a...b -- c --- d \"q\" 'q' <<e>>",
    "entities": "&#x3c;img src=x onerror=alert(1)&#62; &lt;b&gt; &amp;",
    "a snippet": f'--8<-- "{SECRET_FILE}"',
    "a snippet block": f"--8<--\n{SECRET_FILE}\n--8<--",
    "a snippet that is escaped": f';--8<-- "{SECRET_FILE}"',
    "a table of contents": "[TOC]\n\n[[_TOC_]]",
    "footnotes": "[^1]\n\n[^1]: note",
    "abbreviations": "*[Host]: x\n*[GET]: y",
    "a reference": f"[x][y]\n\n[y]: javascript:{RUN}",
    "a wiki link": "[[Index]]",
    "macros": "{{ 7*7 }} {% endraw %} {# x #} {{ config }}",
    "Mermaid: a message": "x; a->>Mallory: x\nparticipant Mallory",
    "Mermaid: comments and directives": "%% x %%{init: {'theme':'dark'}}%% # x;",
    "Mermaid: words": "end",
    "Mermaid: arrows": '->> --x "q" : <b>b</b> $$x$$',
    "an admonition": f'!!! note "x"\n    {IMAGE}\n??? note\n',
    "a details block": "/// details | x\n    open: true\nx\n///",
    "HTML that holds Markdown": f'<div markdown="1">\n\n# Heading\n\n{IMAGE}\n\n</div>',
    "a comment": f"<!-- x --> --> {IMAGE}",
    "front matter": "---\ntitle: x\n---",
    "a table": "| a | b |\n|---|---|\n| c | d |",
    "a list and a quote": "- [ ] a\n1. b\n> c\n: d",
    "a math block": "$$x$$ \\(y\\) $z$",
    "backslashes": "\\`a\\` \\\\ \\# \\[",
    "blank lines": "\n\n\nx\n\n",
    "spaces and tabs": "  a  \n\tb\t\n   ",
    "a template": "{% include '/etc/passwd' %}{{ ''.__class__ }}",
    "a lone surrogate": "a\udcffb",
    "JSON with markup": '{"a": "```\\n</code><img src=x onerror=window.pwned=1>", "__b__": "\u2028"}',
    "a commit and an issue": "e2ed7e0b3973f3f9eb7a26b8ef7ae514eebfe0d2 ?12 user/repo#1 @user !3",
}


def in_header(text: str) -> str:
    """The text as a header or a URL can carry it: without a line feed."""
    return re.sub(r"\n", " ", text)
