"""The registry's settings: the reference registry's names, all mistakes at once, no misspelling ignored."""

import pytest

from registry_app.settings import SettingsError, load


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("HTTP_ADDR", ":5000", "address", ("", 5000)),
        ("HTTP_ADDR", "127.0.0.1:80", "address", ("127.0.0.1", 80)),
        ("HTTP_ADDR", "[::1]:80", "address", ("::1", 80)),
        ("HTTP_HOST", "https://registry.example.com:5000/", "host", "https://registry.example.com:5000"),
        ("HTTP_DRAINTIMEOUT", "1m30s", "drain_timeout", 90.0),
        ("STORAGE_MAINTENANCE_UPLOADPURGING_AGE", "168h", "upload_age", 604_800.0),
        ("STORAGE_DELETE_ENABLED", "false", "delete_enabled", False),
        ("STORAGE_FILESYSTEM_RESERVE", "1GiB", "reserve", 1 << 30),
        ("STORAGE_FILESYSTEM_RESERVE", "1000", "reserve", 1000),
        ("HTTP_LIMITS_MANIFEST", "8M", "max_manifest", 8 << 20),
        ("LOG_LEVEL", "warn", "log_level", "WARNING"),
        ("STORAGE_MAINTENANCE_READONLY_ENABLED", "Yes", "read_only", True),
        ("HTTP_TLS_MINIMUMTLS", "tls1.3", "tls_minimum", "tls1.3"),
        ("HTTP_HEALTH_ADDR", "localhost:5001", "health_address", ("localhost", 5001)),
        ("HTTP_LIMITS_UPLOADS", "7", "max_uploads", 7),
    ],
)
def test_a_setting_is_read(name: str, text: str, field: str, value: object) -> None:
    settings, warnings = load({f"REGISTRY_{name}": text, "PATH": "/bin"})

    assert getattr(settings, field) == value
    assert warnings == []


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        load(
            {
                "REGISTRY_HTTP_ADDR": "5000",
                "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": "data",
                "REGISTRY_STORAGE_DELETE_ENABLE": "true",
                "REGISTRY_LOG_LEVEL": "loud",
            }
        )

    text = str(error.value)
    assert "REGISTRY_HTTP_ADDR=5000: not an address" in text
    assert "did you mean REGISTRY_STORAGE_DELETE_ENABLED?" in text
    assert "REGISTRY_LOG_LEVEL=loud" in text


@pytest.mark.parametrize(
    "name",
    ["HTTP_SECRET", "STORAGE_CACHE_BLOBDESCRIPTOR", "LOG_FIELDS_SERVICE", "HEALTH_STORAGEDRIVER_ENABLED"],
)
def test_what_means_nothing_here_is_a_warning(name: str) -> None:
    _, warnings = load({f"REGISTRY_{name}": "x"})

    assert warnings == [f"REGISTRY_{name} is ignored: it means nothing to this registry"]


def test_what_kubernetes_adds_for_a_service_called_registry_is_no_mistake() -> None:
    load({"REGISTRY_PORT": "tcp://10.0.0.1:5000", "REGISTRY_SERVICE_HOST": "10.0.0.1"})


@pytest.mark.parametrize("name", ["STORAGE_S3_BUCKET", "PROXY_REMOTEURL", "HTTP_TLS_LETSENCRYPT_EMAIL"])
def test_what_would_change_everything_is_not_ignored(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load({f"REGISTRY_{name}": "x"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param({"STORAGE_DELETE_ENABLED": "perhaps"}, "neither true nor false", id="no switch"),
        pytest.param({"HTTP_LIMITS_UPLOADS": "0"}, "at least 1", id="too few"),
        pytest.param({"HTTP_LIMITS_UPLOADS": "-1"}, "not a whole number", id="negative"),
        pytest.param(
            {"HTTP_LIMITS_MANIFEST": "1MiB"}, "at least 4194304", id="less than the specification asks"
        ),
        pytest.param({"HTTP_LIMITS_IDLE": "0s"}, "more than nothing", id="no time at all"),
        pytest.param({"HTTP_DRAINTIMEOUT": "soon"}, "not a duration", id="no duration"),
        pytest.param({"HTTP_TLS_MINIMUMTLS": "tls1.1"}, "tls1.2, tls1.3", id="too old"),
        pytest.param({"HTTP_HEALTH_ADDR": "0.0.0.0:5001"}, "not a loopback address", id="health for all"),
        pytest.param({"AUTH_HTPASSWD_REALM": ""}, "is empty", id="empty"),
        pytest.param({"AUTH_HTPASSWD_PATH": ""}, "is empty", id="users from a variable that is not set"),
        pytest.param({"AUTH_RULES_PATH": "", "AUTH_HTPASSWD_PATH": "/f"}, "is empty", id="no rules"),
        pytest.param({"HTTP_TLS_CLIENTCAS": ""}, "is empty", id="no authority"),
        pytest.param({"HTTP_TLS_CERTIFICATE": "", "HTTP_TLS_KEY": ""}, "is empty", id="no certificate"),
        pytest.param({"AUDIT_PATH": ""}, "is empty", id="no audit log"),
        pytest.param({"HTTP_PREFIX": "registry"}, "not a path prefix", id="no prefix"),
        pytest.param({"STORAGE_FILESYSTEM_ROOTDIRECTORY": "data"}, "not an absolute path", id="relative"),
        pytest.param({"HTTP_TLS_KEY": "/key"}, "together or not at all", id="half a certificate"),
        pytest.param({"AUTH": "htpasswd"}, "needs REGISTRY_AUTH_HTPASSWD_PATH", id="users without a file"),
        pytest.param({"AUTH_RULES_PATH": "/rules"}, "needs users", id="rules for nobody"),
    ],
)
def test_what_cannot_work_is_refused(text: dict[str, str], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        load({f"REGISTRY_{name}": value for name, value in text.items()})


def test_what_contradicts_itself_is_told_in_full() -> None:
    with pytest.raises(SettingsError) as error:
        load({"REGISTRY_HTTP_TLS_CLIENTCAS": "[/a.pem, /b.pem]", "REGISTRY_AUTH": "htpasswd"})

    assert str(error.value).count("\n") == 1
