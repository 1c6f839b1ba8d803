"""Look at the source distribution and the wheel in a folder: whole, no more, and what they say."""

from __future__ import annotations

import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 12_000_000
"""Bytes that a wheel may have."""


def main(folder: Path) -> None:
    """Exit with the first thing that is wrong."""
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = message_from_string(archive.read(about).decode("utf-8"))
    code = {str(path.relative_to(ROOT)) for top in ("core", "eagertui") for path in (ROOT / top).rglob("*.py")}
    files = (path for path in (ROOT / "assets" / "demo").rglob("*") if path.is_file())
    demo = {f"core/_assets/{path.relative_to(ROOT / 'assets')}" for path in files}
    _check(not demo - names, f"the wheel lacks {sorted(demo - names)[:3]} of the demo")
    assets = {f"core/_assets/{kind}/" for kind in ("docs", "recipes", "sample", "demo", "prompts")}
    _check(not code - names, f"the wheel lacks {sorted(code - names)}")
    _check(all(any(name.startswith(kind) for name in names) for kind in assets), f"the wheel lacks some of {assets}")
    strange = {name for name in names if not name.startswith(("core/", "eagertui/", f"eagertui-{project['version']}"))}
    _check(not strange, f"the wheel holds {sorted(strange)}")
    _check(wheel.stat().st_size <= LIMIT, f"the wheel has {wheel.stat().st_size:,} bytes, more than {LIMIT:,}")
    said = {key: metadata[key] for key in ("Name", "Version", "Summary", "License-Expression", "Requires-Python")}
    wanted = [project[key] for key in ("name", "version", "description", "license", "requires-python")]
    _check(list(said.values()) == wanted, f"the wheel says {said}")
    _check(metadata["Description-Content-Type"] == "text/markdown", "the README is no Markdown to an index")
    _check("# EagerTUI" in str(metadata.get_payload()), "the wheel has no README")
    _check(len(metadata.get_all("Requires-Dist") or ()) >= len(project["dependencies"]), "dependencies are missing")
    with tarfile.open(source) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    _check(not (code | {"pyproject.toml", "README.md", "LICENSE"}) - inside, "the source distribution is not whole")
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, {len(names)} files; {source.name}: {len(inside)} files")


def _check(right: bool, fault: str) -> None:
    if not right:
        sys.exit(fault)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
