"""What documents and docstrings name is there: files, papers, benchmarks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.imports import ROOT

DOCS = (
    ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "assets" / "docs").glob("*.md")),
    *sorted((ROOT / "tests").rglob("README.md")),
)  # fmt: skip
TREES = ("core", "eagertui", "assets", "tests")
BENCHMARKS = ROOT / "tests" / "benchmarks"
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
_PATH = re.compile(r"(?<![\w./<-])(?:\.\./)*[\w.-]+(?:/[\w.-]+)+\.(?:py|toml|md|json|svg|zip|tcss)\b")
_OURS = re.compile(rf"(?<![\w./-])(?:{'|'.join(TREES)})(?:/[\w.-]+)+\.(?:py|toml|md|json|svg|zip|tcss)\b")
_ARXIV = re.compile(r"\b\d{4}\.\d{5}\b")


def named_paths(doc: Path, text: str) -> Iterator[tuple[str, Path]]:
    """Files that a document names: links from its own folder, names in backticks from the root or its folder."""
    for link in _LINK.findall(text):
        yield link, doc.parent / link
    for quoted in _QUOTED.findall(_FENCE.sub("", text)):
        for name in _PATH.findall(quoted):
            yield name, doc.parent / name if (doc.parent / name).exists() else ROOT / name


def missing(doc: Path, text: str) -> list[str]:
    """The files among them that do not exist."""
    return sorted({name for name, path in named_paths(doc, text) if not path.exists()})


@pytest.mark.parametrize("doc", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_a_document_names_exist(doc: Path) -> None:
    assert missing(doc, doc.read_text(encoding="utf-8")) == []


def test_a_file_that_does_not_exist_is_seen() -> None:
    doc = ROOT / "assets" / "docs" / "a.md"
    text = "`core/gone.py`, `python core/tune/gone.py RUN`, [it](gone.md), `core/stage.py`, [all](papers.md)\n"
    text += "```\nshop/project.toml\n```\n"
    assert missing(doc, text) == ["core/gone.py", "core/tune/gone.py", "gone.md"]


def test_files_of_ours_that_code_names_exist() -> None:
    """In any comment, docstring or text of the engine, the application and the benchmarks."""
    files = [*(ROOT / "core").rglob("*.py"), *(ROOT / "eagertui").rglob("*.py"), *BENCHMARKS.rglob("*.py")]
    named = {(str(file.relative_to(ROOT)), name) for file in files for name in _OURS.findall(file.read_text("utf-8"))}
    assert named and sorted(pair for pair in named if not (ROOT / pair[1]).exists()) == []


def test_every_paper_that_is_cited_is_listed() -> None:
    papers = ROOT / "assets" / "docs" / "papers.md"
    files = [file for top in TREES for file in (ROOT / top).rglob("*.*") if file.suffix in (".py", ".toml", ".md")]
    texts = [file.read_text(encoding="utf-8") for file in [*files, ROOT / "README.md"] if file != papers]
    cited = {number for text in texts if "arXiv" in text for number in _ARXIV.findall(text)}
    assert cited and cited - set(_ARXIV.findall(papers.read_text(encoding="utf-8"))) == set()


def test_every_benchmark_stands_in_the_table_and_every_row_is_one() -> None:
    scripts = [str(file.relative_to(BENCHMARKS)) for file in sorted(BENCHMARKS.glob("*/*.py"))]
    rows = re.findall(r"^\| `([\w/]+\.py)` \| .{20,} \|$", (BENCHMARKS / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == scripts
