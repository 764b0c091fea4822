"""Stories: twelve domains in plain words, in which a random world can be told.

Roles     c1 c2 c3   what comes first: may cause the treatment, the outcome and each other, in this order
          z          moves the treatment and nothing else       x          the treatment
          m1 m2      what the treatment works through           w          another cause of the outcome
          y          the outcome                                e1 e2      what follows from treatment and outcome
Order     Every arrow from an earlier role to a later one fits common sense; every arrow back contradicts it: what comes
          last (a mark in an exam) does not cause what came first (the parents' schooling).
Words     Each variable has a noun ("taking the drug") and a verb in the plural ("take the drug"): from these two come
          "who do not take the drug", "were made to take the drug", "would not take the drug".
"""

from __future__ import annotations

from dataclasses import dataclass

ROLES = ("c1", "c2", "c3", "z", "x", "m1", "m2", "w", "y", "e1", "e2")
"""In the order in which common sense lets them cause each other."""

Phrase = tuple[str, str]  # (noun, verb)


@dataclass(frozen=True, slots=True)
class Story:
    """One domain: who it is about, and a phrase for each role."""

    name: str
    setting: str
    units: str
    who: str  # the relative pronoun: who, that
    phrases: tuple[Phrase, ...]  # in the order of ROLES

    def phrase(self, role: str) -> Phrase:
        """The noun and the verb of a role."""
        return self.phrases[ROLES.index(role)]


STORIES = (
    Story(
        "clinic",
        "A clinic follows its patients for a year.",
        "patients",
        "who",
        (
            ("old age", "are over seventy"),
            ("long smoking", "have smoked for years"),
            ("high blood pressure", "have high blood pressure"),
            ("a doctor's reminder", "get a reminder from the doctor"),
            ("taking the drug", "take the drug"),
            ("lower inflammation", "show less inflammation"),
            ("better sleep", "sleep better"),
            ("daily exercise", "exercise every day"),
            ("recovery", "recover"),
            ("a short stay", "leave the ward early"),
            ("a thank-you letter", "write a letter of thanks"),
        ),
    ),
    Story(
        "school",
        "A school district follows its pupils.",
        "pupils",
        "who",
        (
            ("parental schooling", "have parents with a degree"),
            ("a quiet home", "live in a quiet home"),
            ("early reading", "read before they entered school"),
            ("a free voucher", "win a voucher for lessons"),
            ("private tutoring", "have a tutor"),
            ("regular homework", "finish their homework"),
            ("confidence in class", "speak up in class"),
            ("a good night's rest", "sleep well before the exam"),
            ("passing the exam", "pass the exam"),
            ("a prize", "win a prize"),
            ("a college offer", "get an offer from a college"),
        ),
    ),
    Story(
        "farm",
        "A farming region keeps records of its fields.",
        "fields",
        "that",
        (
            ("a southern slope", "lie on a southern slope"),
            ("deep soil", "have deep soil"),
            ("a nearby river", "lie near a river"),
            ("a subsidy for pumps", "are granted a subsidy for pumps"),
            ("irrigation", "are irrigated"),
            ("moist ground", "have moist ground in July"),
            ("a strong root", "grow a strong root"),
            ("freedom from insects", "are free of insects"),
            ("a rich harvest", "bear a rich harvest"),
            ("a full barn", "fill their barn"),
            ("a high price", "are sold at a high price"),
        ),
    ),
    Story(
        "shop",
        "An online shop studies its customers.",
        "customers",
        "who",
        (
            ("living in a city", "live in a city"),
            ("a high income", "have a high income"),
            ("a past purchase", "have bought before"),
            ("a lucky draw", "win a lucky draw"),
            ("getting a coupon", "get a coupon"),
            ("a visit to the site", "visit the site"),
            ("a filled basket", "fill their basket"),
            ("a coming holiday", "have a holiday ahead"),
            ("buying shoes", "buy shoes"),
            ("writing a review", "write a review"),
            ("a return", "send something back"),
        ),
    ),
    Story(
        "traffic",
        "A city studies its commuters.",
        "commuters",
        "who",
        (
            ("a job downtown", "work downtown"),
            ("a long way to work", "live far from work"),
            ("owning a car", "own a car"),
            ("a free ticket", "are given a free ticket"),
            ("taking the train", "take the train"),
            ("reading during the trip", "read on the way"),
            ("a walk from the station", "walk from the station"),
            ("good weather", "leave home in good weather"),
            ("punctuality", "arrive on time"),
            ("a calm morning", "have a calm morning"),
            ("praise by the boss", "are praised by the boss"),
        ),
    ),
    Story(
        "factory",
        "A factory checks its machines.",
        "machines",
        "that",
        (
            ("an early year of make", "were built before the move"),
            ("heavy use", "run around the clock"),
            ("a damp hall", "stand in a damp hall"),
            ("a planned visit", "are on the list of a visit"),
            ("an oil change", "are given fresh oil"),
            ("a cool bearing", "have a cool bearing"),
            ("smooth running", "run smoothly"),
            ("a new filter", "have a new filter"),
            ("a month without failure", "work for a month without failure"),
            ("a green label", "bear a green label"),
            ("a late replacement", "are replaced late"),
        ),
    ),
    Story(
        "garden",
        "A botanical garden watches its seedlings.",
        "seedlings",
        "that",
        (
            ("a large seed", "come from a large seed"),
            ("a sunny bed", "stand in a sunny bed"),
            ("loose earth", "grow in loose earth"),
            ("a spare bag of compost", "are assigned a bag of compost"),
            ("compost", "are fed with compost"),
            ("rich foliage", "have many leaves"),
            ("a thick stem", "have a thick stem"),
            ("a mild spring", "live through a mild spring"),
            ("blossoming in June", "blossom in June"),
            ("a visit of bees", "are visited by bees"),
            ("ripe fruit", "bear ripe fruit"),
        ),
    ),
    Story(
        "sport",
        "A running club follows its members.",
        "runners",
        "who",
        (
            ("youth", "are under thirty"),
            ("a light build", "have a light build"),
            ("long practice", "have run for years"),
            ("a place in a camp", "are drawn for a training camp"),
            ("interval training", "train in intervals"),
            ("a slow pulse", "have a slow pulse"),
            ("leg strength", "have strong legs"),
            ("cool air at the start", "start in cool air"),
            ("a personal best", "run a personal best"),
            ("a medal", "win a medal"),
            ("a picture in the paper", "are shown in the paper"),
        ),
    ),
    Story(
        "office",
        "A company surveys its employees.",
        "employees",
        "who",
        (
            ("a long career", "have worked for ten years"),
            ("a post in sales", "work in sales"),
            ("a small team", "work in a small team"),
            ("an invitation", "are invited to a course"),
            ("a course in planning", "take a course in planning"),
            ("a tidy calendar", "keep a tidy calendar"),
            ("a light schedule", "sit in fewer meetings"),
            ("a helpful colleague", "have a helpful colleague"),
            ("meeting the deadline", "meet the deadline"),
            ("a bonus", "get a bonus"),
            ("a promotion", "are promoted"),
        ),
    ),
    Story(
        "sea",
        "A harbour keeps a log of its ships.",
        "ships",
        "that",
        (
            ("a steel hull", "have a steel hull"),
            ("a northern route", "take a northern route"),
            ("a full load", "carry a full load"),
            ("a radio warning", "are warned by radio"),
            ("waiting for a day", "wait in port for a day"),
            ("calm water", "meet calm water"),
            ("a rested crew", "have a rested crew"),
            ("a good pilot", "have a good pilot"),
            ("a safe arrival", "arrive safely"),
            ("a low insurance fee", "pay a low insurance fee"),
            ("a new contract", "win a new contract"),
        ),
    ),
    Story(
        "town",
        "A town council studies its households.",
        "households",
        "that",
        (
            ("a garden of one's own", "have a garden"),
            ("a small child", "have a small child"),
            ("an old boiler", "own an old boiler"),
            ("a leaflet", "receive a leaflet"),
            ("insulating the roof", "insulate the roof"),
            ("indoor warmth", "have warm rooms"),
            ("a lower thermostat", "turn the thermostat down"),
            ("a mild winter", "live through a mild winter"),
            ("a small gas bill", "have a small gas bill"),
            ("saving money", "put money aside"),
            ("a summer trip", "go on a summer trip"),
        ),
    ),
    Story(
        "forest",
        "Rangers observe the foxes of a forest.",
        "foxes",
        "that",
        (
            ("birth in spring", "were born in spring"),
            ("a thick coat", "have a thick coat"),
            ("a den near the village", "live near the village"),
            ("a gap in the fence", "find a gap in the fence"),
            ("hunting at night", "hunt at night"),
            ("a rich catch of mice", "catch many mice"),
            ("a fat belly", "put on fat"),
            ("little snow", "live where snow is rare"),
            ("surviving the winter", "survive the winter"),
            ("a litter", "raise young ones"),
            ("a larger range", "roam over a larger range"),
        ),
    ),
)
