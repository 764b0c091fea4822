"""Numbers and the sentences computed from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from butfor.report.folder import Effect
from butfor.report.words import amount, clause, interval, plain, probability, reading, tight, verdict, visible


def effect(
    estimate: float | None = -0.3,
    low: float | None = -0.4,
    high: float | None = -0.2,
    better: str = "lower",
    levels: tuple[float, float] | None = None,
    suite: str = "bias",
    p_adjusted: float | None = None,
) -> Effect:
    return Effect(
        suite=suite,
        metric="m",
        treatment="leace",
        control="standard",
        estimate=estimate,
        low=low,
        high=high,
        n=60,
        better=better,
        unit="nats",
        p_adjusted=p_adjusted,
        control_level=levels[0] if levels else None,
        treatment_level=levels[1] if levels else None,
    )


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ((-0.312, -0.401, -0.222), "−0.312 [−0.401, −0.222]"),
        ((12.3456, 10.1, 14.2), "+12.3 [+10.1, +14.2]"),
        ((1234.5, 1000.0, 1500.0), "+1,234 [+1,000, +1,500]"),
        ((0.0, 0.0, 0.0), "0 [0, 0]"),
        ((-0.00004, -0.0001, 0.00002), "−0.000040 [−0.000100, +0.000020]"),
        ((0.5, None, 1.0), "+0.500 (no interval)"),
        ((-9.88e-19, -3.21e-18, 6.72e-19), "0 [0, 0]"),
        ((None, None, None), "not measured"),
        ((2e12, 1e12, 3e12), "+2e+12 [+1e+12, +3e+12]"),
    ],
)
def test_interval_has_the_decimals_that_it_deserves(values: tuple[float | None, ...], shown: str) -> None:
    assert interval(*values, sign=True) == shown


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.floats(0, 1e9))
def test_interval_is_printed_for_any_numbers(estimate: float, below: float, above: float) -> None:
    shown = interval(estimate, estimate - below, estimate + above, sign=True)
    assert shown.count("[") == 1 and "nan" not in shown and "-" not in shown.replace("e-", "")


def test_single_numbers() -> None:
    assert [plain(x) for x in (None, 0, 3, 0.12345, 1234.5, -2e-9)] == ["–", "0", "3", "0.123", "1,234", "−2.00e−09"]
    assert [probability(p) for p in (None, 0.0, 0.04, 1.0)] == ["–", "< 0.001", "0.040", "1.000"]
    assert amount(12.4, "score seconds") == "12.4 s" and amount(2**31, "peak memory") == "2 GiB"
    assert amount(5.2e12, "flops") == "5.20 T" and amount(None, "flops") == "–"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (effect(), "better"),
        (effect(better="higher"), "worse"),
        (effect(better=""), "changed"),
        (effect(low=-0.7, high=0.1), "none"),
        (effect(low=None), "unknown"),
        (effect(better="zero", levels=(0.8, 0.5)), "better"),
        (effect(better="zero", levels=(-0.1, -0.4)), "worse"),
        (effect(better="zero", levels=(0.1, -0.2)), "changed"),
        (effect(better="zero"), "changed"),
    ],
)
def test_reading(given: Effect, found: str) -> None:
    assert reading(given) == found


def test_no_effect_is_never_proved() -> None:
    said = clause(effect(estimate=0.01, low=-0.04, high=0.06))
    assert said == (
        "no effect of leace on bias/m was found: +0.010 [−0.040, +0.060] nats (n = 60); "
        "the data exclude a drop of more than 0.040 nats and a rise of more than 0.060 nats"
    )


def test_verdict_tells_the_primary_and_the_other_suites() -> None:
    primary = effect(better="zero", levels=(0.8, 0.5))
    none = {"estimate": 0.0, "low": -0.1, "high": 0.1}
    others = [effect(suite="text", better="higher"), effect(suite="copa", **none), effect(suite="weat", **none)]
    assert verdict(primary, [primary, *others]) == (
        "leace changed bias/m by −0.30 [−0.40, −0.20] nats (n = 60), better: nearer zero; "
        "text/m changed by −0.30 [−0.40, −0.20] nats (n = 60), worse; "
        "no effect on copa/m was found: 0.00 [−0.10, +0.10] nats (n = 60); "
        "nor on weat/m: 0.00 [−0.10, +0.10] nats (n = 60)."
    )
    assert "past zero" in verdict(effect(better="zero", levels=(0.1, -0.2)), [])
    assert "not after correction" in verdict(effect(p_adjusted=0.2), [])
    assert "nothing can be concluded" in verdict(effect(low=None), [])
    assert verdict(None, []) == "There is no primary effect to report yet."


def test_no_line_breaks_inside_an_interval() -> None:
    assert tight("by −0.3 [−0.4, −0.2] nats (n = 60)") == "by −0.3 [−0.4,\u00a0−0.2] nats (n\u00a0=\u00a060)"
    assert tight("a, b in 3, x") == "a, b in 3, x"


@given(st.text())
def test_visible_text_hides_nothing_and_keeps_the_rest(value: str) -> None:
    shown = visible(value)
    assert not set(shown) & set("\x00\x1b\u202e\u2066\ufeff\u200b")
    shown.encode("utf-8")
    if value.isascii() and value.isprintable():
        assert shown == value


def test_visible_is_bounded() -> None:
    assert visible("x" * 100_000, 100) == "x" * 100 + " … (99,900 more characters)"
