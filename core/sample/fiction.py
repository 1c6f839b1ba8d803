"""Word lists of the fiction genres of the sample, all of our own writing."""

from core.sample.word_lists import Genre

MYSTERY = Genre(
    "Mystery",
    (
        "poisoned honey", "forged wills", "stopped clocks", "stolen recipes for cordial", "bell-ringing",
        "orchid thieves", "crossword ciphers", "missing portraits", "anonymous postcards", "locked greenhouses",
    ),
    (
        "retired postmistress", "village constable", "auction-house clerk", "disgraced barrister", "parish organist",
        "country coroner", "sharp-eyed librarian", "insurance assessor",
    ),
    ("Silent", "Crooked", "Borrowed", "Second", "Unsigned", "Vanishing", "Polite", "Missing", "Sealed", "Careless"),
    ("Alibi", "Witness", "Testament", "Inkwell", "Verdict", "Clue", "Bequest", "Suspect", "Footprint", "Housekeeper"),
    (
        "The {quality} {thing}", "A {thing} at {town}", "Murder and the {quality} {thing}", "The {town} {thing}",
        "Nobody's {thing}", "The {thing} in the Vestry",
    ),
    ("{surname} Investigates", "The {town} Mysteries", "Inquests of {town}"),
    (
        "Nobody in {town} locks a door until the body of the churchwarden turns up beside a note about {subject}.",
        "{hero}, {a_role}, came to {town} for a quiet winter and found a case of {subject} instead.",
        "Three guests, one snowed-in house and a whiff of {subject}: {hero} has until morning to name the murderer.",
        "The police of {town} call it an accident. {hero}, {a_role} with a long memory, calls it murder.",
    ),
    (
        "Every alibi holds, every suspect smiles, and the only clue is a {thing_low} that should not exist.",
        "As the inquest nears, {first} follows a trail of {subject} from the vicarage to the railway station.",
        "The victim had enemies enough for two murders, and by Thursday there is a second.",
        "Someone has been lying about {subject} for thirty years, and {she} has just asked the wrong question.",
    ),
    (
        "A fair-play detective story with tea, malice and a last chapter that turns the first one round.",
        "A gentle whodunit for readers who like to be fooled honestly.",
        "Clever, cosy and wicked: the culprit was in the room all along.",
        "The solution is simple, and no inspector will guess it.",
    ),
)  # fmt: skip

ESPIONAGE = Genre(
    "Espionage",
    (
        "numbers stations", "double agents", "microfilm", "embassy basements", "dead drops",
        "defecting chess players", "smuggled passports", "wiretapped hotels", "border tunnels", "sleeper networks",
    ),
    (
        "burned-out courier", "junior cipher clerk", "former station chief", "reluctant interpreter",
        "night-train steward", "archive analyst", "disowned handler", "surveillance technician",
    ),
    ("Neutral", "Double", "Cold", "Final", "Deniable", "Northern", "Expendable", "Encrypted", "Quiet", "Sleeping"),
    ("Courier", "Protocol", "Asset", "Safe House", "Cipher", "Dossier", "Frontier", "Handler", "Exchange", "Signal"),
    (
        "The {quality} {thing}", "The {town} {thing}", "A {thing} Before Dawn", "{quality} {thing}",
        "The {thing} From {town}", "No {thing} Left",
    ),
    ("The {surname} Dossiers", "Station {town}", "The {town} Network"),
    (
        "One agent is dead, another has vanished, and the file on {subject} is empty.",
        "{hero}, {a_role}, is given a new name, a train ticket and eleven hours to reach the {town} frontier.",
        "The service swore that it had finished with {subject}. Then {hero} finds a transmitter, still warm.",
        "A routine exchange on the bridge at {town} goes wrong, and {hero} is the only one left who saw the list.",
    ),
    (
        "Hunted by both sides, {she} must learn which of {her} colleagues sold the network, and for how much.",
        "Behind the consulate's curtains, the talk of {subject} hides an older and colder betrayal.",
        "Every contact is watched, every safe house is blown, and the code word has just changed.",
        "Ministers want the {thing_low} buried; the other side wants it read aloud.",
    ),
    (
        "A taut spy thriller of loyalty, paranoia and bad coffee.",
        "Trust nobody, least of all the narrator.",
        "A chilly, intelligent novel about secrets and the price of keeping them.",
        "The last operation of a long cold war begins on a tram.",
    ),
)  # fmt: skip

HISTORICAL = Genre(
    "Historical Fiction",
    (
        "silk weaving", "plague years", "royal portraiture", "salt taxes", "siege engines", "cathedral masons",
        "court musicians", "the spice tariff", "banished queens", "printing presses",
    ),
    (
        "apprentice engraver", "widowed dyer", "royal falconer", "novice scribe", "mercenary's daughter",
        "court apothecary", "guild treasurer", "travelling mason",
    ),
    ("Gilded", "Vermilion", "Widow's", "Merchant's", "Uncrowned", "Royal", "Plague", "Scarlet", "Last", "Faithful"),
    ("Loom", "Crown", "Regent", "Tapestry", "Charter", "Chapel", "Siege", "Manuscript", "Dowry", "Guild"),
    (
        "The {quality} {thing}", "The {thing} of {town}", "A {thing} for the King", "The {thing} and the Rose",
        "The {surname} {thing}", "{quality} {thing}",
    ),
    ("The {town} Chronicle", "Houses of {town}", "The {surname} Inheritance"),
    (
        "In a century of candles and kings, {hero}, {a_role}, rises from the alleys of {town} by a gift for {subject}.",
        "When the army reaches the walls of {town}, the court flees and {hero} stays behind.",
        "The old duke is dying, the guilds are restless, and all of {town} whispers about {subject}.",
        "Sold to a convent at nine, {hero} learns Latin, patience and everything there is to know of {subject}.",
    ),
    (
        "A dangerous marriage, a disputed {thing_low} and a long winter bind {her} fate to that of the throne.",
        "As heresy trials begin, the knowledge of {subject} becomes a treason of its own.",
        "Between a bishop's ambition and a queen's favour, {she} must choose which oath to break.",
        "Letters cross the realm by horse and by river, and each arrives too late.",
    ),
    (
        "A sweeping historical novel, rich in velvet, mud and candle smoke.",
        "Meticulous about its century and tender with its people.",
        "A saga of power, craft and loyalty in a kingdom on the turn.",
        "History seen from the servants' stair.",
    ),
)  # fmt: skip

SEA = Genre(
    "Sea Adventure",
    (
        "whale roads", "coral pilots", "lighthouse wrecks", "convict ships", "storm charts", "pearl divers",
        "the ice passage", "mutiny trials", "ghost frigates", "smugglers' coves",
    ),
    (
        "half-pay lieutenant", "ship's surgeon", "cabin boy", "blind helmsman", "runaway sailmaker",
        "privateer captain", "harbour pilot", "one-eared bosun",
    ),
    (
        "Windward", "Drowned", "Black", "Homeward", "Leeward", "Brazen", "Salt-Stained", "Becalmed", "Mutinous",
        "Southern",
    ),
    ("Anchor", "Frigate", "Compass", "Tide", "Figurehead", "Mainsail", "Squall", "Harbour", "Sextant", "Broadside"),
    (
        "The {quality} {thing}", "{thing} and Gallows", "The {thing} off {town}", "Under a {quality} {thing}",
        "The Captain's {thing}", "A {quality} {thing}",
    ),
    ("The {surname} Voyages", "Logbooks of the {town}", "Fleet of {town}"),
    (
        "Out of {town} on the morning tide sails a leaking brig, a crew of forty and {hero}, {a_role} with a secret.",
        "Shipwrecked among {subject}, {hero} counts the survivors and then the rations.",
        "The orders are sealed until the fortieth parallel; when {hero} opens them, they speak of {subject}.",
        "No one has come back from the waters beyond {town}. {hero}, {a_role}, signs on all the same.",
    ),
    (
        "With the foremast gone and an enemy sail on the horizon, {she} stakes the ship on old tales of {subject}.",
        "Below decks the crew talk of mutiny, and the surgeon has stopped drinking.",
        "A race through reefs and gales follows, with treasure in the hold and treason at the wheel.",
        "Somewhere ahead lie the lost {thing_low}, a fever coast and a rival captain who never forgives.",
    ),
    (
        "A salt-sprayed adventure of cannon, canvas and courage.",
        "The best storm at sea in years, and the worst biscuits.",
        "For everyone who has ever heard rigging sing.",
        "A rousing voyage, navigated with wit.",
    ),
)  # fmt: skip

SPACE = Genre(
    "Science Fiction",
    (
        "orbital gardens", "sleeping colonists", "terraforming moss", "uploaded pilots", "asteroid unions",
        "robot monasteries", "faster-than-light mail", "alien grammars", "dying suns", "time-locked vaults",
    ),
    (
        "starship botanist", "obsolete android", "salvage pilot", "exiled astrophysicist", "colony archivist",
        "quantum locksmith", "generation-ship judge", "contact linguist",
    ),
    (
        "Hollow", "Orbital", "Infinite", "Synthetic", "Binary", "Thousandth", "Luminous", "Relativistic", "Outer",
        "Lonely",
    ),
    ("Planet", "Reactor", "Starship", "Colony", "Algorithm", "Airlock", "Satellite", "Nebula", "Machine", "Horizon"),
    (
        "The {quality} {thing}", "{thing} Zero", "The {thing} at {town} Station", "{quality} {thing}",
        "Children of the {quality} {thing}", "A {thing} for the Moon",
    ),
    ("The {town} Orbit", "Starfall {town}", "The {surname} Paradox"),
    (
        "Two centuries out from Earth, {hero}, {a_role}, wakes to find the ship's records of {subject} erased.",
        "The colony on {town} Station has air for nine days and an argument about {subject}.",
        "First contact came as a question concerning {subject}, and only {hero} noticed that it was a threat.",
        "On the ringworld of {town}, machines do the praying and {hero}, {a_role}, does the repairs.",
    ),
    (
        "As the reactor fails, {she} must bargain with an intelligence that remembers the future.",
        "The alien signal repeats, a {thing_low} answers from the dark side, and the crew begins to divide.",
        "Somewhere in the starfield a second ship follows, with the same name and the same dead captain.",
        "To save the settlers, {first} will have to break every law of physics and two of robotics.",
    ),
    (
        "Hard science fiction with a warm heart and cold vacuum.",
        "A dazzling space opera of gravity, grief and machines that dream.",
        "Big ideas, bigger planets.",
        "A first-contact novel that listens before it shoots.",
    ),
)  # fmt: skip

FANTASY = Genre(
    "Fantasy",
    (
        "bone magic", "dragon husbandry", "river gods", "talking swords", "cursed orchards", "map-makers' spells",
        "stone giants", "shadow thieves", "the names of winds", "moon-forged bells",
    ),
    (
        "hedge witch", "goblin notary", "exiled prince", "apprentice wizard", "oath-breaking knight",
        "beekeeper of spirits", "half-elven thief", "toll-bridge troll",
    ),
    ("Enchanted", "Thorned", "Raven-Haired", "Sunken", "Wandering", "Ninth", "Moonlit", "Forsworn", "Emerald", "Elder"),
    ("Spell", "Dragon", "Throne", "Sorcerer", "Talisman", "Wyrm", "Grimoire", "Prophecy", "Enchantress", "Sword"),
    (
        "The {quality} {thing}", "A {thing} of Ash and Honey", "The {thing} of {town}",
        "Song of the {quality} {thing}", "The {thing} Beneath the Hill", "The {quality} {thing}'s Daughter",
    ),
    ("The {town} Cycle", "Spellbooks of {town}", "The {surname} Saga"),
    (
        "In the kingdom of {town} all talk of {subject} is forbidden, and {hero}, {a_role}, talks in {her} sleep.",
        "Magic is dying out of {town}, and {hero} is blamed.",
        "A prophecy, a stolen crown and a matter of {subject} drag {hero}, {a_role}, out of a comfortable retirement.",
        "Every hundredth year the forest walks. This time it has come to {town} to ask {hero} about {subject}.",
    ),
    (
        "With a sulking dragon and a map that lies, {she} sets out for the mountain where spells are buried.",
        "The sorcerer-queen gathers her armies, and only {subject} can turn her enchantment aside.",
        "The quest needs a hero; it gets a thief, a ghost and a very old goat.",
        "Then the {thing_low} wakes hungry, and the bargain that {first} made with the elves falls due.",
    ),
    (
        "An epic fantasy of oaths, enchantments and excellent soup.",
        "Wild magic, sharp blades and a world that you will not want to leave.",
        "A fairy tale with teeth.",
        "Spellbinding from the first curse to the last.",
    ),
)  # fmt: skip

GHOST = Genre(
    "Ghost Stories",
    (
        "drowned churches", "spirit photographs", "wax children", "music boxes", "haunted looms", "grave moths",
        "mirrors that lag", "bricked-up rooms", "seances", "the dead's letters",
    ),
    (
        "grieving clockmaker", "spirit medium", "night nurse", "caretaker", "folklore collector",
        "undertaker's widow", "sceptical physician", "new governess",
    ),
    ("Whispering", "Pale", "Restless", "Unquiet", "Cold", "Weeping", "Bricked-Up", "Haunted", "Midnight", "Faceless"),
    ("Nursery", "Coffin", "Veil", "Lodger", "Apparition", "Cellar", "Shroud", "Phantom", "Graveyard", "Visitant"),
    (
        "The {quality} {thing}", "The {thing} at {town} Hall", "What the {thing} Heard", "{quality} {thing}",
        "The {thing} on the Stair", "A {quality} {thing}",
    ),
    ("Hauntings of {town}", "The {town} Phantoms", "{surname}, Ghost Finder"),
    (
        "The rent at {town} Hall is low, the rooms are cold, and someone hums behind the wall about {subject}.",
        "{hero}, {a_role}, has never believed in ghosts. The house at {town} believes in {hero}.",
        "After the funeral the knocking starts: three times for sorrow, four for {subject}.",
        "Each winter a face appears in the window at {town}, and each winter it looks a little more like {hero}.",
    ),
    (
        "Candles fail, dogs refuse the stairs, and the old tale of {subject} turns out to have a last page.",
        "What haunts the {thing_low} is patient, and it knows the names of {her} children.",
        "Night by night the dread grows, until {she} can no longer tell the living from the guests.",
        "A seance goes wrong, a grave is found open, and the fog does not lift.",
    ),
    (
        "A chilling haunted-house story to read with the lights on.",
        "Quiet horror of the best kind: you will hear it breathing.",
        "Terror, sorrow and a very cold draught.",
        "Ghosts, guilt and moonlight, in exquisite measure.",
    ),
)  # fmt: skip

ROMANCE = Genre(
    "Romance",
    (
        "vineyard summers", "dance lessons", "letters to strangers", "wedding cakes", "ferry crossings",
        "rival bookshops", "second chances", "fake engagements", "rooftop concerts", "sweet peas",
    ),
    (
        "overworked florist", "shy veterinarian", "jilted violinist", "single father", "charming sommelier",
        "stubborn architect", "runaway bride", "travelling tailor",
    ),
    ("Tender", "Unexpected", "Summer", "Blushing", "Impossible", "Sunlit", "Honest", "Reckless", "Sweetest", "April"),
    ("Kiss", "Heart", "Waltz", "Promise", "Proposal", "Bouquet", "Sweetheart", "Valentine", "Honeymoon", "Goodbye"),
    (
        "The {quality} {thing}", "A {thing} in {town}", "One {quality} {thing}", "{first} and the {quality} {thing}",
        "Another {thing}, Please", "The {town} {thing}",
    ),
    ("Love in {town}", "The {town} Weddings", "The {surname} Sisters"),
    (
        "{hero}, {a_role}, has sworn off love, moved to {town} and taken up {subject}.",
        "He is late, she is leaving, and {town} has only one inn: a love story about {subject}.",
        "Ten years after the kiss that ruined everything, {hero} is back in {town} with a ring that is not {her} own.",
        "When {hero} agrees to help with {subject}, nobody mentions the handsome neighbour.",
    ),
    (
        "One dance leads to another, and soon {her} careful heart is in terrible danger.",
        "Between misplaced letters and a meddling grandmother, romance has its work cut out.",
        "Sparks fly, cakes fall, and the {thing_low} that both of them wanted turns out to need two.",
        "Summer is short, the ferry leaves on Sunday, and love is never on time.",
    ),
    (
        "A tender, funny romance about falling in love on purpose.",
        "Swoon, sigh, repeat.",
        "Warm as July and twice as charming.",
        "A love story with happy tears and a guaranteed kiss.",
    ),
)  # fmt: skip
