"""Pages of lists (reference: api 1.10)."""

from collections.abc import Mapping

from mockserver.api.errors import InvalidQueryParameter, MissingQueryParameter, NotEmulated

_LATER = ("filter_type", "filter_field", "filter_value", "order_field")


def page_of(query: Mapping[str, str]) -> tuple[int, int]:
    """The slice that `page` and `page_size` ask for. Both are required [D]; sizes are served in full [C]."""
    page, size = _count(query, "page"), _count(query, "page_size")
    for name in _LATER:
        if query.get(name):  # an empty one means no filter and no order [A]
            raise NotEmulated(f"lists with {name}")
    return (page - 1) * size, page * size


def _count(query: Mapping[str, str], name: str) -> int:
    text = query.get(name)
    if text is None:
        raise MissingQueryParameter(f"missing query parameter: {name}", rule="query.required", field=name)
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 16 and int(text) > 0):
        raise InvalidQueryParameter(
            f"invalid query parameter: {name}", rule="query.value", field=name, value=text
        )
    return int(text)
