"""The words shared by all genres: invented names and places, and the shape of a genre's own word lists."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Genre:
    """What one genre's titles and blurbs are made of; ``{slots}`` are filled in by `core.sample.books`."""

    name: str
    subjects: tuple[str, ...]
    """Lower-case noun phrases; every author keeps to one, so that the text shows who wrote it."""
    roles: tuple[str, ...]
    qualities: tuple[str, ...]
    things: tuple[str, ...]
    titles: tuple[str, ...]
    series: tuple[str, ...]
    openings: tuple[str, ...]
    turns: tuple[str, ...]
    closings: tuple[str, ...]


WOMEN = (
    "Alba", "Beatrix", "Clementine", "Delphine", "Edda", "Frida", "Greta", "Honor", "Isolde", "Juno", "Katya",
    "Lavinia", "Maren", "Nerys", "Odile", "Petra", "Romilly", "Saskia", "Tamsin", "Una", "Verity", "Wilhelmina",
    "Xenia", "Zora",
)  # fmt: skip
MEN = (
    "Anselm", "Bertil", "Caspian", "Dorian", "Emrys", "Florian", "Gideon", "Hamish", "Ivo", "Jasper", "Kit",
    "Leopold", "Magnus", "Nils", "Osric", "Piers", "Quentin", "Rufus", "Stellan", "Tobias", "Ulric", "Valentin",
    "Wendell", "Yorick",
)  # fmt: skip
SURNAME_HEADS = (
    "Ash", "Bram", "Cald", "Dray", "Eld", "Fenn", "Gars", "Hath", "Inger", "Jess", "Kest", "Lorn", "Marl", "Nether",
    "Orring", "Pell", "Quill", "Rusk", "Selk", "Thrup", "Ulver", "Vand", "Wex", "Yarrow", "Bex", "Cray", "Dulver",
    "Farth", "Grims", "Holl", "Kell", "Lind",
)  # fmt: skip
SURNAME_TAILS = (
    "amble", "beck", "combe", "dunne", "ettle", "feld", "grove", "ham", "lock", "mere", "quist", "wick", "away",
    "bright", "dew", "gale",
)  # fmt: skip
TOWN_HEADS = (
    "Amber", "Brack", "Cinder", "Dove", "Ember", "Frost", "Gull", "Harrow", "Iron", "Juniper", "Kelp", "Larks",
    "Moth", "Nettle", "Otter", "Plover", "Quarry", "Raven", "Saltern", "Thistle", "Under", "Vesper", "Willow", "Yew",
    "Ash", "Bell", "Clover", "Drift", "Elder", "Fen", "Garnet", "Heron",
)  # fmt: skip
TOWN_TAILS = (
    "bourne", "cross", "dale", "fold", "gate", "haven", "holt", "minster", "mouth", "reach", "stow", "water", "ford",
    "combe", "wick", "hythe",
)  # fmt: skip
