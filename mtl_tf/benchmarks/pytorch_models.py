"""The papers' models in plain PyTorch, to measure ours against: the same layers, sizes and numbers of weights.

Padding is PyTorch's own, on both sides alike, where TensorFlow's `same` may put the odd value at the end.
"""

from functools import partial

import torch
from torch import nn
from torch.nn import functional

from mtl_tf.benchmarks.pytorch_comparison_models import COMPARISON_TRUNKS
from mtl_tf.benchmarks.pytorch_small_models import CompactCNN, ResidualCNN


class GResNet(nn.Module):
    """RAVDESS setting; see `mtl_tf.models.gresnet`. Input (batch, frames, bins), output (batch, 200)."""

    channels = 200

    def __init__(self, features: tuple[int, int], block: str = "gated") -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 32, 3, 2, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)
        )
        blocks, previous = [], 32
        for width in (32, 64, 64, 96, 96, 96, 96):
            blocks.append(_GatedBlock(previous, width) if block == "gated" else _Block(previous, width, block))
            previous = width
        self.blocks = nn.Sequential(*blocks, nn.AvgPool2d(9, 2))
        with torch.no_grad():
            size = self.blocks(self.stem(torch.zeros(1, 1, *features))).numel()
        self.fc = nn.Sequential(nn.Linear(size, 200), nn.BatchNorm1d(200), nn.ReLU())

    def forward(self, features):
        """Runs the trunk."""
        return self.fc(self.blocks(self.stem(features[:, None])).flatten(1))


class _GatedBlock(nn.Module):
    def __init__(self, previous: int, width: int) -> None:
        super().__init__()
        stride = 1 if previous == width else 2
        self.first = nn.Sequential(nn.Conv2d(previous, width, 1, stride), nn.BatchNorm2d(width), nn.Tanh())
        self.second = nn.Sequential(nn.Conv2d(previous, width, 3, stride, padding=1), nn.BatchNorm2d(width), nn.Tanh())
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(previous, width, 1, stride)

    def forward(self, x):
        return self.first(x) * self.second(x) + self.shortcut(x)


class _Block(nn.Module):
    """Two convolutions in a row, with a way around them (`residual`) or without (`plain`)."""

    def __init__(self, previous: int, width: int, kind: str) -> None:
        super().__init__()
        stride = 1 if previous == width else 2
        self.first = nn.Sequential(nn.Conv2d(previous, width, 1, stride), nn.BatchNorm2d(width), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width))
        self.residual = kind == "residual"
        self.shortcut = nn.Conv2d(previous, width, 1, stride) if self.residual and stride > 1 else nn.Identity()

    def forward(self, x):
        hidden = self.second(self.first(x))
        return functional.relu(hidden + self.shortcut(x) if self.residual else hidden)


class AttentionCNNBLSTM(nn.Module):
    """See `mtl_tf.models.fu2020`. Input (batch, frames, bins), output (batch, 256)."""

    channels = 256

    def __init__(self, features: tuple[int, int]) -> None:
        super().__init__()
        sizes = ((features[1], 512, 3), (512, 1024, 1), (1024, 2048, 3))
        layers = [(nn.Conv1d(*size), nn.ReLU(), nn.Dropout(0.35)) for size in sizes]
        self.convolutions = nn.Sequential(*(layer for group in layers for layer in group))
        self.bottleneck = nn.Linear(2048, 512)
        self.recurrent = nn.LSTM(512, 128, num_layers=2, batch_first=True, bidirectional=True, dropout=0.35)
        self.dropout = nn.Dropout(0.35)
        self.attention = nn.MultiheadAttention(256, 16, batch_first=True)
        self.attention_vector = nn.Parameter(0.05 * torch.randn(256))

    def forward(self, features):
        """Runs the trunk."""
        hidden = self.bottleneck(self.convolutions(features.transpose(1, 2)).transpose(1, 2))
        hidden = self.dropout(self.recurrent(hidden)[0])
        hidden, _ = self.attention(hidden, hidden, hidden, need_weights=False)
        weight = functional.softmax(hidden @ self.attention_vector, dim=1)
        return (hidden * weight[:, :, None]).sum(1)


class CABCNN(nn.Module):
    """Trunk of `mtl_tf.models.cab_cnn`. Input (batch, frames, 1), output (batch, 128, frames / 100)."""

    channels = 128

    def __init__(self, features: tuple[int, int]) -> None:
        super().__init__()
        layers, previous = [], features[1]
        for width, size, stride, dropout in ((16, 4, 2, 0.15), (32, 4, 2, 0.15), (32, 10, 5, 0.1), (128, 10, 5, 0.0)):
            margin = (size - stride + 1) // 2
            layers += [nn.Conv1d(previous, width, size, padding="same"), nn.ReLU()]
            layers += [nn.MaxPool1d(size, stride, padding=margin), nn.Dropout(dropout)]
            previous = width
        self.layers = nn.Sequential(*layers, nn.BatchNorm1d(previous))

    def forward(self, features):
        """Runs the trunk."""
        return self.layers(features.transpose(1, 2))


class _ClassifierAttention(nn.Module):
    """Block of 40 classifiers and their attention; see `mtl_tf.models.classifier_attention`."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.first = nn.Linear(channels, 40 * 8)
        self.second = nn.Conv1d(40 * 8, 40 * 4, 1, groups=40)
        self.answer = nn.Conv1d(40 * 4, 40 * classes, 1, groups=40)
        sizes = ((channels, 160), (160, 80))
        layers = [(nn.Linear(*size), nn.ReLU()) for size in sizes]
        self.attention = nn.Sequential(*(layer for group in layers for layer in group), nn.Linear(80, 40))
        self.classes = classes

    def forward(self, hidden):
        steps = hidden.transpose(1, 2)
        small = functional.relu(self.first(steps)).transpose(1, 2)
        answers = self.answer(functional.relu(self.second(small)))
        answers = answers.view(len(hidden), 40, self.classes, -1).softmax(2)  # (batch, classifiers, classes, steps)
        weights = self.attention(steps).softmax(-1)  # (batch, steps, classifiers)
        return torch.einsum("btk,bkct->bct", weights, answers).mean(-1).log()


class SharedDNN(nn.Module):
    """See `mtl_tf.models.shared_dnn`. Input (batch, windows, values), output (batch, 512)."""

    channels = 512

    def __init__(self, features: tuple[int, int]) -> None:
        super().__init__()
        sizes = ((features[1], 512), (512, 512), (512, 512))
        layers = [(nn.Linear(*size), nn.ReLU()) for size in sizes]
        self.layers = nn.Sequential(*(layer for group in layers for layer in group))

    def forward(self, features):
        """Runs the trunk."""
        return self.layers(features).mean(1)


class TaskNetwork(nn.Module):
    """A trunk and one head per task.

    Args:
        name: of the model.
        features: shape of one clip's features.
        tasks: number of classes of each task.
    """

    def __init__(self, name: str, features: tuple[int, ...], tasks: dict[str, int]) -> None:
        super().__init__()
        self.trunk = _TRUNKS[name](features)
        head = _ClassifierAttention if name == "cab_cnn" else nn.Linear
        self.heads = nn.ModuleDict({task: head(self.trunk.channels, classes) for task, classes in tasks.items()})

    def forward(self, features):
        """Maps features to the logits of each task."""
        hidden = self.trunk(features)
        return {task: head(hidden) for task, head in self.heads.items()}


def uncounted_operations(model: nn.Module, features: torch.Tensor) -> int:
    """Counts the operations of a forward pass that PyTorch's counter leaves out: those of LSTMs and inside attention.

    Args:
        model: any network.
        features: a batch for it.
    """
    counted = []

    def of_lstm(lstm: nn.LSTM, inputs: tuple, _: object) -> None:
        batch, steps, width = inputs[0].shape
        directions = 2 if lstm.bidirectional else 1
        widths = [width] + [directions * lstm.hidden_size] * (lstm.num_layers - 1)
        products = sum(4 * lstm.hidden_size * (each + lstm.hidden_size) for each in widths)
        counted.append(2 * batch * steps * directions * products)

    def of_attention(attention: nn.MultiheadAttention, inputs: tuple, _: object) -> None:
        batch, steps, width = inputs[0].shape
        counted.append(2 * 2 * batch * steps * steps * width)  # of queries with keys, and of weights with values

    kinds = {nn.LSTM: of_lstm, nn.MultiheadAttention: of_attention}
    found = [module for module in model.modules() if type(module) in kinds]
    hooks = [module.register_forward_hook(kinds[type(module)]) for module in found]
    with torch.no_grad():
        model(features)
    for hook in hooks:
        hook.remove()
    return sum(counted)


_TRUNKS = COMPARISON_TRUNKS | {
    "compact_cnn": CompactCNN,
    "residual_cnn": ResidualCNN,
    "gresnet": GResNet,
    "gresnet_residual": partial(GResNet, block="residual"),
    "gresnet_plain": partial(GResNet, block="plain"),
    "fu2020": AttentionCNNBLSTM,
    "cab_cnn": CABCNN,
    "shared_dnn": SharedDNN,
}
