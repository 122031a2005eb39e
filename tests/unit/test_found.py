"""Facts put together: what is asked, and what the answers mean."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import pytest

from deploy import facts
from deploy.found import CouldNotRead, Found

NO_SERVICE: dict[type, Any] = {facts.Service: "[]"}
SERVICE: dict[type, Any] = {
    facts.Service: '[{"Name":"docker","State":"Running","StartMode":"Auto","PathName":"x --run-service"}]',
    facts.ServiceKey: '[{"ImagePath":"x --run-service","Start":2}]',
}


T = TypeVar("T")


class Host:
    """Answers facts from a table, and remembers what it was asked."""

    def __init__(self, answers: dict[type, Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, fact: type[facts.JsonFact[T]], **_: object) -> T:
        self.asked.append(fact.__name__)
        answer = self.answers[fact]
        if isinstance(answer, Exception):
            raise answer
        return cast("T", answer)


def test_an_answer_is_kept_until_something_changes() -> None:
    host = Host({facts.ImageTags: frozenset({"a:1"})})
    found = Found(host)

    found.image_tags()
    found.image_tags()
    found.forget()
    found.image_tags()

    assert host.asked == ["ImageTags", "ImageTags"]


def test_the_registry_is_not_asked_for_a_service_that_is_not_there() -> None:
    host = Host(NO_SERVICE)

    service = Found(host).service()

    assert (service.exists, host.asked) == (False, ["Service"])


def test_a_service_is_read_from_the_manager_and_the_registry() -> None:
    service = Found(Host(SERVICE)).service()

    assert (service.running, service.start_mode, service.arguments) == (True, "auto", ["--run-service"])


@pytest.mark.parametrize("name", ["file", "directory"])
def test_what_is_not_there_is_not_read(name: str) -> None:
    host = Host({facts.Presence: {r"C:\x": False}})

    assert not getattr(Found(host), name)(r"C:\x").exists
    assert host.asked == ["Presence"]


def test_no_container_is_inspected_if_there_is_none() -> None:
    host = Host({facts.ContainerNames: []})

    assert Found(host).containers() == []
    assert host.asked == ["ContainerNames"]


def test_an_image_is_inspected_only_if_the_engine_has_it() -> None:
    host = Host({facts.ImageTags: frozenset({"a:1"})})

    assert Found(host).image("b:1") is None
    assert host.asked == ["ImageTags"]


def test_what_could_not_be_read_is_not_taken_for_absent() -> None:
    found = Found(Host({facts.ContainerNames: CouldNotRead("the containers", "time-out")}))

    with pytest.raises(CouldNotRead, match="could not read the containers: time-out"):
        found.containers()


def test_an_answer_that_means_nothing_is_not_believed() -> None:
    host = Host({**SERVICE, facts.ServiceKey: "[]"})

    with pytest.raises(CouldNotRead, match="the registry key of docker"):
        Found(host).service()
