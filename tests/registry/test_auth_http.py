"""Log-ins, rules, tokens and the audit log of a running registry, as a client meets them."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.registry.auth_lab import (
    PASSWORDS,
    RULES,
    RunningRegistry,
    basic,
    classroom,
    htpasswd,
    push_blob,
    push_image,
    running_registry,
    wait_until,
)

OCI = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
MISSING = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    """A classroom with an image in three repositories. Tests that change more start their own."""
    with classroom(tmp_path_factory.mktemp("classroom")) as registry:
        with registry.client("tess") as tess:
            for repository in ("labs/hello", "students/sam/app", "private"):
                assert push_image(tess, repository).status_code == 201
        yield registry


WHO = [None, "sam", "sue", "tess"]

# Who may pull, push, delete; asked of a repository that is there and of one that is not.
ALLOWED: dict[str, tuple[set[str | None], set[str | None], set[str | None]]] = {
    "labs/hello": ({None, "sam", "sue", "tess"}, {"tess"}, {"tess"}),
    "labs/nothing": ({None, "sam", "sue", "tess"}, {"tess"}, {"tess"}),
    "students/sam/app": ({"sam", "tess"}, {"sam", "tess"}, {"tess"}),
    "students/sam/nothing": ({"sam", "tess"}, {"sam", "tess"}, {"tess"}),
    "private": ({"tess"}, {"tess"}, {"tess"}),
    "nothing": ({"tess"}, {"tess"}, {"tess"}),
}

Asked = tuple[str, str, int]

REQUESTS = [
    pytest.param(("GET", "manifests/latest", 0), id="pull a manifest"),
    pytest.param(("HEAD", "manifests/latest", 0), id="ask for a manifest"),
    pytest.param(("GET", f"blobs/{MISSING}", 0), id="pull a blob"),
    pytest.param(("GET", "tags/list", 0), id="list tags"),
    pytest.param(("GET", f"referrers/{MISSING}", 0), id="list referrers"),
    pytest.param(("POST", "blobs/uploads/", 1), id="begin an upload"),
    pytest.param(("PATCH", "blobs/uploads/none", 1), id="go on with an upload"),
    pytest.param(("PUT", f"blobs/uploads/none?digest={MISSING}", 1), id="finish an upload"),
    pytest.param(("GET", "blobs/uploads/none", 1), id="ask for an upload"),
    pytest.param(("DELETE", "blobs/uploads/none", 1), id="cancel an upload"),
    pytest.param(("PUT", "manifests/broken", 1), id="push a manifest"),
    pytest.param(("DELETE", "manifests/none", 2), id="delete a manifest"),
    pytest.param(("DELETE", f"blobs/{MISSING}", 2), id="delete a blob"),
]


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("user", WHO)
@pytest.mark.parametrize("way", ["basic", "token"])
def test_every_request_passes_or_not_by_user_and_repository(
    registry: RunningRegistry, request_: Asked, user: str | None, way: str
) -> None:
    method, path, action = request_
    with registry.client() as client:
        for repository, allowed in ALLOWED.items():
            headers = OCI | authorization(registry, way, user, repository)
            answer = client.request(method, f"/v2/{repository}/{path}", headers=headers)

            if user in allowed[action]:
                assert answer.status_code not in (401, 403)
            else:
                assert answer.status_code == (401 if user is None else 403)


def authorization(registry: RunningRegistry, way: str, user: str | None, repository: str) -> dict[str, str]:
    if way == "basic":
        return {} if user is None else basic(user, PASSWORDS[user])
    token = fetch_token(registry, user, f"repository:{repository}:pull,push,delete")
    return {"Authorization": f"Bearer {token}"}


def fetch_token(registry: RunningRegistry, user: str | None, *scopes: str) -> str:
    with registry.client(user) as client:
        answer = client.get("/token", params={"scope": list(scopes), "service": registry.address})
    assert answer.status_code == 200
    return str(answer.json()["token"])


@pytest.mark.parametrize("user", [None, "sue"])
@pytest.mark.parametrize("request_", REQUESTS)
def test_an_answer_does_not_tell_what_exists(
    registry: RunningRegistry, user: str | None, request_: Asked
) -> None:
    """Out of reach, a repository that is there and one that is not are answered alike, but for the name."""
    method, path, _ = request_
    with registry.client(user) as client:
        there, missing = (
            client.request(method, f"/v2/{name}/{path}", headers=OCI) for name in ("private", "missing")
        )

    assert there.status_code == missing.status_code
    assert there.content.replace(b"private", b"missing") == missing.content
    assert blurred(there, "private") == blurred(missing, "missing")


def blurred(answer: httpx.Response, name: str) -> dict[str, str]:
    return {key: value.replace(name, "NAME") for key, value in answer.headers.items() if key != "date"}


@pytest.mark.parametrize(
    ("user", "seen"),
    [
        pytest.param(None, ["labs/hello"], id="anonymous"),
        pytest.param("sue", ["labs/hello"], id="student"),
        pytest.param("sam", ["labs/hello", "students/sam/app"], id="another"),
        pytest.param("tess", ["labs/hello", "private", "students/sam/app"], id="teacher"),
    ],
)
def test_the_catalog_shows_what_one_may_pull_page_by_page(
    registry: RunningRegistry, user: str | None, seen: list[str]
) -> None:
    with registry.client(user) as client:
        whole = client.get("/v2/_catalog").json()["repositories"]
        paged, url = [], "/v2/_catalog?n=1"
        while url:
            page = client.get(url)
            paged += page.json()["repositories"]
            url = page.links.get("next", {}).get("url", "")

    assert whole == paged == seen


def test_the_base_asks_for_a_log_in_even_where_pulls_are_free(registry: RunningRegistry) -> None:
    """Docker asks here how to log in, and pushes without a log-in if nobody tells."""
    with registry.client() as client:
        answer = client.get("/v2/")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == (
        f'Bearer realm="{registry.url}/token",service="{registry.address}"'
    )
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
    assert answer.json() == {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        pytest.param("GET", "private/manifests/latest", "repository:private:pull", id="pull"),
        pytest.param("POST", "private/blobs/uploads/", "repository:private:pull,push", id="push"),
        pytest.param("DELETE", "private/manifests/latest", "repository:private:delete", id="delete"),
    ],
)
def test_a_challenge_says_what_a_token_is_needed_for(
    registry: RunningRegistry, method: str, path: str, scope: str
) -> None:
    with registry.client() as client:
        answer = client.request(method, f"/v2/{path}")

    assert answer.headers["www-authenticate"].endswith(f',scope="{scope}"')


def test_a_token_for_less_is_answered_with_what_is_missing(registry: RunningRegistry) -> None:
    token = fetch_token(registry, "tess", "repository:private:pull")

    with registry.client() as client:
        client.headers["Authorization"] = f"Bearer {token}"
        assert client.get("/v2/private/tags/list").status_code == 200
        answer = client.post("/v2/private/blobs/uploads/")
        catalog = client.get("/v2/_catalog")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].endswith(
        'scope="repository:private:pull,push",error="insufficient_scope"'
    )
    assert 'scope="registry:catalog:*"' in catalog.headers["www-authenticate"]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(basic("tess", "wrong"), id="wrong password"),
        pytest.param(basic("nobody", "teach-me"), id="unknown user"),
        pytest.param({"Authorization": "Basic !!!"}, id="no Base64"),
        pytest.param({"Authorization": "Basic dGVzcw=="}, id="no colon"),
        pytest.param({"Authorization": "Bearer x.y.z"}, id="no token of ours"),
        pytest.param({"Authorization": "Digest x"}, id="another scheme"),
    ],
)
def test_wrong_credentials_are_refused_even_where_none_are_needed(
    registry: RunningRegistry, headers: dict[str, str]
) -> None:
    with registry.client() as client:
        answer = client.get("/v2/labs/hello/manifests/latest", headers=OCI | headers)

    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers


def test_an_unknown_user_is_answered_like_a_wrong_password(registry: RunningRegistry) -> None:
    with registry.client() as client:
        wrong = client.get("/v2/", headers=basic("sam", "wrong"))
        unknown = client.get("/v2/", headers=basic("nobody", "wrong"))

    assert (wrong.status_code, wrong.content) == (unknown.status_code, unknown.content)
    assert wrong.headers["www-authenticate"] == unknown.headers["www-authenticate"]


def test_tokens_are_given_for_a_password_and_refused_for_another(registry: RunningRegistry) -> None:
    with registry.client() as client:
        right = client.get("/token?scope=repository:private:pull,push", headers=basic("tess", "teach-me"))
        wrong = client.get("/token?scope=repository:private:pull", headers=basic("tess", "wrong"))

    document = right.json()
    assert document["token"] == document["access_token"]
    assert (document["expires_in"], document["scope"]) == (300, "repository:private:pull,push")
    assert right.headers["cache-control"] == "no-store"
    assert wrong.status_code == 401
    assert wrong.headers["www-authenticate"] == 'Basic realm="registry"'


def test_a_token_may_be_fetched_with_a_form_as_containerd_does(registry: RunningRegistry) -> None:
    form = {
        "grant_type": "password",
        "service": registry.address,
        "client_id": "containerd-client",
        "username": "sam",
        "password": "sam-secret",
        "scope": "repository:students/sam/app:pull,push repository:labs/hello:pull",
    }

    with registry.client() as client:
        right = client.post("/token", data=form)
        wrong = client.post("/token", data=form | {"password": "wrong"})
        refresh = client.post("/token", data=form | {"grant_type": "refresh_token"})

    assert right.json()["scope"] == "repository:students/sam/app:pull,push repository:labs/hello:pull"
    assert (wrong.status_code, refresh.status_code) == (401, 400)


def test_a_form_that_is_too_large_is_refused(registry: RunningRegistry) -> None:
    with registry.client() as client:
        assert client.post("/token", content=b"x" * 20000).status_code == 400


@pytest.mark.parametrize("user", [None, "sam"])
def test_a_token_is_not_widened_by_asking(registry: RunningRegistry, user: str | None) -> None:
    with registry.client(user) as client:
        answer = client.get("/token?scope=repository:private:*&scope=repository:labs/hello:*")

    assert answer.json()["scope"] == "repository:labs/hello:pull"


def mounted(registry: RunningRegistry, client: httpx.Client, digest: str, source: str | None) -> int:
    params = {"mount": digest} | ({"from": source} if source else {})
    return client.post("/v2/students/sam/copy/blobs/uploads/", params=params).status_code


def test_a_blob_is_mounted_only_from_where_one_may_pull(tmp_path: Path) -> None:
    with classroom(tmp_path) as registry, registry.client("tess") as tess, registry.client("sam") as sam:
        public = push_blob(tess, "labs/hello", b"public")
        secret = push_blob(tess, "private", b"secret")

        assert mounted(registry, sam, public, "labs/hello") == 201
        assert mounted(registry, sam, secret, "private") == 202
        assert mounted(registry, sam, secret, None) == 202
        assert mounted(registry, sam, MISSING, "private") == 202
        assert sam.get(f"/v2/students/sam/copy/blobs/{secret}").status_code == 404
        assert mounted(registry, tess, secret, "private") == 201


def test_a_mount_with_a_token_needs_both_repositories_in_it(tmp_path: Path) -> None:
    with classroom(tmp_path) as registry, registry.client("tess") as tess, registry.client() as client:
        digest = push_blob(tess, "labs/hello", b"public")
        narrow = fetch_token(registry, "sam", "repository:students/sam/copy:pull,push")
        client.headers["Authorization"] = f"Bearer {narrow}"

        refused = client.post(f"/v2/students/sam/copy/blobs/uploads/?mount={digest}&from=labs/hello")

        assert refused.status_code == 401
        scope = "repository:students/sam/copy:pull,push repository:labs/hello:pull"
        assert f'scope="{scope}"' in refused.headers["www-authenticate"]
        client.headers["Authorization"] = f"Bearer {fetch_token(registry, 'sam', scope)}"
        assert mounted(registry, client, digest, "labs/hello") == 201


def test_too_many_wrong_passwords_are_told_to_wait(tmp_path: Path) -> None:
    with classroom(tmp_path) as registry, registry.client() as client:
        answers = [client.get("/v2/", headers=basic("sam", f"wrong {number}")) for number in range(7)]
        right = client.get("/v2/", headers=basic("sam", "sam-secret"))
        other = client.get("/v2/", headers=basic("sue", "sue-secret"))
        token = client.get("/token", headers=basic("sam", "sam-secret"))

    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
    assert right.status_code == token.status_code == 429
    assert 0 < int(right.headers["retry-after"]) <= 10
    assert right.json()["errors"][0]["code"] == "TOOMANYREQUESTS"
    assert other.status_code == 200


def test_a_changed_password_ends_log_ins_and_tokens(tmp_path: Path) -> None:
    with classroom(tmp_path) as registry, registry.client() as client:
        token = {"Authorization": f"Bearer {fetch_token(registry, 'sam', 'repository:students/sam/a:pull')}"}
        assert client.get("/v2/", headers=token).status_code == 200
        assert client.get("/v2/", headers=basic("sam", "sam-secret")).status_code == 200

        (tmp_path / "htpasswd").write_text(htpasswd(PASSWORDS | {"sam": "new"}))

        wait_until(lambda: client.get("/v2/", headers=basic("sam", "sam-secret")).status_code == 401)
        assert client.get("/v2/", headers=token).status_code == 401
        assert client.get("/v2/", headers=basic("sam", "new")).status_code == 200


def test_changed_rules_hold_for_tokens_too(tmp_path: Path) -> None:
    with classroom(tmp_path) as registry, registry.client("tess") as tess, registry.client() as client:
        push_image(tess, "labs/hello")
        client.headers["Authorization"] = (
            f"Bearer {fetch_token(registry, 'sam', 'repository:labs/hello:pull')}"
        )
        assert client.get("/v2/labs/hello/tags/list").status_code == 200

        (tmp_path / "rules.toml").write_text(RULES.replace('"@anonymous"', '"@teachers"'))

        wait_until(lambda: client.get("/v2/labs/hello/tags/list").status_code == 403)


def test_with_users_and_without_rules_it_is_the_labs_registry(tmp_path: Path) -> None:
    (tmp_path / "registry.htpasswd").write_text(htpasswd({"elton": "p4ssw0rd"}))
    settings = {
        "AUTH": "htpasswd",
        "AUTH_HTPASSWD_REALM": "Registry Realm",
        "AUTH_HTPASSWD_PATH": str(tmp_path / "registry.htpasswd"),
    }

    with running_registry(tmp_path, **settings) as registry, registry.client() as client:
        nobody = [client.get(path) for path in ("/v2/", "/v2/_catalog", "/v2/a/tags/list")]
        client.headers.update(basic("elton", "p4ssw0rd"))
        pushed = push_image(client, "a")
        catalog = client.get("/v2/_catalog")

    assert {(answer.status_code, answer.headers["www-authenticate"]) for answer in nobody} == {
        (401, 'Basic realm="Registry Realm"')
    }
    assert pushed.status_code == 201
    assert catalog.json() == {"repositories": ["a"]}


def test_a_registry_without_users_asks_nobody(tmp_path: Path) -> None:
    with running_registry(tmp_path) as registry, registry.client() as client:
        assert client.get("/v2/").status_code == 200
        assert client.get("/token").status_code == 404
        assert push_image(client, "a").status_code == 201


def test_every_request_leaves_a_line_and_no_line_has_a_secret(tmp_path: Path) -> None:
    with classroom(tmp_path) as registry:
        with registry.client("tess") as tess, registry.client("sue") as sue, registry.client() as nobody:
            digest = push_blob(tess, "private", b"content")
            pushed = push_image(tess, "private", "v1")
            tess.get("/v2/private/manifests/v1", headers=OCI)
            tess.get(f"/v2/private/blobs/{digest}")
            sue.get("/v2/private/manifests/v1")
            nobody.get("/v2/private/manifests/v1")
            nobody.get("/v2/")
            nobody.get("/v2/", headers=basic("sue", "wrong-secret"))
            token = fetch_token(registry, "sam", "repository:labs/x:pull")
            tess.get("/v2/_catalog")
            tess.delete("/v2/private/manifests/v1")
        wait_until(lambda: len(registry.audit) >= 11)
        lines = registry.audit
        text = (tmp_path / "audit.jsonl").read_text()

    manifest = pushed.headers["docker-content-digest"]
    assert [summary(line) for line in lines] == [
        ("push", "ok", "tess", "private", None, digest, 7),
        ("push", "ok", "tess", "private", None, digest_of(b"{}"), 2),
        ("push", "ok", "tess", "private", "v1", manifest, len(pushed.request.content)),
        ("pull", "ok", "tess", "private", "v1", manifest, len(pushed.request.content)),
        ("pull", "ok", "tess", "private", digest, digest, 7),
        ("pull", "denied", "sue", "private", "v1", None, None),
        ("pull", "unauthorized", None, "private", "v1", None, None),
        ("login", "unauthorized", "sue", None, None, None, None),
        ("login", "ok", "sam", None, None, None, None),
        ("list", "ok", "tess", None, None, None, lines[9]["bytes"]),
        ("delete", "ok", "tess", "private", "v1", None, None),
    ]
    secrets = [
        *PASSWORDS.values(),
        "wrong-secret",
        token,
        basic("tess", "teach-me")["Authorization"].split()[1],
    ]
    assert not [secret for secret in secrets if secret in text]
    assert {line["address"] for line in lines} == {"127.0.0.1"}
    assert all(line["time"].endswith("Z") for line in lines)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def summary(line: dict[str, Any]) -> tuple[object, ...]:
    keys = ("action", "result", "user", "repository", "reference", "digest", "bytes")
    return tuple(line.get(key) for key in keys)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        pytest.param(
            "htpasswd",
            "tess:$apr1$x$yyyy\n",
            "htpasswd line 1: user 'tess' has an Apache MD5 hash",
            id="users",
        ),
        pytest.param("rules.toml", "[[rule]]\n", "the file: 'rule' is unknown here", id="rules"),
    ],
)
def test_a_registry_does_not_start_on_files_that_say_something_else(
    tmp_path: Path, name: str, content: str, reason: str
) -> None:
    (tmp_path / "htpasswd").write_text(htpasswd(PASSWORDS))
    (tmp_path / "rules.toml").write_text(RULES)
    (tmp_path / name).write_text(content)
    environment = os.environ | {
        "REGISTRY_HTTP_ADDR": "127.0.0.1:0",
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(tmp_path / "data"),
        "REGISTRY_AUTH_HTPASSWD_PATH": str(tmp_path / "htpasswd"),
        "REGISTRY_AUTH_RULES_PATH": str(tmp_path / "rules.toml"),
    }

    ended = subprocess.run(
        [sys.executable, "-m", "registry_app", "serve"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode != 0
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_name_in_the_rules_that_is_no_user_is_warned_of(tmp_path: Path) -> None:
    with classroom(tmp_path) as registry:
        assert "there is no user" not in "".join(registry.output)
    (tmp_path / "rules.toml").unlink()
    rules = RULES.replace('["tess"]', '["tess", "tomm"]')
    (tmp_path / "other.toml").write_text(rules)
    with classroom(tmp_path, AUTH_RULES_PATH=str(tmp_path / "other.toml")) as registry:
        assert "there is no user 'tomm'" in "".join(registry.output)


def test_a_pull_that_is_broken_off_is_recorded_as_such(tmp_path: Path) -> None:
    with classroom(tmp_path) as registry, registry.client("tess") as tess:
        digest = push_blob(tess, "labs/large", bytes(64 << 20))
        with tess.stream("GET", f"/v2/labs/large/blobs/{digest}") as pull:
            next(pull.iter_bytes(65536))
        wait_until(lambda: any(line["result"] == "broken" for line in registry.audit))

        (line,) = [line for line in registry.audit if line["action"] == "pull"]

    assert (line["user"], line["reference"], line["result"]) == ("tess", digest, "broken")
