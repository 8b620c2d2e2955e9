"""Package URLs with the qualifiers that vulnerability scanners look for (purl-spec; `upstream` as syft writes it)."""

from packageurl import PackageURL

from auditor.inventory.model import Distribution, InstalledPackage
from auditor.packages.kinds import purl_parts
from auditor.report.bill.naming import name_of

# Red Hat's os-release says `rhel`, purl-spec's namespace for it is `redhat`; all of openSUSE's share one.
_VENDORS = {"rhel": "redhat", "opensuse-leap": "opensuse", "opensuse-tumbleweed": "opensuse"}


def package_purl(package: InstalledPackage, distribution: Distribution) -> str:
    """The purl of an installed package; without a namespace where the image does not say which distribution it is."""
    parts = purl_parts(package)
    if not package.name or parts is None:
        return ""
    version, own = parts
    namespace = distribution.id.lower()
    qualifiers = {"arch": package.architecture, **own}
    if distribution.id:
        # A distribution without releases, or before its release, has an id alone.
        qualifiers["distro"] = "-".join(part for part in (distribution.id, distribution.version_id) if part)
    kept = {key: value for key, value in qualifiers.items() if value}
    namespace = _VENDORS.get(namespace, namespace)
    return PackageURL(package.type, namespace or None, package.name, version or None, kept).to_string()


def image_purl(reference: str, digest: str | None, architecture: str = "") -> str:
    """The purl of an image that a registry or daemon names and whose manifest's digest is known; else empty."""
    name = name_of(reference)
    if digest is None or name is None:
        return ""
    qualifiers = {
        "arch": architecture,
        "repository_url": f"{name.host}/{name.repository}",
        "tag": name.tag,
    }
    kept = {key: value for key, value in qualifiers.items() if value}
    return PackageURL("oci", None, name.repository.rpartition("/")[2], digest, kept).to_string()
