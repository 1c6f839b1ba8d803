"""Settings of the language model: what it is made of, what it reads, and how it is trained.

They are declared as those of `core.settings` are.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.registry import LOSSES, TASKS
from core.settings import opt


@dataclass(frozen=True)
class BackboneSettings:
    """The language model that learns to recommend."""

    model: str = opt("tiny", "tiny = a small decoder built on the spot; or a Hugging Face id, a folder or a .gguf file")
    hidden_size: int = opt(256, "width (tiny)", low=8, high=8192)
    layers: int = opt(4, "transformer layers (tiny)", low=1, high=96)
    heads: int = opt(4, "attention heads (tiny)", low=1, high=128)
    intermediate_size: int = opt(768, "width of the feed-forward part (tiny)", low=8, high=65536)
    text_vocabulary: int = opt(2048, "word pieces of its tokenizer (tiny)", low=300, high=200000)
    new_rows: str = opt(
        "words",
        "what the code tokens of a checkpoint start from: words = of the words that set the branch's items apart, "
        "or of the title of the item whose own it is, where a task has words; aligned = vectors of the index method "
        "aligned",
        choices=("random", "mean", "words", "aligned"),
    )
    attention: str = opt("auto", "attention kernel", choices=("auto", "eager", "sdpa", "flash_attention_2"))
    gradient_checkpointing: bool = opt(False, "compute activations twice instead of keeping them: less memory")
    compile: bool = opt(False, "compile the model (torch.compile): a slow start, then faster steps")


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adapters, where a stage trains `lora`."""

    rank: int = opt(8, "width of an adapter", low=1, high=4096)
    alpha: float = opt(32.0, "an adapter's output is scaled by this over its rank", above=0.0, high=1e4)
    dropout: float = opt(0.05, "share of an adapter's inputs dropped in training", low=0.0, below=1.0)
    targets: tuple[str, ...] = opt((), "names of the adapted layers; none = all linear layers of the decoder")


@dataclass(frozen=True)
class TextSettings:
    """Texts of the tasks that speak in words."""

    users: str = opt(
        "template",
        "what users want and like, in words: template = from titles, categories and words of branches; "
        "file:PATH = LC-Rec's .user.json; local:PATH = written by a local language model",
        choices=("none", "template"),
        prefixes=("file:", "local:"),
    )
    items: str = opt(
        "raw",
        "descriptions of the items in tasks: raw = the catalogue's; local:PATH = written by a local language model",
        choices=("raw",),
        prefixes=("local:",),
    )
    prompts: str = opt("", "folder of own prompts; a file there wins over the built-in one of its task")
    description_tokens: int = opt(64, "tokens of a description, at most", low=8, high=4096)


@dataclass(frozen=True)
class NegativeSettings:
    """Wrong candidates in the tasks yes-no, pick-one and which-text."""

    draw: str = opt(
        "popular",
        "how they are drawn; prefix = among items of the same branch",
        choices=("uniform", "popular", "prefix"),
    )
    count: int = opt(3, "wrong candidates beside the right one (pick-one)", low=1, high=100)


@dataclass(frozen=True)
class ContrastSettings:
    """EAGER-LLM's contrast: states of the model are pulled to the items' source vectors."""

    form: str = opt(
        "none",
        "which state: summary = at the end of a row, which has read the answer; next = before the answer",
        choices=("none", "summary", "next"),
    )
    semantic: float = opt(0.1, "weight of the text vectors", low=0.0, high=100.0)
    behavior: float = opt(0.1, "weight of the behaviour vectors", low=0.0, high=100.0)
    temperature: float = opt(0.1, "cosines are divided by this", above=0.0, high=10.0)
    negatives: int = opt(2048, "items beside the right one; 0 = the whole catalogue", low=0, high=10**7)


@dataclass(frozen=True)
class StageSettings:
    """One stage of training: which tasks, which parameters learn, for how long."""

    name: str = opt("sequential", "name of the stage")
    tasks: dict[str, float] = field(
        default_factory=lambda: {"sequential": 1.0},
        metadata={"doc": "weight of each task", "choices": (TASKS,), "low": 0.0, "high": 1e6},
    )
    caps: dict[str, float] = field(
        default_factory=dict,
        metadata={"doc": "rows of a task in an epoch, at most", "choices": (TASKS,), "low": 1.0, "high": 1e9},
    )
    train: str = opt("all", "which parameters learn", choices=("all", "lora", "new-tokens", "lora+new-tokens"))
    epochs: int = opt(20, "most passes over the users", low=1, high=10000)
    learning_rate: float = opt(2e-3, "highest step size of AdamW", above=0.0, high=1.0)
    contrast: bool = opt(True, "whether [contrast] applies in this stage")
    objective: str = opt(
        "likelihood",
        "what is raised: likelihood = that of the answers; reward = the expected [tune] reward (GREAM), after a stage "
        "of likelihood",
        choices=("likelihood", "reward"),
    )
    losses: dict[str, float] = field(
        default_factory=dict,
        metadata={"doc": "weight of each further loss", "choices": (LOSSES,), "low": 0.0, "high": 1e6},
    )


@dataclass(frozen=True)
class TuneSettings:
    """How the model is trained."""

    batch_tokens: int = opt(8192, "tokens a step", low=64, high=10**8)
    accumulate: int = opt(1, "batches of that size before each step", low=1, high=10**6)
    supervise: str = opt(
        "every",
        "which items of a history are targets: every = all after the first in one row; last = one row a target, "
        "as in the papers",
        choices=("every", "last"),
    )
    packing: bool = opt(False, "many rows in one sequence, attention kept apart; else rows of like length are padded")
    softmax: str = opt(
        "legal",
        "what a code competes with: legal = codes that go on to an item; level = all of its level; "
        "vocabulary = all tokens, as in the papers",
        choices=("legal", "level", "vocabulary"),
    )
    temperature: float = opt(
        1.0, "logits of codes are divided by this in training; below 1 stresses the hardest others (LETTER)",
        above=0.0, high=100.0,
    )  # fmt: skip
    reward: str = opt(
        "prefix",
        "what a stage with that objective is rewarded for: prefix = each code of the answer's beginning; exact = the "
        "answer alone; pass = the answer among several draws",
        choices=("prefix", "exact", "pass"),
    )
    reward_draws: int = opt(4, "draws of pass", low=1, high=10**6)
    worded: bool = opt(False, "a worded frame before every history, drawn from the prompts of `sequential`")
    weight_decay: float = opt(0.05, "weight decay of AdamW", low=0.0, high=10.0)
    dropout: float = opt(0.1, "share of activations dropped in training", low=0.0, below=1.0)
    token_dropout: float = opt(0.0, "share of history items hidden in training", low=0.0, below=1.0)
    word_dropout: float = opt(0.0, "share of a wording's words hidden or swapped in training", low=0.0, below=1.0)
    ema: float = opt(0.0, "decay of the running mean of the weights that is evaluated; 0 = off", low=0.0, below=1.0)
    distill: float = opt(0.5, "share of the loss that follows what the teachers expect; 0 = off", low=0.0, high=1.0)
    transitions_share: float = opt(
        0.5, "weight of item-to-item transitions among the teachers; the rest is SASRec's", low=0.0, high=1.0
    )
    drawn: float = opt(
        0.0, "share of items that give way to what teachers expect there, anew each epoch; 0 = off", low=0.0, high=1.0
    )
    frame: str = opt("", "words before every history; a backbone without a begin token needs some")
    warmup: float = opt(0.05, "share of the steps in which the step size rises", low=0.0, high=1.0)
    schedule: str = opt(
        "cosine",
        "how the step size falls; wsd = only at the end, as the next three say",
        choices=("cosine", "linear", "constant", "wsd"),
    )
    anneal: float = opt(0.1, "share of the steps in which it falls (wsd)", low=0.0, high=1.0)
    anneal_to: float = opt(0.0, "what it falls to, as a share of the highest (wsd)", low=0.0, high=1.0)
    anneal_shape: str = opt(
        "linear", "how it falls (wsd); sqrt = steep at first, flat at the end", choices=("linear", "sqrt")
    )
    patience: int = opt(4, "validations without progress before it stops", low=1, high=1000)
    validate_users: int = opt(2000, "users drawn at random for each validation; 0 = all", low=0, high=10**9)
    stages: tuple[StageSettings, ...] = opt((StageSettings(),), "the stages of training, in order")

    @property
    def speaks(self) -> bool:
        """Whether any of the model's rows has words."""
        asked = {name for stage in self.stages for name, weight in stage.tasks.items() if weight}
        return self.worded or bool(asked - {"sequential"})
