"""Markdown read as GitHub and GitLab do: GitHub's own parser, what a sanitiser leaves, what filters look for."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options
from markdown_it import MarkdownIt

VOID = {"br", "hr", "img", "input"}
# The tags and attributes of a page of ours, all of which both forges leave.
OURS = {
    "h1": (), "h2": (), "h3": (), "h4": (), "p": (), "ul": (), "li": (), "blockquote": (), "br": (), "strong": (),
    "em": (), "b": (), "span": (), "code": (), "pre": ("lang",), "a": ("name", "href"), "table": (), "thead": (),
    "tbody": (), "tr": (), "th": ("align",), "td": ("align",), "details": ("open",), "summary": (),
}  # fmt: skip
# What their filters make links, pictures or sums of, in each text that stands outside of code.
FOUND = re.compile(
    r"""
    (?<![\w/]) @ [\w-]            # mentions
  | [#!~%$&] \w                   # issues, merge requests, labels, milestones, snippets, epics
  | \b GH - [0-9] | \b [A-Z][A-Z0-9]+ - [0-9]
  | \b [0-9a-f]{7,40} \b
  | : (?! [0-9]{2} : ) [\w+-]+ :   # emoji, none of which is a time
  | \b \w+ :// | \b www\. | \b (?: mailto | xmpp | javascript ) : | [\w.+-]+ @ [\w-]+ \.
  | \[\[ | \{\+ | \{- | \[\+ | \[-
  | \[ (?: \^ | ! | [ xX]? \] )
    """,
    re.VERBOSE,
)

ALERT = re.compile(r"^\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\n")


class Page(HTMLParser):
    """What GitHub makes of a page: `faults` are what is none of ours, the rest is what a reader sees, by the tag."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.names: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.shown: dict[str, list[str]] = {tag: [] for tag in OURS}
        self.fences: list[tuple[str, str]] = []
        text = markdown.encode("utf-8", "backslashreplace").decode()  # as the command writes it
        self.feed(github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES))
        self.close()
        self.faults += [f"<{tag}> stays open" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in OURS or set(given) - set(OURS[tag]):
            self.faults.append(self.get_starttag_text() or tag)
            return
        self.tags.append(tag)
        if name := given.get("name"):
            self.names.append(name)
        if href := given.get("href"):
            self.links.append(href)
        if tag == "pre":
            self.fences.append((given.get("lang") or "", ""))
        if tag not in VOID:
            self.open.append(tag)
            self.shown[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if self.open[-2:] == ["blockquote", "p"] and self.shown["p"][-1] == "":
            data = ALERT.sub(r"\1: ", data)
        for tag in dict.fromkeys(self.open):
            self.shown[tag][-1] += data
        if "pre" in self.open:
            language, text = self.fences[-1]
            self.fences[-1] = (language, text + data)
        elif "code" not in self.open and (found := FOUND.search(data)):
            self.faults.append(f"{found[0]!r} in {data!r}")

    def handle_comment(self, data: str) -> None:
        if "generator: requestshook" not in data:
            self.faults.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.faults.append(decl)

    def handle_pi(self, data: str) -> None:
        self.faults.append(data)

    def unknown_decl(self, data: str) -> None:
        self.faults.append(data)


def tags_of_another_parser(markdown: str) -> list[str]:
    """The tags in their order as another parser of GitHub's Markdown has them."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return re.findall(r"<([a-z0-9]+)", parser.render(markdown.encode("utf-8", "backslashreplace").decode()))
