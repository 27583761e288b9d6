"""Tiny random Hugging Face models with a byte-level tokenizer, made from configs alone."""

import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

TEXTS = [
    "Save the notebook before closing the window.",
    "The kernel has died, it will restart automatically.",
    "A wonderful, moving film.",
    "Dull and far too long.",
    "关闭窗口前请保存笔记本。",
    "内核已停止,将自动重新启动。",
    "打开文件,保存文件。",
]
SPECIAL = ["<pad>", "<bos>", "<eos>", "<unk>", "<mask>", "<sep>"] + [f"<extra_{i}>" for i in range(32)]


def make_tokenizer(add_eos=True):
    """A byte-level BPE tokenizer of 400 entries with the project's special tokens."""
    backend = Tokenizer(models.BPE(unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(TEXTS * 3, trainer)
    if add_eos:
        backend.post_processor = processors.TemplateProcessing(
            single="$A <eos>", special_tokens=[("<eos>", 2)]
        )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
        mask_token="<mask>",
        sep_token="<sep>",
        model_max_length=128,
    )


@pytest.fixture(scope="session")
def tokenizer():
    return make_tokenizer()


def save(model, tokenizer, directory):
    model.save_pretrained(directory, safe_serialization=True)
    tokenizer.save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def seq2seq(tmp_path_factory, tokenizer):
    torch.manual_seed(1)
    config = transformers.T5Config(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=2,
        decoder_start_token_id=0,
        initializer_factor=8.0,
    )
    model = transformers.T5ForConditionalGeneration(config)
    return save(model, tokenizer, tmp_path_factory.mktemp("seq2seq"))


@pytest.fixture(scope="session")
def classifier(tmp_path_factory, tokenizer):
    torch.manual_seed(2)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.5,
        id2label={0: "negative", 1: "positive"},
        label2id={"negative": 0, "positive": 1},
    )
    model = transformers.BertForSequenceClassification(config)
    return save(model, tokenizer, tmp_path_factory.mktemp("classifier"))


@pytest.fixture(scope="session")
def decoder(tmp_path_factory, tokenizer):
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=32,
        initializer_range=0.3,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=True,
    )
    return save(transformers.LlamaForCausalLM(config), tokenizer, tmp_path_factory.mktemp("decoder"))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory, tokenizer):
    torch.manual_seed(4)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,
        pad_token_id=0,
    )
    return save(transformers.BertForMaskedLM(config), tokenizer, tmp_path_factory.mktemp("encoder"))
