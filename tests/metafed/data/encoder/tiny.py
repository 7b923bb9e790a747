"""A BERT of two layers with a vocabulary of letters, saved as transformers saves one."""

import json

WIDTH = 16


def save(folder, seed=0):
    """Make the folder of an encoder."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    letters = {sign: number for number, sign in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghij "])}
    made = Tokenizer(models.WordLevel(letters, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    torch.manual_seed(seed)
    shape = {"num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(letters), hidden_size=WIDTH, max_position_embeddings=24, **shape)
    BertModel(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["hidden_size"] == WIDTH
    return folder
