"""The keys of how clips become batches."""

from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mtl_tf.config.section import Section


class PipelineConfig(Section):
    """How clips become batches."""

    batch_size: PositiveInt = Field(32, description="clips per batch")
    clip_s: PositiveFloat = Field(description="length every clip is cropped or zero-padded to in training")
    window_s: PositiveFloat | None = Field(
        None,
        description="validation, test and served clips are cut into windows of so many seconds, and the answer is the "
        "mean of those to all windows; as long as clip_s, the network hears what it was trained on; null: one answer "
        "to the whole clip",
    )
    window_hop_s: PositiveFloat | None = Field(
        None, description="from the start of one window to that of the next, in seconds; null: half of window_s"
    )
    batch_length: Literal["fixed", "shortest", "longest"] = Field(
        "fixed",
        description="length of a training batch: clip_s, or that of its shortest (as Lu 2020) or longest clip if "
        "shorter",
    )
    random_crop: bool = Field(True, description="crop longer clips at a random place in training; else at the start")
    noise_db: tuple[float, float] | None = Field(
        None,
        description="lowest and highest level, in dB of full scale, of white noise added to about half of the training "
        "clips and to what pads them, such as [-80, -40]; null: none, and hiss in pauses of a recording may mislead",
    )
    audiomentations: list[dict[str, Any]] = Field(
        [],
        description="transforms of the library audiomentations for training clips, computed beside the network, in "
        "order, such as [{name: PitchShift, p: 0.5}]; not where a task asks every step",
    )
    mixing: Literal["proportional", "balanced", "temperature", "quota"] = Field(
        "proportional",
        description="how corpora share an epoch: by size, equally, by size**(1/temperature), or by mixing_weight",
    )
    temperature: PositiveFloat = Field(2.0, description="of mixing=temperature: 1 is proportional, large is balanced")
    draw_evenly: str | None = Field(
        None,
        description="task or manifest column, such as emotion or speaker, of whose values an epoch has as many clips "
        "each, within a corpus; clips of rare ones come several times; null: every clip once",
    )
    decoder: Literal["auto", "soundfile"] = Field(
        "auto", description="auto: tensorflow-io in the graph for PCM WAVs the audit has vetted, soundfile for the rest"
    )
    shards: bool = Field(
        False,
        description="decode each clip once into a store under prepared_dir, which all runs share, and read from there",
    )
    keep_features: bool | None = Field(
        None,
        description="true: compute the features of each clip once and keep them in memory, where training changes no "
        "clip, which is at most clip_s long then, with noise_db=null, the front end learns nothing, and they take "
        "kept_features_mb at most; null: studies do, other runs do not",
    )
    kept_features_mb: PositiveInt = Field(
        512, description="most memory that kept features may take, in units of 2**20 bytes"
    )
    num_parallel_calls: PositiveInt = Field(2, description="clips decoded at once")
