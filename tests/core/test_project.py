"""The project file: layers, types, and errors that name file, line, key and the nearest valid key."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import EagerError, ProjectError
from core.fields import nearest_keys
from core.model_settings import StageSettings
from core.project import Project, all_settings
from core.recipes import recipe_paths
from core.setting_values import convert
from core.toml_lines import key_line

MINIMAL = '[data]\ninteractions = "log.csv"\n'


def load(folder: Path, text: str, *overrides: str) -> Project:
    file = folder / "project.toml"
    file.write_text(text, encoding="utf-8")
    return Project.load(file, overrides)


def error(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(ProjectError) as caught:
        load(folder, text, *overrides)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(str(folder) + "/", "")


def test_defaults_recipe_file_and_set_in_this_order(tmp_path: Path) -> None:
    project = load(tmp_path, MINIMAL + "[tune]\nbatch_tokens = 4096\npatience = 7\n", "tune.batch_tokens=2048")
    assert project.tune.batch_tokens == 2048
    assert project.tune.patience == 7
    assert project.data.max_history == 20
    assert project.recipe == "light"
    assert project.name == tmp_path.name


def test_a_name_made_of_an_odd_folder(tmp_path: Path) -> None:
    folder = tmp_path / "..a\tb\x1b"
    folder.mkdir()
    assert load(folder, MINIMAL).name == "ab"


def test_it_is_frozen(tmp_path: Path) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load(tmp_path, MINIMAL).seed = 3  # type: ignore[misc]


def test_the_resolved_file_loads_to_an_equal_project(tmp_path: Path) -> None:
    text = 'name = "Bücher \\"1\\""\n[[tune.stages]]\nname = "a"\n[[tune.stages]]\nname = "b"\nepochs = 3\n' + MINIMAL
    project = load(tmp_path, text, "data.text=title, brand", "data.items=items.csv")
    run = tmp_path / "runs" / "one"
    run.mkdir(parents=True)
    (run / "project.resolved.toml").write_text(project.to_toml(), encoding="utf-8")
    again = Project.load(run / "project.resolved.toml")
    assert again == project
    assert again.directory == project.directory == tmp_path
    assert again.resolve("log.csv") == tmp_path / "log.csv"
    assert again.runs_dir == tmp_path / "runs"
    assert again.fingerprint() == project.fingerprint()
    assert load(tmp_path, text).fingerprint() != project.fingerprint()
    assert "path" not in project.to_toml()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + 'itms = "x"\n', "project.toml:3: data.itms: unknown key; did you mean data.items?"),
        ("beams = 5\n" + MINIMAL, "project.toml:1: beams: unknown key; did you mean recommend.beams?"),
        ("[dtaa]\nx = 1\n" + MINIMAL, "project.toml:1: dtaa: unknown key; did you mean data?"),
        (MINIMAL + "[tune]\n\n# hm\nbatch_tokens = 'abc'\n",
         'project.toml:6: tune.batch_tokens: expected a whole number, got "abc" (a text)'),
        (MINIMAL + "[tune]\nbatch_tokens = true\n",
         "project.toml:4: tune.batch_tokens: expected a whole number, got true (true/false)"),
        (MINIMAL + "[tune]\ndropout = 1.0\n", "project.toml:4: tune.dropout: must be at least 0 and below 1, got 1.0"),
        (MINIMAL + "[tune]\ndropout = nan\n", "project.toml:4: tune.dropout: expected a number, got NaN (a number)"),
        (MINIMAL + "[recommend]\nk = 0\n", "project.toml:4: recommend.k: must be at least 1 and at most 10000, got 0"),
        (MINIMAL + "split = 'random'\n", 'project.toml:3: data.split: "random" is not one of leave-one-out'),
        (MINIMAL + "[index]\nmethod = 'kmeans_tree'\n",
         'project.toml:4: index.method: "kmeans_tree" is not one of aligned, eager-llm-tree, kmeans-tree, '
         'letter, moc, parallel, random, rq-kmeans, rq-vae, file:...; did you mean "kmeans-tree"?'),
        (MINIMAL + "[vectors]\nsemantic = 'hf:'\n",
         'project.toml:4: vectors.semantic: "hf:" is not one of lsa, contrastive, none, hf:..., file:...'),
        (MINIMAL + "[[tune.stages]]\nname = 'a'\n[[tune.stages]]\nname = 'b'\nepochs = 0\n",
         "project.toml:7: tune.stages.1.epochs: must be at least 1 and at most 10000, got 0"),
        (MINIMAL + "[[tune.stages]]\ntasks = { sequental = 1.0 }\n",
         'project.toml:4: tune.stages.0.tasks: "sequental" is not one of sequential, code-to-title, '),
        (MINIMAL + "[tune.stages]\nname = 'a'\n",
         "project.toml:3: tune.stages: expected tables, [[tune.stages]]"),
        (MINIMAL + "[tune]\nstages = []\n", "project.toml:4: tune.stages: needs at least one table"),
        ("tune = 3\n" + MINIMAL, "project.toml:1: tune: expected a table, [tune]"),
        ("recipe = 'lite'\n" + MINIMAL, 'project.toml:1: recipe: no recipe "lite"; did you mean "light"?'),
        ("name = 'a/b'\n" + MINIMAL, "project.toml:1: name: must be usable as part of a folder's name"),
        ("[run]\nthreads = 2\n", "project.toml: data.interactions: required"),
        (MINIMAL + "time = 't'\nposition = 'p'\n", "project.toml:4: data.position: choose one of data.time and"),
        (MINIMAL + "text = ['title']\n", "project.toml:3: data.text: names columns of the item table, but data.items"),
        (MINIMAL + "min_rating = 3\n", "project.toml:3: data.min_rating: needs data.rating"),
        (MINIMAL + "item = 'user_id'\n", 'project.toml:3: data.item: the column "user_id" is named for two things'),
        (MINIMAL + "[backbone]\nheads = 5\n", "project.toml:4: backbone.heads: backbone.hidden_size (192) must be a"),
        (MINIMAL + "[index]\nsources = []\n", "project.toml:4: index.sources: needs at least one source"),
        (MINIMAL + "[index]\nsources = ['semantic', 'semantic']\n", '"semantic" stands there twice'),
        (MINIMAL + "x = = 1\n", "project.toml:3: Invalid value, column 5\nline 3: x = = 1"),
        (MINIMAL + 'x = """\n', "project.toml:4: "),
    ],
)  # fmt: skip
def test_errors_name_file_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    assert message in error(tmp_path, text)


def test_stages_of_the_file_that_win_over_those_of_another_recipe_are_told(tmp_path: Path) -> None:
    """Else a recipe of tasks in words would be trained without them, and without a word."""
    own = MINIMAL + "[[tune.stages]]\nname = 'a'\n"
    line = own.splitlines().index("name = 'a'") + 1
    project = load(tmp_path, own, "recipe=lc-rec-small")
    assert [stage.name for stage in project.tune.stages] == ["a"]
    assert project.notes == (
        f"{project.path}:{line}: [[tune.stages]] stands there and wins: the stages of the recipe lc-rec-small are not "
        "taken",
    )
    assert load(tmp_path, own).notes == load(tmp_path, own, "recipe=light", "seed=1").notes == ()
    assert load(tmp_path, own, "recipe=lc-rec-small", 'tune.stages=[{ name="b" }]').notes == ()
    assert load(tmp_path, 'recipe = "lc-rec-small"\n' + own).notes == ()
    assert load(tmp_path, MINIMAL, "recipe=lc-rec-small").notes == ()


def test_set_gives_the_stages_anew(tmp_path: Path) -> None:
    """One value with all tables, which later ones change; a number that is not there is refused as ever."""
    stages = 'tune.stages=[{ name="a", epochs=3 }, { name="b", learning_rate=1e-4 }]'
    project = load(tmp_path, MINIMAL, "tune.stages.0.epochs=9", stages, "tune.stages.1.epochs=4")
    assert [(one.name, one.epochs) for one in project.tune.stages] == [("a", 3), ("b", 4)]
    assert project.tune.stages[1].learning_rate == 1e-4
    with pytest.raises(ProjectError, match="there are 2 stages, numbered from 0"):
        load(tmp_path, MINIMAL, stages, "tune.stages.2.epochs=4")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tune.batch_tokens=abc", '--set tune.batch_tokens=abc: tune.batch_tokens: expected a whole number, got "abc"'),
        ("tune.batchtokens=1", "--set tune.batchtokens=1: tune.batchtokens: unknown key; did you mean tune.batch_tok"),
        ("evaluate.mask_seen=yes", "expected true or false"),
        ("tune.stages.3.epochs=1", "--set tune.stages.3.epochs=1: there is 1 stage, numbered from 0"),
        ("tune.stages=4", "expected tables, [[tune.stages]]"),
        ("data=4", "data: expected a table, [data]"),
        ("nothing", "--set nothing: expected key=value"),
        ("=3", "expected key=value"),
        ("evaluate.baselines=popularity,sasrc", '"sasrc" is not one of'),
        ("tune.dropout=[", "expected a number"),
    ],
)
def test_errors_of_set(tmp_path: Path, override: str, message: str) -> None:
    assert message in error(tmp_path, MINIMAL, override)


def test_set_is_read_by_the_type_of_the_setting(tmp_path: Path) -> None:
    project = load(
        tmp_path, MINIMAL + 'items = "i.csv"\n', "recipe=light", 'name="two words"', "run.device=cuda:1", "data.text=",
        'evaluate.baselines=["popularity"]', "evaluate.mask_seen=true", "tune.dropout=0", "tune.stages[0].epochs=3",
        "tune.stages.0.tasks.sequential=0.5", "backbone.model=org/model=x", "seed=7",
    )  # fmt: skip
    assert project.name == "two words"
    assert project.run.device == "cuda:1"
    assert project.data.text == ()
    assert project.evaluate.baselines == ("popularity",)
    assert project.evaluate.mask_seen is True
    assert project.tune.dropout == 0.0 and isinstance(project.tune.dropout, float)
    assert project.tune.stages[0].epochs == 3
    assert project.tune.stages[0].tasks == {"sequential": 0.5}
    assert project.backbone.model == "org/model=x"
    assert project.seed == 7


def test_a_stage_key_without_a_number_sets_every_stage(tmp_path: Path) -> None:
    two = "[[tune.stages]]\nname = 'a'\n[[tune.stages]]\nname = 'b'\nepochs = 3\n" + MINIMAL

    def stages(*overrides: str) -> list[tuple[int, float, dict[str, float]]]:
        return [(one.epochs, one.learning_rate, one.tasks) for one in load(tmp_path, two, *overrides).tune.stages]

    task, other = {"sequential": 1.0}, {"sequential": 0.5}
    assert stages("tune.stages.epochs=1", "tune.stages.1.learning_rate=0.5") == [(1, 2e-3, task), (1, 0.5, task)]
    assert stages("tune.stages.epochs=1", "tune.stages[1].epochs=2", "tune.stages.tasks.sequential=0.5") == [
        (1, 2e-3, other), (2, 2e-3, other)
    ]  # fmt: skip
    assert [one.epochs for one in load(tmp_path, MINIMAL, "tune.stages.epochs=1").tune.stages] == [1]
    small = load(tmp_path, MINIMAL, "recipe=eager-llm-small", "tune.stages.epochs=1").tune.stages
    assert [one.epochs for one in small] == [1, 1] and len({one.name for one in small}) == 2
    assert load(tmp_path, two, "tune.stages.epochs=1").notes == ()
    wrong = error(tmp_path, two, "tune.stages.epochs=0")
    assert wrong.startswith("--set tune.stages.epochs=0: tune.stages.epochs: must be at least 1")
    with pytest.raises(ProjectError, match=r"expected a table|expected tables"):
        load(tmp_path, two.replace("[[tune.stages]]\nname = 'a'\n[[tune.stages]]\nname = 'b'", "[tune.stages.'*']"))


def test_no_suggestion_is_the_key_that_was_typed() -> None:
    keys = {setting.key for setting in all_settings()}
    typed = {wrong for key in keys for wrong in (key.rpartition(".")[2], f"{key.partition('.')[0]}.{key[-8:]}")} - keys
    assert len(typed) > 100
    for wrong in typed:
        near = nearest_keys(Project, wrong)
        assert wrong not in near and set(near) <= keys | {key.rpartition(".")[0] for key in keys}, wrong


def test_a_key_of_several_tables_names_all_of_them_the_tuning_first(tmp_path: Path) -> None:
    for typed in ("epochs=1", "tune.epochs=1", "tune.stage.epochs=1"):
        assert error(tmp_path, MINIMAL, typed).endswith(
            "unknown key; did you mean tune.stages.epochs, vectors.contrastive.epochs, sasrec.epochs, "
            "index.rq-vae.epochs, baselines.bsarec.epochs or baselines.hstu.epochs?"
        )
    assert "did you mean index.rq-vae.epochs, tune.stages.epochs" in error(tmp_path, MINIMAL, "index.epochs=1")


def test_a_recipe_aligns_what_can_be_aligned(tmp_path: Path) -> None:
    """What the file asks for itself stays, and is refused where it cannot be."""
    texts = MINIMAL + 'items = "i.csv"\ntext = ["title"]\n'
    assert load(tmp_path, texts).vectors.align == "contrast"
    assert load(tmp_path, MINIMAL).vectors.align == "none"
    for change in ("vectors.semantic=none", "vectors.behavior=ppmi-svd", "sasrec.negatives=100"):
        assert load(tmp_path, texts, change).vectors.align == "none"
        assert load(tmp_path, texts, change, "vectors.align=contrast").vectors.align == "contrast"
    assert load(tmp_path, texts + '[vectors]\nbehavior = "sasrec"\n').vectors.align == "contrast"
    assert load(tmp_path, texts, "vectors.align=none").vectors.align == "none"


def test_stages_of_the_file_replace_the_recipes(tmp_path: Path) -> None:
    project = load(tmp_path, MINIMAL + "[[tune.stages]]\nname = 'only'\n")
    assert [stage.name for stage in project.tune.stages] == ["only"]
    assert project.tune.stages[0].epochs == StageSettings().epochs


def test_inline_tables_and_dotted_keys(tmp_path: Path) -> None:
    project = load(tmp_path, 'data = { interactions = "log.csv", max_history = 9 }\ntune.patience = 2\n')
    assert (project.data.max_history, project.tune.patience) == (9, 2)
    assert "project.toml:1: data.max_hist: unknown key" in error(
        tmp_path, 'data = { interactions = "l", max_hist = 9 }\n'
    )


def test_a_recipe_cannot_set_what_belongs_to_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tmp_path / "odd.toml"
    recipe.write_text("# odd: a test.\n\n[data]\nuser = 'x'\n", encoding="utf-8")
    monkeypatch.setattr("core.project.recipe_paths", lambda: {"odd": recipe})
    assert "odd.toml:4: data.user: a recipe cannot set this" in error(tmp_path, 'recipe = "odd"\n' + MINIMAL)


def test_every_recipe_loads(tmp_path: Path) -> None:
    assert "light" in recipe_paths()
    for name, path in recipe_paths().items():
        assert load(tmp_path, MINIMAL, f"recipe={name}").recipe == name
        assert path.read_text(encoding="utf-8").startswith(f"# {name}: "), "it says what it is and for whom"


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe", b"name = 'a'\nx = '\xff'\n", b"\0", b"[" * 9999, b"= 1", b"a = " + b"[" * 999]
)
def test_a_hostile_file_is_an_error_with_a_place(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "project.toml"
    file.write_bytes(raw)
    with pytest.raises(ProjectError, match=r"project\.toml"):
        Project.load(file)


def test_missing_and_huge_files(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no project file at"):
        Project.load(tmp_path)
    (tmp_path / "project.toml").write_bytes(b"#" * 2_000_000)
    with pytest.raises(ProjectError, match="too large"):
        Project.load(tmp_path)


def test_bom_and_crlf(tmp_path: Path) -> None:
    file = tmp_path / "project.toml"
    file.write_bytes(b'\xef\xbb\xbfname = "x"\r\n[data]\r\ninteractions = "a"\r\nusr = "b"\r\n')
    with pytest.raises(ProjectError, match=r"project\.toml:4: data\.usr: unknown key; did you mean data\.user\?"):
        Project.load(file)


def test_lines_are_found_around_strings_arrays_and_comments() -> None:
    text = (
        'a = """\nkey = 1\n[fake]\n"""\n[t] # x = 1\nlist = [\n "key = 2", # ]\n]\n\'quoted key\' = "# = ["\n'
        '[[t.s]]\nk = 1\n[t.s.inner]\nz = 1\n[[t.s]]\nk = 2\n"b.c".d = 5\n'
    )
    assert key_line(text, ("a",)) == 1
    assert key_line(text, ("key",)) is None
    assert key_line(text, ("t", "list")) == 6
    assert key_line(text, ("t", "quoted key")) == 9
    assert key_line(text, ("t", "s", "0", "k")) == 11
    assert key_line(text, ("t", "s", "0", "inner", "z")) == 13
    assert key_line(text, ("t", "s", "1", "k")) == 15
    assert key_line(text, ("t", "s", "1", "b.c", "d")) == 16
    assert key_line(text, ("t", "list", "deeper")) == 6


def test_every_setting_is_documented_and_its_default_is_valid() -> None:
    settings = all_settings()
    assert len({s.key for s in settings}) == len(settings) > 50
    for setting in settings:
        assert setting.doc and "\n" not in setting.doc, setting.key
        assert not setting.doc.endswith("."), setting.key
    assert {s.key for s in settings if s.personal} >= {"name", "data.interactions", "data.user", "data.text"}
    assert next(s for s in settings if s.key == "tune.dropout").allowed == "0 to 1"
    defaults = {s.key: s for s in settings}
    assert convert(list(defaults["index.sources"].default), tuple[str, ...], {}) == ("semantic", "behavior")


def test_every_error_is_an_eager_error_whatever_the_text(tmp_path: Path) -> None:
    junks = ("x", "[a]\n[a]\n", "data = 1979-05-27\n", "seed = 1e400\n", "seed = 99999999999999999999\n", "'' = 1\n")
    tables = ("interactions = 3\n", "interactions = ['a']\n", "text = 'title'\n")
    for junk in (*junks, *("[data]\n" + line for line in tables)):
        with pytest.raises(EagerError):
            load(tmp_path, junk)


def test_a_project_needs_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys; import core.project, core.data, core.data.guess, core.jobs.project_file;"
        "print([m for m in ('torch', 'sklearn', 'faiss', 'transformers', 'textual', 'eagertui') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_old_spellings_are_read_and_the_new_ones_named(tmp_path: Path) -> None:
    old = MINIMAL + "[index]\nmethod = 'letter'\n[rq_vae]\nepochs = 7\nlayers = [16]\ndiversity = 0.5\n"
    new = old.replace("[rq_vae]", "[index.rq-vae]").replace("diversity", "[index.letter]\ndiversity")
    (tmp_path / "project.toml").write_text(old)
    (tmp_path / "new.toml").write_text(new)
    project, same = Project.load(tmp_path), Project.load(tmp_path / "new.toml")
    assert project == same and same.notes == ()
    assert len(project.notes) == 3
    assert project.notes[1].endswith("project.toml:7: rq_vae.layers is index.rq-vae.layers now")
    assert project.index.options["rq-vae"].epochs == 7 and project.index.options["letter"].diversity == 0.5


def test_old_spellings_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(MINIMAL)
    project = Project.load(tmp_path, ["rq_vae.epochs=9", "index.paper=true", "recommend.dense=false"])
    assert project.index.method == "eager-llm-tree" and project.index.options["rq-vae"].epochs == 9
    assert project.recommend.fusion == () and len(Project.load(tmp_path, ["recommend.dense=true"]).recommend.fusion) > 1
    assert project.notes == (
        "--set rq_vae.epochs=9: rq_vae.epochs is index.rq-vae.epochs now",
        "--set index.paper=true: index.paper is index.method now",
        "--set recommend.dense=false: recommend.dense is recommend.fusion now",
    )
    resolved = tmp_path / "project.resolved.toml"
    resolved.write_text(MINIMAL + "[rq_vae]\nepochs = 7\n")
    assert Project.load(resolved).notes == (), "nobody wrote it, so nobody can mend it"
    assert len(Project.load(resolved, ["rq_vae.epochs=9"]).notes) == 1
    resolved.write_text(
        MINIMAL
        + """
[recommend]
dense = true
[evaluate]
baselines = ["popularity", "transitions", "itemknn", "sasrec"]
"""
    )
    assert Project.load(resolved).evaluate == project.evaluate, "the defaults of 0.1 are those of today"
    (tmp_path / "project.toml").write_text(MINIMAL + "[index]\nmethod = 'kmeans-tree'\npaper = false\n")
    assert Project.load(tmp_path).index.method == "kmeans-tree"


def test_a_wrong_value_under_an_old_spelling_is_named_with_its_line(tmp_path: Path) -> None:
    text = error(tmp_path, MINIMAL + "[rq_vae]\nepochs = 0\n")
    assert "project.toml:4: index.rq-vae.epochs: must be at least 1" in text
    near = error(tmp_path, MINIMAL + "[rq_vae]\nepoch = 3\n")
    assert "project.toml:4: index.rq-vae.epoch: unknown key; did you mean index.rq-vae.epochs?" in near


def test_options_of_the_method_in_use_are_recorded(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(MINIMAL)
    project = Project.load(tmp_path)
    resolved = tmp_path / "resolved.toml"
    resolved.write_text(project.to_toml())
    assert "[index.rq-vae]" in project.to_toml() and Project.load(resolved) == project
    assert "[index.rq-vae]" not in Project.load(tmp_path, ["index.method=rq-kmeans"]).to_toml()
    assert "[index.letter]" in Project.load(tmp_path, ["index.method=letter"]).to_toml()
    keys = [setting.key for setting in all_settings()]
    assert "index.rq-vae.epochs" in keys and "index.aligned.temperature" in keys and "rq_vae.epochs" not in keys
