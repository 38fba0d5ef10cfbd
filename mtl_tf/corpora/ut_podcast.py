"""UT-Podcast: American, Australian and British English from podcasts."""

from pathlib import Path

from mtl_tf.corpora.corpus import Corpus

ACCENTS = {"US": "american", "AU": "australian", "UK": "british", "GB": "british"}


class UtPodcast(Corpus):
    """UT-Podcast corpus of the CRSS laboratory in Dallas, given out on request.

    No layout is published. The accent is read from the folder a file lies in, at any depth: `US`, `AU`, and `UK` or
    `GB`; other folders, such as `train`, do not matter. Neither speaker nor episode is known.
    """

    name = "ut_podcast"
    title = "UT-Podcast"
    licence = "by agreement with the publisher"
    citation = (
        "J. H. L. Hansen, G. Liu: Unsupervised accent classification for deep data fusion of accent and language "
        "information. Speech Communication 78, 2016"
    )
    homepage = "https://crss.utdallas.edu"
    sample_rates = (8000, 16000, 44100)
    duration_range_s = (1.0, 600.0)
    native_labels = ("accent",)
    example_files = tuple(f"train/{folder}/{number:03d}.wav" for folder in ("US", "AU", "UK") for number in range(8))

    def read(self, root: Path) -> list[dict[str, object]]:
        """Reads the accent from the folders."""
        rows = []
        for path in self.audio_files(root):
            parts = [part.upper() for part in path.relative_to(root).parts[:-1]]
            found = [ACCENTS[part] for part in parts if part in ACCENTS]
            if len(found) != 1:
                rows.append(self.misnamed(path, root, "US/001.wav, AU/001.wav or UK/001.wav"))
                continue
            rows.append({"path": path.relative_to(root).as_posix(), "accent": found[0]})
        return rows


CORPUS = UtPodcast()
