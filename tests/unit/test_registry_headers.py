"""Header values: ranges, chunks, entity tags, what is accepted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_app.errors import RangeInvalid
from registry_app.headers import (
    Preconditions,
    Span,
    accepts,
    chunk_span,
    is_same_entity,
    media_type,
    names_entity,
    requested_span,
)


@pytest.mark.parametrize(
    ("value", "size", "expected"),
    [
        pytest.param(None, 10, None, id="absent"),
        pytest.param("bytes=0-0", 10, Span(0, 1), id="first-byte"),
        pytest.param("bytes=2-", 10, Span(2, 8), id="open"),
        pytest.param("bytes=-3", 10, Span(7, 3), id="suffix"),
        pytest.param("bytes=-30", 10, Span(0, 10), id="long-suffix"),
        pytest.param("Bytes = 1 - 2", 10, Span(1, 2), id="spaces-and-case"),
        pytest.param("bytes=-", 10, None, id="nothing"),
        pytest.param("bytes=0-1,2-3", 10, None, id="several"),
        pytest.param("bytes=a-b", 10, None, id="words"),
        pytest.param("bytes=0-99999999999999999999", 10, None, id="absurd"),
    ],
)
def test_a_range_is_read(value: str | None, size: int, expected: Span | None) -> None:
    assert requested_span(value, size) == expected


@pytest.mark.parametrize(
    ("value", "size"), [("bytes=10-", 10), ("bytes=0-", 0), ("bytes=-0", 10), ("bytes=3-1", 10)]
)
def test_a_range_that_is_not_there_is_refused(value: str, size: int) -> None:
    with pytest.raises(RangeInvalid) as error:
        requested_span(value, size)

    assert error.value.headers == (("Content-Range", f"bytes */{size}"),)


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(1, 1000))
def test_a_span_lies_within(first: int, length: int, size: int) -> None:
    try:
        span = requested_span(f"bytes={first}-{first + length}", size)
    except RangeInvalid:
        assert first >= size
        return

    assert span is not None
    assert (span.start, span.last) == (first, min(first + length, size - 1))


@pytest.mark.parametrize("value", ["0-9", "bytes 0-9/10", "bytes 0-9/*", " 0-9 "])
def test_a_chunk_says_where_it_belongs(value: str) -> None:
    assert chunk_span(value) == Span(0, 10)


@pytest.mark.parametrize("value", ["", "0", "9-0", "-9", "0-", "a-b", "0-9-10", "0-99999999999999999999"])
def test_what_says_nothing_is_refused(value: str) -> None:
    with pytest.raises(RangeInvalid):
        chunk_span(value)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (['"sha256:a"'], True),
        (["sha256:a"], True),
        (['W/"sha256:a"'], True),
        (['"x", "sha256:a"'], True),
        (['"x"', '"sha256:a"'], True),
        (["*"], True),
        (['"sha256:ab"'], False),
        ([], False),
    ],
)
def test_an_entity_is_named(values: list[str], named: bool) -> None:
    assert names_entity(values, "sha256:a") is named


@pytest.mark.parametrize(
    ("value", "same"),
    [
        ('"sha256:a"', True),
        (' "sha256:a" ', True),
        ('W/"sha256:a"', False),
        ("sha256:a", False),
        ("*", False),
        ('"x", "sha256:a"', False),
        ("Wed, 21 Oct 2015 07:28:00 GMT", False),
    ],
)
def test_a_part_is_gone_on_with_only_if_it_is_surely_of_the_same(value: str, same: bool) -> None:
    assert is_same_entity(value, "sha256:a") is same


@pytest.mark.parametrize(
    ("match", "none_match", "found", "may_change"),
    [
        ([], [], None, True),
        ([], [], "a", True),
        (['"a"'], [], "a", True),
        (['"b", "a"'], [], "a", True),
        (['W/"a"'], [], "a", False),
        (['"b"'], [], "a", False),
        (['"a"'], [], None, False),
        (["*"], [], "a", True),
        (["*"], [], None, False),
        ([], ["*"], "a", False),
        ([], ["*"], None, True),
        ([], ['"a"'], "a", False),
        ([], ['W/"a"'], "a", False),
        ([], ['"b"'], "a", True),
    ],
)
def test_a_change_is_made_under_its_conditions(
    match: list[str], none_match: list[str], found: str | None, may_change: bool
) -> None:
    assert Preconditions(tuple(match), tuple(none_match)).allow_change(found) is may_change


@pytest.mark.parametrize(
    ("values", "accepted"),
    [
        ([], True),
        (["application/x+json"], True),
        (["application/y, application/x+json;q=0.1"], True),
        (["application/y", "application/x+json"], True),
        (["*/*"], True),
        (["application/*"], True),
        (["application/y"], False),
        (["text/*"], False),
    ],
)
def test_a_media_type_is_accepted(values: list[str], accepted: bool) -> None:
    assert accepts(values, "application/x+json") is accepted


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("application/x+json; charset=utf-8", "application/x+json"),
        (None, None),
        ("", None),
        ("x", None),
        ("a/b\r\nc: d", None),
    ],
)
def test_a_content_type_is_read(value: str | None, expected: str | None) -> None:
    assert media_type(value) == expected
