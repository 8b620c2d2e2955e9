"""Which files' bytes an audit may ask for later; all other contents are hashed and forgotten as they go by."""

SMALL = 64 << 10  # bytes; scripts and configuration are rarely larger
LARGE = 512 << 20  # bytes; no program, module or database that the audit reads is larger

_ELF = b"\x7fELF"
_SCRIPT = b"#!"
_CACHE = (b"glib", b"ld.s")  # how ld.so.cache begins, wherever a loader has it (glibc's dl-cache.h)
HEAD = 4  # bytes of a file's beginning that the policy looks at

_EXACT = frozenset(
    {
        "/etc/os-release",
        "/usr/lib/os-release",
        "/etc/passwd",
        "/etc/group",
        "/var/lib/dpkg/status",
        "/var/lib/dpkg/diversions",
        "/var/lib/dpkg/statoverride",
        "/var/lib/dpkg/alternatives",
    }
)
_DATABASES = (
    "/var/lib/dpkg/status.d/",
    "/var/lib/dpkg/alternatives/",
    "/var/lib/rpm/",
    "/usr/lib/sysimage/rpm/",
    "/usr/share/rpm/",
    "/lib/apk/db/",
    "/usr/lib/apk/db/",
    "/var/lib/rpmmanifest/",
)
_DPKG_INFO = "/var/lib/dpkg/info/"
_DPKG_INFO_KINDS = (".list", ".md5sums", ".conffiles")
_SERVICES = ("/service/", "/etc/service/", "/etc/sv/", "/etc/services.d/", "/etc/s6-overlay/", "/etc/init.d/")
_MODULES = ("/lib/modules/", "/usr/lib/modules/")
_MODULE_ENDS = (".ko", ".ko.gz", ".ko.xz", ".ko.zst")


def keep(path: str, mode: int, size: int, head: bytes) -> bool:
    """Whether the bytes of the regular file at `path` are kept.

    `path` is absolute; `mode` the permission bits; `size` in bytes; `head` at least the first four bytes of the
    file, where it has as many. Decides by these alone, so that a layer's facts don't depend on other layers.
    """
    if size > LARGE:
        return False
    if head.startswith((_ELF, _SCRIPT, *_CACHE)):
        return True
    if path.startswith("/var/lib/dpkg/"):
        if path.startswith(_DPKG_INFO):
            return path.endswith(_DPKG_INFO_KINDS)
        return path in _EXACT or path.startswith(_DATABASES)
    if path in _EXACT or path.startswith(_DATABASES):
        return True
    if path.startswith(_MODULES):
        return path.rpartition("/")[2].startswith(("modules.", "config")) or path.endswith(_MODULE_ENDS)
    if path.startswith("/boot/config-"):
        return True
    if size > SMALL:
        return False
    return bool(mode & 0o111) or path.startswith("/etc/") or _is_loaders(path) or path.startswith(_SERVICES)


def _is_loaders(path: str) -> bool:
    """Whether a dynamic loader with a prefix of its own may read the file: preloads, or musl's directories."""
    return path.endswith(".so.preload") or path.rpartition("/")[2].startswith("ld-musl-")
