"""The small networks of our own in plain PyTorch: the same layers, sizes and numbers of weights."""

import torch
from torch import nn
from torch.nn import functional


class CompactCNN(nn.Module):
    """See `mtl_tf.models.compact_cnn`. Input (batch, frames, bins), output (batch, 128)."""

    channels = 128

    def __init__(self, features: tuple[int, int]) -> None:
        super().__init__()
        layers, previous, bins = [], 1, features[1]
        for width in (16, 32, 64, 128):
            layers += [nn.Conv2d(previous, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            previous, bins = width, -(-bins // 2)
        self.layers = nn.Sequential(*layers)
        self.embedding = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(2 * bins * previous, self.channels), nn.ReLU(), nn.Dropout(0.3)
        )

    def forward(self, features):
        """Runs the trunk."""
        hidden = self.layers(features[:, None])  # (batch, 128, frames / 16, bins / 16)
        return self.embedding(torch.cat([hidden.mean(2).flatten(1), hidden.amax(2).flatten(1)], dim=1))


class ResidualCNN(nn.Module):
    """See `mtl_tf.models.residual_cnn`. Input (batch, frames, bins), output (batch, 80)."""

    channels = 80

    def __init__(self, features: tuple[int, int]) -> None:
        super().__init__()
        blocks, previous, bins = [], 24, -(-features[1] // 2)
        for width in (32, 64, 88):
            blocks.append(_ResidualBlock(previous, width))
            previous, bins = width, -(-bins // 2)
        self.layers = nn.Sequential(
            nn.Conv2d(1, 24, 4, 2, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU(), *blocks
        )
        size = bins * previous
        self.attention = nn.Sequential(nn.Linear(size, 32), nn.Tanh(), nn.Linear(32, 1))
        self.embedding = nn.Sequential(nn.Dropout(0.3), nn.Linear(3 * size, self.channels), nn.ReLU(), nn.Dropout(0.3))

    def forward(self, features):
        """Runs the trunk."""
        steps = self.layers(features[:, None]).permute(0, 2, 3, 1).flatten(2)  # (batch, steps, bins * 88)
        weight = functional.softmax(self.attention(steps), dim=1)
        mean = (steps * weight).sum(1)
        deviation = (((steps - mean[:, None]) ** 2 * weight).sum(1) + 1e-5).sqrt()
        return self.embedding(torch.cat([steps.mean(1), mean, deviation], dim=1))


class _ResidualBlock(nn.Module):
    def __init__(self, previous: int, width: int) -> None:
        super().__init__()
        self.pooling = nn.MaxPool2d(2, ceil_mode=True)
        self.ways = nn.Sequential(
            *(nn.Conv2d(previous, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()),
            *(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)),
        )
        self.shortcut = nn.Conv2d(previous, width, 1, bias=False)

    def forward(self, x):
        x = self.pooling(x)
        return functional.relu(self.ways(x) + self.shortcut(x))
