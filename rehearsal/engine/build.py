"""``docker build``: the classic builder of Windows, step by step, with its cache and its output."""

from __future__ import annotations

import copy
import ntpath
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rehearsal.engine import pulling
from rehearsal.engine.blobs import digest_of, layer_files, make_layer
from rehearsal.engine.catalogue import assemble
from rehearsal.engine.dockerfile import DockerfileError, Instruction, parse
from rehearsal.engine.errors import EngineError, NotFoundError
from rehearsal.engine.golang.strconv import ParseError, parse_duration
from rehearsal.engine.images import short_id
from rehearsal.engine.pip import pip_install
from rehearsal.engine.records import NEVER, Image, Layer
from rehearsal.engine.references import InvalidReference, Reference
from rehearsal.engine.wheels import PipError

if TYPE_CHECKING:
    from rehearsal.engine.service import Engine

Print = Callable[[str], None]
Context = Mapping[str, bytes]
"""The files of the build context by their paths with slashes."""
_PIP = re.compile(r"(?:python(?:\.exe)?\s+-m\s+)?pip3?(?:\.exe)?\s+install\s+(?P<rest>.*)", re.IGNORECASE)
_COMPILE = re.compile(r"python(?:\.exe)?\s+-m\s+compileall\b.*", re.IGNORECASE)
_NANOSECONDS = 1_000_000_000
_NAMED_DIRECTORIES = re.compile(r"(?:mkdir|md)\s+(?P<path>\S+)", re.IGNORECASE)


class BuildError(Exception):
    """The build ends; ``output`` was printed by the failing command before."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


@dataclass
class _Stage:
    """An image that grows."""

    config: dict[str, Any]
    layers: list[Layer]
    shell: list[str] = field(default_factory=lambda: ["cmd", "/S", "/C"])


def read_context(directory: str) -> dict[str, bytes]:
    """Return the files below a directory of this machine, by paths with slashes, without what is ignored."""
    files: dict[str, bytes] = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                files[os.path.relpath(path, directory).replace(os.sep, "/")] = file.read()
    return files


class Builder:
    """One build on one engine."""

    def __init__(self, engine: Engine, context: Context, out: Print, *, use_cache: bool) -> None:
        self._engine = engine
        self._context = context
        self._out = out
        self._use_cache = use_cache
        self._stage = _Stage({}, [])
        self._cache_key = ""
        self._parent = ""
        self._arguments: dict[str, str] = {}

    def build(
        self, dockerfile: str, tags: list[str], arguments: Mapping[str, str], labels: Mapping[str, str]
    ) -> Image:
        """Carry out a Dockerfile and name the image; raises `BuildError` and `EngineError`."""
        try:
            names = [Reference.parse(tag).tagged() for tag in tags]
        except InvalidReference as error:
            raise EngineError(str(error)) from error
        try:
            instructions = parse(dockerfile)
        except DockerfileError as error:
            raise EngineError(str(error)) from error
        self._engine.check_space()
        if instructions[0].name not in ("FROM", "ARG"):
            raise EngineError("no build stage in current context")
        if labels:
            text = " ".join(f"{name}={shlex.quote(value)}" for name, value in labels.items())
            instructions.append(Instruction("LABEL", text=text))
        self._arguments = dict(arguments)
        image: Image | None = None
        for number, instruction in enumerate(instructions, 1):
            self._out(f"Step {number}/{len(instructions)} : {instruction.original}")
            image = self._step(instruction)
            self._out(f" ---> {short_id(image.id)}")
        if image is None:
            raise EngineError("No image was generated. Is your Dockerfile empty?")
        self._out(f"Successfully built {short_id(image.id)}")
        for name in names:
            self._engine.images.add(image, name)
            self._out(f"Successfully tagged {name}")
        if not names:
            self._engine.images.add(image)
        return image

    def _step(self, instruction: Instruction) -> Image:
        expanded = self._expanded(instruction)
        if instruction.name == "FROM":
            return self._from(expanded)
        self._cache_key = digest_of(
            f"{self._cache_key}\n{expanded.original}\n{self._inputs(expanded)}".encode()
        )
        cached = self._engine.state.build_cache.get(self._cache_key)
        if self._use_cache and cached in self._engine.state.images:
            image = self._engine.state.images[cached]
            self._out(" ---> Using cache")
            shell = self._stage.shell if expanded.name != "SHELL" else (expanded.exec_form() or [])
            self._stage = _Stage(copy.deepcopy(image.config), list(image.layers), shell)
            self._parent = image.id
            return image
        _HANDLERS[instruction.name](self, expanded)
        return self._commit(expanded)

    def _expanded(self, instruction: Instruction) -> Instruction:
        """Replace ``$NAME`` and ``${NAME}`` where the builder does: not in RUN, CMD and ENTRYPOINT."""
        if instruction.name in ("RUN", "CMD", "ENTRYPOINT", "SHELL", "HEALTHCHECK"):
            return instruction
        known = {**self._arguments, **self._environment()}
        text = re.sub(
            r"\$(?:\{(\w+)\}|(\w+))", lambda m: known.get(m.group(1) or m.group(2), ""), instruction.text
        )
        return Instruction(instruction.name, instruction.flags, text, instruction.line)

    def _environment(self) -> dict[str, str]:
        return dict(item.partition("=")[::2] for item in self._given().get("Env") or [])

    def _given(self) -> dict[str, Any]:
        config: dict[str, Any] = self._stage.config.setdefault("config", {})
        return config

    def _inputs(self, instruction: Instruction) -> str:
        if instruction.name != "COPY":
            return ""
        files = self._copied(instruction)
        return "".join(f"{name} {digest_of(files[name])}\n" for name in sorted(files))

    def _from(self, instruction: Instruction) -> Image:
        reference = instruction.text.split()[0]
        if instruction.flags.get("platform", "windows/amd64") != "windows/amd64":
            raise EngineError(f"operating system is not supported: {instruction.flags['platform']}")
        try:
            image = self._engine.images.find(reference)
        except NotFoundError:
            try:
                image = pulling.pull(self._engine, Reference.parse(reference), self._out)
            except InvalidReference as error:
                raise EngineError(f'failed to parse reference "{reference}": {error}') from error
        pulling.check_platform(self._engine, image.config)
        self._stage = _Stage(copy.deepcopy(image.config), list(image.layers))
        self._cache_key = self._parent = image.id
        return image

    def _commit(self, instruction: Instruction) -> Image:
        # the base image's time: the same context gives the same image on every host
        created = self._stage.config.get("created", NEVER)
        history = self._stage.config.setdefault("history", [])
        empty = instruction.name not in ("COPY", "RUN")
        history.append(
            {"created": created, "created_by": instruction.original}
            | ({"empty_layer": True} if empty else {})
        )
        blobs = self._engine.state.blobs
        image = assemble(self._stage.layers, self._stage.config, blobs)
        image.parent = self._parent
        self._parent = image.id
        with self._engine.state.change():
            self._engine.state.images.setdefault(image.id, image)
            self._engine.state.build_cache[self._cache_key] = image.id
        return image

    # Instructions

    def _label(self, instruction: Instruction) -> None:
        given = self._given()
        given["Labels"] = {**(given.get("Labels") or {}), **self._pairs(instruction)}

    def _env(self, instruction: Instruction) -> None:
        environment = {**self._environment(), **self._pairs(instruction)}
        self._given()["Env"] = [f"{name}={value}" for name, value in environment.items()]

    def _pairs(self, instruction: Instruction) -> dict[str, str]:
        try:
            return instruction.pairs()
        except DockerfileError as error:
            raise EngineError(str(error)) from error

    def _arg(self, instruction: Instruction) -> None:
        name, equals, default = instruction.text.partition("=")
        if equals:
            self._arguments.setdefault(name, default.strip('"'))

    def _workdir(self, instruction: Instruction) -> None:
        given = self._given()
        given["WorkingDir"] = ntpath.normpath(
            ntpath.join(given.get("WorkingDir") or "C:\\", instruction.text)
        )

    def _expose(self, instruction: Instruction) -> None:
        ports = self._given().get("ExposedPorts") or {}
        for word in instruction.text.split():
            ports[word if "/" in word else f"{word}/tcp"] = {}
        self._given()["ExposedPorts"] = ports

    def _user(self, instruction: Instruction) -> None:
        self._given()["User"] = instruction.text

    def _stopsignal(self, instruction: Instruction) -> None:
        self._given()["StopSignal"] = instruction.text

    def _shell(self, instruction: Instruction) -> None:
        words = instruction.exec_form()
        if words is None:
            raise EngineError(
                f"dockerfile parse error on line {instruction.line}: "
                "SHELL requires the arguments to be in JSON form"
            )
        self._stage.shell = words

    def _command_words(self, instruction: Instruction) -> list[str]:
        return instruction.exec_form() or [*self._stage.shell, instruction.text]

    def _cmd(self, instruction: Instruction) -> None:
        self._given()["Cmd"] = self._command_words(instruction)

    def _entrypoint(self, instruction: Instruction) -> None:
        self._given()["Entrypoint"] = self._command_words(instruction)
        self._given()["Cmd"] = None

    def _healthcheck(self, instruction: Instruction) -> None:
        if instruction.text.upper() == "NONE":
            self._given()["Healthcheck"] = {"Test": ["NONE"]}
            return
        name, _, rest = instruction.text.partition(" ")
        if name.upper() != "CMD":
            raise EngineError(
                f"dockerfile parse error on line {instruction.line}: "
                f'Unknown type "{name}" in HEALTHCHECK (try CMD)'
            )
        command = Instruction("CMD", text=rest.strip())
        words = command.exec_form()
        check: dict[str, Any] = {"Test": ["CMD", *words] if words else ["CMD-SHELL", rest.strip()]}
        keys = {
            "interval": "Interval",
            "timeout": "Timeout",
            "start-period": "StartPeriod",
            "start-interval": "StartInterval",
        }
        for flag, value in instruction.flags.items():
            if flag == "retries":
                check["Retries"] = int(value)
            elif flag in keys:
                try:
                    check[keys[flag]] = int(parse_duration(value) * _NANOSECONDS)
                except ParseError as error:
                    raise EngineError(str(error)) from error
            else:
                raise EngineError(f"dockerfile parse error on line {instruction.line}: unknown flag: {flag}")
        self._given()["Healthcheck"] = check

    def _copied(self, instruction: Instruction) -> dict[str, bytes]:
        """Return what COPY brings: paths in the image, without drive, and contents."""
        if instruction.flags:
            raise EngineError(f"the rehearsal's builder does not know COPY {' '.join(instruction.flags)}")
        words = instruction.exec_form() or instruction.text.split()
        if len(words) < 2:
            raise EngineError(
                f"dockerfile parse error on line {instruction.line}: COPY requires at least two arguments"
            )
        *sources, target = words
        base = ntpath.normpath(
            ntpath.join(self._given().get("WorkingDir") or "C:\\", target.replace("/", "\\"))
        )
        inside = ntpath.splitdrive(base)[1].strip("\\").replace("\\", "/")
        copied: dict[str, bytes] = {}
        for source in sources:
            copied.update(self._copy_one(source.replace("\\", "/"), inside, target, single=len(sources) == 1))
        return copied

    def _copy_one(self, source: str, inside: str, target: str, *, single: bool) -> dict[str, bytes]:
        name = source.removeprefix("./").strip("/")
        if name in ("", "."):
            return {_join(inside, path): content for path, content in self._context.items()}
        if name in self._context:
            into_folder = target.endswith(("/", "\\")) or target in (".", "./", ".\\") or not single
            return {_join(inside, name.rsplit("/", 1)[-1]) if into_folder else inside: self._context[name]}
        pattern = re.compile("[^/]*".join(re.escape(part) for part in name.split("*")))
        matched = {
            path: content
            for path, content in self._context.items()
            if "*" in name and pattern.fullmatch(path)
        }
        if matched:
            return {_join(inside, path.rsplit("/", 1)[-1]): content for path, content in matched.items()}
        below = {p.removeprefix(f"{name}/"): c for p, c in self._context.items() if p.startswith(f"{name}/")}
        if not below:
            raise EngineError(
                f"COPY failed: file not found in build context or excluded by .dockerignore: stat {source}: "
                "file does not exist"
            )
        return {_join(inside, path): content for path, content in below.items()}

    def _copy(self, instruction: Instruction) -> None:
        self._stage.layers.append(make_layer(self._copied(instruction), self._engine.state.blobs))

    def _run(self, instruction: Instruction) -> None:
        words = instruction.exec_form()
        text = " ".join(words) if words else instruction.text
        shown = " ".join([*self._stage.shell, text])
        self._out(f" ---> Running in {digest_of(self._cache_key.encode())[7:19]}")
        files: dict[str, bytes] = {}
        for part in re.split(r"\s*&&\s*", text):
            files.update(self._run_one(part.strip(), shown))
        self._stage.layers.append(make_layer(files, self._engine.state.blobs))

    def _run_one(self, text: str, shown: str) -> dict[str, bytes]:
        pip = _PIP.fullmatch(text)
        if pip is not None:
            try:
                return self._pip_install(shlex.split(pip.group("rest"), posix=False))
            except PipError as error:
                raise BuildError(f"The command '{shown}' returned a non-zero code: 1", str(error)) from error
        directory = _NAMED_DIRECTORIES.fullmatch(text)
        if directory is not None:
            path = ntpath.splitdrive(directory.group("path"))[1].strip("\\/").replace("\\", "/")
            return {_join(path, ".keep"): b""}
        if _COMPILE.fullmatch(text):
            return {}
        raise BuildError(
            f"The command '{shown}' returned a non-zero code: 1",
            f"rehearsal: the builder carries out pip install, python -m compileall and mkdir, not: {text}",
        )

    def _pip_install(self, words: list[str]) -> dict[str, bytes]:
        python = self._environment().get("PYTHON_VERSION", "")
        return pip_install(words, python, self._files_so_far(), self._out)

    def _files_so_far(self) -> Iterator[tuple[str, bytes]]:
        for layer in self._stage.layers:
            if not layer.is_foreign:
                yield from layer_files(self._engine.state.blobs.read(layer.digest)).items()


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


_HANDLERS: dict[str, Callable[[Builder, Instruction], None]] = {
    "ARG": Builder._arg,
    "CMD": Builder._cmd,
    "COPY": Builder._copy,
    "ENTRYPOINT": Builder._entrypoint,
    "ENV": Builder._env,
    "EXPOSE": Builder._expose,
    "HEALTHCHECK": Builder._healthcheck,
    "LABEL": Builder._label,
    "RUN": Builder._run,
    "SHELL": Builder._shell,
    "STOPSIGNAL": Builder._stopsignal,
    "USER": Builder._user,
    "WORKDIR": Builder._workdir,
}


def parse_build_arguments(values: list[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``--build-arg`` values by name; one without ``=`` comes from the environment."""
    found = {}
    for value in values:
        name, equals, text = value.partition("=")
        found[name] = text if equals else environment.get(name.upper(), "")
    return found
