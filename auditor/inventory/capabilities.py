"""File capabilities by name, from the raw extended attribute."""

import struct

# linux/capability.h; the format of the attribute is `struct vfs_cap_data` there (capabilities(7)).
_NAMES = (
    *("chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap"),
    *("linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner"),
    *("sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice"),
    *("sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap"),
    *("mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf"),
    "checkpoint_restore",
)
_WORDS_OF_REVISION = {0x01000000: 1, 0x02000000: 2, 0x03000000: 2}
_REVISION_MASK = 0xFF000000


def capability_names(attribute: bytes) -> tuple[str, ...]:
    """The permitted and inheritable capabilities of a `security.capability` attribute, sorted; empty if none.

    An attribute of an unknown form gives `unknown`.
    """
    if not attribute:
        return ()
    if len(attribute) < 4:
        return ("unknown",)
    (magic,) = struct.unpack_from("<I", attribute)
    words = _WORDS_OF_REVISION.get(magic & _REVISION_MASK)
    if words is None or len(attribute) < 4 + 8 * words:
        return ("unknown",)
    bits = 0
    for word in range(words):
        permitted, inheritable = struct.unpack_from("<II", attribute, 4 + 8 * word)
        bits |= (permitted | inheritable) << (32 * word)
    return tuple(sorted(_name(number) for number in range(64) if bits >> number & 1))


def _name(number: int) -> str:
    return f"cap_{_NAMES[number]}" if number < len(_NAMES) else f"cap_{number}"
