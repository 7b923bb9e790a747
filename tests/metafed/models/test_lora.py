"""LoRA by ``peft`` on a tiny BERT that is made from a config: θ is the adapter and the head, and trained exactly."""

import pytest
import torch
from torch import nn

from metafed.algorithms import Maml
from metafed.core.errors import DataError
from metafed.models import Inputs
from metafed.models.making import make
from metafed.models.trial import sample
from tests.metafed.models.modules import OUTPUTS
from tests.metafed.models.problems import relative
from tests.metafed.models.test_modules import RATE, STEPS, plainly
from tests.metafed.models.test_sequences import TEXT, one, problem

pytestmark = pytest.mark.usefixtures("peft")


class Adapted(nn.Module):
    """A frozen encoder with a low-rank adapter, and a head on its mean."""

    inputs = "sequence"

    def __init__(self, inputs, outputs, rank=2):
        super().__init__()
        from peft import LoraConfig, inject_adapter_in_model
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=inputs.vocabulary, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=8, max_position_embeddings=inputs.shape[0], hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0, attn_implementation="eager",
        )  # fmt: skip
        lora = LoraConfig(r=rank, target_modules=["query", "value"])
        self.encoder = inject_adapter_in_model(lora, BertModel(config, add_pooling_layer=False))
        self.head = nn.Linear(8, outputs)

    def forward(self, x):
        there = (x != 0).long()
        seen = self.encoder(input_ids=x, attention_mask=there).last_hidden_state * there.unsqueeze(-1)
        return self.head(seen.sum(1) / there.sum(1, keepdim=True).clamp(min=1))


def test_theta_is_the_adapter_and_the_head():
    network = make(Adapted, "toy", TEXT, OUTPUTS, {}, 0, torch.float64)
    assert all("lora_" in name or ".head." in name for name in network.shapes)
    assert len(network.shapes) == 2 * 2 + 2
    assert network.about["frozen"] > network.about["trained"]
    assert network.about["frozen_sha256"]


def test_the_meta_gradient_is_that_of_a_plain_loop():
    task, theta, episode = problem(Adapted, TEXT, rank=2)
    # an adapter begins at 0, where half of its gradient is 0
    generator = torch.Generator().manual_seed(0)
    theta = {n: v + 0.1 * torch.randn(v.shape, generator=generator, dtype=v.dtype) for n, v in theta.items()}
    found = Maml(inner_steps=STEPS, inner_lr=RATE).update(task, theta, {}, episode, 1).directions
    expected = plainly(task.model, theta, one(episode, 0), Maml)
    assert relative({n: found[n][0] for n in expected}, expected) < 1e-8


def test_dropout_of_an_adapter_is_refused():
    def dropping(inputs, outputs):
        module = Adapted(inputs, outputs)
        module.encoder.embeddings.dropout.p = 0.1
        return module

    with pytest.raises(DataError, match="drops numbers at random"):
        make(dropping, "toy", TEXT, OUTPUTS, {}, 0, torch.float64)


def test_a_sample_has_ids_of_the_vocabulary():
    x = sample(Inputs("sequence", (4,), vocabulary=6), torch.float32)
    assert 0 <= x.min() <= x.max() < 6
