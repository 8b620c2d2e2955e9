"""Which of a source's images is meant, and which platform of it."""

from auditor.errors import ImageNotFound, UsageError
from auditor.image.model import Platform
from auditor.image.platforms import fitness, host_platform
from auditor.image.reference import Name, Reference, parse_name
from auditor.image.source.interface import Candidate, Listing


def choose(listings: tuple[Listing, ...], reference: Reference) -> Listing:
    """The image that the reference means; with none named, the only one. ImageNotFound, UsageError with the list."""
    if reference.path is None:
        return listings[0]
    chosen = tuple(listing for listing in listings if _is_named(listing, reference))
    if len(chosen) == 1 or (chosen and len({listing.digest for listing in chosen}) == 1 and chosen[0].digest):
        return chosen[0]  # one image, perhaps under several names
    names = ", ".join(", ".join(listing.names) or listing.digest or "(unnamed)" for listing in listings)
    if not chosen:
        wanted = reference.tag or reference.digest
        raise ImageNotFound(f"has no image {wanted}, but {names}", str(reference.path), "name one of these")
    separator = "@" if not any(listing.names for listing in listings) else ":"
    raise UsageError(
        f"holds several images: {names}", str(reference.path), f"name one: {reference.text}{separator}NAME"
    )


def _is_named(listing: Listing, reference: Reference) -> bool:
    if reference.digest and reference.digest != listing.digest:
        return any(candidate.digest == reference.digest for candidate in listing.candidates())
    if not reference.tag:
        return True
    wanted = _name(reference.tag)
    for name in listing.names:
        if name == reference.tag or (wanted is not None and wanted == _name(name)):
            return True
        known = _name(name)
        if known is not None and known.tag == reference.tag and ("/" in name or ":" in name):
            return True
    return False


def _name(text: str) -> Name | None:
    try:
        return parse_name(text)
    except UsageError:
        return None


def every_platform(listing: Listing, reference: Reference) -> tuple[Candidate, ...]:
    """All candidates; the one alone whose own digest the reference names, where it names one."""
    return _exactly(listing.candidates(), reference)


def _exactly(candidates: tuple[Candidate, ...], reference: Reference) -> tuple[Candidate, ...]:
    if not reference.digest:
        return candidates
    return tuple(candidate for candidate in candidates if candidate.digest == reference.digest) or candidates


def choose_platform(candidates: tuple[Candidate, ...], platform: Platform | None, reference: Reference) -> Candidate:
    """The candidate for `platform`, or for this machine, or the only one. ImageNotFound with the list otherwise."""
    candidates = _exactly(candidates, reference)
    if len(candidates) == 1 and (platform is None or candidates[0].platform is None):
        return candidates[0]
    wanted = platform or host_platform()
    ranked = []
    for number, candidate in enumerate(candidates):
        offered = candidate.platform
        if offered is not None and (distance := fitness(wanted, offered)) is not None:
            ranked.append((distance, number, candidate))
    if ranked:
        return min(ranked, key=lambda item: item[:2])[2]
    known = ", ".join(str(candidate.platform or "unknown") for candidate in candidates)
    raise ImageNotFound(f"has no image for {wanted}, but for {known}", reference.text, "choose one with --platform")
