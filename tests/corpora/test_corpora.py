"""One contract for all readers, and the labels each reads from its names."""

import math
import shutil
import threading
import zipfile
from functools import partial
from hashlib import md5
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mtl_tf.config import AuditConfig
from mtl_tf.corpora import corpus_names, get_corpus
from mtl_tf.corpora.corpus import Download
from mtl_tf.corpora.download import download_corpus
from mtl_tf.corpora.fixture import write_fixture
from mtl_tf.corpora.made_corpus import MadeCorpus
from mtl_tf.data.manifest import COLUMNS, list_clips
from mtl_tf.data.prepare import prepare_corpus
from mtl_tf.errors import UserError


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
@pytest.mark.parametrize("name", corpus_names())
def test_any_container_reads_alike(name, suffix, tmp_path):
    corpus = get_corpus(name)
    written = write_fixture(corpus, tmp_path / "as_published")
    converted = write_fixture(corpus, tmp_path / "converted", suffix)
    published = list_clips(corpus, tmp_path / "as_published")
    table = list_clips(corpus, tmp_path / "converted")
    assert len(table) == len(written) == len(converted)
    assert set(table.columns) == {*COLUMNS, *corpus.native_labels}
    assert table["clip_id"].is_unique
    assert table.drop(columns=["path", "clip_id"]).equals(published.drop(columns=["path", "clip_id"]))
    for path in table["path"]:
        assert (tmp_path / "converted" / path).is_file()


@pytest.mark.parametrize("name", corpus_names())
def test_licence_citation_and_source_are_stated(name):
    corpus = get_corpus(name)
    assert corpus.licence and corpus.citation
    assert corpus.homepage.startswith("http") or isinstance(corpus, MadeCorpus)  # which nobody has to find
    assert corpus.name == name
    for download in corpus.downloads:
        assert download.url.startswith("http")


@pytest.mark.parametrize("name", [name for name in corpus_names() if not isinstance(get_corpus(name), MadeCorpus)])
def test_fixtures_prepare_without_findings(name, tmp_path):
    corpus = get_corpus(name)
    write_fixture(corpus, tmp_path / "data" / name)
    manifest, _ = prepare_corpus(
        get_corpus(name), str(tmp_path / "data"), tmp_path / "prepared", AuditConfig(), quiet=True
    )
    assert (manifest["error"] == "").all()
    assert (tmp_path / "prepared" / name / "audit.csv").read_text().count("\n") == 1


@pytest.mark.parametrize("name", corpus_names())
def test_stray_files_are_all_listed_and_keep_no_clip_from_being_read(name, tmp_path):
    corpus = get_corpus(name)
    written = write_fixture(corpus, tmp_path)
    published = list_clips(corpus, tmp_path)
    for stray in ("holiday.wav", "party.wav"):
        shutil.copy(written[0], tmp_path / stray)
    table = list_clips(corpus, tmp_path)
    assert table.loc[table["misfit"].notna(), "path"].tolist() == ["holiday.wav", "party.wav"]
    assert table.loc[table["misfit"].notna(), "misfit"].str.startswith("not named like ").all()
    assert table[table["misfit"].isna()].reset_index(drop=True).equals(published)


def test_a_folder_of_other_audio_is_refused_before_any_file_is_opened(tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"none of the 2 audio files .* a\.wav is not named like 03-01-06"):
        list_clips(get_corpus("ravdess"), tmp_path)


@pytest.mark.parametrize("name", corpus_names())
def test_audio_of_a_kind_that_is_not_read_is_named(name, tmp_path):
    corpus = get_corpus(name)
    shutil.copy(write_fixture(corpus, tmp_path)[0], tmp_path / "holiday.M4A")
    with pytest.raises(UserError, match=r"holiday\.M4A is one of 1 audio files that are not WAV"):
        corpus.read(tmp_path)


def read_one(name, path, tmp_path):
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).touch()
    (row,) = get_corpus(name).read(tmp_path)
    return row


def test_ravdess_labels(tmp_path):
    row = read_one("ravdess", "Actor_12/03-01-06-02-02-01-12.wav", tmp_path)
    assert row == {
        "identity": "01-06-02-02-01-12",
        "copy": 0,
        "path": "Actor_12/03-01-06-02-02-01-12.wav",
        "speaker": "12",
        "channel": "speech",
        "emotion": "fearful",
        "intensity": "strong",
        "strongest": "yes",
        "statement": "dogs are sitting by the door",
        "repetition": "1",
        "gender": "female",
    }
    assert read_one("ravdess", "b/03-02-04-01-01-02-07.flac", tmp_path / "other")["channel"] == "song"


@pytest.mark.parametrize(
    "name",
    ["02-01-06-02-02-01-77", "03-01-09-01-01-01-01", "03-01-01-09-01-01-01", "03-01-01-01-01-01", "a-1-1-1-1-1-1"],
)
def test_ravdess_numbers_out_of_range_fit_no_label(name, tmp_path):
    assert set(read_one("ravdess", f"{name}.wav", tmp_path)) == {"path", "misfit"}


@pytest.mark.parametrize(
    "damage", [("-0.wav,1,0,", "-0.wav,1,fifty,"), ("-0.wav,1,0,", "-0.wav,1,50,"), (",1,0,", ",,0,")]
)
def test_an_esc50_table_that_makes_no_sense_is_refused_by_line(damage, tmp_path):
    write_fixture(get_corpus("esc50"), tmp_path)
    table = next(tmp_path.rglob("esc50.csv"))
    table.write_text(table.read_text().replace(*damage, 1))
    message = r"esc50.csv line 2(: fold is ''|: target is 'fifty'| repeats a file, or its target is no number)"
    with pytest.raises(UserError, match=message):
        get_corpus("esc50").read(tmp_path)
    first, second, *rest = table.read_text().replace(damage[1], damage[0], 1).splitlines()
    table.write_text("\n".join([first, second, second, *rest]))
    with pytest.raises(UserError, match=r"esc50.csv line 3 repeats a file"):
        get_corpus("esc50").read(tmp_path)


def test_esc50_files_that_are_missing_are_named(tmp_path):
    write_fixture(get_corpus("esc50"), tmp_path)[0].unlink()
    with pytest.raises(UserError, match=r"1 files of meta/esc50.csv are missing, such as 1-100031-A-0"):
        get_corpus("esc50").read(tmp_path)


@pytest.mark.parametrize("path", ["DC/sa03.wav", "AudioData/DC/sa03.wav", "DC_sa03.wav"])
def test_savee_layouts(path, tmp_path):
    row = read_one("savee", path, tmp_path)
    assert (row["speaker"], row["emotion"], row["sentence"]) == ("DC", "sadness", "sa03")


def test_emodb_labels(tmp_path):
    row = read_one("emodb", "wav/16b10Wb.wav", tmp_path)
    assert (row["speaker"], row["emotion"], row["gender"], row["age"]) == ("16", "anger", "female", "31")
    assert (row["text"], row["version"]) == ("b10", "b")


def test_vctk_labels_from_both_versions(tmp_path):
    for folder, people, name in (
        ("new", "p234  22  F  Scottish  West Dumfries", "p234/p234_007_mic2.flac"),
        ("old", "234  22  F  Scottish  West Dumfries", "p234/p234_007.wav"),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "speaker-info.txt").write_text(f"ID  AGE  GENDER  ACCENTS  REGION\n{people}\n")
        row = read_one("vctk", f"wav48/{name}", tmp_path / folder)
        assert (row["speaker"], row["accent"], row["gender"], row["age"]) == ("p234", "Scottish", "female", "22")
        assert (row["sentence"], row["microphone"]) == ("007", "mic2" if folder == "new" else "mic1")


def test_a_vctk_table_that_is_no_text_is_named(tmp_path):
    write_fixture(get_corpus("vctk"), tmp_path)
    table = next(tmp_path.rglob("speaker-info.txt"))
    table.write_bytes(table.read_bytes() + b"p400 20 F \xff\xfe\n")
    with pytest.raises(UserError, match=r"speaker-info.txt is damaged"):
        get_corpus("vctk").read(tmp_path)


def test_vctk_says_which_speaker_it_knows_nothing_of(tmp_path):
    (tmp_path / "speaker-info.txt").write_text("ID  AGE  GENDER  ACCENTS  REGION\np225  23  F  English\n")
    with pytest.raises(UserError, match="does not name p999"):
        read_one("vctk", "wav48/p999/p999_001.wav", tmp_path)


@pytest.mark.parametrize(("folder", "accent"), [("US", "american"), ("train/au", "australian"), ("GB/x", "british")])
def test_ut_podcast_labels(folder, accent, tmp_path):
    assert read_one("ut_podcast", f"{folder}/17.wav", tmp_path)["accent"] == accent


def test_linked_folders_are_read_and_a_circle_of_links_ends(tmp_path):
    corpus, root = get_corpus("fsdd"), tmp_path / "fsdd"
    written = write_fixture(corpus, tmp_path / "elsewhere")
    root.mkdir()
    (root / "recordings").symlink_to(tmp_path / "elsewhere" / "recordings")
    (tmp_path / "elsewhere" / "recordings" / "again").symlink_to(root)
    assert len(list_clips(corpus, root)) == len(written)


def test_fsdd_labels_and_official_split(tmp_path):
    write_fixture(get_corpus("fsdd"), tmp_path)
    table = list_clips(get_corpus("fsdd"), tmp_path).set_index("path")
    row = table.loc["recordings/1_theo_5.wav"]
    assert (row["digit"], row["speaker"], row["accent"], row["gender"]) == ("1", "theo", "USA/neutral", "male")
    assert row["official_split"] == "train"
    assert table.loc["recordings/1_theo_0.wav", "official_split"] == "test"


def test_fsdd_metadata_is_never_executed(tmp_path):
    write_fixture(get_corpus("fsdd"), tmp_path)
    (tmp_path / "metadata.py").write_text("import os\nmetadata = os.system('touch hacked')\n")
    with pytest.raises(UserError, match="cannot read the speakers"):
        get_corpus("fsdd").read(tmp_path)
    assert not (tmp_path / "hacked").exists()


def test_esc10_is_the_same_from_both_layouts(tmp_path):
    write_fixture(get_corpus("esc10"), tmp_path / "old")
    write_fixture(get_corpus("esc50"), tmp_path / "new")
    old, new = (list_clips(get_corpus("esc10"), tmp_path / layout) for layout in ("old", "new"))
    assert set(old["category"]) == {"dog", "rain", "sneezing"}
    assert set(new["category"]) == {"dog", "rain"}  # the fixture marks sneezing as outside ESC-10
    assert set(old["official_fold"]) == set(new["official_fold"]) == {1, 2, 3, 4, 5}
    assert old.groupby("category")["super_category"].first()["rain"] == "natural soundscapes and water sounds"


def test_a_missing_folder_says_how_to_get_the_audio(tmp_path):
    with pytest.raises(UserError, match="download=true fetches it"):
        get_corpus("ravdess").root(str(tmp_path), tmp_path)
    with pytest.raises(UserError, match="ask for the audio"):
        get_corpus("savee").root(str(tmp_path), tmp_path)


def test_an_unknown_corpus_names_the_nearest():
    with pytest.raises(UserError, match="Did you mean emodb"):
        get_corpus("emo-db")


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            requests.append(self.path)

    requests = []
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{http.server_port}", requests
    http.shutdown()
    http.server_close()


def published(corpus, server, tmp_path):
    """Puts a fixture of a corpus on the server; returns the corpus as if that were its address."""
    folder, address, _ = server
    write_fixture(corpus, tmp_path / "source")
    with zipfile.ZipFile(folder / "audio.zip", "w") as archive:
        for path in (tmp_path / "source").rglob("*.*"):
            archive.write(path, path.relative_to(tmp_path / "source"))
    digest = md5((folder / "audio.zip").read_bytes()).hexdigest()
    kind = type("Served", (type(corpus),), {"downloads": (Download(f"{address}/audio.zip", f"md5:{digest}"),)})
    return kind()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_download_checks_unpacks_and_does_not_repeat(server, tmp_path):
    corpus = published(get_corpus("emodb"), server, tmp_path)
    root = download_corpus(corpus, str(tmp_path / "data"))
    assert root == tmp_path / "data" / "emodb"
    assert len(corpus.read(root)) == len(corpus.example_files)
    download_corpus(corpus, str(tmp_path / "data"))
    assert len(server[2]) == 1


def test_download_leaves_files_of_the_users_own_alone(server, tmp_path):
    corpus = published(get_corpus("emodb"), server, tmp_path)
    own = tmp_path / "data" / corpus.name / "wav" / "own.wav"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"own")
    with pytest.raises(UserError, match="holds files of your own; leave download=true away"):
        download_corpus(corpus, str(tmp_path / "data"))
    assert [path for path in (tmp_path / "data").rglob("*") if path.is_file()] == [own]


def test_download_refuses_other_bytes(server, tmp_path):
    corpus = published(get_corpus("emodb"), server, tmp_path)
    (server[0] / "audio.zip").write_bytes(b"something else")
    with pytest.raises(UserError, match="cannot fetch http"):
        download_corpus(corpus, str(tmp_path / "data"))
    assert not list((tmp_path / "data").rglob("*.wav"))


def test_download_without_a_server_is_one_line(tmp_path):
    corpus = type("Gone", (type(get_corpus("emodb")),), {"downloads": (Download("http://127.0.0.1:9/a.zip"),)})()
    with pytest.raises(UserError, match=r"cannot fetch http://127.0.0.1:9/a.zip: no connection"):
        download_corpus(corpus, str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_durations_of_fixtures_lie_in_the_published_range():
    for name in corpus_names():
        low, high = get_corpus(name).duration_range_s
        assert 0 < low < high < math.inf
