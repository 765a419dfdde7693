"""Links of the site that leave docs/: a reader of the site has no checkout, so they become the path as code."""

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page's text with each link out of docs/ as its words and the path; mkdocs calls this for every page."""
    folder = (DOCS / page.file.src_path).parent

    def replace(found: re.Match[str]) -> str:
        """A link as it is, or as words and path."""
        words, target = found[1], found[2].split("#")[0]
        path = (folder / target).resolve() if target else DOCS
        outside = "://" not in found[2] and not path.is_relative_to(DOCS)
        return f"{words} (`{path.relative_to(DOCS.parent)}`)" if outside else found[0]

    return re.sub(r"(?<!!)\[([^\]]*)\]\(([^)]*)\)", replace, markdown)
