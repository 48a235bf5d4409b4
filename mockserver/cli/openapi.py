"""`mockserver openapi`: prints an OpenAPI document, or the JSON Schema of fixtures, without a server."""

import sys

from msgspec import json

from mockserver.schema import Schema

_SERVER = "http://127.0.0.1:8080"  # the default address of a server


def openapi(control: bool, fixture: bool) -> int:
    """Print the document of Billogram's API, of the control plane, or the JSON Schema of fixtures."""
    text = json.format(json.encode(_document(control, fixture)), indent=2)
    sys.stdout.buffer.write(text + b"\n")
    sys.stdout.buffer.flush()
    return 0


def _document(control: bool, fixture: bool) -> Schema:
    if fixture:
        from mockserver.stories.fixture_schema import schema

        return schema()
    if control:
        from mockserver.control import openapi
        from mockserver.stories.operations import OPERATIONS

        return openapi.document(OPERATIONS, _SERVER, token=False)
    from mockserver.api.openapi import document

    return document(_SERVER)
