"""Report links of built pages that lead to no file, or to no anchor in it.

    python check_links.py _build/html

Links to other hosts are not followed. The exit status is the number of broken links, at most 1.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """Anchors and links of one page."""

    def __init__(self, path: Path):
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what can be linked to, and what is linked."""
        for name, value in attrs:
            if value and name in ("id", "name"):
                self.anchors.add(value)
            elif value and name in ("href", "src"):
                self.links.append(value)


def broken_links(root: Path) -> list[str]:
    """Lines ``page: link`` for every internal link in `root` that leads nowhere."""
    root = root.resolve()
    # Templates of the theme lie among its files.
    files = (path for path in root.rglob("*.html") if "_static" not in path.parts)
    pages = {path: Page(path) for path in files}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = path.parent / unquote(parts.path) if parts.path else path
            target = target.resolve()
            if target.is_dir():
                target /= "index.html"
            anchor = unquote(parts.fragment)
            found = target.exists() and (
                not anchor or target not in pages or anchor in pages[target].anchors
            )
            if not found:
                broken.append(f"{path.relative_to(root)}: {link}")
    return broken


if __name__ == "__main__":
    lines = broken_links(Path(sys.argv[1]))
    print("\n".join(lines) or "All internal links lead somewhere.")
    sys.exit(bool(lines))
