"""Front ends: Keras layers from waveform to features, computed where the model runs."""

from mtl_tf.frontends.frontend import FrontEnd


def build_frontend(name: str, options: dict) -> FrontEnd:
    """Builds the front end of a configuration.

    Args:
        name: `spectrogram` or `log_mel`, the module's name.
        options: constructor arguments, as in `configs/frontend/NAME.yaml`.

    Raises:
        UserError: values that do not go together.
    """
    from mtl_tf.errors import UserError, nearest_hint
    from mtl_tf.frontends.log_mel import LogMel
    from mtl_tf.frontends.spectrogram import Spectrogram

    layers = {"log_mel": LogMel, "spectrogram": Spectrogram}
    if name not in layers:
        raise UserError(f"no front end is called {name}.{nearest_hint(name, layers)}")
    try:
        return layers[name](**options, name="frontend")
    except ValueError as error:
        raise UserError(f"frontend={name}: {error}") from error
