"""Every block of every page works, in order, each page in a fresh folder."""

import shutil
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks
from tests.docs.reader import Reader

RUN = ("sh", "python", "js", "yaml")  # a yaml block is a file, for the blocks below it
SHOWN = ("mermaid",)


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_work_in_order(page: str, tmp_path: Path) -> None:
    found = [block for block in blocks(page) if block.language in RUN]
    if page.startswith("docs/examples/"):  # they are about what stands beside them
        shutil.copytree((ROOT / page).parent, tmp_path, dirs_exist_ok=True)
    left_out = set() if shutil.which("node") else {b.section for b in found if b.language == "js"}
    with Reader(tmp_path) as reader:
        for block in found:
            if block.section not in left_out:
                reader.follow(block)
        reader.finish()
    if left_out:
        pytest.skip(f"there is no node here: {page} was followed without {', '.join(left_out)}")


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_run_and_says_what_to_expect(page: str) -> None:
    for block in blocks(page):
        assert block.language in (*RUN, *SHOWN), block.place
        starts = block.text.startswith(("make run", "mockserver serve"))
        assert block.expected or block.file or starts or block.language in SHOWN, block.place
