"""`python -m shop --port 8090`: the shop as a server, configured by environment variables."""

import argparse
import os
from pathlib import Path

import uvicorn

from shop.app import create_app
from shop.billogram import Billogram
from shop.books import Books
from shop.webhooks import Receiver


def main(kind: type[Receiver] = Receiver) -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m shop")
    parser.add_argument("--port", type=int, default=8090)
    port = parser.parse_args().port
    environment = os.environ
    api = Billogram(environment["BILLOGRAM_URL"], environment["BILLOGRAM_USER"], environment["BILLOGRAM_KEY"])
    books = Books(Path(environment.get("SHOP_DATABASE", "shop.db")))
    receiver = kind(api, books, environment["BILLOGRAM_SIGN_KEY"])
    uvicorn.run(create_app(api, books, receiver), port=port)


if __name__ == "__main__":
    main()
