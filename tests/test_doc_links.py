"""The check of internal links, on pages with and without broken ones."""

import subprocess
import sys

import pytest

from tests import ROOT

SCRIPT = ROOT / "doc" / "check_links.py"
OTHER = '<h1 id="top">Other</h1><a href="https://example.org/nothing#here">elsewhere</a>'


def check(folder):
    return subprocess.run(
        [sys.executable, SCRIPT, folder], capture_output=True, text=True, check=False
    )


@pytest.fixture
def pages(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "index.html").write_text(OTHER)
    (tmp_path / "a file.txt").write_text("text")
    return tmp_path


@pytest.mark.parametrize(
    "link", ["folder/", "folder/index.html#top", "a%20file.txt", "#here", "mailto:a@b.c"]
)
def test_links_that_lead_somewhere(pages, link):
    (pages / "index.html").write_text(f'<p id="here"><a href="{link}">x</a></p>')
    run = check(pages)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("link", ["missing.html", "folder/index.html#nothing", "#nothing"])
@pytest.mark.parametrize("tag", ['<a href="{}">x</a>', '<img src="{}">'])
def test_links_that_lead_nowhere(pages, link, tag):
    (pages / "index.html").write_text(tag.format(link))
    run = check(pages)
    assert run.returncode == 1
    assert run.stdout == f"index.html: {link}\n"
