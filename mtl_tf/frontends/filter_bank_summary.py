"""Statistics of log filter banks over a window."""

import keras
from keras import ops

from mtl_tf.frontends.log_mel import LogMel

PERCENTILES = {"median": 0.5, "percentile_25": 0.25, "percentile_75": 0.75}
STATISTICS = ("minimum", "maximum", "deviation", "mean", *PERCENTILES)
COURSE = ("slope", "change", "change_deviation", "skewness")  # which the paper has not


@keras.saving.register_keras_serializable(package="mtl_tf")
class FilterBankSummary(LogMel):
    """Each filter's energy in decibels, summarised over a window by statistics.

    Input float (batch, samples); output float32 (batch, windows, statistics * num_mel_bins), the statistics one after
    the other, and mask (batch, windows). Frames that a clip does not fill are left out of its statistics.

    The input of the shared DNN of Georgiev et al. 2017, whose text gives "statistical summaries of log filter banks"
    only; frame, filters and the seven statistics are those of Callebaut's code (8 kHz, 30 ms every 10 ms, 1024-point
    transform, 24 filters, 168 values). Chosen here: Slaney's mel scale, decibels in place of natural logarithms (the
    normalisation removes the factor), no pre-emphasis.

    Args:
        sample_rate: of the waveform, in Hz.
        statistics: which, of `minimum`, `maximum`, `deviation` (standard, of the population), `mean`, `median`,
            `percentile_25`, `percentile_75` (interpolated linearly, as NumPy does); and, beside the paper's seven,
            `slope` (of the line through the frames, for half the window), `change` and `change_deviation` (mean size
            and standard deviation of what a frame adds to the one before) and `skewness`.
        window_s: length of a window in seconds, one after the other; None: the whole clip is one.
        **kwargs: arguments of `LogMel`.

    Raises:
        ValueError: an unknown statistic, or none.
    """

    def __init__(
        self,
        sample_rate: int,
        statistics: tuple[str, ...] = STATISTICS,
        window_s: float | None = None,
        **kwargs,
    ) -> None:
        super().__init__(sample_rate, **kwargs)
        unknown = sorted(set(statistics) - {*STATISTICS, *COURSE})
        if unknown or not statistics:
            raise ValueError(f"statistics={list(statistics)}: give some of {', '.join((*STATISTICS, *COURSE))}")
        self.statistics, self.window_s = tuple(statistics), window_s
        self._window_frames = None if window_s is None else max(1, round(window_s * sample_rate / self.hop_length))

    @property
    def has_one_unit(self) -> bool:
        """Whether all statistics are levels."""
        return not set(self.statistics) & set(COURSE)

    @property
    def num_bins(self) -> int:
        """Number of statistics times number of filters."""
        return len(self.statistics) * self.num_mel_bins

    @property
    def frequencies_hz(self) -> None:
        """None: bins are statistics."""
        return None

    @property
    def frame_period_s(self) -> float:
        """Length of a window, in seconds; 1 where the whole clip is the window."""
        return 1.0 if self._window_frames is None else self._window_frames * self.hop_length / self.sample_rate

    @property
    def first_frame_s(self) -> float:
        """Middle of the first window, in seconds."""
        first = super().first_frame_s
        return first if self._window_frames is None else first + (self._window_frames - 1) / 2 * self._hop_s

    @property
    def _hop_s(self) -> float:
        return self.hop_length / self.sample_rate

    def count_frames(self, samples):
        """Returns the number of windows a clip touches."""
        if self._window_frames is None:
            return samples * 0 + 1
        return _divide_up(super().count_frames(samples), self._window_frames)

    def transform(self, waveform, length):
        """Computes the statistics of every window; shapes as in `FrontEnd`."""
        levels = super().transform(waveform, length)  # (batch, frames, num_mel_bins)
        frames = super().count_frames(ops.shape(waveform)[1])
        own = ops.maximum(super().count_frames(length), 1)
        size = frames if self._window_frames is None else self._window_frames
        windows = _divide_up(frames, size)
        spare = windows * size - frames
        levels = ops.reshape(ops.pad(levels, [[0, 0], [0, spare], [0, 0]]), (-1, windows, size, self.num_mel_bins))
        valid = ops.arange(windows * size, dtype="int32")[None, :] < own[:, None]
        valid = ops.reshape(valid, (-1, windows, size))[..., None]
        parts = self._summarise(levels, valid)
        return ops.concatenate([parts[name] for name in self.statistics], axis=-1)

    def _summarise(self, levels, valid):
        """Maps (batch, windows, size, filters) and (batch, windows, size, 1) to (batch, windows, filters) each."""
        count = ops.maximum(ops.sum(ops.cast(valid, "float32"), axis=2), 1.0)  # (batch, windows, 1)
        mean = ops.sum(ops.where(valid, levels, 0.0), axis=2) / count
        variance = ops.sum(ops.where(valid, ops.square(levels - mean[:, :, None, :]), 0.0), axis=2) / count
        ranked = ops.sort(ops.where(valid, levels, 1e9), axis=2)
        parts = {
            "minimum": ranked[:, :, 0],
            "maximum": ops.max(ops.where(valid, levels, -1e9), axis=2),
            "mean": mean,
            "deviation": ops.sqrt(variance),
        }
        if set(self.statistics) & set(COURSE):
            parts |= self._course(levels, valid, count, parts)
        for name in set(self.statistics) & set(PERCENTILES):
            place = PERCENTILES[name] * (count - 1.0)
            below = ops.floor(place)
            above = ops.minimum(below + 1.0, count - 1.0)
            first, second = (
                ops.take_along_axis(ranked, ops.cast(index, "int32")[:, :, None, :], axis=2)[:, :, 0]
                for index in (below, above)
            )
            parts[name] = first + (second - first) * (place - below)
        return parts

    def _course(self, levels, valid, count, known):
        """Maps the same to the statistics of `COURSE`, beside mean and deviation."""
        own = ops.cast(valid, "float32")
        centred = ops.where(valid, levels - known["mean"][:, :, None, :], 0.0)
        frame = ops.cumsum(own, axis=2) - 1.0
        time = own * (2.0 * frame / ops.maximum(count[:, :, None] - 1.0, 1.0) - 1.0)  # from -1 to 1
        time = ops.where(count[:, :, None] > 1, time, 0.0)
        pairs = own[:, :, 1:]
        added = pairs * (levels[:, :, 1:] - levels[:, :, :-1])
        number = ops.maximum(count - 1.0, 1.0)
        mean = ops.sum(added, axis=2) / number
        spread = ops.sum(pairs * ops.square(added - mean[:, :, None]), axis=2) / number
        deviation = ops.maximum(known["deviation"], 1e-6)
        return {
            "slope": ops.sum(centred * time, axis=2) / ops.maximum(ops.sum(ops.square(time), axis=2), 1e-6),
            "change": ops.sum(ops.abs(added), axis=2) / number,
            "change_deviation": ops.sqrt(spread),
            "skewness": ops.sum((centred / deviation[:, :, None]) ** 3, axis=2) / count,
        }

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"statistics": self.statistics, "window_s": self.window_s}


def _divide_up(count, size: int):
    """Rounds up by adding: runtimes differ in how they round a negative quotient."""
    return (count + size - 1) // size
