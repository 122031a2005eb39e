"""No password of an option is shown: in no plan, no step, no diff."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.masking import masked
from deploy.operations.engine import details
from deploy.plan import plan_engine
from tests.unit.plan_hosts import RESTART, SERVICE_OPTIONS, bare, converged, lab, options

SECRETIVE = options(
    proxies={"http-proxy": "http://user:geheim@proxy:8080"},
    log_driver="splunk",
    log_opts={"splunk-token": "geheim"},
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("http://user:geheim@proxy:8080", "http://…@proxy:8080", id="address"),
        pytest.param("http://user:ge@heim@proxy/", "http://…@proxy/", id="password with an at sign"),
        pytest.param("--http-proxy http://proxy:1 a@b", "--http-proxy http://proxy:1 a@b", id="no password"),
        pytest.param('"splunk-token": "geheim"', '"splunk-token": "…"', id="JSON"),
        pytest.param("--log-opt splunk-token=geheim -D", "--log-opt splunk-token=… -D", id="command line"),
        pytest.param("{'splunk-token': 'geheim'}", "{'splunk-token': '…'}", id="Python"),
        pytest.param('"insecure-registries": ["a:1"]', '"insecure-registries": ["a:1"]', id="no secret"),
    ],
)
def test_a_password_is_masked_and_the_rest_is_not(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize("delivery", [{}, SERVICE_OPTIONS], ids=["daemon.json", "service options"])
@pytest.mark.parametrize("change", [({}, SECRETIVE), (SECRETIVE, {})], ids=["set", "taken away"])
def test_no_plan_shows_a_password(delivery: dict[str, Any], change: tuple[dict[str, Any], ...]) -> None:
    before, after = change

    plan = plan_engine(lab(RESTART, delivery, after), converged(lab(delivery, before)))

    shown = [*details(plan), str(plan), *(str(step) for step in (*plan.steps, *plan.rollback))]
    assert plan.effect == "restart"
    assert not any("geheim" in text for text in shown)


def test_no_registration_shows_a_password() -> None:
    found = bare()
    service = type(found.service)("docker", exists=False)

    plan = plan_engine(lab(SERVICE_OPTIONS, SECRETIVE), bare(service=service))

    assert any("--http-proxy" in str(step) for step in plan.steps)
    assert not any("geheim" in text for text in [*details(plan), *map(str, plan.steps)])
