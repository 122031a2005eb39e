"""The order of a rollout: canaries, then batches, and when to stop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from deploy.settings import RolloutSettings

TWELVE = [f"pc-{number:02}" for number in range(1, 13)]


def sizes(settings: RolloutSettings, hosts: list[str]) -> list[int]:
    return [len(wave) for wave in settings.waves(hosts)]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param(RolloutSettings(canary=0, batch="100%"), [12], id="all at once"),
        pytest.param(RolloutSettings(canary=1, batch="100%"), [1, 11], id="one canary, then all"),
        pytest.param(RolloutSettings(canary=2, batch=4), [2, 4, 4, 2], id="canaries and batches"),
        pytest.param(RolloutSettings(canary=1, batch="25%"), [1, 3, 3, 3, 2], id="batches in per cent"),
        pytest.param(RolloutSettings(canary=0, batch="1%"), [1] * 12, id="a part that rounds up to one"),
        pytest.param(RolloutSettings(canary=20, batch=1), [12], id="more canaries than hosts"),
    ],
)
def test_a_rollout_goes_canary_first_then_batch_by_batch(
    settings: RolloutSettings, expected: list[int]
) -> None:
    assert sizes(settings, TWELVE) == expected


@given(
    hosts=st.lists(st.text(min_size=1), unique=True),
    canary=st.integers(0, 40),
    batch=st.integers(1, 40) | st.integers(1, 100).map(lambda part: f"{part}%"),
)
def test_every_host_is_in_one_wave_in_the_order_given(
    hosts: list[str], canary: int, batch: int | str
) -> None:
    waves = RolloutSettings(canary=canary, batch=batch).waves(hosts)

    assert [host for wave in waves for host in wave] == hosts
    assert all(waves)


@pytest.mark.parametrize("batch", [0, -1, "0%", "101%", "a quarter", "25"], ids=str)
def test_a_batch_that_makes_no_sense_is_refused(batch: int | str) -> None:
    with pytest.raises(ValidationError, match="batch"):
        RolloutSettings(batch=batch)


@pytest.mark.parametrize(
    ("max_failures", "failed", "stops"),
    [
        pytest.param(None, 12, False, id="no limit"),
        pytest.param(0, 0, False, id="nothing failed"),
        pytest.param(0, 1, True, id="the first failure stops"),
        pytest.param(2, 2, False, id="at the limit"),
        pytest.param(2, 3, True, id="over the limit"),
    ],
)
def test_too_many_failures_stop_the_next_wave(max_failures: int | None, failed: int, stops: bool) -> None:
    reason = RolloutSettings(max_failures=max_failures).reason_to_stop(TWELVE[:failed])

    assert (reason is not None) is stops


def test_the_reason_names_the_hosts_and_the_limit() -> None:
    reason = RolloutSettings(max_failures=0).reason_to_stop(["pc-02"])

    assert reason == "1 host failed (pc-02), and max_failures is 0"
