"""How a text file is written: guessed from its beginning, or from all lines that are no ASCII."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from core.data.packed import LOOKED_THROUGH, UNPACK_ERRORS, is_packed, unpacked

_READ_AT_ONCE = 1 << 20
_OF_SEVERAL_BYTES = ("shift_jis", "gb18030", "big5", "euc_kr", "euc_jp")
_ODD_LINES = 10_000
"""Lines that are no ASCII, by which an encoding is guessed."""


def is_utf8(encoding: str) -> bool:
    """Whether a name is one of UTF-8's."""
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig", "ascii")


def as_utf8(content: bytes, encoding: str) -> bytes:
    """Text of another encoding as UTF-8, without a byte order mark; what cannot be read becomes U+FFFD."""
    return content.decode(encoding, errors="replace").removeprefix("\ufeff").encode(errors="replace")


def guessed_encoding(content: bytes) -> str:
    """What the beginning of a text file is written in; empty = UTF-8, be it with a few bad bytes.

    UTF-16 by its mark or its zeros; Western European (cp1252) where nothing is UTF-8 and the bytes above ASCII are
    single letters among ASCII in several lines.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    even, odd, half = content[0::2].count(0), content[1::2].count(0), len(content) // 2
    if half > 8 and odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    if half > 8 and even > 0.4 * half and odd < 0.1 * half:
        return "utf-16-be"
    if content.isascii():
        return ""
    read = content[:-4].decode("utf-8", errors="replace")
    if "\ufffd" not in read or any(ord(c) > 127 and c != "\ufffd" for c in set(read)):
        return ""
    lines = [line.decode("cp1252", errors="replace") for line in content.split(b"\n") if not line.isascii()]
    pairs = [(line[at - 1 : at] + line[at + 1 : at + 2], line[at]) for line in lines for at in _foreign(line)]
    good = sum(c not in "\ufffdÿþ" and beside.isascii() for beside, c in pairs)
    return "cp1252" if len(lines) > 1 and good >= 0.8 * len(pairs) else ""


def unread_lines(content: bytes) -> list[bytes]:
    """Lines that are neither ASCII nor UTF-8, where they are most of those that are no ASCII and more than one."""
    lines = [line for line in content.split(b"\n")[:-1] if not line.isascii()]
    bad = [line for line in lines if "\ufffd" in line.decode("utf-8", errors="replace")]
    return bad if len(bad) > 1 and len(bad) >= 0.5 * len(lines) else []


def may_be(lines: list[bytes]) -> list[str]:
    """Encodings of several bytes a letter that read all of some lines, then those of one byte, which fit anything."""
    return [*(one for one in _OF_SEVERAL_BYTES if _reads(lines, one)), "cp1251", "cp1250"]


def _reads(lines: list[bytes], encoding: str) -> bool:
    try:
        b"\n".join(lines).decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(maxsize=64)
def late_lines(path: Path, modified: int, size: int) -> bytes:
    """The lines of a text that are no UTF-8, where it begins with ASCII; looked for once while it stays as it is.

    Args:
        path: The file.
        modified: When it was.
        size: How long it is.

    Returns:
        The first of them; nothing where a line holds other UTF-8 than ASCII.
    """
    odd: list[bytes] = []
    if size > LOOKED_THROUGH and is_packed(path):
        return b""
    try:
        with unpacked(path) as file:
            while part := file.read(_READ_AT_ONCE):
                part += file.readline()
                if part.isascii():
                    continue
                for line in part.splitlines(keepends=True):
                    if line.isascii():
                        continue
                    if "\ufffd" not in line.decode("utf-8", errors="replace"):
                        return b""
                    odd.append(line)
                if len(odd) > _ODD_LINES:
                    break
    except UNPACK_ERRORS:
        return b""  # whoever reads it says so
    return b"".join(odd)


def _foreign(line: str) -> list[int]:
    return [at for at, c in enumerate(line) if ord(c) > 127]
