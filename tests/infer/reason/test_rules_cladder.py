"""CLadder by rules: every template, phrases that find their variables, and the honest refusal of anything else."""

from __future__ import annotations

import pytest
from tests.infer.scripted import answered

from butfor.data.computed import compute
from butfor.data.question import Question
from butfor.data.reading import read
from butfor.infer.reason.engine import Engine
from butfor.infer.reason.rules import Unread
from butfor.infer.reason.rules_cladder import START, read_cladder

DRUG = "Gender has a direct effect on treatment and recovery. Treatment has a direct effect on recovery."
ROWS = (
    "For patients who are not male and not receiving treatment, the probability of recovery is 4%. For patients who "
    "are not male and receiving treatment, the probability of recovery is 24%. For patients who are male and not "
    "receiving treatment, the probability of recovery is 75%. For patients who are male and receiving treatment, the "
    "probability of recovery is 96%. The overall probability of male gender is 47%."
)
JOINT = (
    "The overall probability of receives treatment is 60%. The probability of receives no treatment and recovery is "
    "27%. The probability of receives treatment and recovery is 22%."
)
CHAIN = "Citrus eating has a direct effect on vitamin C. Vitamin C has a direct effect on scurvy."
FRONT = (
    "Gene has a direct effect on smoking and lung cancer. Smoking has a direct effect on tar deposit. Tar deposit has "
    "a direct effect on lung cancer. Gene is unobserved."
)
TAR = (
    "For nonsmokers, the probability of high tar deposit is 24%. For smokers, the probability of high tar deposit is "
    "73%. For nonsmokers and with no tar deposit, the probability of lung cancer is 58%. For nonsmokers and with high "
    "tar deposit, the probability of lung cancer is 85%. For smokers and with no tar deposit, the probability of lung "
    "cancer is 51%. For smokers and with high tar deposit, the probability of lung cancer is 79%. The overall "
    "probability of smoking is 52%."
)
IV = (
    "Unobserved confounders has a direct effect on drug taken and cholesterol level. Treatment assignment has a direct "
    "effect on drug taken. Drug taken has a direct effect on cholesterol level. Unobserved confounders is unobserved."
)
ASSIGNED = (
    "For patients not assigned the drug treatment, the probability of low cholesterol is 72%. For patients assigned "
    "the drug treatment, the probability of low cholesterol is 83%. For patients not assigned the drug treatment, the "
    "probability of taking of all assigned drugs is 63%. For patients assigned the drug treatment, the probability of "
    "taking of all assigned drugs is 91%."
)
FIRE = "The camper has a direct effect on the forest. The smoker has a direct effect on the forest."
FAME = "Appearance has a direct effect on fame. Talent has a direct effect on fame."


@pytest.mark.parametrize(
    ("background", "facts", "question", "yes"),
    [
        (DRUG, ROWS, "Will receiving treatment increase the chance of recovery?", True),
        (DRUG, ROWS, "Will receiving treatment decrease the chance of recovery?", False),
        (DRUG, JOINT, "Is the chance of recovery larger when observing receives treatment?", False),
        (DRUG, JOINT, "Is the chance of recovery smaller when observing receives treatment?", True),
        (DRUG, "Method 1: We look at how treatment correlates with recovery case by case according to gender. Method "
         "2: We look directly at how treatment correlates with recovery in general.",
         "To understand how treatment affects recovery, is it more correct to use the Method 1 than Method 2?", True),
        (CHAIN, "For people without citrus, the probability of scurvy is 69%. For people eating citrus, the "
         "probability of scurvy is 42%.", "Does citrus eating positively affect scurvy through vitamin C?", False),
        (CHAIN, "The overall probability of eating citrus is 10%. For people without citrus, the probability of scurvy "
         "is 69%. For people eating citrus, the probability of scurvy is 42%.",
         "Is scurvy more likely than no scurvy overall?", True),
        (FRONT, TAR, "Will smoking increase the chance of lung cancer?", True),
        (IV, ASSIGNED, "Will taking of all assigned drugs increase the chance of low cholesterol?", True),
        (FIRE, "We know that the camper lighting a match or the smoker lighting a match causes the forest on fire. We "
         "observed the smoker doesn't light a match.",
         "Would the forest burns down if the camper not lighting a match instead of the camper lighting a "
         "match?", False),
        (FAME, "For people who are famous, the correlation between attractive appearance and talent is -0.23.",
         "If we look at people who are famous, does it mean that attractive appearance affects talent?", False),
        (FAME, "The overall probability of attractive appearance is 44%. For people considered unattractive and are "
         "not famous, the probability of talent is 12%. For people considered unattractive and are famous, the "
         "probability of talent is 50%. For people considered attractive and are not famous, the probability of talent "
         "is 9%. For people considered attractive and are famous, the probability of talent is 25%.",
         "If we look at people who are famous, does the chance of talent decrease when attractive appearance?", True),
    ],
)  # fmt: skip
def test_every_template_is_read_and_computed(background: str, facts: str, question: str, yes: bool) -> None:
    text = f"{START} {background}\n\n{facts}\n\n{question}"
    lines = read_cladder(text)
    found = compute(read(lines))
    assert found.yes is yes, f"{lines}\n{found}"
    answer, script = answered(Engine(reader="rules"), Question("q", text, ("yes", "no"), 0), lambda _: "")
    assert answer.read == int(not yes) and not script.asked


def test_phrases_find_their_variables_by_the_words_they_share() -> None:
    lines = read_cladder(f"{START} {DRUG}\n\n{ROWS}\n\nWill receiving treatment increase the chance of recovery?")
    assert "A: gender\nB: treatment\nC: recovery" in lines
    assert "P(C=1 | A=1, B=0) = 75" in lines and "P(A=1) = 47" in lines and lines.endswith("ask: ate(B, C) up")


def test_what_rests_on_an_assumption_says_so() -> None:
    text = f"{START} {IV}\n\n{ASSIGNED}\n\nWill taking of all assigned drugs increase the chance of low cholesterol?"
    answer, _ = answered(Engine(reader="rules"), Question("q", text, ("yes", "no"), 0), lambda _: "")
    assert any(step.text.startswith("assumed") and step.by == "rule" for step in answer.derivation)
    strict, _ = answered(Engine(reader="rules", assume=False), Question("q", text, ("yes", "no"), 0), lambda _: "")
    assert strict.read is None and "not identified" in strict.why


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Why?",
        START,
        f"{START} Rain is wet.\n\nWhy?",
        f"{START} {DRUG}\n\nAll is well.\n\nWhy?",
        f"{START} " + "(" * 9999,
    ],
)
def test_other_texts_are_not_read(text: str) -> None:
    with pytest.raises(Unread) as error:
        read_cladder(text)
    assert len(str(error.value)) < 200
