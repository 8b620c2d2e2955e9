"""Mistakes that change nothing that anybody could notice, each looked at by a reader, with the reason."""

from pathlib import Path

from benchmarks.mutants.mistake import Mistake

# The file, the class and function, what is changed: why it changes nothing.
_REASONS: dict[tuple[str, str, str], str] = {
    (
        "auditor/elf/read/memory.py",
        "Strings.at",
        "`end >= 0` turned",
    ): "an empty string is the same where it is read from memory",
    (
        "auditor/report/diff/area/packages.py",
        "_version",
        "`order < 0` turned",
    ): "equal versions are told before",
    (
        "auditor/image/choose.py",
        "choose",
        "`chosen[0]` one off (2)",
    ): "it is asked where all that are chosen have one digest",
    (
        "auditor/image/registry/auth.py",
        "challenges",
        "`at < len(header)` turned",
    ): "nothing is found behind the end, and the end is passed",
    (
        "auditor/image/registry/helpers.py",
        "_talk",
        "`waited >= SECONDS` turned",
    ): "a clock does not show just that fraction of a second",
    (
        "auditor/image/layer.py",
        "_content",
        "`rest <= _COPY` turned",
    ): "a rest of just one piece is copied whole or in one piece",
    (
        "auditor/image/registry/transport.py",
        "Transport.persist",
        "`time.monotonic() - start > 2 * self.patience.pace.total` turned",
    ): "a clock does not show just that fraction of a second",
    (
        "auditor/inventory/abilities.py",
        "_set_types_at",
        "`node and node.content and elf` and/or",
    ): "a plug-in that was loaded has been read",
    (
        "auditor/inventory/plugins.py",
        "PluginReader._of_program",
        "`node is not None and node.content is not None and isinstance(elf, ElfFile)` and/or",
    ): "a program that has a closure has been read",
    (
        "auditor/report/diff/area/settypes.py",
        "_one",
        "`new > old` turned",
    ): "equal revisions are no change",
    (
        "auditor/report/diff/area/settypes.py",
        "_one",
        "`new > old` turned (2)",
    ): "equal revisions are no change",
    (
        "auditor/tools/identify.py",
        "_told",
        "`len(_kept) >= _KEPT` negated",
    ): "what is kept saves time, and no more",
    (
        "auditor/tools/project/iproute2.py",
        "Iproute2.compare",
        "`days[0]` one off (2)",
    ): "a day and what is neither day nor number can't be compared either way",
    (
        "auditor/tools/versions.py",
        "dated",
        "`len(text) > _DIGITS` turned",
    ): "no text of just that length is a date",
    (
        "auditor/elf/bind/lookup.py",
        "Binder._providers",
        "`free < 0` turned",
    ): "nothing is drawn of a limit",
    (
        "auditor/elf/read/relocation_use.py",
        "_outside",
        "`start <= min(offsets)` turned",
    ): "one by one they are found to be inside too",
    (
        "auditor/elf/search/glibc.py",
        "preload_names",
        "`rest > 0` turned",
    ): "nothing is found in nothing",
    (
        "auditor/image/registry/client.py",
        "_BlobStream.read",
        "`size < 0` turned",
    ): "nobody reads no bytes",
    (
        "auditor/tools/project/iproute2.py",
        "_compare_snapshot",
        "`own > series` turned",
    ): "equal series are told before",
    (
        "auditor/tools/project/iproute2.py",
        "_compare_snapshot",
        "`own < series` turned",
    ): "equal series are told before",
    (
        "auditor/elf/search/ld_so_cache.py",
        "Cache.lookup",
        "`wanted < here` turned",
    ): "equal names are told before",
    (
        "auditor/elf/search/ld_so_cache.py",
        "_extension",
        "`start + 8 > len(data)` turned",
    ): "there is nothing in an extension that ends there",
    (
        "auditor/report/diff/area/tools.py",
        "_compare",
        "`order < 0` turned",
    ): "equal versions are told before",
    (
        "auditor/elf/read/memory.py",
        "_pages",
        "`start < zeros` turned",
    ): "a piece of nothing lies nowhere",
    (
        "auditor/elf/read/memory.py",
        "_pages",
        "`zeros < end` turned",
    ): "a piece of nothing lies nowhere",
    (
        "auditor/elf/read/memory.py",
        "file_bytes",
        "`length > 0` turned",
    ): "no bytes are read either way",
    (
        "auditor/elf/read/memory.py",
        "Memory.read",
        "`left <= 0` turned",
    ): "no bytes are read of what follows",
    (
        "auditor/elf/read/memory.py",
        "Memory._bytes_of",
        "`len(data) < count` turned",
    ): "nothing is added where nothing is missing",
    (
        "auditor/report/diff/area/extensions.py",
        "_one",
        "`new > old` turned",
    ): "equal revisions are no change",
    (
        "auditor/elf/read/symbols.py",
        "SymbolTable._rows",
        "`numbers[-1] - numbers[0] > _SPREAD * len(numbers)` turned",
    ): "one by one they are the same",
    (
        "auditor/elf/read/symbols.py",
        "SymbolTable._indexes",
        "`numbers[-1] - numbers[0] > _SPREAD * len(numbers)` turned",
    ): "one by one they are the same",
    (
        "auditor/elf/read/memory.py",
        "Strings.is_at",
        "`offset + len(text) < len(self._table)` turned",
    ): "it is the same where it is read from memory",
    (
        "auditor/elf/read/memory.py",
        "Strings.many",
        "`end < 0` turned",
    ): "one by one they are the same",
    (
        "auditor/elf/read/memory.py",
        "Window.unpack",
        "`end > len(self._data)` turned",
    ): "the same bytes are read again",
    (
        "auditor/elf/read/notes.py",
        "_entries",
        "`position + header.size <= len(data)` turned",
    ): "a note that is a header alone says nothing",
    (
        "auditor/elf/read/notes.py",
        "_x86_isa",
        "`position + 8 <= len(description)` turned",
    ): "a property that is a header alone has no word",
}


def reason(path: Path, mistake: Mistake) -> str:
    """Why it can't be noticed; "" for one that can."""
    return _REASONS.get((str(path), mistake.place.within, mistake.words), "")
