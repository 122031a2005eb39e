"""What facts ask, and how they read the answers that hosts give."""

from __future__ import annotations

import inspect

import pytest
from pyinfra.api.exceptions import FactProcessError
from pyinfra.api.facts import FactBase

from deploy import facts

ALL = [
    fact
    for _, fact in inspect.getmembers(facts, inspect.isclass)
    if issubclass(fact, facts.JsonFact) and fact not in {facts.JsonFact, facts.TextFact}
]


@pytest.mark.parametrize("fact", ALL, ids=lambda fact: str(fact.__name__))
def test_a_fact_that_could_not_be_read_is_none(fact: type[FactBase[object]]) -> None:
    assert fact.default() is None


@pytest.mark.parametrize("fact", ALL, ids=lambda fact: str(fact.__name__))
def test_a_fact_says_in_words_what_it_asks_for(fact: type[facts.JsonFact[object]]) -> None:
    assert fact.title


def test_an_answer_that_is_no_json_stays_on_its_host() -> None:
    """pyinfra 3.10 contains a FactProcessError, and no other exception of a fact."""
    with pytest.raises(FactProcessError, match="could not read the Windows version"):
        facts.Windows().process(["#< CLIXML"])


def test_an_engine_that_does_not_answer_is_an_answer() -> None:
    fact = facts.Engine()

    engine = fact.process(['{"ServerErrors":["error during connect: The pipe is not there."]}'])

    assert 1 in fact.success_exit_codes
    assert engine is not None
    assert not engine.answers


@pytest.mark.parametrize(
    ("answer", "pullable"),
    [
        pytest.param("Digest: sha256:abc\nStatus: Image is up to date for r/x@sha256:abc", True, id="there"),
        pytest.param("", False, id="refused"),
    ],
)
def test_an_image_is_pullable_if_the_engine_repeats_its_digest(answer: str, pullable: bool) -> None:
    fact = facts.Pullable()

    question = fact.command(reference="r/x@sha256:abc")

    assert question == "docker image pull 'r/x@sha256:abc'"
    assert fact.process(answer.splitlines()) is pullable


def test_the_answer_is_read_with_the_question_in_mind() -> None:
    fact = facts.Presence()

    fact.command(paths=["C:\\a", "C:\\b"])

    assert fact.process(["[true,false]"]) == {"C:\\a": True, "C:\\b": False}
