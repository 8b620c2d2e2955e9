"""What any page must keep to: one file, no request, nothing that runs but the one script of its own."""

import base64
import hashlib
import re
from html.parser import HTMLParser

VOID = ("meta", "br", "input", "path", "rect")
_NAMES = re.compile(r"#(?:[rs]\d+|top|matrix)")


class _Tags(HTMLParser):
    """Elements, attributes and links of a page, and the text of its scripts and looks."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []
        self.attributes: dict[str, set[str]] = {}
        self.inline: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.inline[self.open[-1]] = self.inline.get(self.open[-1], "") + data


def keeps_to_itself(page: str) -> None:
    """AssertionError where the page could fetch or run anything, or is not whole."""
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    assert not set(tags.seen) & {"link", "img", "image", "use", "iframe", "object", "embed", "base", "form"}
    assert (tags.seen.count("script"), tags.seen.count("style")) == (1, 1)
    assert not [name for name in tags.attributes if name.startswith("on")]
    assert not set(tags.attributes) & {"src", "srcset", "style", "action", "xlink:href"}
    assert all(map(_NAMES.fullmatch, tags.attributes.get("href", ())))
    identifiers = re.findall(r'<[^<>]* id="([^"]*)"', page)
    assert len(set(identifiers)) == len(identifiers)
    assert {link[1:] for link in tags.attributes.get("href", ())} <= {"top", *identifiers}
    (policy,) = (value for value in tags.attributes["content"] if value.startswith("default-src"))
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    for element, rule in (("script", "script-src"), ("style", "style-src")):
        digest = base64.b64encode(hashlib.sha256(tags.inline[element].encode()).digest()).decode()
        assert rules.pop(rule) == f"'sha256-{digest}'"
    assert set(rules.values()) == {"'none'"}
    assert not re.search(r"url\(|@import|<!--|https?://", tags.inline["script"] + tags.inline["style"])
