"""Questions are read as people write them, and what cannot be read says where."""

from __future__ import annotations

import pytest

from butfor.core.errors import QueryError
from butfor.scm.questions.query import Query, Term


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("P(Y | do(X))", "P(Y | do(X))"),
        ("P[Y|do(X=1),Z]", "P(Y | do(X=1), Z)"),
        ("E[Y|do(X=1)]-E[Y|do(X=0)]", "E[Y | do(X=1)] - E[Y | do(X=0)]"),
        ("P(Y_{X=1} = 1 | X=0, Y=0)", "P(Y_{X=1}=1 | X=0, Y=0)"),
        ("P(Y_{X=1})", "P(Y | do(X=1))"),
        ("P(Y_{X=1}=1 | Z_{X=1}=0)", "P(Y=1 | do(X=1), Z=0)"),
        ("E[Y_{X=1, M_{X=0}}] - E[Y_{X=0}]", "E[Y_{X=1, M_{X=0}}] - E[Y | do(X=0)]"),
        ("P(lung_cancer=yes | do(smoke=no), do(tar=high))", "P(lung_cancer=yes | do(smoke=no, tar=high))"),
        ("0.5*P(Y=1) + 2 P(Y=0.5 | Z=-1)", "0.5 P(Y=1) + 2 P(Y=0.5 | Z=-1)"),
        ("-P(Y=1)", "-P(Y=1)"),
        ("P(Y=1)-0.5*P(Y=0) -2 P(Z=0)", "P(Y=1) - 0.5 P(Y=0) - 2 P(Z=0)"),
        ('P("blood pressure"=high | age=1e-3)', "P(blood pressure=high | age=0.001)"),
    ],
)
def test_what_is_read_is_what_is_printed(text: str, printed: str) -> None:
    assert str(Query.parse(text)) == printed


def test_a_question_has_its_parts() -> None:
    ((weight, question),) = Query.parse("P(Y, W=1 | do(X=0), Z)").parts
    assert weight == 1
    assert question.outcome == (Term("Y"), Term("W", 1))
    assert question.do == (Term("X", 0),)
    assert question.given == (Term("Z"),)
    assert not question.counterfactual


def test_a_world_of_its_own_makes_a_counterfactual() -> None:
    ((_, question),) = Query.parse("P(Y_{X=1, M_{X=0}}=1 | X=0)").parts
    assert question.counterfactual
    assert question.outcome[0].do == (Term("X", 1), Term("M", None, (Term("X", 0),)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a name"),
        ("Q(Y)", "begins with P"),
        ("P(Y | do(X)", "expected ','"),
        ("P(Y & Z)", "cannot read '& Z"),
        ("P(Y | do(X))) ", r"expected '\+' or '-'"),
        ("P(|X)", "expected a name"),
        ("P(Y=)", "expected a name"),
        ("P(Y | X=1, X=0)", "cannot be both 1 and 0"),
        ("P(Y, Y)", "stands twice"),
        ("P(Y=1 | do(Y=1))", "two sides"),
        ("P(Y | do(X), X)", "two sides"),
        ("E[Y, Z | do(X)]", "a mean is of one variable"),
        ("E[Y=1]", "a mean is of one variable"),
        ("P(Y_{X=1} | do(Z))", "not with both"),
    ],
)
def test_what_cannot_be_read_says_why_in_few_lines(text: str, said: str) -> None:
    with pytest.raises(QueryError, match=said) as caught:
        Query.parse(text)
    assert str(caught.value).count("\n") < 5


def test_the_place_of_a_mistake_is_shown() -> None:
    with pytest.raises(QueryError) as caught:
        Query.parse("P(Y | do(X)")
    lines = str(caught.value).splitlines()
    assert lines[1] == "  P(Y | do(X)"
    assert lines[2].index("^") == len(lines[1])
