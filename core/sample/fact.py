"""Word lists of the non-fiction genres of the sample, all of our own writing, and the order of all genres."""

from core.sample.fiction import ESPIONAGE, FANTASY, GHOST, HISTORICAL, MYSTERY, ROMANCE, SEA, SPACE
from core.sample.word_lists import Genre

TRAVEL = Genre(
    "Travel Writing",
    (
        "slow trains", "mountain passes", "caravan markets", "pilgrim roads", "river ferries", "desert wells",
        "island post", "border cafes", "abandoned spas", "sleeper cars",
    ),
    (
        "out-of-work cartographer", "former bus driver", "wandering translator", "postcard dealer",
        "footsore journalist", "amateur cyclist", "homesick diplomat", "retired guide",
    ),
    ("Long", "Dusty", "Slow", "Unpaved", "Borrowed", "Eastern", "Winding", "Improbable", "Cheapest", "Forgotten"),
    ("Road", "Timetable", "Suitcase", "Passport", "Detour", "Border", "Caravan", "Itinerary", "Footpath", "Platform"),
    (
        "The {quality} {thing}", "{thing} to {town}", "A {quality} {thing}", "The {thing} Beyond {town}",
        "By {thing} and Mule", "Notes From a {quality} {thing}",
    ),
    ("Journeys with {surname}", "The {town} Road", "Wayfaring from {town}"),
    (
        "With one bag and no plan, {hero}, {a_role}, sets out from {town} in search of {subject}.",
        "A journey of a thousand miles begins with a missed connection at {town} and a stranger's tip about {subject}.",
        "{hero} crosses four countries on foot, by bus and by donkey, following the last traces of {subject}.",
        "Every map of {town} is wrong, and this travel book explains why that is good news.",
    ),
    (
        "Along the way come innkeepers, customs officers and a long evening of talk about {subject}.",
        "The mountains are higher than promised, the beds are shorter, and {she} would not have it otherwise.",
        "There are blisters, feasts and one memorable {thing_low}.",
        "Between the border post and the sea, the traveller learns how to wait.",
    ),
    (
        "Travel writing at walking pace: curious, generous and slightly lost.",
        "Pack light and take this with you.",
        "A book to make any reader look up the night train.",
        "Wry, dusty and full of roads.",
    ),
)  # fmt: skip

NATURE = Genre(
    "Nature Writing",
    (
        "eel rivers", "ancient hedgerows", "peat bogs", "swift nests", "fungal woods", "tidal marshes",
        "mountain hares", "wild bees", "owl barns", "chalk streams",
    ),
    (
        "marsh warden", "amateur ornithologist", "shepherd", "fungus hunter", "river keeper", "botanist",
        "hedge-layer", "seed collector",
    ),
    ("Wild", "Mossy", "Feathered", "Green", "Hidden", "Singing", "Rewilded", "Dawn", "Rooted", "Autumn"),
    ("Meadow", "Heron", "Woodland", "Hedgerow", "Nest", "Otter", "Marsh", "Oak", "Migration", "Birdsong"),
    (
        "The {quality} {thing}", "A Year in the {thing}", "{quality} {thing}", "Listening to the {thing}",
        "The {thing} at {town}", "{thing} and Rain",
    ),
    ("Seasons at {town}", "The {town} Field Notes", "A {surname} Almanac"),
    (
        "For a whole year {hero}, {a_role}, kept watch over {subject} on the edge of {town}.",
        "At first light the birds of {town} begin, and {hero} begins to write about {subject}.",
        "What is lost when a landscape forgets {subject}? {hero} went to the woods near {town} to find out.",
        "This is the natural history of a single field outside {town}, told through {subject}.",
    ),
    (
        "Foxes come and go, the seasons turn, and the smallest wings carry the largest questions.",
        "Between the roots and the rain {she} finds a way to grieve, and then a way to plant.",
        "Patient field notes become a portrait of soil, feathers and weather.",
        "There is science here, and mud, and a {thing_low} described with love.",
    ),
    (
        "Luminous nature writing that smells of leaf mould.",
        "A hymn to wildlife and to staying in one place.",
        "You will never walk past a hedge in the same way again.",
        "Quiet, exact and full of birds.",
    ),
)  # fmt: skip

SCIENCE = Genre(
    "Popular Science",
    (
        "sleep", "prime numbers", "ocean currents", "the immune system", "probability", "magnetism", "fermentation",
        "memory", "colour vision", "volcanoes",
    ),
    (
        "working physicist", "neurologist", "statistician", "field geologist", "laboratory technician",
        "mathematics teacher", "microbiologist", "science historian",
    ),
    (
        "Curious", "Invisible", "Accidental", "Smallest", "Elegant", "Counted", "Stubborn", "Measured", "Strange",
        "Noisy",
    ),
    (
        "Experiment", "Equation", "Molecule", "Neuron", "Hypothesis", "Particle", "Theorem", "Bacterium", "Constant",
        "Gene",
    ),
    (
        "The {quality} {thing}", "How to Weigh a {thing}", "The {thing} That Changed Its Mind", "{quality} {thing}",
        "A Short History of the {quality} {thing}", "Why the {thing}?",
    ),
    ("Explained by {surname}", "The {surname} Lectures", "Laboratory {town}"),
    (
        "What do we really know about {subject}? {hero}, {a_role}, has spent twenty years in the laboratory asking.",
        "A dropped flask in {town} changed the science of {subject} for good.",
        "{hero} explains {subject} with kitchen experiments, bad drawings and no equations that bite.",
        "Everything you were taught about {subject} at school is nearly right. This book is about the nearly.",
    ),
    (
        "From forgotten experiments to the newest data, each chapter takes one idea apart and puts it back together.",
        "The evidence is surprising, the researchers are stranger, and one {thing_low} refuses to behave.",
        "Along the way, {first} meets the scientists who were wrong in the most useful manner.",
        "It is a tale of measurement, error bars and stubborn curiosity.",
    ),
    (
        "Popular science that respects both the facts and the reader.",
        "Clear, funny and rigorously footnoted.",
        "You will look at the universe with better questions.",
        "A lucid guide to a subject that keeps moving.",
    ),
)  # fmt: skip

COOKERY = Genre(
    "Food & Cookery",
    (
        "sourdough", "smoked fish", "preserved lemons", "market soups", "orchard puddings", "mountain cheese",
        "street dumplings", "winter pickles", "clay-pot rice", "foraged salads",
    ),
    (
        "bakery apprentice", "canteen cook", "cheese-maker", "village butcher", "pastry chef", "ship's cook",
        "spice merchant", "kitchen gardener",
    ),
    ("Copper", "Salted", "Sunday", "Buttered", "Hungry", "Slow-Cooked", "Peppered", "Golden", "Pickled", "Generous"),
    ("Spoon", "Kitchen", "Supper", "Oven", "Larder", "Table", "Recipe", "Pantry", "Feast", "Ladle"),
    (
        "The {quality} {thing}", "{thing} and Smoke", "The {town} {thing}", "A {quality} {thing}",
        "From the {quality} {thing}", "Grandmother's {thing}",
    ),
    ("Cooking with {surname}", "The {town} Kitchen", "Suppers at {town}"),
    (
        "One hundred recipes from {hero}, {a_role}, whose {town} kitchen is famous for {subject}.",
        "A cookbook and a memoir: how {hero} lost a restaurant, kept a frying pan and fell for {subject}.",
        "Bring butter, salt and patience. {hero} will bring everything that is worth knowing about {subject}.",
        "In {town}, supper is taken seriously, and nobody takes {subject} more seriously than {hero}.",
    ),
    (
        "The recipes run from weekday broths to feasts for twenty, each with a story in its margin.",
        "There are chapters on flour, on fire and on what to do when the {thing_low} is empty.",
        "Simple ingredients, exact timings and a cook who forgives your mistakes.",
        "Aunts quarrel over garlic, an oven dies, and dinner is served regardless.",
    ),
    (
        "A delicious companion for cooks who read in bed.",
        "Stained pages guaranteed.",
        "Cooking as memory, with seconds.",
        "Honest, buttery and impossible to read while hungry.",
    ),
)  # fmt: skip

#: The genres of made-up stories; the others are of facts.
FICTION = (MYSTERY, ESPIONAGE, HISTORICAL, SEA, SPACE, FANTASY, GHOST, ROMANCE)

#: The ring along which a mood drifts: each genre is a small step from the one before, and the last leads to the first.
GENRES = (
    MYSTERY, ESPIONAGE, HISTORICAL, SEA, TRAVEL, NATURE, SCIENCE, SPACE, FANTASY, GHOST, ROMANCE, COOKERY,
)  # fmt: skip
