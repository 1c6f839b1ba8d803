"""Checkpoints of four families: taken, trained, decoded, saved, loaded, merged."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from core.errors import ProjectError
from core.model.attention import NAME as CPU_ATTENTION
from core.model.backbone import build_backbone
from core.model.checkpoint import generator_of, load_checkpoint, save_checkpoint
from core.model.export import export_model
from core.model.forward import embed, head_logits
from core.model.peft_layers import adapt, state_of
from core.model.pretrained import check_length, longest, own_dtype
from core.model.trie import Trie
from core.model.vocabulary import Vocabulary, build_vocabulary
from core.model_settings import BackboneSettings, LoraSettings
from core.recommend.beam import beam_search
from core.run.reporter import NullReporter
from core.training.loop import Loop
from core.training.schedule import Schedule
from core.tune.target_rows import every_item_rows
from tests.core.engine_tools import exhaustive, sequences, small_index, uneven_codes
from tests.core.model.families import FOUR, HIDDEN, PADDING, POSITIONS, write_family
from tests.core.tune.tools import batch_of, objective_of

COUNT = 20
INDEX = small_index(uneven_codes(COUNT, 3, 4, 0), (4, 4, 4))
WORDS = [["amber", "story"], ["coral"], [], ["weather", "dusk"]] * 3
HISTORIES = np.array([[3, 4, 17], [9, 9, 0]])
Taken = tuple[PreTrainedModel, Vocabulary]


@pytest.fixture(scope="module", params=FOUR)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(family: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_family(family, tmp_path_factory.mktemp(family) / "lm")


def taken(folder: Path) -> Taken:
    settings = BackboneSettings(str(folder))
    vocabulary = build_vocabulary(settings, INDEX, [], "a coral story")
    return build_backbone(settings, vocabulary, 0.0, "cpu", 0, words=WORDS).eval(), vocabulary


def trained(
    lm: PreTrainedModel, vocabulary: Vocabulary, folder: Path, epochs: int = 4, bf16: bool = False
) -> list[float]:
    """Walk along the items with the real objective and loop; the loss before and after."""
    rows = every_item_rows(sequences(*[[(n + step) % COUNT for step in range(5)] for n in range(COUNT)]), 20)
    batches = [batch_of(rows, vocabulary, INDEX, only=range(start, start + 10)) for start in (0, 10)]
    objective = objective_of(lm, vocabulary, INDEX)
    losses = []
    for last in (False, True):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            losses.append(float(np.mean([float(objective.eval()(batch)[0]) for batch in batches])))
        if not last:
            loop = Loop(
                objective, lambda epoch: batches, Schedule(epochs, 2e-2), seed=0, device="cpu", bf16=bf16,
                reporter=NullReporter(), folder=folder, task="walk",
            )  # fmt: skip
            loop.run()
    return losses


def lists_of(lm: PreTrainedModel, vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    return beam_search(generator_of(lm, vocabulary, INDEX).eval(), Trie(INDEX.codes), HISTORIES, COUNT)


@pytest.mark.parametrize("train", ["all", "lora", "new-tokens", "lora+new-tokens"])
def test_train_save_load_decode_export(train: str, family: str, folder: Path, tmp_path: Path) -> None:
    lm, vocabulary = taken(folder)
    before = {name: tensor.clone() for name, tensor in lm.state_dict().items()}
    first = lists_of(lm, vocabulary)
    adapt(lm, train, LoraSettings(rank=4), vocabulary.new_ids, "first")
    assert np.allclose(first[1], lists_of(lm, vocabulary)[1], atol=1e-6)  # an adapter begins as nothing
    start, end = trained(lm, vocabulary, tmp_path / "loop")
    assert end < 0.9 * start
    items, scores = lists_of(lm, vocabulary)
    for user, history in enumerate(HISTORIES.tolist()):
        table = exhaustive(lm, vocabulary, INDEX, history).sum(axis=1)
        assert sorted(items[user].tolist()) == list(range(COUNT))  # legal, all of them, each once
        assert scores[user] == pytest.approx(table[items[user]], abs=1e-3)
    save_checkpoint(tmp_path / "best", lm, vocabulary, INDEX, {})
    assert (tmp_path / "best" / "model.safetensors").exists() == (train == "all")
    held = load_checkpoint(tmp_path / "best")
    assert np.array_equal(beam_search(held.model, held.trie, HISTORIES, COUNT)[1], scores)
    if train != "all":
        below = load_checkpoint(tmp_path / "best", adapters=False)
        assert np.array_equal(beam_search(below.model, below.trie, HISTORIES, COUNT)[1], first[1])
        for name, tensor in below.model.lm.state_dict().items():
            assert torch.equal(tensor, before[name]), name
    out = export_model(tmp_path / "best", tmp_path / "plain")
    plain, tokenizer = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    text = "".join(INDEX.text(item) for item in HISTORIES[0])
    ids = torch.tensor([[*vocabulary.frame, *tokenizer.encode(text, add_special_tokens=False)]])
    assert ids.tolist() == held.model.prompt(torch.from_numpy(HISTORIES[:1])).tolist()
    with torch.no_grad():
        assert torch.allclose(plain(input_ids=ids).logits, lm(input_ids=ids).logits, atol=2e-4)


def test_a_frozen_base_stays_in_bf16(family: str, tmp_path: Path) -> None:
    """Its files are bf16, so nothing is lost; what learns is fp32, and a checkpoint gives back what was trained."""
    folder = write_family(family, tmp_path / "lm")
    AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(folder)
    assert own_dtype(str(folder)) == torch.bfloat16
    settings = BackboneSettings(str(folder))
    vocabulary = build_vocabulary(settings, INDEX, [], "a coral story")
    lm = build_backbone(settings, vocabulary, 0.0, "cpu", 0, words=WORDS, dtype=own_dtype(str(folder))).eval()
    adapt(lm, "lora+new-tokens", LoraSettings(rank=4), vocabulary.new_ids, "first")
    kinds = {parameter.requires_grad: parameter.dtype for parameter in lm.parameters()}
    assert kinds == {True: torch.float32, False: torch.bfloat16}
    start, end = trained(lm, vocabulary, tmp_path / "loop", bf16=True)
    assert end < 0.9 * start
    with torch.autocast("cpu", torch.bfloat16):
        items, scores = lists_of(lm, vocabulary)
    assert all(sorted(row.tolist()) == list(range(COUNT)) for row in items)
    save_checkpoint(tmp_path / "best", lm, vocabulary, INDEX, {})
    held = load_checkpoint(tmp_path / "best")
    assert {parameter.dtype for parameter in held.model.parameters()} == {torch.float32, torch.bfloat16}
    with torch.autocast("cpu", torch.bfloat16):
        assert np.array_equal(beam_search(held.model, held.trie, HISTORIES, COUNT)[1], scores)
    beam_search(held.model, held.trie, HISTORIES, COUNT)  # also without autocast
    exact = load_checkpoint(tmp_path / "best", dtype=torch.float32)
    found = beam_search(exact.model, exact.trie, HISTORIES, COUNT)
    order = [np.argsort(row) for row in (*items, *found[0])]
    assert found[1][0][order[2]] == pytest.approx(scores[0][order[0]], abs=0.3)
    out = export_model(tmp_path / "best", tmp_path / "plain")
    ids = exact.model.prompt(torch.from_numpy(HISTORIES))
    with torch.no_grad():
        merged = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)(input_ids=ids).logits
        assert torch.allclose(merged, exact.model.lm(input_ids=ids).logits, atol=2e-4)


def test_two_adapters_follow_one_another(family: str, folder: Path, tmp_path: Path) -> None:
    lm, vocabulary = taken(folder)
    base = lists_of(lm, vocabulary)[1]
    adapt(lm, "lora+new-tokens", LoraSettings(rank=4), vocabulary.new_ids, "tasks")
    trained(lm, vocabulary, tmp_path / "one", 2)
    before = lists_of(lm, vocabulary)[1]
    adapt(lm, "lora", LoraSettings(rank=2), vocabulary.new_ids, "annealing")
    assert np.array_equal(lists_of(lm, vocabulary)[1], before)
    learning = {name for name, parameter in lm.named_parameters() if parameter.requires_grad}
    assert learning and all("annealing" in name for name in learning)
    trained(lm, vocabulary, tmp_path / "two", 2)
    after = lists_of(lm, vocabulary)[1]
    assert np.abs(after - before).max() > 0.01
    save_checkpoint(tmp_path / "best", lm, vocabulary, INDEX, {})
    told = ((True, after), (["tasks"], before), (False, base))
    for wanted, scores in told:
        held = load_checkpoint(tmp_path / "best", adapters=wanted)
        assert np.array_equal(beam_search(held.model, held.trie, HISTORIES, COUNT)[1], scores), wanted
    out = export_model(tmp_path / "best", tmp_path / "plain")
    ids = held.model.prompt(torch.from_numpy(HISTORIES))
    with torch.no_grad():
        merged = AutoModelForCausalLM.from_pretrained(out)(input_ids=ids).logits
        assert torch.allclose(merged, lm(input_ids=ids).logits, atol=2e-4)


def test_rows_of_tokens_go_on_from_those_before(family: str, folder: Path, tmp_path: Path) -> None:
    lm, vocabulary = taken(folder)
    adapt(lm, "new-tokens", LoraSettings(), vocabulary.new_ids, "one")
    trained(lm, vocabulary, tmp_path / "loop", 2)
    before = lists_of(lm, vocabulary)[1]
    adapt(lm, "lora+new-tokens", LoraSettings(), vocabulary.new_ids, "two")
    assert np.array_equal(lists_of(lm, vocabulary)[1], before)
    trained(lm, vocabulary, tmp_path / "again", 1)
    save_checkpoint(tmp_path / "best", lm, vocabulary, INDEX, {})
    for wanted, scores in ((["one"], before), (True, lists_of(lm, vocabulary)[1])):
        held = load_checkpoint(tmp_path / "best", adapters=wanted)
        assert np.array_equal(beam_search(held.model, held.trie, HISTORIES, COUNT)[1], scores)


def test_rows_and_logits_are_those_of_the_whole_model(family: str, folder: Path) -> None:
    lm, vocabulary = taken(folder)
    adapt(lm, "new-tokens", LoraSettings(), vocabulary.new_ids, "one")
    with torch.no_grad():
        for parameter in lm.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.3)
    ids = torch.from_numpy(np.concatenate([vocabulary.new_ids, np.arange(9)]))[None]
    assert torch.allclose(embed(lm, ids), lm.get_input_embeddings()(ids))
    states = lm.base_model(inputs_embeds=embed(lm, ids)).last_hidden_state
    assert torch.allclose(head_logits(lm, states, ids[0]), lm(input_ids=ids).logits[..., ids[0]], atol=1e-4)
    head_logits(lm, states, ids[0]).sum().backward()
    moved = {name for name, parameter in lm.named_parameters() if parameter.grad is not None}
    assert moved and all("trainable_tokens_delta" in name for name in moved)


@pytest.mark.parametrize("length", [1, 4, 20])
def test_the_attention_kernel_is_the_familys_own(length: int, family: str, folder: Path) -> None:
    """Against transformers' eager attention, forward and backward; Gemma's window here is eight tokens."""
    lm, _ = taken(folder)
    assert lm.config._attn_implementation == CPU_ATTENTION
    reference = copy.deepcopy(lm)
    reference.set_attn_implementation("eager")
    ids = torch.arange(2 * length).reshape(2, length) % 300
    outs = [one(input_ids=ids).logits for one in (lm, reference)]
    assert torch.allclose(*outs, atol=1e-4)
    grads = []
    for one, out in zip((lm, reference), outs, strict=True):
        out.logsumexp(-1).sum().backward()
        grads.append(torch.cat([p.grad.flatten() for p in one.parameters() if p.grad is not None]))
    assert torch.allclose(*grads, atol=1e-3)


@pytest.mark.parametrize("window", [2, 5, 64])
@pytest.mark.parametrize("kind", ["gemma3", "mistral"])
def test_windows_shorter_and_longer_than_the_sequence(window: int, kind: str, tmp_path: Path) -> None:
    """Decoding in branches keeps to the window, also where the beams alone are more than it holds."""
    if kind == "gemma3":
        lm, vocabulary = taken(write_family("gemma3", tmp_path, window=window))
    else:
        write_family("llama", tmp_path)
        config = (tmp_path / "config.json").read_text().replace("LlamaForCausalLM", "MistralForCausalLM")
        config = config.replace('"model_type": "llama"', f'"model_type": "mistral", "sliding_window": {window}')
        (tmp_path / "config.json").write_text(config, encoding="utf-8")
        lm, vocabulary = taken(tmp_path)
        assert lm.config.model_type == "mistral"
    items, scores = lists_of(lm, vocabulary)
    for user, history in enumerate(HISTORIES.tolist()):
        table = exhaustive(lm, vocabulary, INDEX, history).sum(axis=1)
        assert scores[user] == pytest.approx(table[items[user]], abs=1e-3)
    other = copy.deepcopy(lm)
    other.config.sliding_window = 64
    for layer in other.base_model.layers:
        layer.self_attn.sliding_window = 64
    same = np.allclose(lists_of(other, vocabulary)[1], scores, atol=1e-4)
    assert same == (window == 64)  # the window matters, so the test can fail


def test_what_each_family_is(tmp_path: Path) -> None:
    for family in FOUR:
        lm, vocabulary = taken(write_family(family, tmp_path / family))
        config, begin = lm.config, vocabulary.tokenizer.bos_token_id
        assert (vocabulary.frame[0] == begin) == (family != "qwen3") and vocabulary.end is not None
        assert config.hidden_size == HIDDEN
        tied = lm.get_input_embeddings().weight is lm.get_output_embeddings().weight
        assert tied == (family != "llama")
        assert longest(lm) == (POSITIONS if family == "gpt2" else None)
        if family == "qwen3":  # the new tokens take padding, and nothing shrinks
            assert config.vocab_size == vocabulary.size - len(vocabulary.added) + PADDING > vocabulary.size
        else:
            assert config.vocab_size == vocabulary.size
        assert state_of(lm).base is not None


def test_a_history_that_the_positions_do_not_reach(tmp_path: Path) -> None:
    lm, vocabulary = taken(write_family("gpt2", tmp_path))
    frame = len(vocabulary.frame)
    fits = (POSITIONS - frame) // 3 - 1
    check_length(lm, frame, 3, fits)
    with pytest.raises(ProjectError, match=f"max_history = {fits} would fit"):
        check_length(lm, frame, 3, fits + 1)
    with pytest.raises(ProjectError, match="more positions"):
        check_length(lm, POSITIONS - 3, 3, 1)
