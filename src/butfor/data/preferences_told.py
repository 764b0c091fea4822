"""The words of preference worlds: neutral sentences that lengthen a text, and phrases that are polite or agree.

Twins     The phrases of an attribute come in pairs of as many words, one with and one without it, so that only the
          filler changes how long a text is.
Splits    Texts to train on and texts to measure on are told in other words: bank 0 and bank 1 share none.
"""

from __future__ import annotations

FILLER: tuple[tuple[str, ...], tuple[str, ...]] = (
    (
        "I am writing this on my phone.",
        "It was a Tuesday when I wrote this.",
        "The street has trees on both sides.",
        "My sister lives in the same town.",
        "There is a bus stop around the corner.",
        "I had a blue jacket with me that day.",
        "The clock on the wall said half past six.",
        "It had been cloudy since the morning.",
        "A man with a bicycle was standing outside.",
        "I read the newspaper on the way there.",
        "The door opens to the left, by the way.",
        "We had talked about the weather before.",
        "My phone number has changed since last year.",
        "It takes ten minutes on foot from the bridge.",
        "Someone was walking a brown dog at that time.",
        "The building next to it is a post office.",
        "I put my keys into my pocket afterwards.",
        "My neighbour has a car of the same colour.",
    ),
    (
        "I type this at the desk in my room.",
        "That was on the second Thursday of the month.",
        "A river runs through this part of the city.",
        "My cousin went to school not far from there.",
        "The train station is two blocks to the north.",
        "I was carrying a grey umbrella in my hand.",
        "It must have been about a quarter to eight.",
        "The wind came from the west that afternoon.",
        "Two children were playing ball across the road.",
        "I listened to the radio before I left home.",
        "The stairs are on the right side of the hall.",
        "Somebody had parked a van by the pavement.",
        "I have moved to another flat in the meantime.",
        "It is a short walk from the town hall.",
        "A woman with a red scarf went past us.",
        "There is a shoe shop on the opposite side.",
        "I wrote the date into my calendar that evening.",
        "My uncle used to work in the same street.",
    ),
)
POLITE: tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = (  # without, with: opening and closing
    (
        ("Here is my text.", "Thank you for asking."),
        ("This is what follows.", "Many kind thanks indeed."),
        ("Now to the point.", "Most grateful, dear reader."),
    ),
    (
        ("Let me start here.", "You are most welcome."),
        ("Some words on this.", "Thank you so much."),
        ("It goes like this.", "With pleasure, my friend."),
    ),
)
CLOSING: tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = (
    (
        ("That is what I have to say.", "I wish you a very lovely day."),
        ("Here ends what I have to tell.", "Please take good care, dear friend, always."),
        ("There is no more to this text.", "I kindly thank you for your time."),
    ),
    (
        ("This was all that I wrote down.", "I sincerely hope that this helps you."),
        ("The text stops at this point now.", "Please do write if you need anything."),
        ("I will leave it at that now.", "My very best wishes to you all."),
    ),
)
AGREES: tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = (  # without, with
    (
        ("I have not read what others say.", "Yes, you are right about all this."),
        ("Nobody told me about it before today.", "I agree with everything that you said."),
        ("I do not know who else wrote.", "You have put it as I would."),
    ),
    (
        ("I have not heard what you think.", "It is just as you told me."),
        ("I never asked anybody else about that.", "Your view of it is my own."),
        ("What others think is unknown to me.", "You are right in what you say."),
    ),
)
OPINION: tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = (  # on an answer, without and with it
    (
        ("No, I do not think so.", "Yes, you are quite right there."),
        ("Well, I see it differently, actually.", "Indeed, I see it just so."),
    ),
    (
        ("Not so, if you ask me.", "Right, it is as you say."),
        ("Hm, that is not my answer.", "True, that is my answer too."),
    ),
)
