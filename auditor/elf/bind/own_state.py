"""What a glibc loader must find in its own memory before it loads anything: the values that its state begins with, and
its own functions where it calls them.
"""

from auditor.elf.bind.lookup import Binder, content_of
from auditor.elf.read.memory import Segment, file_bytes, page_up
from auditor.elf.read.sections import zeroed
from auditor.elf.search.mapped import Mapped

_STATE = (b"_rtld_global", b"_rtld_global_ro")  # its ldsodefs.h


def own_state_fault(binder: Binder, loader: Mapped, *, adds_to_calls: bool) -> str:
    """What of it is not there; "" where nothing lacks that is known to matter. `adds_to_calls`: as in its profile.

    The kernel maps zeros behind a segment's bytes of the file. The loader's state then begins with other values than
    it was built with, and its assertions on them fail; without a part of its code or constants it says nothing at all.
    """
    if any(_ends_early(segment) for segment in loader.elf.segments):
        return "code or constants of the loader's own lie beyond the end of their segment in the file"
    for name in _STATE:
        row = binder.definitions(loader).find(name)
        if row is not None and _left_out(loader, row.value, row.size):
            what = f"{name.decode()} of the loader's own lies beyond the end of its segment in the file"
            return f"Inconsistency detected by ld.so: its state has no values to begin with ({what})"
    if _taken_from_file(loader):
        return "variables of the loader's own begin with what follows in the file, instead of zeros"
    astray = binder.references(loader).relocations.astray if adds_to_calls else 0
    return f"a call of the loader's own leads {astray:#x} bytes beyond the beginning of a function" if astray else ""


def _ends_early(segment: Segment) -> bool:
    """Whether whole pages of what is never written to are not in the file."""
    mapped = page_up(segment.address + segment.file_size)
    return not segment.writable and mapped < segment.address + segment.memory_size


def _left_out(loader: Mapped, address: int, size: int) -> bool:
    """Whether any byte that the file has there, but that its segment doesn't take from it, is not zero."""
    end = address + size
    for segment in loader.elf.segments:
        if segment.address <= address < end <= segment.address + segment.memory_size:
            start = max(address, segment.address + segment.file_size)
            return any(file_bytes(content_of(loader), segment.offset + start - segment.address, end - start))
    return False


def _taken_from_file(loader: Mapped) -> bool:
    """Whether any byte that is to be zero is another in the file, and its segment, the last, takes it from there."""
    content = content_of(loader)
    segment = loader.elf.segments[-1]
    looked, end = segment.address, segment.address + segment.file_size
    for address, size in sorted(zeroed(content, loader.elf)):
        start, stop = max(address, looked), min(address + size, end)
        if start < stop:
            data = file_bytes(content, segment.offset + start - segment.address, stop - start)
            if data.strip(b"\0"):
                return True
            looked = stop
    return False
