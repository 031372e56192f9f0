"""Reading a page as a program does: its form with what is filled in, its faults, its links."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

Attributes = dict[str, str]


class Form(MultiDict):  # type: ignore[type-arg]
    """What a form would send: `form | {…}` fills fields in anew, a list for several values of one field."""

    def __or__(self, filled: Any) -> "Form":
        form = Form(self)
        for name, value in filled.items():
            form.setlist(name, value if isinstance(value, list) else [value])
        return form


@dataclass
class Page(HTMLParser):
    """One page taken apart. `form` is what a browser would send back, without any of the buttons."""

    form: Form = field(default_factory=Form)
    names: set[str] = field(default_factory=set)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    summary: list[tuple[str, str]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    data: dict[str, list[str]] = field(default_factory=dict)
    title: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._inside: list[tuple[str, Attributes]] = []
        self._select = ""
        self._chosen: list[str] = []
        self._first_option: str | None = None

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        own = {name: value or "" for name, value in attributes}
        for name, value in own.items():
            if name.startswith("data-"):
                self.data.setdefault(name, []).append(value)
        if tag == "a":
            self.links.append(own.get("href", ""))
        getattr(self, f"_open_{tag}", lambda _: None)(own)
        if tag not in {"input", "link", "meta", "br", "img", "hr"}:
            self._inside.append((tag, own))
        if tag == "textarea":
            self.form.add(own["name"], "")

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop()[0] != tag:
            pass
        if tag == "textarea":
            name = list(self.form)[-1]
            self.form[name] = self.form[name].replace("\r\n", "\n").removeprefix("\n")
        if tag == "select":
            chosen = self._chosen or ([self._first_option] if self._first_option is not None else [])
            for one in chosen:
                self.form.add(self._select, one)

    def handle_data(self, words: str) -> None:
        for tag, own in reversed(self._inside):
            if tag == "title":
                self.title += words
            elif tag == "textarea":
                self.form[own["name"]] = self.form.get(own["name"], "") + words
            elif own.get("class") == "field-error":
                name = own["id"].removesuffix("-error")
                self.errors[name] = self.errors.get(name, "") + words
            elif own.get("class") == "error-summary":
                target = next((one.get("href", "") for name, one in self._inside if name == "a"), "")
                if words.strip() and any(name == "li" for name, _ in self._inside):
                    self.summary.append((target.removeprefix("#"), words.strip()))
            else:
                continue
            return

    def _open_input(self, own: Attributes) -> None:
        name, kind = own.get("name"), own.get("type", "text")
        if name is None:
            return
        self.names.add(name)
        if kind in {"checkbox", "radio"} and "checked" not in own:
            return
        self.form.add(name, own.get("value", ""))

    def _open_textarea(self, own: Attributes) -> None:
        self.names.add(own["name"])

    def _open_select(self, own: Attributes) -> None:
        self.names.add(own["name"])
        self._select, self._chosen, self._first_option = own["name"], [], None

    def _open_option(self, own: Attributes) -> None:
        value = own.get("value", "")
        self._first_option = value if self._first_option is None else self._first_option
        if "selected" in own:
            self._chosen.append(value)

    def _open_button(self, own: Attributes) -> None:
        self.buttons.append((own.get("name", ""), own.get("value", "")))


def read(answer: TestResponse) -> Page:
    """Take the page of an answer apart."""
    page = Page()
    page.feed(answer.get_data(as_text=True))
    page.close()
    return page


def own_links(page: Page) -> Iterator[str]:
    """Links to pages of the site itself, files and addresses of other hosts left out."""
    return (one for one in page.links if one.startswith("/") and not one.startswith("/static"))
