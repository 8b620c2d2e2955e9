"""The IP families of a cluster: an option of every command, and what a spec's row may be limited to."""

import enum


class Family(enum.StrEnum):
    """Which IP families the cluster uses; a row that names none holds for each."""

    DUAL = "dual"
    IPV4 = "ipv4"
    IPV6 = "ipv6"

    @property
    def stacks(self) -> tuple[str, ...]:
        """The families of xtables that are in use: `ipv4`, `ipv6`."""
        return ("ipv4", "ipv6") if self is Family.DUAL else (self.value,)
