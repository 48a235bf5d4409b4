"""Reads pages of the dashboard as a browser without script does: texts, links, and forms that can be sent."""

from html.parser import HTMLParser
from urllib.parse import urlencode

from msgspec import Struct, field

from tests.server import Answer, Server

_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Button(Struct):
    name: str
    value: str
    text: str = ""


class Form(Struct):
    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)  # as they are filled in
    buttons: list[Button] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)  # the name of the field of each label


class PageReader(HTMLParser):
    """A page: its `text`, its `links` by text, its `forms`, its elements of some name."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[tuple[str, str]] = []
        self.forms: list[Form] = []
        self.ids: list[str] = []
        self._stack: list[str] = []
        self._form: Form | None = None
        self._link: str | None = None
        self._label: str | None = None
        self._area: str | None = None
        self._select: str | None = None
        self._option: tuple[str | None, bool] | None = None
        self._names: dict[str, str] = {}  # of fields, by their id
        self._for: list[tuple[Form, str, str]] = []  # labels: text, id
        self._words = ""
        self.feed(source)
        self.close()
        for form, words, target in self._for:
            if target in self._names:
                form.labels[words] = self._names[target]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag not in _VOID:
            self._stack.append(tag)
        if "id" in found:
            self.ids.append(found["id"])
        name = found.get("name", "")
        if tag in ("input", "select", "textarea") and "id" in found:
            self._names[found["id"]] = name
        match tag:
            case "form":
                self._form = Form(found.get("method", "get"), found.get("action", ""))
                self.forms.append(self._form)
            case "a":
                self._link, self._words = found.get("href", ""), ""
            case "label":
                self._label, self._words = found.get("for", ""), ""
            case "input" if self._form is not None and name:
                if found.get("type") not in ("checkbox", "radio") or "checked" in found:
                    self._form.fields[name] = found.get("value", "")
            case "button" if self._form is not None and found.get("type") != "button":
                self._form.buttons.append(Button(name, found.get("value", "")))
            case "textarea" if self._form is not None:
                self._area = name
                self._form.fields[name] = ""
            case "select" if self._form is not None:
                self._select = name
                self._form.fields[name] = ""
            case "option":
                self._option, self._words = (found.get("value"), "selected" in found), ""

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:  # <img/>
            return
        assert self._stack, f"</{tag}> closes nothing"
        assert self._stack[-1] == tag or self._stack[-1] in ("p", "li", "option", "tr", "td", "th"), (
            f"</{tag}> closes <{self._stack[-1]}>"
        )
        while self._stack.pop() != tag:
            pass
        if tag == "form":
            self._form = None
        elif tag == "a" and self._link is not None:
            self.links.append((" ".join(self._words.split()), self._link))
            self._link = None
        elif tag == "label" and self._label is not None and self._form is not None:
            self._for.append((self._form, " ".join(self._words.split()), self._label))
            self._label = None
        elif tag == "textarea" and self._area is not None and self._form is not None:
            self._form.fields[self._area] = self._form.fields[self._area].removeprefix("\n")
            self._area = None
        elif tag == "select":
            self._select = None
        elif tag == "option" and self._option is not None:
            value, selected = self._option
            if selected and self._select is not None and self._form is not None:
                self._form.fields[self._select] = " ".join(self._words.split()) if value is None else value
            self._option = None

    def handle_data(self, data: str) -> None:
        self.text += data
        self._words += data
        if self._area is not None and self._form is not None:
            self._form.fields[self._area] += data
        if self._stack and self._stack[-1] == "button" and self._form is not None and self._form.buttons:
            self._form.buttons[-1].text += data

    def form(self, path: str, method: str = "POST") -> Form:
        """The form that sends this operation."""
        (found,) = [
            each
            for each in self.forms
            if (each.fields.get("method"), each.fields.get("path")) == (method, path)
        ]
        return found


def read(server: Server, path: str, status: int = 200) -> PageReader:
    """Loads a page."""
    answer = load(server, path)
    assert answer.status == status, (answer.status, answer.body[:2000])
    return PageReader(answer.body.decode())


def load(server: Server, path: str, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.run(server.asgi("GET", path, b"", {"accept": "text/html", **sent}))


def send(server: Server, path: str, fields: dict[str, str], **headers: str) -> Answer:
    """Sends a form of the page at this path."""
    kind = {"content-type": "application/x-www-form-urlencoded"}
    sent = kind | {name.replace("_", "-"): value for name, value in headers.items()}
    return server.run(server.asgi("POST", path, urlencode(fields).encode(), sent))


def submit(server: Server, page: str, form: Form, **typed: str) -> PageReader:
    """Sends a form of a page with what was typed. The page that follows."""
    answer = send(server, page, form.fields | typed)
    assert answer.status == 303, PageReader(answer.body.decode()).text
    return read(server, answer.headers["location"])
