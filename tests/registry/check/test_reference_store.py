"""What the reference registry wrote, and what it left of what it deleted, is sound, too."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from registry_app.__main__ import main
from registry_app.check.findings import Severity
from registry_app.check.survey import survey
from registry_app.storage.posix import PosixFileSystem
from tests.registry.content import digest_of, index, push_blob, push_image, push_manifest
from tests.registry.servers import RunningRegistry

pytestmark = pytest.mark.skipif(
    shutil.which("docker-registry") is None, reason="Debian's docker-registry is not installed"
)


def test_the_reference_registrys_store_is_sound(
    start_reference: Callable[[], RunningRegistry], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    http = start_reference().http
    images = [
        push_image(http, "labs/hello", f"v{number}", b"layer %d" % number, docker=True) for number in range(3)
    ]
    push_image(http, "labs/hello", "v1", b"moved", docker=True)
    push_manifest(http, "labs/hello", "list", index(*images, docker=True))
    blob = push_blob(http, "other", b"deleted later")
    http.post("/v2/other/blobs/uploads/")

    assert http.delete(f"/v2/labs/hello/manifests/{digest_of(images[0])}").status_code == 202
    assert http.delete(f"/v2/other/blobs/{blob}").status_code == 202

    assert main(["check", str(tmp_path / "root")]) == 0, capsys.readouterr().out
    found = survey(PosixFileSystem(str(tmp_path / "root"))).findings
    assert {(one.severity, one.kind) for one in found} <= {
        (Severity.NOTE, "incomplete"),
        (Severity.NOTE, "upload"),
        (Severity.LEFTOVER, "upload-empty"),
    }


def test_after_a_repair_the_reference_registry_serves_it(
    start_reference: Callable[[], RunningRegistry], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = start_reference()
    content = push_image(reference.http, "labs/hello", "v1", b"layer", docker=True)
    reference.kill()
    for link in reference.store.rglob("link"):
        link.write_bytes(b"")

    assert main(["check", "--repair", str(tmp_path / "root")]) == 1, capsys.readouterr().out

    http = start_reference().http
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    assert http.get("/v2/labs/hello/manifests/v1", headers=accept).content == content
    assert http.get(f"/v2/labs/hello/blobs/{digest_of(b'layer')}").content == b"layer"
