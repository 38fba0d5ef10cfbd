"""Ogg files page by page: chained ones, of which decoders play the first link alone, and ones without an end."""

import zlib
from dataclasses import dataclass

from mtl_tf.data.wav import TAGS

_PAGE, _HEAD = b"OggS", 27
_FIRST, _LAST = 2, 4
OPUS_RATE = 48000  # of positions, whatever the rate of the sound
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class OggLayout:
    """The pages of an Ogg file.

    Attributes:
        links: first and last byte of each link of the chain; a plain file has one.
        cut: whether the last page is not whole.
        ended: whether the last page of each link carries the mark of the end.
        last_pages: position of the last whole page of each link.
        tail: bytes behind the last page that are neither zeros nor a tag.
    """

    links: tuple[tuple[int, int], ...]
    cut: bool
    ended: tuple[bool, ...]
    last_pages: tuple[int, ...]
    tail: int


def read_ogg(content: bytes) -> OggLayout:
    """Walks the pages of a file.

    Args:
        content: of the file, which begins with a page; bytes between and behind pages that are none are passed over.
    """
    links: list[list[int]] = []
    ended, last_pages = [], []
    position, cut, heads = 0, False, False
    while (position := content.find(_PAGE, position)) >= 0:
        end = _page_end(content, position)
        if end is None:
            cut = True
            break
        first = bool(content[position + 5] & _FIRST)
        if first and not heads:  # streams that play at once begin with their first pages side by side
            links.append([position, end])
            ended.append(False)
            last_pages.append(position)
        heads = first
        if links:
            links[-1][1], ended[-1], last_pages[-1] = end, bool(content[position + 5] & _LAST), position
        position = end
    rest = content[links[-1][1] :] if links and not cut else b""
    tail = 0 if rest.startswith(TAGS) or not any(rest) else len(rest)
    return OggLayout(tuple(map(tuple, links)), cut, tuple(ended), tuple(last_pages), tail)


def held_seconds(content: bytes, layout: OggLayout) -> float:
    """Tells from the positions that pages carry how much sound the whole pages hold.

    Args:
        content: of a file of Vorbis or Opus.
        layout: what `read_ogg` said of it.
    """
    seconds = 0.0
    for (start, end), page in zip(layout.links, layout.last_pages, strict=True):
        vorbis = content.find(b"\x01vorbis", start, end)
        rate = int.from_bytes(content[vorbis + 12 : vorbis + 16], "little") if vorbis >= 0 else OPUS_RATE
        place = int.from_bytes(content[page + 6 : page + 14], "little", signed=True)
        seconds += max(place, 0) / max(rate, 1)
    return seconds


def link_with_end(content: bytes, layout: OggLayout, number: int) -> bytes:
    """Gives one link as a file of its own, its last page marked as the last, without which decoders play nothing.

    Args:
        content: of the file.
        layout: what `read_ogg` said of it.
        number: of the link.
    """
    start, end = layout.links[number]
    if layout.ended[number]:
        return content[start:end]
    page = bytearray(content[layout.last_pages[number] : end])
    page[5] |= _LAST
    page[22:26] = bytes(4)
    page[22:26] = _checksum(bytes(page)).to_bytes(4, "little")
    return content[start : layout.last_pages[number]] + bytes(page)


def _page_end(content: bytes, position: int) -> int | None:
    """Finds the end of a page; None where the file ends before it."""
    if position + _HEAD > len(content):
        return None
    segments = content[position + 26]
    table = content[position + _HEAD : position + _HEAD + segments]
    end = position + _HEAD + segments + sum(table)
    return end if len(table) == segments and end <= len(content) else None


def _checksum(page: bytes) -> int:
    """CRC-32 with the highest bit first, from 0, as Ogg has it; zlib's goes the other way round."""
    other = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{other:032b}"[::-1], 2)
