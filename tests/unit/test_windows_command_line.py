"""Windows command lines: written as dockerd registers them, read as Windows reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.windows_command_line import expansions, join, split

ARGUMENT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.text('ab \t"\\')
PROGRAM = r"C:\docker\dockerd.exe"


@given(st.lists(ARGUMENT))
def test_what_is_joined_is_split_again(arguments: list[str]) -> None:
    assert split(join([PROGRAM, *arguments])) == [PROGRAM, *arguments]


@pytest.mark.parametrize(
    ("arguments", "image_path"),
    [
        pytest.param(
            [
                "-G",
                "docker",
                "-H",
                "npipe://",
                "-H",
                "0.0.0.0:2375",
                "--insecure-registry",
                "172.24.194.96:5000",
            ],
            r"C:\docker\dockerd.exe --run-service -G docker -H npipe:// -H 0.0.0.0:2375"
            " --insecure-registry 172.24.194.96:5000",
            id="lab",
        ),
        pytest.param(
            ["--data-root", r"D:\docker data"],
            r'C:\docker\dockerd.exe --run-service --data-root "D:\docker data"',
            id="value-space",
        ),
        pytest.param(
            ["--label", 'note=say "hello there"'],
            r'C:\docker\dockerd.exe --run-service --label "note=say \"hello there\""',
            id="value-quote",
        ),
        pytest.param(
            ["--label", 'note="x"'],
            r"C:\docker\dockerd.exe --run-service --label note=\"x\"",
            id="value-quote-nospace",
        ),
        pytest.param(
            ["--data-root", "D:\\docker\\"],
            "C:\\docker\\dockerd.exe --run-service --data-root D:\\docker\\",
            id="value-backslash-end",
        ),
        pytest.param(
            ["--label", "ort=Zürich 東京"],
            r'C:\docker\dockerd.exe --run-service --label "ort=Zürich 東京"',
            id="value-nonascii",
        ),
        pytest.param(
            ["--group", "", "-H", "npipe://"],
            r'C:\docker\dockerd.exe --run-service --group "" -H npipe://',
            id="value-empty",
        ),
        pytest.param(
            ["--label", "x=a&b|c<d>e^f;g"],
            r"C:\docker\dockerd.exe --run-service --label x=a&b|c<d>e^f;g",
            id="value-special",
        ),
    ],
)
def test_image_paths_are_those_that_dockerd_registered(arguments: list[str], image_path: str) -> None:
    """The pairs are recordings of ``dockerd --register-service`` (service.json, by the id of each row)."""
    assert join([PROGRAM, "--run-service", *arguments]) == image_path
    assert split(image_path) == [PROGRAM, "--run-service", *arguments]


@pytest.mark.parametrize(
    ("command_line", "arguments"),
    [
        pytest.param(r'"C:\Program Files\x.exe" a', [r"C:\Program Files\x.exe", "a"], id="quoted program"),
        pytest.param(r'x.exe "a\" b', ["x.exe", 'a" b'], id="escaped quote swallows the rest"),
        pytest.param('x.exe "a"" b"', ["x.exe", 'a" b'], id="two quotes inside quotes are one"),
        pytest.param("x.exe a\\\\b", ["x.exe", "a\\\\b"], id="backslashes alone are themselves"),
        pytest.param(r'x.exe "a\\" b', ["x.exe", "a\\", "b"], id="even backslashes end the quotes"),
        pytest.param("  x.exe  ", ["x.exe"], id="blanks around"),
        pytest.param(
            'x.exe --label "note="a b""', ["x.exe", "--label", "note=a", "b"], id="5.1 inner quotes"
        ),
    ],
)
def test_splitting_follows_windows(command_line: str, arguments: list[str]) -> None:
    assert split(command_line) == arguments


def test_what_the_service_manager_would_expand_is_found() -> None:
    assert expansions("where=%SystemRoot% 50% of 100%") == ["%SystemRoot%", "% of 100%"]
