"""Builds the front end of a configuration."""

from mtl_tf.construct import construct
from mtl_tf.errors import UserError
from mtl_tf.frontends.envelope import Envelope
from mtl_tf.frontends.filter_bank import FilterBank
from mtl_tf.frontends.filter_bank_summary import FilterBankSummary
from mtl_tf.frontends.frontend import CLIP, FrontEnd
from mtl_tf.frontends.learned_bank import LearnedBank
from mtl_tf.frontends.log_mel import LogMel
from mtl_tf.frontends.mel_and_voice import MelAndVoice
from mtl_tf.frontends.mfcc import MFCC
from mtl_tf.frontends.opensmile import OpenSmile
from mtl_tf.frontends.pcen import PCEN
from mtl_tf.frontends.picture import Picture
from mtl_tf.frontends.spectrogram import Spectrogram
from mtl_tf.frontends.voice import Voice
from mtl_tf.frontends.voice_summary import VoiceSummary

FRONT_ENDS = {
    "log_mel": LogMel,
    "spectrogram": Spectrogram,
    "mel_and_voice": MelAndVoice,
    "mfcc": MFCC,
    "pcen": PCEN,
    "filter_bank": FilterBank,
    "learned_bank": LearnedBank,
    "envelope": Envelope,
    "filter_bank_summary": FilterBankSummary,
    "picture": Picture,
    "opensmile": OpenSmile,
    "voice": Voice,
    "voice_summary": VoiceSummary,
}


def build_frontend(name: str, options: dict) -> FrontEnd:
    """Builds a front end.

    Args:
        name: the module's name.
        options: constructor arguments, as in `configs/frontend/NAME.yaml`.

    Raises:
        UserError: an unknown name, a value of a wrong type, or values that do not go together.
    """
    built = construct("frontend", FRONT_ENDS, name, options, "frontend")
    if built.normalize != "none" and built.normalize_over == CLIP and (built.makes_one_frame or built.holds_summary):
        raise UserError(
            f"frontend.normalize_over=clip: {name} says one thing of a whole clip, of which nothing would be left; "
            "give training, or a column such as speaker"
        )
    return built
