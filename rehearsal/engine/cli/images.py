"""docker image, and docker build."""

from __future__ import annotations

import ntpath
from collections.abc import Callable

from rehearsal.engine import pulling, pushing
from rehearsal.engine.build import Builder, BuildError, parse_build_arguments, read_context
from rehearsal.engine.cli.command import Command, FlagSpec, Given
from rehearsal.engine.cli.formats import ago, clock, human_size, print_inspected, print_rows
from rehearsal.engine.cli.inspecting import image_document
from rehearsal.engine.cli.session import CommandError, Session, response_text
from rehearsal.engine.errors import EngineError
from rehearsal.engine.images import short_id
from rehearsal.engine.records import Image
from rehearsal.engine.references import InvalidReference, Reference
from rehearsal.interfaces import WindowsError

_COLUMNS = {
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "ID": "IMAGE ID",
    "CreatedSince": "CREATED",
    "Size": "SIZE",
}
_NONE = "<none>"


def _list(session: Session, given: Given) -> int:
    engine = session.engine
    wanted = given.arguments[0] if given.arguments else ""
    filters = [item.partition("=")[::2] for item in given.texts("filter")]
    unknown = next((name for name, _ in filters if name not in ("reference", "label", "dangling")), None)
    if unknown is not None:
        raise CommandError(response_text(EngineError(f"invalid filter '{unknown}'")))
    parents = {image.parent for image in engine.state.images.values() if image.parent}
    rows: list[dict[str, str]] = []
    for image in engine.images.where(
        lambda image: bool(image.tags) or given.switch("all") or image.id not in parents
    ):
        if all(_passes(image, name, value) for name, value in filters):
            rows += _rows(image, wanted, full=given.switch("no-trunc"))
    columns = dict(_COLUMNS)
    if given.switch("digests"):
        columns = {"Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", **columns}
    quiet = "ID" if given.switch("quiet") and not given.text("format") else ""
    print_rows(
        session, rows, given.text("format"), columns, type_name="*formatter.imageContext", quiet_key=quiet
    )
    return 0


def _passes(image: Image, name: str, value: str) -> bool:
    if name == "dangling":
        return (not image.tags) == (value.lower() in ("true", "1"))
    if name == "label":
        key, equals, text = value.partition("=")
        labels = (image.config.get("config") or {}).get("Labels") or {}
        return key in labels and (not equals or labels[key] == text)
    pattern = value.removesuffix("*")
    return any(
        tag == value or Reference.parse(tag).name == value or ("*" in value and tag.startswith(pattern))
        for tag in image.tags
    )


def _rows(image: Image, wanted: str, *, full: bool) -> list[dict[str, str]]:
    created = str(image.config.get("created"))
    names: list[Reference | None] = [Reference.parse(tag) for tag in image.tags]
    if wanted:
        names = [name for name in names if name and wanted in (name.name, str(name))]
        if not names:
            return []
    known = {entry.split("@")[0]: entry.split("@")[1] for entry in image.digests}
    return [
        {
            "Containers": "N/A",
            "CreatedAt": clock(created),
            "CreatedSince": f"{ago(created)} ago",
            "Digest": known.get(name.name, _NONE) if name else _NONE,
            "ID": image.id if full else short_id(image.id),
            "Repository": name.name if name else _NONE,
            "SharedSize": "N/A",
            "Size": human_size(image.size),
            "Tag": name.tag if name else _NONE,
            "UniqueSize": "N/A",
        }
        for name in (names or [None])
    ]


def _inspect(session: Session, given: Given) -> int:
    engine = session.engine
    documents, problems = [], []
    for reference in given.arguments:
        try:
            documents.append(image_document(engine.images.find(reference)))
        except EngineError as error:
            problems.append(response_text(error))
    print_inspected(session, documents, given.text("format"))
    if problems:
        raise CommandError("\n".join(problems))
    return 0


def _reference(text: str, command: str) -> Reference:
    try:
        return Reference.parse(text)
    except InvalidReference as error:
        prefix = (
            "" if command != "tag" else f'Error parsing reference: "{text}" is not a valid repository/tag: '
        )
        raise CommandError(f"{prefix}{error}") from error


def _pull(session: Session, given: Given) -> int:
    reference = _reference(given.arguments[0], "pull")
    if given.switch("all-tags"):
        raise CommandError("rehearsal: docker pull --all-tags is not known on a rehearsal host")
    quiet = given.switch("quiet")
    if not reference.tag and not reference.digest and not quiet:
        session.print("Using default tag: latest")
    try:
        pulling.pull(session.engine, reference, (lambda _: None) if quiet else session.print)
    except EngineError as error:
        raise CommandError(response_text(error)) from error
    full = reference.tagged()
    session.print(_canonical(full))
    return 0


def _canonical(reference: Reference) -> str:
    """Return a reference with its registry and repository in full, as docker pull ends."""
    tail = f"@{reference.digest}" if reference.digest else f":{reference.tag}"
    return f"{reference.registry}/{reference.repository}{tail}"


def _push(session: Session, given: Given) -> int:
    reference = _reference(given.arguments[0], "push")
    if reference.digest:
        raise CommandError("cannot push a digest reference")
    if given.switch("all-tags"):
        raise CommandError("rehearsal: docker push --all-tags is not known on a rehearsal host")
    quiet = given.switch("quiet")
    engine = session.engine
    if not reference.tag and not quiet:
        session.print("Using default tag: latest")
    try:
        pushing.push(engine, reference, (lambda _: None) if quiet else session.print)
    except pushing.PushError as error:
        raise CommandError(str(error)) from error
    except EngineError as error:
        raise CommandError(str(error)) from error
    session.host.changed(f"image {reference.tagged()} pushed")
    return 0


def _tag(session: Session, given: Given) -> int:
    source, target = given.arguments
    _reference(target, "tag")
    try:
        session.engine.images.tag(source, target)
    except EngineError as error:
        raise CommandError(response_text(error)) from error
    return 0


def _remove(session: Session, given: Given) -> int:
    engine = session.engine
    problems = []
    for reference in given.arguments:
        try:
            for what, which in engine.images.remove(reference, force=given.switch("force")):
                session.print(f"{what}: {which}")
            session.host.changed(f"image {reference} removed")
        except EngineError as error:
            if not (given.switch("force") and "No such image" in str(error)):
                problems.append(response_text(error))
    if problems:
        raise CommandError("\n".join(problems))
    return 0


def _history(session: Session, given: Given) -> int:
    engine = session.engine
    try:
        image = engine.images.find(given.arguments[0])
    except EngineError as error:
        raise CommandError(response_text(error)) from error
    sizes = [layer.size for layer in image.layers]
    rows = []
    for entry in image.config.get("history", []):
        size = 0 if entry.get("empty_layer") else (sizes.pop(0) if sizes else 0)
        created = entry.get("created", image.config.get("created"))
        rows.append(
            {
                "ID": "<missing>",
                "CreatedSince": f"{ago(created)} ago",
                "CreatedBy": entry.get("created_by", ""),
                "Size": human_size(size),
                "Comment": entry.get("comment", ""),
                "CreatedAt": created,
            }
        )
    rows.reverse()
    if rows:
        rows[0]["ID"] = short_id(image.id)
    columns = {
        "ID": "IMAGE",
        "CreatedSince": "CREATED",
        "CreatedBy": "CREATED BY",
        "Size": "SIZE",
        "Comment": "COMMENT",
    }
    quiet = "ID" if given.switch("quiet") else ""
    print_rows(
        session, rows, given.text("format"), columns, type_name="*formatter.historyContext", quiet_key=quiet
    )
    return 0


def _build(session: Session, given: Given) -> int:
    directory = ntpath.normpath(ntpath.join(session.directory, given.arguments[0]))
    engine = session.engine
    files = session.host.files
    if not files.is_directory(directory):
        raise CommandError(f'unable to prepare context: path "{given.arguments[0]}" not found')
    dockerfile = given.text("file") or ntpath.join(directory, "Dockerfile")
    place = ntpath.join(session.directory, dockerfile)
    try:
        text = files.read(place).decode("utf-8")
    except WindowsError as error:
        raise CommandError(
            f"unable to prepare context: unable to evaluate symlinks in Dockerfile path: CreateFile {place}: "
            f"{error.message}"
        ) from error
    context = read_context(files.real(directory))
    quiet = given.switch("quiet")
    out: Callable[[str], None] = (lambda _: None) if quiet else session.print
    out(f"Sending build context to Docker daemon  {human_size(sum(map(len, context.values())))}")
    builder = Builder(engine, context, out, use_cache=not given.switch("no-cache"))
    arguments = parse_build_arguments(given.texts("build-arg"), session.environment)
    labels = dict(item.partition("=")[::2] for item in given.texts("label"))
    try:
        image = builder.build(text, given.texts("tag"), arguments, labels)
    except BuildError as error:
        session.err.append(f"{error.output}\n" if error.output else "")
        raise CommandError(str(error)) from error
    except EngineError as error:
        raise CommandError(response_text(error)) from error
    if quiet:
        session.print(image.id)
    session.host.changed(f"image {', '.join(given.texts('tag')) or short_id(image.id)} built")
    return 0


_BUILD_FLAGS = (
    FlagSpec("build-arg", "list"),
    FlagSpec("file", shorthand="f"),
    FlagSpec("force-rm", "switch"),
    FlagSpec("isolation"),
    FlagSpec("label", "list"),
    FlagSpec("memory", shorthand="m"),
    FlagSpec("network", default="default"),
    FlagSpec("no-cache", "switch"),
    FlagSpec("platform"),
    FlagSpec("pull", "switch"),
    FlagSpec("quiet", "switch", "q"),
    FlagSpec("rm", "switch", default="true"),
    FlagSpec("tag", "list", "t"),
)
_QUIET = FlagSpec("quiet", "switch", "q")
_ALL_TAGS = FlagSpec("all-tags", "switch", "a")
_TRUST = FlagSpec("disable-content-trust", "switch", default="true")
_LIST_FLAGS = (
    FlagSpec("all", "switch", "a"),
    FlagSpec("digests", "switch"),
    FlagSpec("filter", "list", "f"),
    FlagSpec("format"),
    FlagSpec("no-trunc", "switch"),
    _QUIET,
)


def commands() -> list[tuple[list[str], Command]]:
    """Return the commands with all their names."""
    pull_flags = (_ALL_TAGS, _TRUST, FlagSpec("platform"), _QUIET)
    remove_flags = (FlagSpec("force", "switch", "f"), FlagSpec("no-prune", "switch"))
    return [
        (
            ["image ls", "image list", "images"],
            Command("image ls", "[OPTIONS] [REPOSITORY[:TAG]]", _list, _LIST_FLAGS, 0, 1),
        ),
        (
            ["image inspect"],
            Command(
                "image inspect",
                "[OPTIONS] IMAGE [IMAGE...]",
                _inspect,
                (FlagSpec("format", shorthand="f"), FlagSpec("platform")),
                1,
            ),
        ),
        (
            ["image pull", "pull"],
            Command("image pull", "[OPTIONS] NAME[:TAG|@DIGEST]", _pull, pull_flags, 1, 1),
        ),
        (["image push", "push"], Command("image push", "[OPTIONS] NAME[:TAG]", _push, pull_flags, 1, 1)),
        (["image tag", "tag"], Command("image tag", "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", _tag, (), 2, 2)),
        (
            ["image rm", "image remove", "rmi"],
            Command("image rm", "[OPTIONS] IMAGE [IMAGE...]", _remove, remove_flags, 1),
        ),
        (
            ["image history", "history"],
            Command(
                "image history",
                "[OPTIONS] IMAGE",
                _history,
                (
                    FlagSpec("format"),
                    _QUIET,
                    FlagSpec("no-trunc", "switch"),
                    FlagSpec("human", "switch", "H", "true"),
                ),
                1,
                1,
            ),
        ),
        (
            ["image build", "build", "builder build"],
            Command("build", "[OPTIONS] PATH | URL | -", _build, _BUILD_FLAGS, 1, 1),
        ),
    ]
