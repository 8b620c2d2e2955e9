"""Who we are to a registry: what `docker login` and `podman login` left behind.

Places and order are those of containers-auth.json(5), Docker's config file being the last of them; an entry may be
for a whole host or for a part of it, and the most specific one wins. Credential helpers are asked by Docker's
protocol (docker-credential-helpers, README).
"""

import base64
import binascii
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from auditor import events
from auditor.errors import UsageError
from auditor.image.reference import DEFAULT_HOST
from auditor.image.registry import helpers

_HUB_KEYS = ("docker.io", "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io")
_TOKEN_USER = "<token>"  # noqa: S105 - with this name, a helper's secret is an identity token
_LIMIT = 4 << 20


class Credentials(Struct, frozen=True):
    """A user's name and password, or an identity token (OAuth2 refresh token) instead of both."""

    username: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, …)"

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


class Lookup(Struct, frozen=True):
    """What was found, and by which file or helper; `note` says why a place that should have it gave nothing."""

    credentials: Credentials | None
    note: str = ""
    origin: str = ""


def find(
    host: str,
    repository: str,
    authfile: Path | None,
    environment: Mapping[str, str],
    listener: events.Listener = events.ignore,
) -> Lookup:
    """The credentials for a repository. An explicit `authfile` is the only place that is looked at.

    UsageError for a file that can't be read or isn't what it should be.
    """
    note = ""
    for path, required in _places(authfile, environment):
        values = _read(path, required)
        if values is None:
            continue
        found = _in_file(values, path, host, repository, listener)
        if found.credentials is not None:
            return found
        note = note or found.note
    return Lookup(None, note)


def _places(authfile: Path | None, environment: Mapping[str, str]) -> Iterator[tuple[Path, bool]]:
    if authfile is not None:
        yield authfile, True
        return
    if named := environment.get("REGISTRY_AUTH_FILE"):
        yield Path(named), True
        return
    home = Path(environment.get("HOME") or Path.home())
    runtime = environment.get("XDG_RUNTIME_DIR")
    yield Path(runtime, "containers/auth.json") if runtime else Path(f"/run/containers/{os.getuid()}/auth.json"), False
    yield Path(environment.get("XDG_CONFIG_HOME") or home / ".config", "containers/auth.json"), False
    yield Path(environment.get("DOCKER_CONFIG") or home / ".docker", "config.json"), False


def _read(path: Path, required: bool) -> dict[str, object] | None:
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT)
    except FileNotFoundError:
        if required:
            raise UsageError("no such file", str(path), "log in first, or name another file of credentials") from None
        return None
    except OSError as error:
        if not required:
            return None  # somebody else's file
        raise UsageError(f"can't be read ({error.strerror})", str(path), "check its permissions") from error
    try:
        values = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise UsageError("is not a JSON object", str(path), "mend or remove it, and log in again")
    return values


def _in_file(values: dict[str, object], path: Path, host: str, repository: str, listener: events.Listener) -> Lookup:
    """Helpers of the host first, then what stands in the file, then the store for all hosts."""
    keys = _keys(host, repository)
    by_helper, auths, store = _mapping(values, "credHelpers"), _mapping(values, "auths"), values.get("credsStore")
    note = ""
    for key in keys:
        if isinstance(helper := by_helper.get(key), str) and helper:
            found = _ask(helper, key, listener)
            if found.credentials is not None:
                return found
            note = note or found.note
    by_host = {key: value for name, value in auths.items() for key in (name, _bare(name))}
    for key in keys:
        entry = by_host.get(key)
        if isinstance(entry, dict) and (credentials := _entry(entry, path, key)) is not None:
            return Lookup(credentials, origin=str(path))
    if isinstance(store, str) and store:
        server = "https://index.docker.io/v1/" if host == DEFAULT_HOST else host
        found = _ask(store, server, listener)
        if found.credentials is not None:
            return found
        note = note or found.note
    return Lookup(None, note)


def _mapping(values: dict[str, object], key: str) -> dict[str, object]:
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def _keys(host: str, repository: str) -> list[str]:
    """Names that an entry may have, the most specific first: host/a/b, host/a, host."""
    parts = repository.split("/")
    namespaces = [f"{host}/{'/'.join(parts[:end])}" for end in range(len(parts), 0, -1)]
    return namespaces + (list(_HUB_KEYS) if host == DEFAULT_HOST else [host])


def _bare(key: str) -> str:
    """An entry's host, where the entry is a URL as old Docker wrote it."""
    if "://" not in key:
        return key
    return key.partition("://")[2].partition("/")[0]


def _entry(entry: dict[str, object], path: Path, key: str) -> Credentials | None:
    texts = [value for value in entry.values() if isinstance(value, str)]
    if not _sendable(*texts):
        raise UsageError(f"the entry for {key} has letters that can't be sent", str(path), "log in again")
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Credentials(identity_token=token)
    encoded = entry.get("auth")
    if isinstance(encoded, str) and encoded:
        try:
            username, colon, password = base64.b64decode(encoded).decode().partition(":")
        except (binascii.Error, ValueError):
            colon = username = password = ""
        if not colon:
            raise UsageError(f"the entry for {key} can't be decoded", str(path), "log in again")
        return Credentials(username, password.rstrip("\0"))
    name, secret = entry.get("username"), entry.get("password")
    return Credentials(name, secret) if isinstance(name, str) and isinstance(secret, str) and name else None


def _ask(helper: str, server: str, listener: events.Listener) -> Lookup:
    """Ask a credential helper; the absence of credentials is no error."""
    program = f"docker-credential-{helper}"
    if "/" in helper or not helper.isprintable():
        return Lookup(None, f"{program}: is no helper's name")
    answer = helpers.ask(program, server, listener)
    if isinstance(answer, str):
        return Lookup(None, answer)
    try:
        values = json.loads(answer)
        username, secret = values["Username"], values["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Lookup(None, f"{program}: its answer can't be read")
    if not isinstance(username, str) or not isinstance(secret, str) or not secret:
        return Lookup(None)
    if not _sendable(username, secret):
        return Lookup(None, f"{program}: its answer has letters that can't be sent")
    credentials = Credentials(identity_token=secret) if username == _TOKEN_USER else Credentials(username, secret)
    return Lookup(credentials, origin=program)


def _sendable(*texts: str) -> bool:
    """Whether texts can be written as UTF-8: JSON may hold half of a pair of surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for text in texts for letter in text)
