"""Packages as their databases describe them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package. `version` is written as the package manager prints it (epoch and release included)."""

    type: str  # "deb", "rpm", "apk": the purl types
    name: str
    version: str
    architecture: str
    upstream_version: str  # epoch and distribution revision stripped
    source: str = ""  # source package's name
    source_version: str = ""
    vendor: str = ""  # RPM vendor, dpkg maintainer, apk maintainer
    licence: str = ""
    homepage: str = ""


@dataclass(frozen=True, slots=True)
class OwnedFile:
    """A path that a package says is its own. `digest` is `md5:…` or `sha256:…`, "" where there is none."""

    path: str  # as the database writes it
    package: Package
    digest: str = ""
    mode: int | None = None  # st_mode with its type bits, where the database has it
    target: str = ""  # of a symlink
    configuration: bool = False  # an administrator may change it
    diverted_to: str = ""


@dataclass(frozen=True, slots=True)
class DatabaseWarning:
    """A database, or part of one, that can't be read; the audit goes on without it."""

    path: str
    message: str
