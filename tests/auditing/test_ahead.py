"""What is looked into while layers come: nothing of it shows in a report, and nothing of it costs an audit."""

import time
from collections.abc import Callable

import pytest

from auditor.auditing import ahead
from auditor.auditing.ahead import LookAhead
from auditor.auditing.facts import Looked
from auditor.auditing.image import audit_facts
from auditor.auditing.load import load, open_image
from auditor.auditing.terms import Terms
from auditor.budget import Limits
from auditor.errors import LimitExceeded
from auditor.filetree import Content, FileTree
from auditor.image.spool import SpooledContent
from auditor.inventory import alone
from auditor.inventory.alone import AloneReader
from auditor.report.model import Report
from auditor.rules import Options
from auditor.spec import load_spec
from fixtures.contents import Bytes
from tests.image.misbehaving import Server
from tests.image.pulls import quick, registry  # noqa: F401 - fixtures
from tests.images import built, layout

SPEC = "calico-system-requirements"
PROGRAM = "/usr/sbin/xtables-nft-multi"


def audited(recipe: str, look: Callable[[FileTree], None], **limits: int) -> Report:
    with load(f"oci-dir:{layout(built(recipe=recipe))}", limits=Limits(**limits)) as image:
        look(image.tree)
        return audit_facts(Looked(image), Terms(load_spec(SPEC), Options(chosen_platform=True)))


def all_ahead(tree: FileTree) -> None:
    reader = AloneReader()
    assert all(reader.read(path, node.content) for path, node in tree.walk() if node.content is not None)


def nothing(_: FileTree) -> None:
    """What an audit does of an image that is there."""


@pytest.mark.parametrize("recipe", ["base", "libpcap-deleted"])
def test_a_report_is_the_same_whatever_was_looked_into_before(recipe: str) -> None:
    assert audited(recipe, all_ahead) == audited(recipe, nothing)


@pytest.mark.parametrize("limit", ["tables", "symbols", "relocations"])
def test_what_was_looked_into_before_draws_from_the_limits(limit: str) -> None:
    told = []
    for look in (nothing, all_ahead):
        with pytest.raises(LimitExceeded) as raised:
            audited("base", look, **{limit: 20_000})
        told.append(str(raised.value))
    assert told[0] == told[1]


@pytest.fixture(scope="module")
def program() -> bytes:
    with load(f"oci-dir:{layout(built())}") as image:
        node = image.tree.find(PROGRAM).node
        assert node is not None
        assert node.content is not None
        return node.content.read()


def spooled(data: bytes) -> SpooledContent:
    return SpooledContent(Bytes(data), 0, len(data))


@pytest.mark.parametrize(
    ("path", "looked"),
    [
        ("/usr/sbin/iptables", True),
        ("/bin/ip", True),
        ("/usr/local/bin/calico-node", True),
        ("/lib64/ld-linux-x86-64.so.2", True),
        ("/usr/lib/x86_64-linux-gnu/libc.so.6", True),
        ("/usr/lib/powerpc64le-linux-gnu/xtables/libxt_set.so", True),
        ("/usr/lib64/xtables/libxt_set.so", True),
        ("/usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", False),
        ("/usr/lib/python3/x.so", False),
        ("/opt/bin/x", False),
        ("/bin", False),
    ],
)
def test_where_is_looked(path: str, looked: bool, program: bytes) -> None:
    content = spooled(program)
    assert AloneReader().read(path, content)
    assert bool(content.facts.known) is looked


def test_what_is_no_elf_file_is_passed_over() -> None:
    reader = AloneReader()
    for data in (b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF" + bytes(1000)):
        assert reader.read("/bin/x", spooled(data))


def test_enough_is_enough(monkeypatch: pytest.MonkeyPatch, program: bytes) -> None:
    monkeypatch.setattr(alone, "_LIMITS", Limits(symbols=10))
    content = spooled(program)
    assert not AloneReader().read("/bin/iptables", content)
    with LookAhead() as look:
        for _ in range(3):
            look.seen("/bin/iptables", content)


def test_it_waits_for_an_idle_processor(monkeypatch: pytest.MonkeyPatch, program: bytes) -> None:
    monkeypatch.setattr(ahead, "_BUSY", -1.0)
    content = spooled(program)
    with LookAhead() as look:
        look.seen("/bin/iptables", content)
        time.sleep(0.1)
    assert not content.facts.known
    monkeypatch.setattr(ahead, "_BUSY", 1e9)
    with LookAhead() as look:
        look.seen("/bin/iptables", content)
        for _ in range(1000):
            if "signs" in content.facts.known:
                break
            time.sleep(0.01)
    assert "signs" in content.facts.known


def test_what_goes_wrong_is_left_to_who_asks(program: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    class Gone(Bytes):
        def read(self, offset: int = 0, length: int = -1) -> bytes:  # noqa: ARG002 - it says nothing whatever is asked
            raise OSError(9, "Bad file descriptor")

    with LookAhead() as look:
        look.seen("/bin/iptables", Gone(program))
        look._thread.join(10)
        assert not look._thread.is_alive()
    assert capfd.readouterr() == ("", "")


def test_it_ends_with_what_went_wrong_elsewhere() -> None:
    with pytest.raises(ValueError, match="elsewhere"), LookAhead():
        raise ValueError("elsewhere")


@pytest.mark.usefixtures("quick")
def test_files_of_layers_that_are_fetched_are_told_as_they_come(registry: Server) -> None:  # noqa: F811
    seen: dict[str, Content] = {}
    with open_image(f"registry:{registry.host}/team/app:v1", load_spec(SPEC)) as found:
        tree = found.read(seen.__setitem__).tree
        for path in ("/bin/tool", "/etc/conf"):
            node = tree.find(path).node
            assert node is not None
            assert seen.get(path) is node.content
        assert "/gone" in seen  # that a later layer deletes it is not known then


def test_files_of_layers_that_are_there_are_not() -> None:
    with open_image(f"oci-dir:{layout(built())}", load_spec(SPEC)) as found:
        found.read(lambda path, _: pytest.fail(path))
