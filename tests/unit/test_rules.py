"""The rules: a matrix of who, what and where; and what is refused in the file."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_app.auth.rules import ACTIONS, Action, Rules, RulesInvalid

CLASSROOM = b"""
[groups]
teachers = ["tess", "tom"]

[[rules]]
who = ["@anonymous"]
may = ["pull"]
repositories = ["labs/**", "base/*"]

[[rules]]
who = ["@teachers"]
may = ["pull", "push", "delete"]
repositories = ["**"]

[[rules]]
who = ["@users"]
may = ["pull", "push"]
repositories = ["students/{user}/**", "homework/*/{user}"]

[[rules]]
who = ["sam"]
may = ["pull"]
repositories = ["students/sue/**"]
"""

WHO = [None, "sam", "sue", "tess", "Capital"]

# repository: who may pull, who may push, who may delete
MATRIX: dict[str, tuple[set[str | None], set[str | None], set[str | None]]] = {
    "labs/hello": ({None, "sam", "sue", "tess", "Capital"}, {"tess"}, {"tess"}),
    "labs/deep/er": ({None, "sam", "sue", "tess", "Capital"}, {"tess"}, {"tess"}),
    "labs": ({"tess"}, {"tess"}, {"tess"}),
    "base/nano": ({None, "sam", "sue", "tess", "Capital"}, {"tess"}, {"tess"}),
    "base/nano/server": ({"tess"}, {"tess"}, {"tess"}),
    "students/sam/x": ({"sam", "tess"}, {"sam", "tess"}, {"tess"}),
    "students/sue/x/y": ({"sam", "sue", "tess"}, {"sue", "tess"}, {"tess"}),
    "students/sam": ({"tess"}, {"tess"}, {"tess"}),
    "students/samantha/x": ({"tess"}, {"tess"}, {"tess"}),
    "students/Capital/x": ({"tess"}, {"tess"}, {"tess"}),
    "homework/week-1/sue": ({"sue", "tess"}, {"sue", "tess"}, {"tess"}),
    "homework/week-1/x/sue": ({"tess"}, {"tess"}, {"tess"}),
    "elsewhere": ({"tess"}, {"tess"}, {"tess"}),
}


@pytest.mark.parametrize("repository", MATRIX)
@pytest.mark.parametrize("user", WHO)
@pytest.mark.parametrize("action", ACTIONS)
def test_what_a_rule_allows_is_allowed_and_nothing_else(
    user: str | None, action: Action, repository: str
) -> None:
    rules = Rules.parse(CLASSROOM)
    allowed = dict(zip(ACTIONS, MATRIX[repository], strict=True))

    assert rules.allows(user, action, repository) == (user in allowed[action])


def test_no_rules_allow_nothing() -> None:
    rules = Rules.parse(b"")

    assert not any(rules.allows(user, action, "a") for user, action in itertools.product(WHO, ACTIONS))
    assert not rules.anonymous


@pytest.mark.parametrize("user", ["..", "*", "**", "a/b", "", "sam/x", "[a-z]+", ".*", "{user}"])
def test_a_user_name_that_is_no_part_of_a_path_opens_nothing(user: str) -> None:
    rules = Rules.parse(b'[[rules]]\nwho = ["@users"]\nmay = ["pull"]\nrepositories = ["students/{user}/**"]')

    assert not rules.allows(user, "pull", f"students/{user}/x")
    assert not rules.allows(user, "pull", "students/sam/x")


def test_a_user_called_like_a_group_is_not_the_group() -> None:
    rules = Rules.parse(b'groups.t = ["x"]\n[[rules]]\nwho = ["@t"]\nmay = ["pull"]\nrepositories = ["**"]')

    assert rules.allows("x", "pull", "a")
    assert not rules.allows("@t", "pull", "a")
    assert not rules.allows("t", "pull", "a")


@given(st.from_regex(r"[a-z0-9]{1,5}(?:[._-][a-z0-9]{1,5})?(?:/[a-z0-9]{1,5}){0,3}", fullmatch=True))
def test_a_name_without_wildcards_is_a_pattern_for_itself_alone(name: str) -> None:
    rules = Rules.parse(f'[[rules]]\nwho = ["@users"]\nmay = ["pull"]\nrepositories = ["{name}"]'.encode())

    assert rules.allows("sam", "pull", name)
    assert not rules.allows("sam", "pull", name + "/x")
    assert not rules.allows("sam", "pull", "x" + name)
    assert not rules.allows("sam", "pull", name.replace(".", "x") + ".")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("rule = []", "the file: 'rule' is unknown here; known are groups, rules", id="misspelt"),
        pytest.param("rules = 1", "rules: write each rule as a [[rules]] table", id="not a list"),
        pytest.param('[[rules]]\nwho = ["a"]', "rule 1: may: expected a list of texts", id="nothing allowed"),
        pytest.param('[[rules]]\nwho = []\nmay=["pull"]\nrepositories=["**"]', "rule 1: who", id="nobody"),
        pytest.param(
            '[[rules]]\nwho = ["a"]\nmay=["pull"]\nrepositories=["**"]\nwhat=1',
            "rule 1: 'what' is unknown",
            id="key",
        ),
        pytest.param(
            '[[rules]]\nwho = ["a"]\nmay=["read"]\nrepositories=["**"]',
            "rule 1: may: 'read' is none of pull, push, delete",
            id="action",
        ),
        pytest.param(
            '[[rules]]\nwho = ["@techers"]\nmay=["pull"]\nrepositories=["**"]',
            "rule 1: who: there is no group 'techers'",
            id="group",
        ),
        pytest.param(
            '[[rules]]\nwho = ["a"]\nmay=["pull"]\nrepositories=["Labs/*"]',
            "rule 1: repositories: 'Labs/*' is no pattern",
            id="capitals",
        ),
        pytest.param(
            '[[rules]]\nwho = ["a"]\nmay=["pull"]\nrepositories=["labs/a**"]',
            "** stands for whole parts",
            id="stars",
        ),
        pytest.param(
            '[[rules]]\nwho = ["a"]\nmay=["pull"]\nrepositories=["{name}/*"]',
            "is no pattern",
            id="placeholder",
        ),
        pytest.param('groups.users = ["a"]', "group 'users': @users has a meaning of its own", id="reserved"),
        pytest.param('groups = ["a"]', "groups: expected a table", id="groups"),
        pytest.param("[[rules", "not a TOML file: ", id="no TOML"),
    ],
)
def test_a_mistake_is_named(text: str, reason: str) -> None:
    with pytest.raises(RulesInvalid) as caught:
        Rules.parse(text.encode())

    assert reason in str(caught.value)


def test_a_name_that_is_no_user_is_noticed() -> None:
    assert Rules.parse(CLASSROOM).unknown({"tess": 1, "sue": 1}) == ["sam", "tom"]
