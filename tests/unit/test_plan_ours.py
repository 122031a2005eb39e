"""The provisioner's own directory is closed first, and what may be anybody's in it is not used."""

from __future__ import annotations

import pytest

from deploy.places import BUILDS, OURS, RUNNING_BEFORE
from deploy.plan.ours import GRANTS, USED, plan_our_directory
from deploy.plan.trust import ROOT_FILE
from deploy.state import DirectoryState
from deploy.steps import EmptyDirectory, MakeDirectory, RemovePath, Step
from deploy.trust.steps import Protect

CLOSED = "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
INHERITED = "D:AI(A;OICIID;FA;;;SY)(A;OICIID;FA;;;BA)(A;OICIID;0x1200a9;;;BU)(A;CIID;DCLC;;;BU)"
STUDENT = "O:S-1-5-21-7-7-7-1001G:SY"
ADMINISTRATORS = "O:BAG:SY"
PROTECT = Protect(OURS, GRANTS, is_directory=True)
MADE_ANEW = [RemovePath(BUILDS), RemovePath(ROOT_FILE)]


@pytest.mark.parametrize(
    ("ours", "inside", "steps"),
    [
        pytest.param(None, None, [MakeDirectory(OURS), PROTECT, EmptyDirectory(OURS)], id="not there yet"),
        pytest.param(ADMINISTRATORS + CLOSED, None, [], id="closed"),
        pytest.param(ADMINISTRATORS + CLOSED, STUDENT, [], id="closed before anything came into it"),
        pytest.param(ADMINISTRATORS + INHERITED, None, [PROTECT], id="open and empty"),
        pytest.param(
            ADMINISTRATORS + INHERITED, ADMINISTRATORS, [PROTECT, *MADE_ANEW], id="made by administrators"
        ),
        pytest.param(
            STUDENT + INHERITED,
            STUDENT,
            [PROTECT, *MADE_ANEW, RemovePath(RUNNING_BEFORE)],
            id="made by somebody else",
        ),
        pytest.param(
            STUDENT + CLOSED,
            STUDENT,
            [PROTECT, *MADE_ANEW, RemovePath(RUNNING_BEFORE)],
            id="made by somebody else, and closed for show",
        ),
    ],
)
def test_our_directory_is_closed_and_what_may_be_anybodys_goes(
    ours: str | None, inside: str | None, steps: list[Step]
) -> None:
    found = {path: DirectoryState(path, f"{inside}{INHERITED}") for path in USED if inside}

    assert plan_our_directory(DirectoryState(OURS, ours), found) == steps
