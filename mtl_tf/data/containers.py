"""Opens audio files of every container, and mends in memory what decoders stumble over."""

import io
from pathlib import Path

import soundfile

from mtl_tf.data import flac
from mtl_tf.data.mp3 import read_mp3, with_length_tag
from mtl_tf.data.ogg import held_seconds, link_with_end, read_ogg
from mtl_tf.data.wav import MPEG_IN_WAV, WavLayout, one_data_chunk

_OTHER_CONTAINERS = (b"RIFF", b"RF64", b"fLaC", b"OggS")


def open_audio(path: Path, layout: WavLayout | None) -> tuple[list[soundfile.SoundFile], str]:
    """Opens a file, each link of a chain apart, and mends in memory what decoders stumble over.

    Args:
        path: any audio file.
        layout: of its chunks, where it is a WAV.

    Returns:
        Open files, to be read one after the other and closed, and why they may hold more or less than was recorded,
        else an empty text.

    Raises:
        ValueError: it was cut, or it holds no audio that is known.
        soundfile.SoundFileError: libsndfile cannot open it.
    """
    if layout is not None:
        if layout.tag in MPEG_IN_WAV:
            content = path.read_bytes()
            return _open_mp3(b"".join(content[start : start + length] for start, length in layout.parts))
        doubt = f"{layout.tail} bytes behind its last chunk are none, and players pass over them" if layout.tail else ""
        if len(layout.parts) > 1 or layout.open_end:
            return [soundfile.SoundFile(io.BytesIO(one_data_chunk(path, layout)))], doubt
        return [soundfile.SoundFile(path)], doubt
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"OggS"):
        return _open_ogg(path.read_bytes())
    if head.startswith(b"fLaC"):
        return [_open_flac(path, head)], ""
    if path.suffix.lower() == ".flac":
        return _open_late_flac(path.read_bytes())
    if path.suffix.lower() != ".mp3":
        file = soundfile.SoundFile(path)
        if file.format != "MP3":
            return [file], ""
        file.close()
    elif head.startswith(_OTHER_CONTAINERS):
        return [soundfile.SoundFile(path)], ""
    return _open_mp3(path.read_bytes())


def _open_mp3(content: bytes) -> tuple[list[soundfile.SoundFile], str]:
    """Opens an MP3, of which libsndfile only estimates the length, so its frames are counted first."""
    mpeg = read_mp3(content)
    frames = with_length_tag(content, mpeg) if mpeg.lacks_length_tag else content[mpeg.first : mpeg.end]
    doubt = f"{mpeg.tail} bytes behind its last MPEG frame are none, and players pass over them" if mpeg.tail else ""
    return [soundfile.SoundFile(io.BytesIO(frames))], doubt


def _open_ogg(content: bytes) -> tuple[list[soundfile.SoundFile], str]:
    pages = read_ogg(content)
    if not pages.links:
        raise ValueError("it ends in the middle of its first page" if pages.cut else "it holds no whole page")
    head = content[: pages.links[0][1]][:1024]
    if b"vorbis" not in head and b"OpusHead" not in head:
        raise ValueError("it is an Ogg that holds neither Vorbis nor Opus; convert it")
    if len(pages.links) == 1 and pages.ended[0] and not pages.cut and not pages.tail:
        return [soundfile.SoundFile(io.BytesIO(content))], ""
    if pages.cut:
        held = held_seconds(content, pages)
        raise ValueError(f"it was cut: it ends in the middle of a page, after {held:.2f} s")
    files = [soundfile.SoundFile(io.BytesIO(link_with_end(content, pages, link))) for link in range(len(pages.links))]
    if not all(pages.ended):
        return files, "its last page is not marked as the last, so it may have been cut"
    return files, f"{pages.tail} bytes behind its last page are none, and players pass over them" if pages.tail else ""


def _open_flac(path: Path, head: bytes) -> soundfile.SoundFile:
    """Opens a FLAC; one that leaves its length open gets it said, since libsndfile finds no end without."""
    if flac.announced_frames(head):
        return soundfile.SoundFile(path)
    content = path.read_bytes()
    held = flac.held_frames(content)
    if not held:
        raise ValueError("it holds no whole frame")
    return soundfile.SoundFile(io.BytesIO(flac.with_length(content, held)))


def _open_late_flac(content: bytes) -> tuple[list[soundfile.SoundFile], str]:
    """Opens a FLAC that tags, or bytes that are none, stand before."""
    start = content.find(b"fLaC")
    file = soundfile.SoundFile(io.BytesIO(content[max(start, 0) :]))
    known = start <= 0 or content.startswith(b"ID3") or not any(content[:start])
    return [file], "" if known else f"{start} bytes before its head are none of a FLAC, and players pass over them"


def check_is_file(path: Path) -> None:
    """Refuses what would be waited for without end.

    Raises:
        ValueError: it is a pipe or a device.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ValueError("it is a pipe or a device; write it to a file first")
