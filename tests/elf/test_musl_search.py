"""Where musl looks and what it makes of names, in trees that are lists of paths; and the storage of threads that
loaders keep spare. Real loaders do the same in `test_musl_rules.py` and `test_dlopen.py`.
"""

from collections.abc import Mapping
from typing import Any
from unittest.mock import Mock

import pytest
from msgspec.structs import replace

from auditor.budget import uncounted
from auditor.elf.bind import static_tls
from auditor.elf.model import Loader, LoadNotice, LoadProblem
from auditor.elf.read.file import ElfFile, FileType, NotElf
from auditor.elf.read.memory import Segment
from auditor.elf.search import musl
from auditor.elf.search.environment import Surroundings
from auditor.elf.search.loader import LoaderProfile
from auditor.elf.search.mapped import Mapped, Record
from auditor.elf.search.musl import MuslLoad, SystemPath, system_path
from auditor.elf.search.store import StoredFile
from auditor.filetree import FileKind, LookupFault
from fixtures.contents import Bytes
from tests.elf.made import AMD64, ELF, Files, mapped

PROFILE = LoaderProfile(
    Loader.MUSL, "/lib/ld-musl-x86_64.so.1", "/lib/libc.so", AMD64, ("/lib", "/usr/lib"), path_file="/etc/ld.path"
)
DANGLING, LOOP = LookupFault.DANGLING, LookupFault.LOOP


def load(
    paths: Mapping[str, ElfFile | LookupFault] | tuple[str, ...],
    *,
    env: str = "",
    preload: str = "",
    secure: bool = False,
    last: SystemPath | None = None,
    **fields: Any,
) -> tuple[MuslLoad, Mapped]:
    program = mapped("/bin/x", found_by="program", **fields)
    files = Files(paths if isinstance(paths, Mapping) else dict.fromkeys(paths, ELF))
    made = MuslLoad(
        Record(program, Mock()),
        PROFILE,
        files,  # type: ignore[arg-type]
        last or SystemPath(("/lib", "/usr/lib"), "default"),
        lambda *_: False,
        Surroundings(library_path=env, preload=preload, working_dir="/work"),
        secure=secure,
    )
    made.start(StoredFile("/lib/libc.so", Mock(inode="libc"), None, ELF), ELF)
    return made, program


PLACES = ("/env/a.so", "/run/a.so", "/lib/a.so", "/usr/lib/a.so")


@pytest.mark.parametrize("number", range(len(PLACES)))
def test_the_order_in_which_musl_looks(number: int) -> None:
    made, program = load(PLACES[number:], env="/env", runpath="/run")
    assert made.locate("a.so", program) == PLACES[number]
    assert made.locate("b.so", program) is None


@pytest.mark.parametrize(
    ("env", "secure", "found"),
    [("/env", False, "/env/a.so"), ("/env", True, None), ("", False, None), (":\n/no:/env", False, "/env/a.so")],
)
def test_directories_of_the_environment(env: str, secure: bool, found: str | None) -> None:
    made, program = load(("/env/a.so",), env=env, secure=secure)
    assert made.locate("a.so", program) == found


@pytest.mark.parametrize(
    ("rpath", "runpath", "secure", "found"),
    [
        ("/one", None, False, "/one/a.so"),
        (None, "/two", False, "/two/a.so"),
        ("/one", "/two", False, "/two/a.so"),
        ("/one", "", False, None),
        ("$ORIGIN/a", None, False, "/bin/a/a.so"),
        ("${ORIGIN}/a", None, False, "/bin/a/a.so"),
        ("$ORIGIN/a", None, True, None),
        ("$LIB:/one", None, False, None),  # any other token puts all of it out of force
        ("/no:/one", None, True, "/one/a.so"),
    ],
)
def test_directories_of_the_program(rpath: str | None, runpath: str | None, secure: bool, found: str | None) -> None:
    made, program = load(("/one/a.so", "/two/a.so", "/bin/a/a.so"), secure=secure, rpath=rpath, runpath=runpath)
    assert made.locate("a.so", program) == found


def test_directories_of_who_needed_it_count_too() -> None:
    made, program = load(("/run/a.so",), runpath="/run")
    needer = mapped("/lib/needer.so", needer=mapped("/lib/other.so", needer=program))
    assert made.locate("a.so", needer) == "/run/a.so"


def test_a_name_with_a_slash_is_a_path() -> None:
    made, program = load(("/work/opt/a.so", "/lib/a.so"))
    assert made.locate("opt/a.so", program) == "opt/a.so"  # from the working directory
    assert made.locate("/work/opt/a.so", program) == "opt/a.so"  # the same file
    assert made.locate("/opt/a.so", program) is None


@pytest.mark.parametrize("length", [255, 256])
def test_how_long_a_name_may_be(length: int) -> None:
    name = "a" * length
    made, program = load((f"/lib/{name}",))
    assert made.locate(name, program) == (f"/lib/{name}" if length == 255 else None)


@pytest.mark.parametrize("name", ["libc.so.6", "libpthread.so.0", "libm.so", "libc.so", "/lib/ld-musl-x86_64.so.1"])
def test_names_that_are_the_loader_itself(name: str) -> None:
    made, program = load((f"/lib/{name}",))
    assert made.locate(name, program) == "/lib/ld-musl-x86_64.so.1"


@pytest.mark.parametrize(
    ("paths", "found", "passed_over"),
    [
        ({"/lib/a.so": DANGLING, "/usr/lib/a.so": ELF}, "/usr/lib/a.so", []),
        ({"/lib/a.so": DANGLING}, None, [("/lib/a.so", "dangling link")]),
        (
            {"/lib/a.so": LOOP, "/usr/lib/a.so": ELF},
            None,
            [("/lib/a.so", "too many levels of symbolic links: the search ends here")],
        ),
        ({"/lib/b.so": LOOP, "/usr/lib/a.so": ELF}, "/usr/lib/a.so", []),
    ],
)
def test_links_that_lead_nowhere(
    paths: Mapping[str, ElfFile | LookupFault], found: str | None, passed_over: list[tuple[str, str]]
) -> None:
    made, program = load(paths)
    assert made.locate("a.so", program) == found
    assert bool(made.add("a.so", program)) is (found is not None)
    assert [entry for one in made.record.problems for entry in one.passed_over] == passed_over


def test_of_one_file_there_is_one_object() -> None:
    made, program = load(("/lib/a.so",))
    (first,) = made.add("/lib/a.so", program)
    assert first.names == set()
    assert made._map("a.so", program) is first
    assert first.names == {"a.so"}  # the name that it is found by from now on
    assert made._map("/lib/a.so", program) is first


def test_a_path_file_that_nobody_can_read_is_told() -> None:
    made, _ = load((), last=SystemPath((), "path file", "/etc/ld.path"))
    assert [one.name for one in made.record.notices] == ["/etc/ld.path"]


def node(kind: FileKind = FileKind.REGULAR, text: str | None = None, size: int = 1) -> Any:
    return Mock(kind=kind, content=None if text is None else Bytes(text.encode()), size=size)


@pytest.mark.parametrize(
    ("found", "fault", "path"),
    [
        (None, LookupFault.MISSING, SystemPath(("/lib", "/usr/lib"), "default")),
        (None, DANGLING, SystemPath(("/lib", "/usr/lib"), "default")),
        (None, LOOP, SystemPath((), "path file")),
        (node(FileKind.DIRECTORY), None, SystemPath((), "path file")),
        (node(text="/a\n/b:/c\n"), None, SystemPath(("/a", "/b", "/c"), "path file")),
        (node(text="/a\0/b"), None, SystemPath(("/a",), "path file")),
        (node(text=""), None, SystemPath((), "path file")),
        (node(), None, SystemPath((), "path file", "/etc/ld.path")),
        (node(size=0), None, SystemPath((), "path file")),
    ],
)
def test_the_file_that_names_the_directories(found: Any, fault: LookupFault | None, path: SystemPath) -> None:
    store = Mock(at=Mock(return_value=StoredFile("/etc/ld.path", found, fault, None)))
    assert system_path(store, PROFILE) == path
    store.at.assert_called_with("/etc/ld.path")


@pytest.mark.parametrize(
    ("preload", "secure", "paths"),
    [
        ("", False, []),
        ("a.so", False, ["/lib/a.so"]),
        ("a.so:/opt/b.so c.so", False, ["/lib/a.so", "/opt/b.so"]),
        ("a.so a.so", False, ["/lib/a.so"]),
        ("a.so", True, []),
    ],
)
def test_what_is_loaded_before_all_else(preload: str, secure: bool, paths: list[str]) -> None:
    made, program = load(("/lib/a.so", "/opt/b.so"), preload=preload, secure=secure)
    assert [(one.path, one.found_by) for one in made.record.scope if one is not program] == [
        (path, "preload") for path in paths
    ]
    ignored = [one.name for one in made.record.notices]
    assert ignored == (["c.so"] if "c.so" in preload else [])


def test_the_loader_is_called_as_it_was_first_needed() -> None:
    made, program = load((), needed=("libc.so", "libm.so"))
    _, itself = made.record.namespace
    assert (itself.name, itself.needer, itself.found_by) == ("libc.so", program, "reserved name")
    assert made.record.scope == [program, itself]
    assert not made.record.problems


@pytest.mark.parametrize(("fields", "found_by"), [({"rpath": "/run"}, "rpath"), ({"runpath": "/run"}, "runpath")])
def test_by_which_of_its_directories_a_library_is_found(fields: dict[str, Any], found_by: str) -> None:
    made, program = load(("/run/a.so",), **fields)
    (found,) = made.add("a.so", program)
    assert (found.path, found.found_by) == ("/run/a.so", found_by)


def test_a_directory_that_depends_on_where_the_program_runs_is_told() -> None:
    made, program = load(("/work/run/a.so",), rpath="run:/other")
    assert made.locate("a.so", program) == "/work/run/a.so"
    assert [(one.name, one.message) for one in made.record.notices] == [
        ("run", "RPATH entry `run' depends on the working directory, taken as /work")
    ]


def test_a_directory_that_is_a_broken_link_is_looked_into_in_vain() -> None:
    made, program = load({"/lib": LOOP, "/lib/a.so": LOOP, "/usr/lib/a.so": ELF})
    assert made.locate("a.so", program) is None


# Storage of threads


@pytest.mark.parametrize(
    ("tunables", "spare"),
    [
        ("", 3 * 192 + 4 * 144 + 512),
        ("glibc.rtld.optional_static_tls=1000", 3 * 192 + 4 * 144 + 1000),
        ("glibc.rtld.nns=1:glibc.rtld.optional_static_tls=0", 144),
        ("glibc.rtld.nns=x:glibc.rtld.optional_static_tls=", 3 * 192 + 4 * 144 + 512),
        ("glibc.rtld.optional_static_tls=123456789", 3 * 192 + 4 * 144 + 123456789),
        ("glibc.rtld.optional_static_tls=1234567890", 3 * 192 + 4 * 144 + 512),
    ],
)
def test_the_storage_that_glibc_keeps_spare(tunables: str, spare: int) -> None:
    assert static_tls._surplus({"GLIBC_TUNABLES": tunables} if tunables else {}) == spare


@pytest.mark.parametrize(("size", "alignment", "block"), [(5, 0, 5), (5, 1, 5), (5, 4, 8), (8, 4, 8), (0, 4, 0)])
def test_a_block_of_storage_is_a_multiple_of_its_alignment(size: int, alignment: int, block: int) -> None:
    assert static_tls._block(mapped("/x", tls_size=size, tls_alignment=alignment)) == block


@pytest.mark.parametrize(
    ("size", "aligned", "told"),
    [
        (100, 0, None),
        (101, 0, LoadNotice),
        (164, 0, LoadNotice),
        (165, 0, LoadProblem),
        (228, 128, LoadNotice),  # as the program's own storage is aligned
        (229, 128, LoadProblem),
    ],
)
def test_what_is_beyond_the_spare_storage(size: int, aligned: int, told: type | None) -> None:
    """Of which there are 100 bytes, and what alignment adds."""
    owner, program = mapped("/lib/a.so", tls_size=size, tls_alignment=1), mapped("/bin/x", tls_alignment=aligned)
    found = [*static_tls._beyond(100, [owner], [program, owner])]
    assert [type(one) for one in found] == ([told] if told else [])


def test_all_owners_count() -> None:
    owners = [mapped("/lib/a.so", tls_size=90), mapped("/lib/b.so", tls_size=90, tls_alignment=1 << 6)]
    (found,) = static_tls._beyond(100, owners, owners)
    assert isinstance(found, LoadProblem)
    assert (found.path, found.message) == ("/lib/b.so", "/lib/b.so: cannot allocate memory in static TLS block")


LIBRARY = replace(ELF, type=FileType.DYN, segments=(Segment(0, 0, 4096, 4096, 5),), is_dynamic=True)


@pytest.mark.parametrize(
    ("kind", "elf", "refused"),
    [
        (None, LIBRARY, ""),
        (FileKind.REGULAR, LIBRARY, ""),
        (FileKind.DIRECTORY, None, "Is a directory"),
        (FileKind.REGULAR, None, "Exec format error"),
        (None, NotElf("file too short"), "Exec format error"),
        (None, replace(LIBRARY, type=FileType.EXEC), ""),
        (None, replace(LIBRARY, type=1), "Exec format error"),
        (None, replace(LIBRARY, segments=()), "Exec format error"),
        (None, replace(LIBRARY, is_dynamic=False), "Exec format error"),
        (None, replace(LIBRARY, fault="cut"), "cut"),
    ],
)
def test_what_musl_can_not_map(kind: FileKind | None, elf: ElfFile | NotElf | None, refused: str) -> None:
    assert musl._refusal(StoredFile("/x.so", Mock(kind=kind) if kind else None, None, elf), elf) == refused


@pytest.mark.parametrize("node", [None, Mock(content=None)])
def test_a_file_whose_bytes_nobody_kept_is_mapped_as_it_says(node: Mock | None) -> None:
    assert musl._as_mapped(StoredFile("/x.so", node, None, LIBRARY)) is LIBRARY


@pytest.mark.parametrize(
    ("wanted", "storage", "asked"),
    [
        ([b""], "ab", ["a:"]),  # its own
        ([b""], "b", []),
        ([b"v"], "ab", ["a:v of b"]),
        ([b"v"], "a", []),
        ([b"v"], "", []),
        ([b"w"], "ab", []),  # which nobody has
        ([b"", b"w", b"v"], "ab", ["a:", "a:v of b"]),
    ],
)
def test_storage_that_is_wanted_at_a_fixed_place(
    wanted: list[bytes], storage: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a, of itself and of b, which has v."""
    monkeypatch.setattr(static_tls, "_wanted", lambda *_: iter(wanted))
    own, other = mapped("/lib/a"), mapped("/lib/b")
    with_storage = [each for each in (own, other) if each.path[-1] in storage]
    offers: Any = lambda each, names: each is other and names == (b"v",)  # noqa: E731
    found = static_tls._asked(with_storage, [own], [own, other], offers, uncounted)
    assert [f"a:{name}{' of b' if owner is other else ''}" for _, name, owner in found] == asked
