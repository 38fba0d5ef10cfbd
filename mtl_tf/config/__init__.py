"""The typed schema of a configuration: every key of `configs/` with its type, default and meaning."""

from mtl_tf.config.audit import AuditConfig, DoubtfulClip, UnusableClip
from mtl_tf.config.corpus import CorpusConfig
from mtl_tf.config.pipeline import PipelineConfig
from mtl_tf.config.run import AugmentConfig, FrontEndConfig, ModelConfig, PublishedConfig, RunConfig
from mtl_tf.config.section import Section, Seed
from mtl_tf.config.split import SplitConfig
from mtl_tf.config.study import StudyConfig
from mtl_tf.config.task import LabelsConfig, TaskConfig
from mtl_tf.config.training import TrainingConfig

__all__ = [
    "AuditConfig",
    "AugmentConfig",
    "CorpusConfig",
    "DoubtfulClip",
    "FrontEndConfig",
    "LabelsConfig",
    "ModelConfig",
    "PipelineConfig",
    "PublishedConfig",
    "RunConfig",
    "Section",
    "Seed",
    "SplitConfig",
    "StudyConfig",
    "TaskConfig",
    "TrainingConfig",
    "UnusableClip",
]
