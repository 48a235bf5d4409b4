"""The pages of the dashboard, one row each; the paths are relative to `/_mock/ui`."""

from mockserver.ui import accounts, billograms
from mockserver.ui.page import PageRow

_A = "/accounts/{a}"

ROUTES = (
    PageRow("", accounts.listing, frame=False),
    PageRow(f"{_A}/billograms", billograms.listing, "billograms"),
    PageRow(f"{_A}/billograms/new", billograms.new, "billograms"),
    PageRow(f"{_A}/billograms/{{id}}", billograms.one, "billograms"),
    PageRow(f"{_A}/billograms/{{id}}/documents/{{letter}}.pdf", billograms.document, "billograms"),
)
