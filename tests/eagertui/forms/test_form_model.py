"""The logic of the forms: fields and their texts, the command line's checks, overrides, figures in lines."""

from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import fields
from core.errors import EagerError, ProjectError
from core.project import Project, all_settings
from eagertui.forms.form_model import (
    MOST_USED,
    RunForm,
    filtered,
    grouped,
    near,
    problem,
    project_fields,
    text_of,
    train_command,
    value_of,
)
from eagertui.forms.plan_lines import plan_lines, short_plan_lines
from tests.eagertui.forms.form_tools import PLAN
from tests.imports import ROOT
from tests.plug_in_tools import forget, install

TEXT = 'name = "shop"\nseed = 7\n[data]\ninteractions = "log.csv"\n[tune]\nbatch_tokens = 512\n'
ODD = ("true", "[]", "['a', 'a']", "{ sequential = -1 }", "lite", "cuda:", "hf:", "'x", "0", "a,a", "")
WRONG = st.text(max_size=12) | st.integers().map(str) | st.floats().map(str) | st.sampled_from(ODD)
NEWEST = (ROOT / "tests" / "toy_plugins" / "toy_plugins" / "baseline.py").read_text(encoding="utf-8")
KEYS = [one.key for one in project_fields(Project())]


@pytest.fixture(scope="module")
def project_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "project.toml"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def plain_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "project.toml"
    path.write_text('[data]\ninteractions = "log.csv"\n')
    return path


def field(form: RunForm, key: str):
    return next(one for one in form.fields if one.key == key)


def test_every_setting_is_a_field_and_its_own_text_is_right(project_file: Path):
    form = RunForm.load(project_file)
    stages = [s.key for s in all_settings() if s.key.startswith("tune.stages.")]
    assert len(form.fields) == len(all_settings()) - len(stages) + len(stages) * len(Project().tune.stages)
    project = Project.load(project_file)
    for one in form.fields:
        assert one.check(one.value_text) == "", one.key
        assert value_of(one.key, one.value_text) == fields.value_at(project, one.key)
        assert not one.changed
        assert one.doc
    assert form.overrides == ()
    assert form.trouble is None


@given(value=st.text(max_size=30))
def test_any_text_survives_the_way_through_a_field(plain_file: Path, value: str):
    assert value_of("tune.frame", text_of(value)) == value
    assert Project.load(plain_file, [f"tune.frame={text_of(value)}"]).tune.frame == value


@given(value=st.lists(st.text(max_size=8), max_size=4, unique=True))
def test_any_list_survives_the_way_through_a_field(value: list[str]):
    assert value_of("data.text", text_of(value)) == tuple(value)


@given(value=st.floats(0.0, 1.0, exclude_max=True) | st.just(5e-324))
def test_any_number_survives_the_way_through_a_field(value: float):
    assert value_of("tune.dropout", text_of(value)) == value


@settings(max_examples=150)
@given(key=st.sampled_from(KEYS), text=WRONG)
def test_a_wrong_text_gets_the_command_lines_own_words(plain_file: Path, key: str, text: str):
    told, setting = problem(key, text), f"{key}={text}"
    try:
        Project.load(plain_file, [setting])
    except ProjectError as error:
        if told:
            assert error.message == f"--set {setting}: {key}: {told}"
        else:  # right by itself, but not together with the rest
            form = RunForm.load(plain_file).with_text(key, text)
            assert form.trouble is not None
            assert form.trouble.message in error.message
    else:
        assert told == ""


def test_unknown_keys_and_recipes_name_the_nearest():
    assert problem("tune.batchtokens", "1") == "unknown key; did you mean tune.batch_tokens?"
    assert problem("recipe", "lihgt") == 'no recipe "lihgt"; did you mean "light"?'
    assert "there are: " in problem("recipe", "qqqqqqqq")


def test_only_what_differs_from_the_file_is_an_override(project_file: Path):
    form = RunForm.load(project_file, ["seed=7", "tune.batch_tokens=1024", "tune.stages[0].epochs=3", "recipe=light"])
    assert form.overrides == ("tune.batch_tokens=1024", "tune.stages.0.epochs=3")
    assert field(form, "tune.batch_tokens").default_text == "512"
    form = form.with_text("tune.batch_tokens", " 512 ")
    assert form.overrides == ("tune.stages.0.epochs=3",)
    form = form.with_text("data.text", "[]").with_text("vectors.semantic", "none")
    assert form.overrides == ("vectors.semantic=none", "tune.stages.0.epochs=3")
    form = form.with_text("tune.stages.0.epochs", None).with_text("vectors.semantic", None)
    assert form.overrides == ()


def test_parts_of_a_table_become_one_override(project_file: Path):
    form = RunForm.load(project_file, ["tune.stages.0.tasks.sequential=2"])
    assert form.overrides == ("tune.stages.0.tasks={ sequential = 2.0 }",)
    again = RunForm.load(project_file, form.overrides)
    assert again.overrides == form.overrides


def test_the_overrides_mean_what_the_form_shows(project_file: Path):
    form = RunForm.load(project_file)
    told = {"name": '"a b"', "evaluate.baselines": "popularity", "evaluate.mask_seen": "true", "tune.dropout": "0.25",
            "run.device": "cuda:1", "index.sources": "behavior, semantic"}  # fmt: skip
    for key, text in told.items():
        form = form.with_text(key, text)
    project = Project.load(project_file, form.overrides)
    assert (project.name, project.evaluate.baselines, project.evaluate.mask_seen) == ("a b", ("popularity",), True)
    assert (project.run.device, project.index.sources) == ("cuda:1", ("behavior", "semantic"))
    words = shlex.split(train_command(project_file, form.overrides))
    assert words[:3] == ["eagertui", "--headless", "train"]
    sets = [text for before, text in pairwise(words) if before == "--set"]
    assert Project.load(words[3], sets) == project
    assert "--new" in train_command(project_file, (), new=True)


def test_values_that_do_not_go_together_mark_a_field(project_file: Path):
    form = RunForm.load(project_file).with_text("backbone.heads", "5")
    wrong = field(form, "backbone.heads")
    assert wrong.problem == "backbone.hidden_size (192) must be a multiple of it"
    assert form.trouble.key == "backbone.heads"
    kept = RunForm.load(project_file, form.overrides)  # as the next opening of the form gets it
    assert kept.trouble == form.trouble
    assert kept.with_text("backbone.hidden_size", "200").trouble is None
    assert kept.with_text("backbone.heads", None).overrides == ()


def test_wrong_overrides_are_marked_and_unknown_ones_told(project_file: Path):
    form = RunForm.load(project_file, ["tune.batch_tokens=many"])
    assert field(form, "tune.batch_tokens").problem == 'expected a whole number, got "many" (a text)'
    assert form.with_text("tune.batch_tokens", None).trouble is None
    with pytest.raises(ProjectError, match="did you mean seed"):
        RunForm.load(project_file, ["sed=1"])
    with pytest.raises(ProjectError, match="there is 1 stage,"):
        RunForm.load(project_file, ["tune.stages.4.epochs=1"])


def test_a_broken_file_says_where(tmp_path: Path):
    path = tmp_path / "project.toml"
    path.write_text("[data]\ninteractions = 'x'\nitms = 'y'\n")
    with pytest.raises(ProjectError, match=r"project\.toml:3: data\.itms: unknown key"):
        RunForm.load(path, ["seed=1"])
    path.unlink()
    with pytest.raises(EagerError, match="no project file"):
        RunForm.load(path)


def test_a_file_that_the_command_line_completes(tmp_path: Path):
    path = tmp_path / "project.toml"
    path.write_text("seed = 3\n")
    form = RunForm.load(path, ["data.interactions=log.csv"])
    assert form.trouble is None
    assert field(form, "data.interactions").value_text == "log.csv"


def test_the_most_used_come_first_and_each_once(project_file: Path):
    groups = RunForm.load(project_file).groups
    assert groups[0].title == "Most used"
    assert len(groups[0].fields) == len(MOST_USED)
    keys = [one.key for group in groups for one in group.fields]
    assert sorted(keys) == sorted(KEYS)
    tables = {group.title: group for group in groups}
    assert tables["[tune]"].doc == "How the model is trained"
    assert "stages.0.name" in [one.label for one in tables["[tune]"].fields]
    assert grouped(()) == ()


def test_a_form_about_the_index_begins_with_its_tables(project_file: Path):
    groups = RunForm.load(project_file, ["run.goal=index"]).groups
    assert [group.title for group in groups[:2]] == ["[index]", "Most used"]
    assert [one.key for one in groups[0].fields] == [key for key in KEYS if key.startswith("index.")]
    assert groups[0].fields[1].label == "method"
    assert sorted(one.key for group in groups for one in group.fields) == sorted(KEYS)
    assert not any(one.key.startswith("index.") for one in groups[1].fields)


def test_what_a_filter_finds_in_a_name_stands_first(project_file: Path):
    def keys(text: str) -> list[str]:
        return [one.key for group in filtered(groups, text) for one in group.fields]

    groups = RunForm.load(project_file).groups
    found = keys("ep")
    named = [key for key in found if "ep" in key.rpartition(".")[2]]
    assert named and found[0].endswith(".epochs")
    first = [key for key in found if key.rpartition(".")[2].startswith("ep")]
    for group in filtered(groups, "ep"):
        ranks = [one.rank("ep") for one in group.fields]
        assert ranks == sorted(ranks)
    assert {key for key in found if key.endswith(".epochs")} <= set(first)
    every = [one.key for group in groups for one in group.fields]
    assert keys("") == [one.key for group in groups for one in group.fields if one.used]
    assert sorted(found) == sorted(one.key for group in groups for one in group.fields if one.matches("ep"))
    assert keys("!tune") == [key for key in every if key in set(keys("!tune"))]


@pytest.mark.parametrize(
    ("setting", "used", "unused"),
    [
        ("seed=7", ["index.rq-vae", "sasrec"], ["index.letter", "baselines.bsarec", "baselines.toy-newest"]),
        ("evaluate.baselines=bsarec", ["baselines.bsarec"], ["baselines.hstu", "baselines.toy-newest"]),
        ("evaluate.baselines=toy-newest", ["baselines.toy-newest"], ["baselines.bsarec"]),
        ("vectors.semantic=contrastive", ["vectors.contrastive"], ["vectors.contrast", "vectors.generate"]),
        ("vectors.align=generate", ["vectors.generate"], ["vectors.contrast", "vectors.contrastive"]),
        ("index.method=letter", ["index.letter", "index.rq-vae"], ["index.aligned"]),
        ("index.method=kmeans-tree", [], ["index.letter", "index.rq-vae"]),
    ],
)
def test_without_a_filter_only_parts_in_use_are_shown(
    project_file: Path,
    setting: str,
    used: list[str],
    unused: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """One rule for plug-ins of every kind, also another package's; a filter finds the others."""
    install(tmp_path, monkeypatch, "toys", {"eagertui.baselines toy-newest": "newest:Newest"}, {"newest.py": NEWEST})
    try:
        form = RunForm.load(project_file).with_text(*setting.split("="))
        assert RunForm.load(project_file, [setting]).fields == form.fields
    finally:
        monkeypatch.undo()
        forget()

    def parts(text: str) -> set[str]:
        return {one.key.rpartition(".")[0] for group in filtered(form.groups, text) for one in group.fields}

    assert {*used, "run", "tune", "tune.stages.0"} <= parts("")
    assert not parts("") & set(unused)
    assert all(part in parts(part) for part in unused)


def test_the_filter_looks_at_names_and_words(project_file: Path):
    fields = RunForm.load(project_file).fields
    assert [one.key for one in fields if one.matches("BATCH_TOK")] == ["tune.batch_tokens"]
    assert any(one.key == "run.threads" for one in fields if one.matches("cpu threads"))
    assert len([one for one in fields if one.matches("!tune")]) < len([one for one in fields if one.matches(" ")])


def test_a_path_is_shown_as_one_would_type_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert near(tmp_path / "shop" / "project.toml") == "shop/project.toml"
    assert near(tmp_path.parent / "x") == str(tmp_path.parent / "x")
    assert train_command(tmp_path / "my shop" / "p.toml", ["a=b c"]) == (
        "eagertui --headless train 'my shop/p.toml' --set 'a=b c'"
    )


def test_the_figures_in_words():
    text = "\n".join(row.plain for row in plan_lines(PLAN, 40))
    for told in ("about 15 min", "9–25 min", "memory 1.2 GB · disk 43 MB", "goes on with run", "1130_shop_ab12",
                 "! no time column", "= data", "reuse", "took 3 s", "▸ tune", "goes on from where it was"):  # fmt: skip
        assert told in text
    assert all(row.cell_length <= 40 for row in plan_lines({**PLAN, "warnings": []}, 40))
    short = [row.plain for row in short_plan_lines({**PLAN, "warnings": []}, 56)]
    assert short[0] == "about 15 min  9–25 min · memory 1.2 GB · disk 43 MB"
    assert short[-1].startswith("reuse data, vectors · run index, tune, evaluate")


def test_figures_that_are_not_known_and_hostile_ones():
    bare = {"stages": [{"name": "a\x1b[31m[red]", "state": "run"}], "seconds": None, "continues": None}
    text = "\n".join(row.plain for row in plan_lines(bare, 30))
    assert "time not known before a first run" in text
    assert "a new run" in text
    assert "␛[31m[red]" in text
    done = {"stages": [{"name": "data", "state": "reuse", "note": ""}], "seconds": 0.0}
    assert plan_lines(done, 30)[0].plain == "nothing to compute"
    for odd in ({}, {"stages": None, "warnings": 3, "seconds": "soon"}):
        assert plan_lines(odd, 30)
        assert short_plan_lines(odd, 30)


def test_how_long_a_reused_stage_took_is_told_whole_or_not() -> None:
    plan = {"stages": [{"name": "baselines", "state": "reuse", "note": "took 41 s"}]}
    shown = {width: plan_lines(plan, width)[-1].plain.split() for width in (28, 24)}
    assert shown == {28: ["=", "baselines", "reuse", "took", "41", "s"], 24: ["=", "baselines", "reuse"]}
