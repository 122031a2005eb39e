"""What a host answers to a question, and what it says beside it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.connectors.util import CommandOutput, OutputLine

from deploy import facts
from deploy.found import CouldNotRead
from deploy.operations.acting import found_on

STATE = cast("State", SimpleNamespace(is_executing=True, print_fact_output=False, print_fact_input=False))


class Answering:
    """A host that answers every question alike."""

    def __init__(self, *lines: OutputLine, success: bool = True) -> None:
        self.answer = success, CommandOutput(list(lines))

    def run_shell_command(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - as pyinfra's
        return self.answer


def test_an_answer_without_sense_is_told_with_what_was_said_beside_it() -> None:
    host = Answering(OutputLine("stderr", 'context "lab" not found'), success=True)

    with pytest.raises(CouldNotRead, match=r'no JSON.*context "lab" not found'):
        found_on(STATE, cast("Host", host)).engine()


def test_a_failed_question_is_told_in_the_words_of_the_host() -> None:
    host = Answering(OutputLine("stderr", "access denied"), success=False)

    with pytest.raises(CouldNotRead, match=f"{facts.Routes.title}: access denied"):
        found_on(STATE, cast("Host", host)).routes()
