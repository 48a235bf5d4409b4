"""What a page function receives and returns, and the forms that it can show."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import Struct

from mockserver.ui import snippets
from mockserver.ui.client import Client, Reply
from mockserver.ui.forms import HEADER, Choices, Field, fields_of
from mockserver.ui.schemas import Operations

BASE = "/_mock/ui"


class Submitted(Struct, frozen=True):
    """A form that was sent and is shown again: it was refused, or it was a preview."""

    method: str
    path: str
    typed: Mapping[str, str]
    refused: bool
    message: str = ""  # why it was refused
    hint: str = ""
    rule: str = ""
    field: str = ""
    explanation: Any = None  # of a refusal of the API
    answer: Any = None  # of a preview


class Form(Struct, frozen=True):
    """A form that sends one operation."""

    method: str
    path: str
    title: str
    fields: Sequence[Field]
    submit: str
    then: str  # the page to go to when it is done; `{id}` becomes the id of what was made
    effect: Any  # what the operation would do, if that is known
    confirm: str  # a question to answer first
    preview: str  # the label of a second button, which shows what would happen
    curl: str
    python: str
    submitted: Submitted | None  # this form, if it is shown again
    key: str = ""  # tells the forms of one operation on a page apart

    @property
    def more(self) -> list[Field]:
        """Return the fields that are shown on request only."""
        return [each for each in self.fields if not each.shown]

    @property
    def id(self) -> str:
        """Return an id for the page: stable, and unique for a method and path."""
        return "form-" + "".join(
            each if each.isascii() and each.isalnum() else "-"
            for each in f"{self.method}{self.path}{self.key}"
        )


class Page(Struct, frozen=True):
    """What a page function returns: a template and its values, bytes of another content type, or a redirect.

    `location` is the address to go to instead.
    """

    template: str = ""
    values: Mapping[str, Any] = {}
    status: int = 200
    content: bytes | None = None
    content_type: str = ""
    location: str = ""


class PageCall(Struct):
    """A request for a page."""

    client: Client
    operations: Operations
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    base: str  # scheme and host under which the browser reaches the server
    token: bool  # whether the control plane needs a token
    csrf: str
    submitted: Submitted | None = None

    @property
    def account(self) -> str:
        """Return the id of the account that the page is about; empty if it is about none."""
        return self.params.get("a", "")

    async def get(self, *path: str, **query: object) -> Any:
        """Return the answer of a GET of the control plane for this account. Raises NotShown."""
        return await self.client.get("accounts", self.account, *path, **query)

    async def file(self, *path: str) -> Reply:
        """Return a file of this account from the control plane. Raises NotShown."""
        return await self.client.file("accounts", self.account, *path)

    def url(self, *path: str, **query: object) -> str:
        """Return the address of a page of this account."""
        return page_url("accounts", self.account, *path, **query)

    def form(
        self,
        operation: str,
        path: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        title: str = "",
        submit: str = "",
        only: Sequence[str] | None = None,
        then: str = "",
        effect: Any = None,
        confirm: str = "",
        preview: str = "",
        key: str = "",
        choices: Choices | None = None,
    ) -> Form:
        """Return the form of an operation, by its `operationId`.

        `path` has the parameters of its path besides the account. `body` prefills the fields; `only` names
        the members that are shown. `key` tells the forms of one operation on a page apart. `choices`
        are the possible values of members, with their labels.
        """
        found = self.operations.named(operation)
        assert found is not None, f"there is no operation {operation}"
        target = found.path
        for name, value in {"a": self.account, **(path or {})}.items():
            target = target.replace(f"{{{name}}}", quote(value, safe=""))
        return self._form(
            found.method, target, body, title, submit, only, then, effect, confirm, preview, key, choices
        )

    def form_of(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        title: str = "",
        effect: Any = None,
        then: str = "",
        key: str = "",
        confirm: str = "",
        choices: Choices | None = None,
    ) -> Form:
        """Return the form of a request, such as an allowed action or the step of an explanation."""
        return self._form(method, path, body, title, title, None, then, effect, confirm, "", key, choices)

    def _form(
        self,
        method: str,
        path: str,
        body: Any,
        title: str,
        submit: str,
        only: Sequence[str] | None,
        then: str,
        effect: Any,
        confirm: str,
        preview: str,
        key: str = "",
        choices: Choices | None = None,
    ) -> Form:
        operation = self.operations.find(method, path)
        shown = self.submitted
        if shown is not None and (shown.method, shown.path, shown.typed.get("key", "")) != (
            method,
            path,
            key,
        ):
            shown = None
        fields = []
        if operation is not None:
            fields = fields_of(operation, body, None if shown is None else shown.typed, only, choices)
        title = title or ("" if operation is None else operation.title)
        names = {
            each.name.removeprefix(HEADER): each.value for each in fields if each.name.startswith(HEADER)
        }
        return Form(
            method=method,
            path=path,
            title=title,
            fields=fields,
            submit=submit or title,
            then=then,
            effect=effect,
            confirm=confirm,
            preview=preview,
            curl=snippets.curl(self.base, self.account, method, path, body, token=self.token, headers=names),
            python=snippets.python(self.account, method, path, body, names),
            submitted=shown,
            key=key,
        )


def page_url(*path: str, **query: object) -> str:
    """Return the address of a page of the dashboard; query parameters that are None or empty are left out."""
    target = "/".join([BASE, *(quote(each, safe="") for each in path)])
    asked = {name: str(value) for name, value in query.items() if value not in (None, "")}
    return f"{target}?{urlencode(asked)}" if asked else target


PageFunction = Callable[[PageCall], Coroutine[Any, Any, Page]]


class PageRow(Struct, frozen=True):
    """A page of the dashboard: its path below the base, and the function that makes it."""

    path: str
    make: PageFunction
    section: str = ""  # the entry of the navigation that it belongs to
    frame: bool = True  # whether it has the account's frame
