"""The data profile in words: what `eagertui check` prints."""

from __future__ import annotations

from typing import Any

from eagertui.plain import figure, visible

BAR = "▏▎▍▌▋▊▉█"
HEIGHTS = "▁▂▃▄▅▆▇█"
BAR_WIDTH = 24
LABEL = 14


def lines(profile: dict[str, Any]) -> list[str]:
    """The profile as lines for a person, most important first; data in it is made visible."""
    read, split, text = profile["read"], profile["split"], profile["text"]
    told = [
        _line("read", f"{figure(read['rows'])} rows from {_files(read['files'])}; order: {visible(read['order'])}"),
        _line("users", figure(profile["users"])),
        _line("items", figure(profile["items"])),
        _line("interactions", f"{figure(profile['interactions'])}, density {profile['density']:.3%}"),
        _line("split", _split(split)),
        _line("content", f"{visible(profile.get('digest', ''))} (the same for the same users, items, order and texts)"),
    ]
    told += [_line("! doubt", visible(doubt)) for doubt in [*profile.get("doubts", []), *read.get("notes", [])]]
    told += _dropped(read)
    told += _cold(profile.get("cold", {}))
    told += _text(text)
    if read["tied"]:
        told.append(_line("ties", f"{read['tied']:.1%} of neighbouring interactions share one time"))
    told += ["", "history lengths (interactions a user): " + _spread(profile["history"])]
    told += _histogram(profile["history"].get("histogram", []), "users")
    popularity = profile["popularity"]
    told += ["", "popularity (interactions an item): " + _spread(popularity)]
    told += _histogram(popularity.get("histogram", []), "items")
    head = ", ".join(f"the top {visible(k)} take {v:.0%}" for k, v in popularity.get("head", {}).items())
    told.append(f"  {head}; gini {popularity['gini']:.2f}")
    return told + _timeline(profile.get("timeline", []), profile.get("time", {}))


def _line(label: str, text: str) -> str:
    return f"{label:<{LABEL}}{text}"


def _files(files: list[str]) -> str:
    return visible(files[0]) if len(files) == 1 else f"{len(files)} files"


def _split(split: dict[str, Any]) -> str:
    return (
        f"{visible(split['rule'])}: {figure(split['train_targets'])} training targets, "
        f"{figure(split['evaluated_users'])} users evaluated, "
        f"{split['repeated_targets']:.1%} of their targets taken before"
    )


def _dropped(read: dict[str, Any]) -> list[str]:
    """What did not get through: rejected rows with examples, then what the rules took away."""
    told = []
    for reason, count in read["rejected"].items():
        told.append(_line("! rejected", f"{figure(count)} rows: {visible(reason)}"))
        for example in read["examples"].get(reason, [])[:3]:
            place = f"{visible(example.get('file', ''))} row {figure(example.get('row'))}"
            told.append(_line("", f"{place}: {visible(example.get('value'))}"))
    if not read["rejected"]:
        told.append(_line("rejected", "0 rows"))
    rules = {"left_out": "rows by data.where", "unknown": "of them because a value is missing"}
    rules |= {"below_rating": "rows below data.min_rating", "duplicates": "rows by data.duplicates"}
    for label, text in rules.items():
        if read.get(label):
            told.append(_line("left out", f"{figure(read[label])} {text}"))
    core = read["k_core"]
    if core["rows"]:
        away = f"{figure(core['rows'])} rows, {figure(core['users'])} users, {figure(core['items'])} items"
        rounds = "one round" if core["rounds"] == 1 else f"{figure(core['rounds'])} rounds"
        told.append(_line("left out", f"{away} by the k-core, in {rounds}"))
    return told


def _text(text: dict[str, Any]) -> list[str]:
    told = [_line("text", f"{figure(text['rows'])} rows in the item table")] if text["rows"] else []
    notes = [
        (text["duplicates"], "repeated ids, the first row counts"),
        (text["items_without_row"], "items have no row there: behaviour only"),
        (text["items_without_text"], "items have no text: behaviour only"),
    ]
    notes += [(count, f"rows: {visible(reason)}") for reason, count in text["rejected"].items()]
    notes += [(count, f"items without {visible(column)}") for column, count in text["missing"].items()]
    notes += [(count, f"items with {visible(column)} cut at its longest") for column, count in text["cut"].items()]
    notes += [(count, f"items with broken characters in {visible(column)}") for column, count in text["broken"].items()]
    return told + [_line("! text", f"{figure(count)} {what}") for count, what in notes if count]


def _cold(cold: dict[str, int]) -> list[str]:
    """Whom and what the metrics say nothing about."""
    notes = {
        "users_not_evaluated": "users with fewer than 3 interactions are not evaluated",
        "users_without_target": "users without an interaction of a trained item in the test's time are not evaluated",
        "users_without_history": "users came only after the training; nothing is known of them",
        "rows_untrained": "rows after the training are of items that nobody trained on; they are left out",
        "items_untrained": "items are such",
        "valid_targets_untrained": "users' validation targets are such items: these users are not asked",
        "test_targets_untrained": "users' test targets are such items: these users are not asked",
        "items_never_taken": "items that nobody took",
        "targets_not_in_training": "test targets are items that no training history holds",
    }
    return [_line("cold", f"{figure(cold[key])} {words}") for key, words in notes.items() if cold.get(key)]


def moment(value: object) -> str:
    """A moment of the timeline: a date, a date and a time, or a number."""
    return visible(value.replace("T", " ")) if isinstance(value, str) else figure(value)


def column(count: int, most: int) -> str:
    """A bar of one character; what is not nothing is never drawn as nothing."""
    return HEIGHTS[min(7, count * 8 // most)] if count and most else " "


def _timeline(spans: list[dict[str, Any]], time: dict[str, Any]) -> list[str]:
    """One bar a span of time."""
    if not spans:
        return []
    most = max(span["count"] for span in spans)
    reach = f"{moment(time.get('first'))} to {moment(time.get('last'))}"
    each = f", {visible(time['step'])} a bar" if time.get("step") and len(spans) > 1 else ""
    bars = "".join(column(span["count"], most) for span in spans)
    return ["", f"timeline: {reach}{each}, at most {figure(most)} interactions", f"  {bars}"]


def _spread(values: dict[str, Any]) -> str:
    names = {"min": "least", "median": "median", "mean": "mean", "p95": "95 %", "max": "most"}
    return ", ".join(f"{word} {figure(values[key])}" for key, word in names.items() if key in values)


def _histogram(bins: list[dict[str, int]], unit: str) -> list[str]:
    most = max((one["count"] for one in bins), default=0)
    told = []
    for one in bins:
        low, high = one["low"], one["high"]
        label = figure(low) if low == high else f"{figure(low)}–{figure(high)}"
        eighths = round(8 * BAR_WIDTH * one["count"] / most)
        bar = "█" * (eighths // 8) + (BAR[eighths % 8 - 1] if eighths % 8 else "")
        what = unit.removesuffix("s") if one["count"] == 1 else unit
        told.append(f"  {label:>11} {bar or '▏' if one['count'] else '':<{BAR_WIDTH}} {figure(one['count'])} {what}")
    return told
