"""The models that the papers compare with, in plain PyTorch: the same layers, sizes and numbers of weights."""

import torch
from torch import nn
from torch.nn import functional


class Picture(nn.Module):
    """Takes pictures, (batch, height, width, channels), through layers that want channels first.

    Args:
        channels: width of the output.
        layers: in order.
    """

    def __init__(self, channels: int, *layers: nn.Module) -> None:
        super().__init__()
        self.channels = channels
        self.layers = nn.Sequential(*layers)

    def forward(self, features):
        """Runs the trunk."""
        features = features[:, None] if features.dim() == 3 else features.permute(0, 3, 1, 2).contiguous()
        return self.layers(features)


def alexnet(_: tuple[int, ...]) -> nn.Module:
    """See `mtl_tf.models.alexnet`."""
    return Picture(
        4096,
        *(nn.Conv2d(3, 64, 11, 4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.AdaptiveAvgPool2d(6), nn.Flatten()),
        *(nn.Dropout(0.5), nn.Linear(256 * 36, 4096), nn.ReLU()),
        *(nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU()),
    )


def vgg11(_: tuple[int, ...]) -> nn.Module:
    """See `mtl_tf.models.vgg11`."""
    layers, previous = [], 3
    for group in ((64,), (128,), (256, 256), (512, 512), (512, 512)):
        for width in group:
            layers += [nn.Conv2d(previous, width, 3, padding=1), nn.ReLU()]
            previous = width
        layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten())
    for width in (512 * 49, 4096):
        layers += [nn.Linear(width, 4096), nn.ReLU(), nn.Dropout(0.5)]
    return Picture(4096, *layers)


def resnet18(_: tuple[int, ...]) -> nn.Module:
    """See `mtl_tf.models.resnet18`."""
    layers = [nn.Conv2d(3, 64, 7, 2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    previous = 64
    for width in (64, 128, 256, 512):
        layers += [_BasicBlock(previous, width), _BasicBlock(width, width)]
        previous = width
    return Picture(512, *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def mel_cnn(_: tuple[int, ...]) -> nn.Module:
    """See `mtl_tf.models.mel_cnn`."""
    layers, previous = [], 1
    for width in (64, 64, 64, 64):
        layers += [nn.Conv2d(previous, width, 5, padding=2), nn.BatchNorm2d(width), nn.ReLU()]
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
        previous = width
    return Picture(64, *layers, nn.AdaptiveMaxPool2d(1), nn.Flatten())


def attention_cnn(_: tuple[int, ...]) -> nn.Module:
    """See `mtl_tf.models.attention_cnn`."""
    layers, previous = [], 1
    for width in (32, 64, 128, 256):
        layers += [nn.Conv2d(previous, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
        previous = width
    return Picture(512, *layers, _TwoAttentions(256), nn.Dropout(0.5))


class _BasicBlock(nn.Module):
    def __init__(self, previous: int, width: int) -> None:
        super().__init__()
        stride = 1 if previous == width else 2
        self.ways = nn.Sequential(
            *(nn.Conv2d(previous, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()),
            *(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)),
        )
        self.shortcut = nn.Identity()
        if stride > 1:
            self.shortcut = nn.Sequential(nn.Conv2d(previous, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        return functional.relu(self.ways(x) + self.shortcut(x))


class _TwoAttentions(nn.Module):
    """Weighs and adds up over time what is averaged over frequency, and the other way round."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.over_time = nn.Parameter(0.05 * torch.randn(channels))
        self.over_frequency = nn.Parameter(0.05 * torch.randn(channels))

    def forward(self, x):
        pooled = []
        for vector, averaged in ((self.over_time, 3), (self.over_frequency, 2)):
            steps = x.mean(averaged).transpose(1, 2)  # (batch, steps, channels)
            pooled.append((steps * functional.softmax(steps @ vector, dim=1)[:, :, None]).sum(1))
        return torch.cat(pooled, dim=1)


COMPARISON_TRUNKS = {
    "alexnet": alexnet,
    "vgg11": vgg11,
    "resnet18": resnet18,
    "mel_cnn": mel_cnn,
    "attention_cnn": attention_cnn,
}
"""Model to a function that makes its trunk, of the shape of one clip's features."""
