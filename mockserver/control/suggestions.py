"""Suggestions: paths, commands, keys and words that resemble what was sent.

The known names are read from the OpenAPI document of the API.
"""

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Any

from msgspec import Struct

from mockserver.schema import PREFIX, Schema
from mockserver.wire import Paths

_MOST = 3  # suggestions in an answer
_ALIKE = 0.6  # the default of difflib
_ALIKE_PATHS = 0.7
_VERY_ALIKE = 0.8
_DEEPEST = 4  # levels of a body
_COMMAND = "/billogram/{id}/command/"


class Place(Struct, frozen=True):
    """The entry of a request in the API's document; `operation` is empty if there is no such operation."""

    document: Schema
    operation: Schema

    def parameter(self, name: str) -> Schema | None:
        """Return the schema of a query parameter, or None."""
        rows = self.operation.get("parameters", ())
        found = (row["schema"] for row in rows if row["in"] == "query" and row["name"] == name)
        return next(found, None)

    def parameters(self) -> list[str]:
        """Return the names of the query parameters."""
        return [row["name"] for row in self.operation.get("parameters", ()) if row["in"] == "query"]

    def member(self, path: Iterable[str | int], name: str) -> Schema | None:
        """Return the schema of a member of the body; `path` leads to the object that has the member."""
        found = self.members(path).get(name)
        return None if found is None else self.resolved(found)

    def members(self, path: Iterable[str | int] = ()) -> dict[str, Schema]:
        """Return the schemas of the members of an object in the body, by name."""
        body = self.operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        schema = self.resolved(body.get("schema", {}))
        for step in path:
            inner = (
                schema.get("items", {}) if isinstance(step, int) else schema.get("properties", {}).get(step)
            )
            schema = self.resolved(inner or {})
        found: dict[str, Schema] = schema.get("properties", {})
        return found

    def resolved(self, schema: Schema) -> Schema:
        """Return the schema with references resolved and the alternative `null` removed."""
        while True:
            if "$ref" in schema:
                schema = self.document["components"]["schemas"][schema["$ref"].removeprefix(PREFIX)]
            elif "anyOf" in schema:
                schema = next((each for each in schema["anyOf"] if each.get("type") != "null"), {})
            else:
                return schema


def place_of(document: Schema, method: str, path: str) -> Place:
    """Find the entry of a request in the document; `path` is relative to the base address."""
    rows = (
        (name.upper(), template, row)
        for template, of in document["paths"].items()
        for name, row in of.items()
    )
    found = Paths(rows).find(path)
    return Place(document, {} if found is None else found[0].get(method, {}))


def similar(word: str, known: Iterable[str], alike: float = _ALIKE) -> list[str]:
    """Return the known words that resemble a word, the closest first; case, `-` and `_` are ignored."""
    plain = {_plain(each): each for each in known}
    return [plain[each] for each in get_close_matches(_plain(word), plain, _MOST, alike)]


def _plain(word: str) -> str:
    return word.casefold().replace("-", "").replace("_", "").replace(" ", "")


def commands(document: Schema, asked: str) -> list[str]:
    """Return the commands of a billogram that resemble an unknown command."""
    known = [path.removeprefix(_COMMAND) for path in document["paths"] if path.startswith(_COMMAND)]
    return similar(asked, known)


def paths(document: Schema, asked: str) -> list[str]:
    """Return the paths of the API that resemble an unknown path, with the ids of that path filled in."""
    segments = asked.strip("/").split("/")
    rated: dict[str, float] = {}
    for template in document["paths"]:
        for candidate in _filled(template.strip("/").split("/"), segments):
            ratio = SequenceMatcher(None, asked, candidate).ratio()
            if ratio >= _ALIKE_PATHS and _fixed_alike(template, candidate, segments):
                rated[candidate] = max(ratio, rated.get(candidate, 0))
    return sorted(rated, key=lambda each: (-rated[each], each))[:_MOST]


def _filled(template: Sequence[str], asked: Sequence[str]) -> Iterator[str]:
    """Yield the template with the asked segments filled in, also if one fixed segment is missing there."""
    if len(template) == len(asked):
        yield "/" + "/".join(_segment(*each) for each in zip(template, asked, strict=True))
    elif len(template) == len(asked) + 1:
        for index, missing in enumerate(template):
            if not missing.startswith("{") and missing not in asked:
                yield from _filled(template, [*asked[:index], missing, *asked[index:]])


def _segment(template: str, asked: str) -> str:
    name, closing, suffix = template.partition("}")
    if not name.startswith("{"):
        return template
    return asked if not closing or asked.endswith(suffix) else asked + suffix


def _fixed_alike(template: str, candidate: str, asked: Sequence[str]) -> bool:
    """Return whether each fixed segment resembles the asked one; ids are not compared."""
    fixed = [each for each in template.strip("/").split("/") if not each.startswith("{")]
    if len(candidate.strip("/").split("/")) > len(asked):  # one segment is missing
        return sum(each in asked for each in fixed) >= max(len(fixed) - 1, 1)
    pairs = zip(template.strip("/").split("/"), asked, strict=True)
    return all(
        known.startswith("{") or SequenceMatcher(None, known, sent).ratio() >= _ALIKE for known, sent in pairs
    )


def keys(place: Place, path: Sequence[str | int], name: str) -> list[str]:
    """Return the keys that resemble an unknown key: in the same object, or elsewhere, with their path."""
    siblings = similar(name, place.members(path))
    elsewhere = [
        ".".join(way)
        for way in _member_paths(place, {}, ())
        if len(way) > 1 and similar(name, [way[-1]], _VERY_ALIKE) and list(way[:-1]) != list(path)
    ]
    return [*siblings, *elsewhere][:_MOST]


def _member_paths(
    place: Place, members: dict[str, Schema], way: tuple[str, ...]
) -> Iterator[tuple[str, ...]]:
    for name, schema in (members or place.members()).items():
        yield (*way, name)
        inner = place.resolved(schema).get("properties", {})
        if inner and len(way) < _DEEPEST:
            yield from _member_paths(place, inner, (*way, name))


def words(schema: Schema | None, sent: Any) -> list[str]:
    """Return the words of an enumeration that resemble the word that was sent."""
    known = [each for each in (schema or {}).get("enum", ()) if isinstance(each, str)]
    return similar(sent, known) if isinstance(sent, str) else []


def sent_at(body: Any, path: Iterable[str | int], name: str) -> Any:
    """Return the value of a member at a path of the body; None if there is none."""
    for step in (*path, name):
        fits = isinstance(body, list if isinstance(step, int) else dict)
        if not fits or (isinstance(step, int) and step >= len(body)):
            return None
        body = body[step] if isinstance(step, int) else body.get(step)
    return body
