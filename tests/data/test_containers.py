"""Files as streaming writers, telephones and broken downloads leave them: all of the audio, or the true reason."""

import io
import os
import struct
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_tf.data import flac
from mtl_tf.data.decode import DecodeError, frame_range, read_audio
from mtl_tf.data.wav import is_placeholder, read_layout
from mtl_tf.serving.wav_bytes import WavDecoder

RATE = 8000
SAMPLES = (0.3 * np.sin(np.arange(8000) * 0.1) + 0.01 * np.random.default_rng(0).standard_normal(8000)).astype(
    np.float32
)
WHOLE = np.round(SAMPLES * 32767).astype("<i2")
FORM = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)


def riff(*chunks, size=None):
    """Makes a WAV of (name, content, size to claim or None)."""
    body = b"WAVE"
    for name, content, claimed in chunks:
        body += (
            name + struct.pack("<I", len(content) if claimed is None else claimed) + content + bytes(len(content) % 2)
        )
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def wav(claimed=None, before=(), after=(), size=None):
    return riff((b"fmt ", FORM, None), *before, (b"data", WHOLE.tobytes(), claimed), *after, size=size)


def encode(kind, subtype=None, samples=SAMPLES, **options):
    target = io.BytesIO()
    soundfile.write(target, samples, RATE, subtype, format=kind, **options)
    return target.getvalue()


@pytest.fixture
def read(tmp_path):
    def write_and_read(content, suffix="wav"):
        path = tmp_path / f"clip.{suffix}"
        path.write_bytes(content)
        return read_audio(path)

    return write_and_read


def in_graph(content):
    decoder = WavDecoder(RATE, [RATE])
    return tf.function(decoder.decode)(tf.constant(content), tf.constant(0)).numpy()


PLACEHOLDERS = [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFF00, 0x7FFF0000, 0x7FFFFFD8, 0x40000000]


@pytest.mark.parametrize("claimed", PLACEHOLDERS)
def test_sizes_that_streaming_writers_leave_mean_to_the_end(claimed, read):
    content = wav(claimed, size=min(claimed + 36, 0xFFFFFFFF))
    np.testing.assert_array_equal(read(content)[0][:, 0], WHOLE / np.float32(32768))
    np.testing.assert_array_equal(in_graph(content), WHOLE / np.float32(32768))


@pytest.mark.parametrize("claimed", [len(WHOLE) * 2 + 2, 3 * len(WHOLE), 40 * len(WHOLE), 100_000_000])
def test_a_size_that_a_file_could_have_had_means_that_it_was_cut(claimed, read):
    with pytest.raises(DecodeError, match=rf"it was cut: it holds 8000 of the {claimed // 2} frames it announces"):
        read(wav(claimed))
    with pytest.raises(tf.errors.InvalidArgumentError, match="ends before the bytes of audio it announces"):
        in_graph(wav(claimed))


def test_nothing_behind_a_size_of_nothing_is_nothing(read):
    for content in (
        riff((b"fmt ", FORM, None), (b"data", b"", 0)),
        riff((b"fmt ", FORM, None), (b"data", b"", 0), (b"LIST", b"INFO", None)),
    ):
        with pytest.raises(DecodeError, match="the file is empty"):
            read(content)
        with pytest.raises(tf.errors.InvalidArgumentError, match="holds no samples"):
            in_graph(content)


@settings(max_examples=300, deadline=None)
@given(declared=st.integers(0, 2**32 - 1), available=st.integers(0, 2**31), follows=st.booleans())
def test_a_placeholder_is_never_a_size_that_the_file_holds(declared, available, follows):
    found = is_placeholder(declared, available, follows)
    if 0 < declared <= available or (declared == 0 and (follows or not available)) or available < declared < 2**30:
        assert not found


def test_two_data_chunks_are_both_read_and_refused_by_a_server(read):
    half = len(WHOLE)  # bytes
    parts = [(b"data", WHOLE.tobytes()[:half], None), (b"LIST", b"abc", None), (b"data", WHOLE.tobytes()[half:], None)]
    content = riff((b"fmt ", FORM, None), *parts)
    np.testing.assert_array_equal(read(content)[0][:, 0], WHOLE / np.float32(32768))
    with pytest.raises(tf.errors.InvalidArgumentError, match="several data chunks"):
        in_graph(content)


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "IMA_ADPCM", "ULAW", "ALAW"])
def test_telephone_encodings_are_read(subtype, read):
    samples, info = read(encode("WAV", subtype))
    assert info.subtype == subtype and 0 <= len(samples) - len(SAMPLES) < 400
    assert np.corrcoef(samples[: len(SAMPLES), 0], SAMPLES)[0, 1] > 0.9


def test_an_mp3_inside_a_wav_is_read(read):
    mpeg = encode("MP3")
    form = struct.pack("<HHIIHH", 0x55, 1, RATE, 4000, 1, 0) + struct.pack("<HHIHHH", 12, 1, 2, 288, 1, 1393)
    samples, info = read(riff((b"fmt ", form, None), (b"fact", struct.pack("<I", 9000), None), (b"data", mpeg, None)))
    assert info.container == "MP3" and len(samples) == len(SAMPLES)


@pytest.mark.parametrize("rate", [0, 1, 99])
def test_a_rate_that_no_audio_has_is_refused(rate, read):
    content = bytearray(wav())
    content[24:28] = struct.pack("<I", rate)
    with pytest.raises(DecodeError, match=f"its header says {rate} Hz"):
        read(bytes(content))


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_floats_at_the_scale_of_integers_are_refused_everywhere(subtype, read):
    with pytest.raises(
        DecodeError, match=r"its samples reach 10\d\d\d.* where floats lie in \[-1, 1\]; scale them down"
    ):
        read(encode("WAV", subtype, SAMPLES * 32768))
    assert np.abs(read(encode("WAV", subtype, SAMPLES * 6))[0]).max() > 1.5


@pytest.mark.parametrize("bits", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize("length", [20, 4095, 4096, 4097, 40000])
def test_flac_without_a_length_is_read_whole(bits, length, read):
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, length).astype(np.float32)
    content = bytearray(encode("FLAC", bits, samples))
    expected = read(bytes(content), "flac")[0]
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    np.testing.assert_array_equal(read(bytes(content), "flac")[0], expected)
    assert flac.held_frames(bytes(content)) == length


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_cut_flac_says_how_much_is_there(kept, read):
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, 40000).astype(np.float32)
    content = encode("FLAC", "PCM_16", samples)
    with pytest.raises(DecodeError, match=r"last whole frame ends after (\d+) of the 40000 frames") as caught:
        read(content[: int(kept * len(content))], "flac")
    held = int(str(caught.value).split("ends after ")[1].split()[0])
    assert held % 4096 == 0 and abs(held - kept * 40000) < 3 * 4096


@pytest.mark.parametrize("count", [2, 3])
def test_every_link_of_a_chained_ogg_is_read(count, read):
    first, second = encode("OGG", "VORBIS"), encode("OGG", "VORBIS", SAMPLES[::-1].copy())
    one, other = read(first, "ogg")[0], read(second, "ogg")[0]
    links = [first, second, first][:count]
    samples, info = read(b"".join(links), "ogg")
    np.testing.assert_array_equal(samples, np.concatenate([one, other, one][:count]))
    assert info.num_frames == len(samples) and not info.doubt


def test_links_of_different_rates_are_refused(read):
    other = io.BytesIO()
    soundfile.write(other, SAMPLES, 16000, format="OGG")
    with pytest.raises(DecodeError, match="chain of 2 links of different rates or channels"):
        read(encode("OGG") + other.getvalue(), "ogg")


def test_an_ogg_without_the_mark_of_its_end_is_read_with_a_doubt(read):
    content = bytearray(encode("OGG"))
    last = content.rfind(b"OggS")
    content[last + 5] &= ~4
    samples, info = read(bytes(content), "ogg")
    np.testing.assert_array_equal(samples, read(encode("OGG"), "ogg")[0])
    assert "may have been cut" in info.doubt


def test_a_cut_ogg_says_how_much_is_there_and_is_not_called_empty(read):
    content = encode("OGG", samples=np.tile(SAMPLES, 8))
    with pytest.raises(DecodeError, match=r"it was cut: it ends in the middle of a page, after [1-7]\.\d\d s"):
        read(content[: len(content) * 2 // 3], "ogg")


@pytest.mark.parametrize("before", [b"", bytes(3000), b"ID3\x04\0\0\0\0\0\x20" + bytes(32)])
@pytest.mark.parametrize("after", [b"", bytes(700), b"TAG" + b"a" * 125, b"\r\n\r\nnot audio at all"])
def test_what_stands_around_the_frames_of_an_mp3_is_passed_over(before, after, read):
    content = encode("MP3")
    samples, info = read(before + content + after, "mp3")
    np.testing.assert_array_equal(samples, read(content, "mp3")[0])
    assert bool(info.doubt) == after.startswith(b"\r")


def test_a_cut_mp3_says_how_much_is_there(read):
    content = encode("MP3")
    with pytest.raises(DecodeError, match=r"it was cut: .* after 0\.\d\d s of the 1\.\d\d s it announces"):
        read(content[: len(content) // 2 + 5], "mp3")


@settings(max_examples=100, deadline=None)
@given(
    rate=st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000]),
    cuts=st.lists(st.floats(0, 4200, allow_nan=False), min_size=2, max_size=6, unique=True),
)
def test_cuts_that_follow_each_other_share_no_frame_and_lose_none(rate, cuts):
    """Also seventy minutes into a file, where a float32 would be off by several."""
    edges = sorted(cuts)
    place = None
    for start, end in pairwise(edges):
        first, count = frame_range(start, end - start, rate)
        assert first == round(start * rate) and abs(first + count - round(end * rate)) <= 1
        assert place is None or abs(first - place) <= 1
        place = first + count


def test_layout_of_a_plain_file_counts_its_frames(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav())
    layout = read_layout(tmp_path / "a.wav")
    assert (layout.plain_pcm_bits, layout.available, layout.block_align) == (16, 16000, 2)


@pytest.mark.parametrize("claimed", [1, 3])
def test_a_size_of_less_than_a_frame_means_to_the_end(claimed, read):
    form = struct.pack("<HHIIHH", 1, 2, RATE, 4 * RATE, 4, 16)
    content = riff((b"fmt ", form, None), (b"data", WHOLE.tobytes(), claimed))
    assert read(content)[0].shape == (4000, 2)
    np.testing.assert_allclose(in_graph(content), read(content)[0].mean(axis=1), atol=1e-7)


def test_sound_behind_a_size_that_is_too_small_is_a_doubt_and_not_lost_in_silence(read):
    samples, info = read(wav(8000))
    assert len(samples) == 4000 and info.doubt.startswith("8000 bytes behind its last chunk are none")


def test_a_byte_that_is_missing_from_no_frame_is_not_missed(read):
    content = wav(len(WHOLE) * 2 + 1)
    assert len(read(content)[0]) == 8000
    np.testing.assert_allclose(in_graph(content), read(content)[0][:, 0], atol=1e-7)


TAILS = {b"": False, bytes(50): False, b"TAG" + b"a" * 125: False, b"\x01\x02 no chunk and no page" * 4: True}


@pytest.mark.parametrize("tail", TAILS, ids=len)
@pytest.mark.parametrize(("kind", "subtype"), [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("OGG", "VORBIS"), ("MP3", None)])
def test_a_tail_that_players_pass_over_is_a_doubt(kind, subtype, tail, read):
    content = encode(kind, subtype)
    samples, info = read(content + tail, kind.lower())
    np.testing.assert_array_equal(samples, read(content, kind.lower())[0])
    assert bool(info.doubt) == TAILS[tail]


def test_bytes_before_a_flac_are_passed_over_with_a_doubt(read):
    content = encode("FLAC", "PCM_16")
    samples, info = read(b"junk" * 9 + content, "flac")
    np.testing.assert_array_equal(samples, read(content, "flac")[0])
    assert info.doubt.startswith("36 bytes before its head")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_cut_opus_says_how_much_is_there(kept, read):
    content = encode("OGG", "OPUS", np.tile(SAMPLES, 10))
    with pytest.raises(DecodeError, match=r"it was cut: it ends in the middle of a page, after \d+\.\d\d s") as caught:
        read(content[: int(kept * len(content))], "ogg")
    assert float(str(caught.value).split("after ")[1].split()[0]) <= 10 * kept + 0.5


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(DecodeError, match="it is a pipe or a device"):
        read_audio(tmp_path / "pipe.wav")
