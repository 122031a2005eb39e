"""Who may come to a registry, and what hosts need to trust it: TLS, users, rules, trust."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StrictBool, StrictStr, model_validator

from deploy.places import AUTHENTICATION, CERTIFICATES
from deploy.settings import checks
from deploy.settings.base import Settings
from deploy.settings.engine_options import Path
from deploy.settings.network import IPv4
from deploy.settings.problems import Problem
from deploy.users import user_problems

LAB_CA = "lab-ca"

_PATTERN = re.compile(r"(?:[a-z0-9._*-]|\{user\})+(?:/(?:[a-z0-9._*-]|\{user\})+)*")
_EVERYBODY = frozenset({"@users", "@anonymous"})


class RegistryTls(Settings):
    """Where the registry's certificate comes from, and where it lies on the host.

    ``tls = "lab-ca"`` is all that the lab's own authority needs. The user's own files are named with
    ``certificate_file`` and ``key_file``; a ``directory`` alone means that they are on the host already.
    """

    lab_ca: StrictBool = False
    """Whether the lab's own authority issues the certificate, and renews it before it ends."""

    certificate_file: StrictStr | None = None
    """The certificate on the operator's machine, PEM, chain included."""

    key_file: StrictStr | None = None
    """Its key on the operator's machine, PEM, not encrypted."""

    authority_file: StrictStr | None = None
    """What engines are to trust, on the operator's machine; without it they trust the issuer already."""

    directory: Path = CERTIFICATES
    """The directory on the host that is mounted into the container."""

    certificate: StrictStr = "registry.crt"
    """The certificate's file name in it, chain included."""

    key: StrictStr = "registry.key"
    """The key's file name in it."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:  # noqa: ANN401 - whatever an inventory says
        if isinstance(given, str):
            if given != LAB_CA:
                raise ValueError(f"{given!r} is no source of certificates; write {LAB_CA!r}, or name files")
            return {"lab_ca": True}
        if not given:
            raise ValueError(f"says not where the certificate comes from; write {LAB_CA!r}, or name files")
        return given

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file go together")
        if self.lab_ca and (self.certificate_file or self.authority_file):
            raise ValueError("the lab's authority issues the certificate: leave the files out, or lab_ca")
        return self

    @property
    def is_uploaded(self) -> bool:
        """Whether certificate and key come from the operator's machine."""
        return self.lab_ca or self.certificate_file is not None


class SecretSource(Settings):
    """Where a password comes from: one of these, and never the inventory itself."""

    env: StrictStr | None = None
    """An environment variable of the operator."""

    file: StrictStr | None = None
    """A file on the operator's machine, which nobody else may read; a line end at its end does not count."""

    prompt: StrictBool = False
    """Ask for it."""

    @model_validator(mode="before")
    @classmethod
    def _no_secret(cls, given: Any) -> Any:  # noqa: ANN401 - whatever an inventory says
        if isinstance(given, str):
            # Not repeated: somebody wrote the password itself.
            what = 'no passwords here; write {"env": "NAME"}, {"file": "path"} or {"prompt": True}'
            raise ValueError(what)  # noqa: TRY004 - pydantic reports no TypeError
        return given

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum((self.env is not None, self.file is not None, self.prompt)) != 1:
            raise ValueError("needs exactly one of env, file and prompt")
        return self


Names = Annotated[tuple[StrictStr, ...], Field(min_length=1)]


class RuleSettings(Settings):
    """One thing that is allowed; what no rule allows is denied."""

    who: Names
    """Users, ``@group``, ``@users`` (whoever is logged in), ``@anonymous`` (everybody)."""

    may: Annotated[tuple[Literal["pull", "push", "delete"], ...], Field(min_length=1)]
    """What they may do. None of the three includes another."""

    repositories: Names
    """Patterns: ``*`` within one part of a name, ``**`` for one part or more, ``{user}`` for who asks."""


class RulesSettings(Settings):
    """Who may do what with which repositories."""

    groups: Mapping[StrictStr, Names] = {}
    """Users by the name of their group."""

    rules: tuple[RuleSettings, ...] = ()

    def problems(self, users: Mapping[str, SecretSource]) -> Iterator[Problem]:
        """Yield what is wrong with the rules for these users."""
        for group, members in self.groups.items():
            if f"@{group}" in _EVERYBODY:
                yield Problem(f"groups.{group}", f"@{group} has a meaning of its own; choose another name")
            for name in members:
                if name not in users:
                    yield Problem(f"groups.{group}", f"there is no user {name!r}")
        for number, rule in enumerate(self.rules, start=1):
            yield from (each.under(f"rules.{number}") for each in self._rule_problems(rule, users))

    def _rule_problems(self, rule: RuleSettings, users: Mapping[str, SecretSource]) -> Iterator[Problem]:
        for name in rule.who:
            if name.startswith("@"):
                if name not in _EVERYBODY and name[1:] not in self.groups:
                    yield Problem("who", f"there is no group {name[1:]!r}")
            elif name not in users:
                yield Problem("who", f"there is no user {name!r}")
        for pattern in rule.repositories:
            if not _PATTERN.fullmatch(pattern) or any(
                "**" in part and part != "**" for part in pattern.split("/")
            ):
                yield Problem(
                    "repositories",
                    f"{pattern!r} is no pattern of repository names; write one like 'labs/**' or "
                    "'students/{user}/*', in small letters",
                )


class AccessSettings(Settings):
    """The part of a registry's settings that says who may come; `RegistrySettings` builds on it."""

    tls: RegistryTls | None = None
    """Certificate and key; None serves plain HTTP."""

    users: Mapping[StrictStr, SecretSource] = {}
    """Who may log in, and where each password comes from. Empty: everybody may do everything."""

    rules: RulesSettings | None = None
    """Who may do what; without rules, every user may do everything, and nobody else anything."""

    users_directory: Path = AUTHENTICATION
    """The directory on the host with the files of users and rules, mounted into the container."""

    audit_directory: Path | None = None
    """A directory on the host for the audit log, one line of JSON for each request; None keeps none."""

    def access_problems(self) -> Iterator[Problem]:
        """Yield what is wrong between these settings."""
        for name in self.users:
            if problem := user_problems(name):
                yield Problem(f"users.{name}", problem)
        if self.users and self.tls is None:
            yield Problem("users", "passwords would travel in the clear: add tls")
        if self.rules is not None and not self.users:
            yield Problem("rules", "need users: without any, there is nobody to tell from another")
        if self.rules is not None:
            yield from (problem.under("rules") for problem in self.rules.problems(self.users))


def _registry_name(value: str) -> str:
    if checks.host_port(value)[1] is None:
        raise ValueError(
            f"{value!r} has no port; write it as in image names, as in 'registry.class.lan:5000'"
        )
    return value


class RemoteRegistry(Settings):
    """A registry on another host that this host's engine uses as well."""

    name: Annotated[StrictStr, AfterValidator(_registry_name)]
    """``host:port``, as in image names."""

    address: IPv4 | None = None
    """Where its name leads to, for the hosts file; None if the network knows."""

    authority_file: StrictStr | None = None
    """What to trust, on the operator's machine; None is the lab's own authority."""


class LoginSettings(Settings):
    """An account of the host whose Docker client is logged in at the registry, without ``docker login``."""

    user: StrictStr
    """One of the registry's users."""

    account: StrictStr | None = None
    """The Windows account; None is the one that the provisioner connects with."""

    profile: Path | None = None
    r"""The account's profile directory; None is ``C:\Users\<account>``."""


class TrustSettings(Settings):
    """What this host trusts, finds and is logged in at."""

    hosts_file: StrictBool = True
    """Whether names of registries go into the hosts file."""

    root_store: StrictBool = False
    """Whether the authority goes into the machine's root store as well: not Docker alone trusts it then."""

    registries: tuple[RemoteRegistry, ...] = ()
    """Registries on other hosts."""

    logins: tuple[LoginSettings, ...] = ()
    """Accounts that pull and push."""


class AuthoritySettings(Settings):
    """The lab's own certificate authority, on the operator's machine."""

    directory: StrictStr = "~/.registry-lab"
    """Where it is kept, with the certificates and the users' hashes; never copied to a host as a whole."""
