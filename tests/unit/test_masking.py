"""No password of an option is shown: in no plan, no step, no diff."""

from __future__ import annotations

import dataclasses
import json
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from deploy.commands import commands
from deploy.masking import masked
from deploy.operations.engine import details
from deploy.plan import plan_engine
from deploy.settings import SettingsErrors, checks, deep_merge, validate_all
from deploy.steps import RegisterService
from tests.unit.plan_hosts import PLAIN, RESTART, SERVICE_OPTIONS, converged, lab, options, service
from tests.unit.test_plan_parts import WANTED

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
        pytest.param("http://user:a,gehe'im@proxy:8080", "http://…@proxy:8080", id="comma and apostrophe"),
        pytest.param('"splunk-token": "a, \\"geheim",', '"splunk-token": "…",', id="quotes in JSON"),
        pytest.param("--log-opt 'splunk-token=a geheim' -D", "--log-opt 'splunk-token=…' -D", id="quoted"),
        pytest.param("'splunk-token=it''s geheim' -D", "'splunk-token=…' -D", id="PowerShell's apostrophe"),
        pytest.param('"splunk-token=a \\"geheim\\"" -D', '"splunk-token=…" -D', id="quoted for Windows"),
        pytest.param("{'db-password': 'a, geheim'}", "{'db-password': '…'}", id="comma in Python"),
        pytest.param('"password": ""', '"password": "…"', id="an empty one"),
        pytest.param('"insecure-registries": ["a:1"]', '"insecure-registries": ["a:1"]', id="no secret"),
    ],
)
def test_a_password_is_masked_and_the_rest_is_not(text: str, shown: str) -> None:
    assert masked(text) == shown


def is_taken(url: str) -> bool:
    try:
        return bool(checks.proxy(url))
    except ValueError:
        return False


@given(
    st.text(string.ascii_letters + string.punctuation, min_size=1, max_size=6),
    st.sampled_from(["http-proxy", "token", "x"]),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_no_password_that_the_settings_take_is_shown_of_a_proxy(password: str, key: str) -> None:
    url = f"http://user:{password}@proxy.lab:3128"
    assume(is_taken(url))
    wrapped = [json.dumps({key: url}), f"--{key} {url} -D", f"--{key} '{url}'", f"{{'{key}': '{url}'}}"]

    for text in wrapped:
        assert "user:" not in masked(text)
        assert masked(text) == masked(text.replace(f"user:{password}", "somebody"))


@pytest.mark.parametrize("change", [({}, SECRETIVE), (SECRETIVE, {})], ids=["set", "taken away"])
def test_no_plan_shows_a_password(change: tuple[dict[str, Any], ...]) -> None:
    before, after = change

    plan = plan_engine(lab(RESTART, after), converged(lab(before)))

    shown = [*details(plan), str(plan), *(str(step) for step in (*plan.steps, *plan.rollback))]
    assert plan.effect == "restart"
    assert not any("geheim" in text for text in shown)


def test_a_password_on_the_command_line_of_before_is_not_shown() -> None:
    line = f"{PLAIN} --http-proxy http://user:geheim@proxy:8080 --log-opt splunk-token=geheim"
    found = converged(lab(SERVICE_OPTIONS), service=service(line))

    plan = plan_engine(lab(RESTART), found)

    shown = [*details(plan), str(plan), *(str(step) for step in (*plan.steps, *plan.rollback))]
    assert any("--http-proxy" in text for text in shown)
    assert not any("geheim" in text for text in shown)


def test_no_registration_shows_a_password() -> None:
    assert str(RegisterService(("--http-proxy", "http://user:geheim@proxy"))).endswith("http://…@proxy")


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        pytest.param(
            {"proxies": {"https-proxy": "http://user:geheim@proxy:8080"}},
            "engine.options.proxies.https-proxy",
            id="proxy",
        ),
        pytest.param(
            {"log_driver": "splunk", "log_opts": {"splunk-token": "geheim"}},
            "engine.options.log-opts.splunk-token",
            id="log option",
        ),
    ],
)
def test_a_password_is_not_put_on_the_services_command_line(given: dict[str, Any], setting: str) -> None:
    with pytest.raises(SettingsErrors) as caught:
        validate_all({"pc-01": deep_merge(SERVICE_OPTIONS, options(**given))})

    (line,) = caught.value.lines
    assert line.startswith(f"pc-01: {setting}: holds a password")
    assert "delivery = 'daemon.json'" in line
    assert "geheim" not in line


@pytest.mark.parametrize("value", ["abc", "two words", 'it\'s "so"', "a,b", "--env X=y", "\u2019"])
def test_a_variable_of_a_container_is_masked_in_its_command(value: str) -> None:
    (secret,) = commands(dataclasses.replace(WANTED, environment={"REGISTRY_HTTP_SECRET": value, "B": value}))
    (shown,) = commands(dataclasses.replace(WANTED, environment={"REGISTRY_HTTP_SECRET": "…", "B": "…"}))

    assert masked(secret) == shown


def test_a_variable_of_a_container_is_masked_where_docker_shows_it() -> None:
    line = '                "REGISTRY_HTTP_SECRET=two \\"words\\"",'

    assert masked(line) == '                "REGISTRY_HTTP_SECRET=…",'
    assert masked('  "Image": "a:b",') == '  "Image": "a:b",'
