"""What the Data place writes: pure functions from a data profile to lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from textual.content import Content

from core.errors import EagerError
from eagertui.cli.output.data_profile import moment
from eagertui.plain import duration, figure, steady, visible
from eagertui.widgets.draw import FAINT, LEVELS, Part, clip, fill, line, safe

Profile = Mapping[str, Any]
LABEL, FIGURE, NAME = 8, 11, 24
LONGEST_VALUE = 20_000
"""Characters of one value that are shown."""
EXAMPLES = 2
"""Examples of each reason that the panel of problems shows."""


def percent(share: float, digits: int = 1) -> str:
    """A share as a person reads it: `11 %`, `.073 %`."""
    text = f"{share * 100:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text.replace('0.', '.', 1) if text.startswith('0.') else text} %"


def fold(parts: Iterable[Part], width: int, indent: int = 0) -> list[Content]:
    """A line in pieces of at most a width, the later ones indented."""
    content = Content.assemble(*parts)
    pieces = content.wrap(max(1, width))
    if len(pieces) < 2 or width < indent * 4:
        return pieces
    rest = content[len(pieces[0].plain) :]
    begin = len(rest.plain) - len(rest.plain.lstrip())
    return [pieces[0], *(Content(" " * indent) + piece for piece in rest[begin:].wrap(width - indent))]


# --- figures --------------------------------------------------------------------------------------------------------


def figure_lines(profile: Profile, max_history: int, width: int, height: int) -> list[Content]:
    """The data in numbers, the most important ones first; as many lines as there is room for."""
    return [
        line([(f"{label:<{LABEL}}", FAINT), (f"{safe(value):>{FIGURE}}", "bold"), (f"  {safe(note)}", FAINT)], width)
        if note or label != "order"
        else line([(f"{label:<{LABEL}}", FAINT), "  ", clip(value, width - LABEL - 2)])
        for label, value, note in _figures(profile, max_history)[:height]
    ]


def _figures(profile: Profile, max_history: int) -> list[tuple[str, str, str]]:
    read, split, text, history = profile["read"], profile["split"], profile["text"], profile["history"]
    users, items, density = profile["users"], profile["items"], float(profile["density"])
    files = read["files"]
    named = (items - text.get("items_without_title", 0)) if text["rows"] else 0
    reach = f"median; {figure(history.get('min'))} to {figure(history.get('max'))}"
    head = profile["popularity"].get("head", {}).get("1%", 0.0)
    rejected = sum(read["rejected"].values())
    source = files[0] if len(files) == 1 else f"from {len(files)} files"
    rows = [
        ("users", figure(users), f"{figure(split['evaluated_users'])} evaluated"),
        ("items", figure(items), f"{figure(named)} with title" if text["rows"] else "no item table"),
        ("rows", figure(read["rows"]), f"{figure(rejected)} rejected" if rejected else source),
        ("kept", figure(profile["interactions"]), f"density {percent(density, 3 if density < 0.01 else 1)}"),
        ("history", figure(history.get("median")), reach),
        ("targets", figure(split["train_targets"]), f"{split['rule']} split"),
        ("order", str(read["order"]), ""),
        ("seen", figure(max_history), "items of history a model sees"),
        ("head", percent(head), "of rows: the top 1 % of items"),
        ("repeats", percent(split["repeated_targets"]), "of test targets were taken before"),
        ("mean", figure(history.get("mean")), f"items a user; 95 % have at most {figure(history.get('p95'))}"),
        ("gini", f"{profile['popularity'].get('gini', 0.0):.2f}", "0 = items alike, 1 = one has it all"),
    ]
    time = profile.get("time") or {}
    if time:
        rows.insert(7, ("time", moment(time.get("first")).partition(" ")[0], f"to {moment(time.get('last'))}"))
    return [*rows, *(("file" if not n else "", "", name) for n, name in enumerate(files if len(files) > 1 else []))]


# --- problems -------------------------------------------------------------------------------------------------------


def problems(profile: Profile) -> list[tuple[str, str]]:
    """What was wrong or is worth knowing: a level and a sentence; examples have the level "example"."""
    read, text, cold = profile["read"], profile["text"], profile.get("cold", {})
    doubts = [one for one in profile.get("doubts", []) if not one.startswith("no item table")]
    told = [("warning", one) for one in [*doubts, *read.get("notes", [])]]
    for reason, count in read["rejected"].items():
        told.append(("warning", f"{_many(count, 'row')} rejected: {reason}"))
        for example in read["examples"].get(reason, [])[:EXAMPLES]:
            told.append(("example", f"{example.get('file')} row {figure(example.get('row'))}: {example.get('value')}"))
    for reason, count in text["rejected"].items():
        told.append(("warning", f"{_many(count, 'row')} of the item table rejected: {reason}"))
    if not text["rows"]:
        told.append(("warning", "no item table: every item is known by behaviour only"))
    elif text["items_without_row"]:
        told.append(("warning", f"{_many(text['items_without_row'], 'item')} not in the item table → behaviour only"))
    if text["rows"] and text["items_without_text"] > text["items_without_row"]:
        told.append(("warning", f"{_many(text['items_without_text'], 'item')} without any text → behaviour only"))
    if cold.get("users_not_evaluated"):
        many = _many(cold["users_not_evaluated"], "user")
        told.append(("warning", f"{many} with fewer than 3 interactions → not evaluated"))
    if cold.get("users_without_target"):
        many = _many(cold["users_without_target"], "user")
        told.append(("warning", f"{many} without a trained item in the test's time → not evaluated"))
    if cold.get("users_without_history"):
        told.append(("warning", f"{_many(cold['users_without_history'], 'user')} came only after the training"))
    if cold.get("items_untrained"):
        rows = _many(cold["rows_untrained"], "row")
        told.append(("warning", f"{rows} of {_many(cold['items_untrained'], 'item')} that nobody trained on left out"))
    if cold.get("targets_not_in_training"):
        many = _many(cold["targets_not_in_training"], "test target")
        told.append(("warning", f"{many} never seen in training → out of reach for behaviour"))
    return told + _facts(read, text, cold)


def _facts(read: Profile, text: Profile, cold: Profile) -> list[tuple[str, str]]:
    told = []
    order = str(read["order"])
    if order == "file":
        told.append(("warning", "no time and no position: the order of the file counts"))
    elif order.startswith("position"):
        column = order.removeprefix("position (").removesuffix(")")
        told.append(("info", f"no time column: order from `{column}`"))
    if read.get("left_out"):
        unknown = f", of {read['unknown']:,} of them a value is missing" if read.get("unknown") else ""
        told.append(("info", f"{_many(read['left_out'], 'row')} left out by data.where{unknown}"))
    if read["below_rating"]:
        told.append(("info", f"{_many(read['below_rating'], 'row')} below data.min_rating left out"))
    if read["duplicates"]:
        told.append(("info", f"{_many(read['duplicates'], 'duplicate')} left out (data.duplicates)"))
    core = read["k_core"]
    if core["rows"]:
        away = f"{_many(core['rows'], 'row')}, {_many(core['users'], 'user')}, {_many(core['items'], 'item')}"
        told.append(("info", f"k-core took {away} in {_many(core['rounds'], 'round')}"))
    if read["tied"]:
        told.append(("info", f"{percent(read['tied'])} of neighbours in a history share one time"))
    if cold.get("items_never_taken"):
        told.append(("info", f"{_many(cold['items_never_taken'], 'item')} that nobody took are ranked too"))
    if text["duplicates"]:
        told.append(("info", f"{_many(text['duplicates'], 'repeated id')} in the item table: the first row counts"))
    words = (("missing", "without {}"), ("cut", "with {} cut at 2,000 characters"), ("broken", "with broken {}"))
    for key, form in words:
        told += [("info", f"{_many(n, 'item')} {form.format(name)}") for name, n in text[key].items()]
    return told


def _many(count: int, noun: str) -> str:
    return f"{figure(count)} {noun}{'' if count == 1 else 's'}"


def problem_lines(profile: Profile, width: int) -> list[Content]:
    """The problems, long ones folded under their sign."""
    found = problems(profile)
    if not found:
        return fold([("✓ ", "bold $success"), ("No problems: every row is used.", "")], width, indent=2)
    lines: list[Content] = []
    for level, text in found:
        if level == "example":
            lines.append(line([("  ", ""), (clip(text, width - 2), FAINT)]))
        else:
            glyph, style = LEVELS[level]
            lines += fold(((f"{glyph} ", style), (safe(text), "")), width, indent=2)
    return lines


# --- one row --------------------------------------------------------------------------------------------------------


def record_lines(record: Sequence[tuple[str, object]], width: int) -> list[Content]:
    """Every column of a record: short values beside their names, long ones below, whole and folded."""
    lines: list[Content] = []
    names = min(max((cell_len(safe(name)) for name, _ in record), default=0), NAME) + 2
    for name, value in record:
        label, rows = clip(name, NAME), [steady(row) for row in _value_rows(value)]
        if len(rows) == 1 and names + cell_len(rows[0]) <= width:
            lines.append(line([(fill(label, names), FAINT), rows[0]]))
            continue
        lines.append(line([(label, FAINT)], width))
        for row in rows:
            lines += [Content("  ") + piece for piece in Content(row).wrap(max(1, width - 2))]
    return lines


def record_text(record: Sequence[tuple[str, object]]) -> str:
    """A record to be copied: a column a line."""
    return "\n".join(f"{visible(name)}: " + "\n  ".join(_value_rows(value)) for name, value in record)


def _value_rows(value: object) -> list[str]:
    """A value as text for a person, in its own lines."""
    if value is None:
        return ["–"]
    if isinstance(value, list):
        value = ", ".join(str(one) for one in value)
    text = value if isinstance(value, str) else figure(value)
    rows = [visible(row) for row in text[:LONGEST_VALUE].split("\n")]
    return [*rows, f"… {len(text) - LONGEST_VALUE:,} characters more"] if len(text) > LONGEST_VALUE else rows


def titles_lines(titles: Sequence[str], count: int, width: int) -> list[Content]:
    """A user's last items, the newest first."""
    lines = [line([(f"{count - at - 1:>4} ", FAINT), clip(title, width - 5)]) for at, title in enumerate(titles)]
    more = count - len(titles)
    return [*lines, line([(f"     and {_many(more, 'older one')}", FAINT)])] if more else lines


def split_lines(count: int, max_history: int, width: int) -> list[Content]:
    """What the split of a history of so many items means."""
    if count < 3:
        return [
            *fold((("Fewer than 3 interactions: all of them train, and the user is not evaluated.", ""),), width, 0)
        ]
    seen = min(count - 1, max_history)
    older = count - 1 - seen
    told = f"Asked for the test item, the model sees the {_many(seen, 'item')} before it"
    told += f"; {_many(older, 'older one')} are beyond data.max_history = {max_history}." if older else "."
    parts: list[Part] = [(f"{count - 2:,}", "bold"), (" training", ""), (" · ", FAINT), ("1", "bold")]
    parts += [(" validation", ""), (" · ", FAINT), ("1", "bold"), (" test", "")]
    return [line(parts, width), *fold(((told, FAINT),), width, 0)]


def cut_lines(train: int, valid: int, test: int, width: int) -> list[Content]:
    """What a split by time means for a history: how much trains, and which positions are asked for (-1 = none)."""
    asked = [(name, place) for name, place in (("validation", valid), ("test", test)) if place >= 0]
    told = ", ".join(f"the {name} asks for number {place:,}, after the {place:,} before it" for name, place in asked)
    return [
        line([(f"{train:,}", "bold"), (" training", "")], width),
        *fold(((f"By time: {told or 'nothing is asked of this user'}.", FAINT),), width, 0),
    ]


# --- instead of the data --------------------------------------------------------------------------------------------


def waiting_lines(text: str, seconds: float) -> list[Content]:
    """What goes on, and for how long."""
    return [line([("◐ ", "bold $accent"), (safe(text), "bold"), (f" … {duration(seconds)}", FAINT)])]


def fault_lines(error: EagerError, project_file: Path | None, width: int) -> list[Content]:
    """What is wrong, what can be done about it, and which keys help."""
    titles = {
        2: "The project file, or a file that it names, is wrong",
        3: "The machine cannot do it",
        4: "The data cannot be used",
    }
    title = titles.get(error.exit_code, "Reading did not work")
    lines = [line([("✗ ", "bold $error"), (title, "bold")], width), Content("")]
    message = error.message.replace(f"{project_file.parent}/", "") if project_file else error.message
    lines += fold([(safe(message), "")], width)
    if error.remedy:
        lines += [Content(""), *fold(((safe(error.remedy), "$accent"),), width, 0)]
    lines += [
        Content(""),
        *fold([("^r", "bold $accent"), (" reads again; so does a change of the files", "")], width, 3),
    ]
    if project_file is not None:
        lines += [Content(""), line([("the project file", FAINT)]), *fold([(safe(project_file), "")], width)]
    return lines
