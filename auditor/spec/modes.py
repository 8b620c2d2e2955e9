"""The modes of a cluster that rows of a spec may depend on."""

from collections.abc import Iterable

from auditor.errors import UsageError
from auditor.spec.model import Spec


def chosen_modes(spec: Spec, words: Iterable[str] | None) -> tuple[str, ...] | None:
    """The modes that are named, each word one or several with commas; None where none is, so that the spec's default
    counts. UsageError where the spec knows no such mode."""
    if words is None:
        return None
    chosen = [mode.strip() for word in words for mode in word.split(",") if mode.strip()]
    for mode in chosen:
        if mode not in spec.modes:
            known = f"its modes are: {', '.join(spec.modes)}" if spec.modes else "no row of it depends on a mode"
            raise UsageError(f"the spec {spec.name} has no mode {mode!r}", "--mode", known)
    return tuple(sorted(set(chosen)))
