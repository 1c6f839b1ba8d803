"""Find the line on which a key of a TOML file stands; tomli tells lines only for syntax errors."""

from __future__ import annotations

import re

_HEADER = re.compile(r"^\s*(\[\[|\[)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
_PART_PATTERN = r"""[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'"""
_PART = re.compile(_PART_PATTERN)
_KEY = re.compile(rf"^\s*((?:{_PART_PATTERN})(?:\s*\.\s*(?:{_PART_PATTERN}))*)\s*=")
_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"' + r"|'[^'\n]*'")


def key_line(text: str, key: tuple[str, ...]) -> int | None:
    """Return the 1-based line of a dotted key in a valid TOML text.

    Elements of arrays of tables are counted in the key: `("tune", "stages", "0", "epochs")`. Where the key stands
    inside a value (an inline table), the line of the nearest key around it; None where nothing of it is there.
    """
    best: tuple[int, int] | None = None
    for number, found in _keys(text):
        if found == key[: len(found)] and (best is None or len(found) > best[0]):
            best = (len(found), number)
    return best[1] if best else None


def _keys(text: str) -> list[tuple[int, tuple[str, ...]]]:
    found: list[tuple[int, tuple[str, ...]]] = []
    counts: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    depth, closing = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if closing:
            if closing not in line:
                continue
            line, closing = line.split(closing, 1)[1], ""
        elif depth == 0:
            header, key = _HEADER.match(line), _KEY.match(line)
            if header and not key:
                name = _resolve(_parts(header[2]), counts)
                if header[1] == "[[":
                    counts[name] = counts.get(name, -1) + 1
                    name = (*name, str(counts[name]))
                table = name
                found.append((number, table))
                continue
            if key:
                found.append((number, (*table, *_parts(key[1]))))
                line = line[key.end() :]
        depth, closing = _open_ends(line, depth)
    return found


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _resolve(name: tuple[str, ...], counts: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    """Insert the number of the current element after every array of tables on the way to a sub-table."""
    done: tuple[str, ...] = ()
    for position, part in enumerate(name):
        done = (*done, part)
        if position < len(name) - 1 and done in counts:
            done = (*done, str(counts[done]))
    return done


def _open_ends(line: str, depth: int) -> tuple[int, str]:
    """Brackets still open at the end of a line, and the triple quote that is still open."""
    for quote in ('"""', "'''"):
        if line.count(quote) % 2:
            return depth, quote
    bare = _STRING.sub("", line.replace('""""""', "").replace("''''''", "")).split("#", 1)[0]
    return max(0, depth + sum(bare.count(c) for c in "[{") - sum(bare.count(c) for c in "]}")), ""
