"""The hash table that a loader finds symbols by: DT_GNU_HASH where the object has one, else DT_HASH.

A symbol that stands in the symbol table and that the hash table doesn't lead to can't be found. Read as
`_dl_setup_hash` and `do_lookup_x` of glibc do, and `gnu_lookup_filtered` and `sysv_lookup` of musl.
"""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Protocol

from auditor.budget import Count
from auditor.elf.read.file import ElfFile, Tag
from auditor.elf.read.memory import Memory, Unreadable, WordReader, WordTable
from auditor.machine import Machine

_NARROWEST = 32  # bits of the number that a loader shifts, at least
_CHAIN_LIMIT = 1 << 16  # symbols of one look-up
_STEPS_FREE = 1 << 5  # symbols of one look-up that don't count; few chains of real objects are half as long
_CHAIN_KEPT = 64  # symbols after the last bucket's first that are read with the rest


class HashTable(Protocol):
    """One object's table. `even`: its bloom filter, if any, is a power of two words long, as glibc asserts."""

    even: bool

    @property
    def hashes(self) -> frozenset[int] | None:
        """Every hash (`gnu_hash`, without its lowest bit) that a look-up may find; None where that isn't known."""

    def numbers(self, name: bytes) -> Iterator[int]:
        """The symbols whose names the loader compares with this one, in its order. Raises `Unreadable`."""

    def leads_to(self, number: int, name: bytes) -> bool:
        """Whether that symbol is the first of them to every loader, as far as that shows at a glance: most that an
        object defines are. Raises `Unreadable`.
        """


def hash_table(memory: Memory, elf: ElfFile, hash_bits: int, count: Count) -> HashTable | None:
    """The table of an object; None where nothing can be found in it. `hash_bits`: its loader's. `count` is told
    how many symbols are looked at that only a long chain has. Raises `Unreadable`.
    """
    address = elf.tag(Tag.GNU_HASH)
    if address is not None:
        return _GnuHash(memory, elf, address, hash_bits, count)
    address = elf.tag(Tag.HASH)
    return None if address is None else _Hash(memory, elf, address, count)


@lru_cache(maxsize=1 << 16)
def gnu_hash(name: bytes) -> int:
    """Bernstein's hash, of 32 bits."""
    hashed = 5381
    for byte in name:
        hashed = (hashed * 33 + byte) & 0xFFFFFFFF
    return hashed


@lru_cache(maxsize=1 << 16)
def elf_hash(name: bytes) -> int:
    """The gABI's hash, of 28 bits, for symbols and versions."""
    hashed = 0
    for byte in name:
        hashed = (hashed << 4) + byte
        high = hashed & 0xF0000000
        hashed = (hashed ^ high >> 24) & 0x0FFFFFFF
    return hashed


def _step(length: int, count: Count) -> None:
    """One more symbol of a chain is looked at: hostile chains are longer than patience."""
    if length >= _STEPS_FREE:
        count(1)
    if length > _CHAIN_LIMIT:
        raise Unreadable("a hash chain without end")


class _GnuHash:
    """Header, bloom filter in words of the machine, buckets, and the hashes of the symbols from the first hashed on.

    A chain ends where a hash has its lowest bit set; that bit is not compared.
    """

    def __init__(self, memory: Memory, elf: ElfFile, address: int, hash_bits: int, count: Count) -> None:
        words = WordReader(memory, elf.prefix)
        self._bucket_count, first, bloom_words, shift = (words.word(address + 4 * number) for number in range(4))
        self.even = not bloom_words & (bloom_words - 1)
        self._bits = elf.bits
        self._mask = (bloom_words - 1) & 0xFFFFFFFF
        self._shift = shift % hash_bits  # as processors shift, whatever C says of as many bits and more
        self._usual = shift < _NARROWEST
        self._first = first
        place = address + 16
        self._bloom = WordTable(words, place, bloom_words, elf.bits)
        place += bloom_words * elf.word_size
        self._buckets = WordTable(words, place, self._bucket_count, 32)
        place += 4 * self._bucket_count
        last = max(self._buckets.kept, default=0)
        self._chains = WordTable(words, place, max(0, last - first + _CHAIN_KEPT), 32)
        self._count = count

    @cached_property
    def hashes(self) -> frozenset[int] | None:
        """Those of all chains, where all of them lie in the table."""
        starts = [bucket for bucket in self._buckets.kept if bucket]
        if len(self._buckets.kept) < self._bucket_count or min(starts, default=self._first) < self._first:
            return None
        chains = self._chains.kept
        end = max(starts, default=self._first) - self._first
        while end < len(chains) and not chains[end] & 1:
            end += 1
        return frozenset([stored >> 1 for stored in chains[: end + 1]]) if end < len(chains) else None

    def numbers(self, name: bytes) -> Iterator[int]:
        """The symbols of the name's bucket that have its hash."""
        hashed = gnu_hash(name)
        if not self._bucket_count or not self._blooms(hashed):
            return
        chains, first = self._chains, self._first
        number = start = self._buckets[hashed % self._bucket_count]
        while number:
            _step(number - start, self._count)
            stored = chains[number - first]
            if not (stored ^ hashed) >> 1:
                yield number
            if stored & 1:
                return
            number += 1

    def leads_to(self, number: int, name: bytes) -> bool:
        """By the few hashes from the bucket's first to the symbol's own."""
        hashed = gnu_hash(name)
        if not (self._usual and self._bucket_count and self._blooms(hashed)):
            return False
        start = self._buckets[hashed % self._bucket_count]
        if not start or not self._first <= start <= number < start + _STEPS_FREE:  # 0: nothing is in the bucket
            return False
        for place in range(start - self._first, number - self._first):
            stored = self._chains[place]
            if stored & 1 or not (stored ^ hashed) >> 1:
                return False
        return not (self._chains[number - self._first] ^ hashed) >> 1

    def _blooms(self, hashed: int) -> bool:
        word = self._bloom[hashed // self._bits & self._mask]
        return bool(word >> hashed % self._bits & word >> (hashed >> self._shift) % self._bits & 1)


class _Hash:
    """Two counts, buckets, and for each symbol the next of its bucket; 0 ends a chain.

    The entries are words of the machine on 64-bit S/390 (its processor supplement), else of 32 bits (gABI).
    """

    def __init__(self, memory: Memory, elf: ElfFile, address: int, count: Count) -> None:
        self._bits = 64 if elf.machine == Machine.S390 and elf.bits == 64 else 32
        self._words = WordReader(memory, elf.prefix)
        self.even = True
        self._buckets = address + 2 * self._bits // 8
        self._bucket_count = self._words.number(address, self._bits)
        self._count = count

    @property
    def hashes(self) -> frozenset[int] | None:
        """The table has none."""
        return None

    def numbers(self, name: bytes) -> Iterator[int]:
        """All symbols of the name's bucket."""
        if not self._bucket_count:
            return
        number = self._at(elf_hash(name) % self._bucket_count)
        length = 0
        while number:
            _step(length, self._count)
            yield number
            number = self._at(self._bucket_count + number)
            length += 1

    def leads_to(self, number: int, name: bytes) -> bool:
        """Other symbols of the bucket may come first."""
        return self._bucket_count > 0 and self._at(elf_hash(name) % self._bucket_count) == number

    def _at(self, position: int) -> int:
        return self._words.number(self._buckets + position * self._bits // 8, self._bits)
