"""Counts the frames of an MP3 file, whose length its decoders otherwise guess or believe."""

from dataclasses import dataclass

_MPEG_1 = 3
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_BITRATES_KBIT_S = {  # by (MPEG 1?, layer), for indices 1 to 14
    (True, 1): range(32, 449, 32),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_TRAILING_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3")
_LENGTH_TAGS = (b"Xing", b"Info")
_FRAMES_FLAG = 1
_LONGEST_FRAME = 8192


class Mp3Error(ValueError):
    """The frames of a file do not add up; the message says where."""


@dataclass(frozen=True)
class _Frame:
    """One MPEG audio frame: what all frames of a stream share, its length in bytes and in samples."""

    stream: tuple[int, int, int]  # version, layer, index of the sample rate
    length: int
    samples: int
    side_information: int
    free_length: int = 0  # without padding, where the header does not tell the bit rate


@dataclass(frozen=True)
class Mp3Layout:
    """The frames of an MP3 file.

    Attributes:
        first: byte at which the first frame starts.
        num_frames: frames that hold audio.
        end: byte behind the last frame.
        tail: bytes behind it that are neither frames nor tags nor zeros; players pass over them.
        lacks_length_tag: whether the first frame is no Xing or Info tag with the number of frames, though this is layer
            III with bit rates in its frames. Without one, decoders take the first bit rate for that of the whole file
            and stop too early.
    """

    first: int
    num_frames: int
    end: int
    tail: int
    lacks_length_tag: bool


def read_mp3(content: bytes) -> Mp3Layout:
    """Walks the frames of a file from the first to the last.

    Args:
        content: of the file. ID3, APE and Lyrics tags, and zeros before and behind the frames, are passed over.

    Raises:
        Mp3Error: the last frame is cut short, bytes between frames are none, or the length tag counts other frames.
    """
    first, frame = _first_frame(content)
    declared = _declared_frames(content, first, frame)
    count, end = -(declared is not None), first
    while end < len(content):
        following = _frame_at(content, end, frame.free_length)
        if following is None or following.stream != frame.stream:
            break
        if end + following.length > len(content):
            held = _seconds(count, frame)
            rest = "" if declared is None else f" of the {_seconds(declared, frame):.2f} s it announces"
            raise Mp3Error(f"it was cut: it ends in the middle of an MPEG frame, after {held:.2f} s{rest}")
        count, end = count + 1, end + following.length
    tail = 0 if content.startswith(_TRAILING_TAGS, end) or not any(content[end:]) else len(content) - end
    if tail and _has_frames(content, end, frame):
        raise Mp3Error(f"byte {end} should start an MPEG frame and does not")
    if declared is not None and declared != count:
        cut = "it was cut: " if declared > count else ""
        raise Mp3Error(f"{cut}it announces {declared} MPEG frames and holds {count}")
    return Mp3Layout(first, count, end, tail, lacks_length_tag=_lacks_tag(declared, frame))


def with_length_tag(content: bytes, layout: Mp3Layout) -> bytes:
    """Puts an Info tag with the number of frames before the audio of a file that has none.

    Args:
        content: of the file, of layer III.
        layout: what `read_mp3` said of it.

    Returns:
        The frames, after one that decoders read the length from and do not play.
    """
    tag = b"Info" + _FRAMES_FLAG.to_bytes(4, "big") + layout.num_frames.to_bytes(4, "big")
    header = bytearray(content[layout.first : layout.first + 4])
    header[1] |= 1  # no checksum
    for bitrate_index in range(1, 15):
        header[2] = (header[2] & 0x0C) | bitrate_index << 4
        frame = _frame_at(bytes(header), 0)
        if frame.length >= 4 + frame.side_information + len(tag):
            break
    start = bytes(header) + bytes(frame.side_information) + tag
    return start.ljust(frame.length, b"\0") + content[layout.first : layout.end]


def _first_frame(content: bytes) -> tuple[int, _Frame]:
    """Finds the first frame that another one, or the end of the file, follows."""
    position = 0
    while content.startswith(b"ID3", position) and len(content) >= position + 10:
        sizes = content[position + 6 : position + 10]
        footer = 10 if content[position + 5] & 0x10 else 0
        position += 10 + footer + sum((byte & 0x7F) << shift for byte, shift in zip(sizes, (21, 14, 7, 0), strict=True))
    while (position := content.find(b"\xff", position)) >= 0:
        frame = _frame_at(content, position) or _free_frame_at(content, position)
        if frame is not None:
            following = _frame_at(content, position + frame.length, frame.free_length)
            if position + frame.length >= len(content) or (following and following.stream == frame.stream):
                return position, frame
        position += 1
    raise Mp3Error("it holds no MPEG frame")


def _has_frames(content: bytes, position: int, first: _Frame) -> bool:
    """Says whether two frames of a stream follow each other behind a position, so that what precedes is damage."""
    while (position := content.find(b"\xff", position)) >= 0:
        frame = _frame_at(content, position, first.free_length)
        if frame is not None and frame.stream == first.stream:
            following = _frame_at(content, position + frame.length, first.free_length)
            if following is not None and following.stream == first.stream:
                return True
        position += 1
    return False


def _lacks_tag(declared: int | None, frame: _Frame) -> bool:
    return declared is None and frame.stream[1] == 3 and not frame.free_length


def _seconds(count: int, frame: _Frame) -> float:
    version, _, rate_index = frame.stream
    return max(count, 0) * frame.samples / _SAMPLE_RATES[version][rate_index]


def _free_frame_at(content: bytes, position: int) -> _Frame | None:
    """Reads a frame whose header leaves the bit rate open: it is as long as it is to the next header like it, twice."""
    header = content[position : position + 4]
    if len(header) < 4 or header[2] >> 4 != 0:
        return None
    place = position + 4
    while (place := content.find(header[:2], place, position + _LONGEST_FRAME)) >= 0:
        padding = header[2] >> 1 & 1
        frame = _frame_at(content, position, place - position - padding * (4 if header[1] >> 1 & 3 == 3 else 1))
        other = frame and _frame_at(content, place, frame.free_length)
        if other and other.stream == frame.stream:
            third = _frame_at(content, place + other.length, frame.free_length)
            if place + other.length >= len(content) or (third and third.stream == frame.stream):
                return frame
        place += 1
    return None


def _frame_at(content: bytes, position: int, free_length: int = 0) -> _Frame | None:
    header = content[position : position + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate_index, rate_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if (
        version == 1
        or layer == 4
        or rate_index == 3
        or bitrate_index == 15
        or (bitrate_index == 0) != (free_length > 0)
    ):
        return None
    full = version == _MPEG_1
    samples = {1: 384, 2: 1152, 3: 1152 if full else 576}[layer]
    slot = 4 if layer == 1 else 1
    if free_length:
        length = free_length + padding * slot
    else:
        bit_rate = 1000 * _BITRATES_KBIT_S[full, layer][bitrate_index - 1]
        length = (samples // 8 // slot * bit_rate // _SAMPLE_RATES[version][rate_index] + padding) * slot
    mono = header[3] >> 6 == 3
    side_information = {(True, True): 17, (True, False): 32, (False, True): 9, (False, False): 17}[full, mono]
    return _Frame((version, layer, rate_index), length, samples, side_information, free_length)


def _declared_frames(content: bytes, first: int, frame: _Frame) -> int | None:
    tag = first + 4 + frame.side_information
    if content[tag : tag + 4] not in _LENGTH_TAGS or not content[tag + 7] & _FRAMES_FLAG:
        return None
    return int.from_bytes(content[tag + 8 : tag + 12], "big")
