"""The readers' names alone, which cost no import of what is fuzzed."""

NAMES = (
    "tar", "compression", "archive", "manifests", "config", "references",
    "registry", "credentials", "docker-endpoint", "docker-daemon",
    "elf", "closure", "ld.so.cache", "notes", "versions",
    "dpkg", "rpm-header", "rpm-sqlite", "rpm-ndb", "rpm-bdb", "rpmmanifest", "apk", "opkg",
    "shell", "spec", "waivers", "settings",
    "kernel-package", "kernel-image", "kernel-config", "kernel-lists", "node-facts",
    "report", "diff", "image", "cache", "cache-entry",
)  # fmt: skip
#: Those that take ten times as long as others, and get a tenth of the executions.
SLOW = frozenset(("closure", "shell", "spec", "report", "diff", "image"))
