"""Modules as users write them, tiny, and tasks whose network they are."""

from functools import lru_cache

import torch
from torch import nn

from metafed.core.episodes import Batch, Episode
from metafed.core.streams import stream
from metafed.models import Inputs
from metafed.models.making import make
from metafed.tasks.task import task_of
from tests.metafed.models.problems import tensor

OUTPUTS = 3


class NormedMlp(nn.Module):
    """An MLP with layer norm."""

    trunk = "encoder"

    def __init__(self, inputs, outputs, width=5):
        super().__init__()
        self.stem = nn.Linear(inputs.size, width)
        self.encoder = nn.Sequential(nn.LayerNorm(width), nn.Tanh(), nn.Linear(width, width))
        self.head = nn.Linear(width, outputs)

    def forward(self, x):
        return self.head(torch.tanh(self.encoder(self.stem(x))))


class Transformer(nn.Module):
    """Two layers of attention over the features, one by one."""

    def __init__(self, inputs, outputs, width=4):
        super().__init__()
        self.embed = nn.Linear(1, width)
        layer = nn.TransformerEncoderLayer(width, 2, 6, dropout=0.0, activation="gelu", batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.classifier = nn.Linear(width, outputs)

    def forward(self, x):
        return self.classifier(self.layers(self.embed(x.unsqueeze(-1))).mean(1))


class Cnn(nn.Module):
    """The shape of PFLlib's CNN: two convolutions with pooling, a hidden layer and a last one."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(inputs.shape[0], 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.conv2 = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.fc1 = nn.Sequential(nn.Linear(inputs.size // inputs.shape[0] // 16 * 4, 5), nn.ReLU())
        self.fc = nn.Linear(5, outputs)

    def forward(self, x):
        return self.fc(self.fc1(self.conv2(self.conv1(x)).flatten(1)))


class Block(nn.Module):
    """Two convolutions with group norm beside a shortcut."""

    def __init__(self, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, stride, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.norm1, self.norm2 = nn.GroupNorm(1, width), nn.GroupNorm(1, width)
        self.shortcut = nn.Conv2d(width, width, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x):
        return torch.tanh(self.norm2(self.conv2(torch.tanh(self.norm1(self.conv1(x))))) + self.shortcut(x))


class ResNet(nn.Module):
    """ResNet-8 with group norm, smooth so that differences are exact."""

    def __init__(self, inputs, outputs, width=4):
        super().__init__()
        self.conv = nn.Conv2d(inputs.shape[0], width, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(width, stride) for stride in (1, 2, 1)))
        self.fc = nn.Linear(width, outputs)

    def forward(self, x):
        return self.fc(self.blocks(torch.tanh(self.conv(x))).mean((2, 3)))


class Gru(nn.Module):
    """A recurrent layer over the features, one by one; vmap has no rule for it."""

    def __init__(self, inputs, outputs, hidden=4):
        super().__init__()
        self.gru = nn.GRU(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.head(self.gru(x.unsqueeze(-1))[0][:, -1])


FEATURES, IMAGE = Inputs("features", (5,)), Inputs("image", (1, 4, 4))
MODULES = {NormedMlp: FEATURES, Transformer: FEATURES, Cnn: IMAGE, ResNet: IMAGE, Gru: FEATURES}


@lru_cache(maxsize=32)
def network_of(factory, inputs=FEATURES, outputs=OUTPUTS, seed=0, dtype=torch.float64, **arguments):
    """Make the network of a factory."""
    return make(factory, "toy", inputs, outputs, arguments, seed, dtype)


def problem(factory, inputs=None, kind="classification", clients=3, rows=(4, 5), **arguments):
    """Return a task, θ and an episode in which one client has fewer rows than the others, and its padding is zeros."""
    model = network_of(factory, inputs or MODULES.get(factory, FEATURES), **arguments)
    rng = stream(0, "modules")

    def batch(count):
        mask = torch.ones(clients, count, dtype=torch.float64)
        mask[-1, -1] = 0
        x = tensor(rng, clients, count, model.inputs.size) * mask.unsqueeze(-1)
        labels = torch.from_numpy(rng.integers(0, OUTPUTS, (clients, count)))
        return Batch(x, labels if kind == "classification" else tensor(rng, clients, count, OUTPUTS), mask)

    return task_of(model, kind), model.initial, Episode(batch(rows[0]), batch(rows[1]))
