"""Names and places through presidio, with models small enough to make here."""

import json

import pyarrow as pa
import pytest

from textmill.config.clean import Clean
from textmill.config.load import validated
from textmill.corpus.cleaning import names
from textmill.corpus.cleaning.pipeline import READS, cleaner
from textmill.errors import UserError

ENGLISH = (
    "Last summer Jane Miller moved from Springfield to a farm by the river, and Jane Miller never came back."
)
CHINESE = "去年夏天王小明从青石镇搬到了河边的农场，后来大家都说王小明再也没有回来过。"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Blank spaCy pipelines that know a few names."""
    import spacy

    known = {
        "en": [("PERSON", "Jane Miller"), ("GPE", "Springfield"), ("PERSON", "EMAIL")],
        "zh": [("PERSON", "王小明"), ("GPE", "青石镇")],
    }
    folder = tmp_path_factory.mktemp("models")
    for language, entities in known.items():
        pipeline = spacy.blank(language)
        ruler = pipeline.add_pipe("entity_ruler")
        ruler.add_patterns([{"label": label, "pattern": text} for label, text in entities])
        pipeline.to_disk(folder / language)
    return {language: {"model": str(folder / language)} for language in known}


def clean_with(texts, **options):
    values = validated(Clean, {"names": options}, "params.yaml", "clean")
    columns = [
        pa.array(texts, pa.large_string()),
        pa.array([""] * len(texts)),
        pa.array([json.dumps({})] * len(texts)),
    ]
    return cleaner(values)(pa.RecordBatch.from_arrays(columns, schema=READS))


def test_names_and_places_are_masked_in_the_languages_that_have_a_model(models):
    french = "Jane Miller et son petit chat dorment dans le jardin pendant que les enfants jouent."
    result = clean_with([ENGLISH + " Write to a@b.org!", CHINESE, french], models=models)
    assert result.column("text").to_pylist() == [
        "Last summer <NAME> moved from <ADDRESS> to a farm by the river, and <NAME> never came back. "
        "Write to <EMAIL>!",
        "去年夏天<NAME>从<ADDRESS>搬到了河边的农场，后来大家都说<NAME>再也没有回来过。",
        french,
    ]
    assert result.column("pii_name").to_pylist() == [2, 2, 0]
    assert result.column("pii_address").to_pylist() == [1, 1, 0]
    assert result.column("pii_email").to_pylist() == [1, 0, 0]
    again = clean_with(result.column("text").to_pylist(), models=models)
    assert again.column("text") == result.column("text")


def test_a_type_can_be_counted_or_ignored(models):
    result = clean_with([ENGLISH], models=models, name="count", address="ignore")
    assert result.column("text").to_pylist() == [ENGLISH]
    assert (result.column("pii_name")[0].as_py(), result.column("pii_address")[0].as_py()) == (2, 0)


def test_recognizers_of_ones_own_are_added(models, tmp_path):
    own = tmp_path / "recognizers.yaml"
    own.write_text(
        "recognizers:\n"
        "  - name: streets\n"
        "    supported_language: en\n"
        "    supported_entity: LOCATION\n"
        "    patterns:\n"
        "      - {name: street, regex: '\\b\\d+ [A-Z][a-z]+ (Street|Road)\\b', score: 0.9}\n",
        encoding="utf-8",
    )
    text = "The old house at 12 Mill Street has been empty since the miller died and nobody wants to buy it."
    assert clean_with([text], models=models).column("text").to_pylist() == [text]
    result = clean_with([text], models=models, recognizers=str(own))
    assert result.column("text").to_pylist() == [text.replace("12 Mill Street", "<ADDRESS>")]


def test_long_texts_are_read_in_parts(models, monkeypatch):
    whole = clean_with([ENGLISH * 30], models=models)
    monkeypatch.setattr(names, "_LONGEST", 1200)
    assert clean_with([ENGLISH * 30], models=models) == whole


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"model": "en_no_such_model"},
            r"clean\.names\.models\.en: no spaCy model en_no_such_model: expected an inst",
        ),
        (
            {"engine": "transformers", "model": "models/nowhere"},
            r"models\.en: models/nowhere/config\.json not found",
        ),
        (
            {"engine": "stanza", "model": "en"},
            r"clean\.names\.models\.en\.engine: Input should be 'spacy' or 'transf",
        ),
    ],
)
def test_a_model_that_is_missing_is_named_before_any_work(model, message):
    with pytest.raises(UserError, match=message):
        clean_with([ENGLISH], models={"en": model})


def test_a_model_that_cannot_be_loaded_is_an_error_of_the_user(tmp_path):
    with pytest.raises(UserError, match=r"models\.en: presidio could not set up spacy model"):
        clean_with([ENGLISH], models={"en": {"model": str(tmp_path)}})


def test_a_transformers_model_is_run_from_its_directory(tmp_path):
    torch = pytest.importorskip("torch")
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast

    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *dict.fromkeys(ENGLISH.replace(",", " ,").replace(".", " .").split()),
    ]
    tokenizer = Tokenizer(
        models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    labels = {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC"}
    config = BertConfig(
        vocab_size=len(words), hidden_size=len(words), num_hidden_layers=0, num_attention_heads=1,
        intermediate_size=4, id2label=labels, label2id={label: place for place, label in labels.items()},
    )  # fmt: skip
    model = BertForTokenClassification(config)
    # Each word is its own dimension, and the classifier looks up what it is.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.bert.embeddings.word_embeddings.weight.copy_(torch.eye(len(words)))
        model.bert.embeddings.LayerNorm.weight.fill_(1)
        model.classifier.bias.copy_(torch.tensor([5.0, 0, 0, 0]))
        for word, label in (("Jane", 1), ("Miller", 2), ("Springfield", 3)):
            model.classifier.weight[label, words.index(word)] = 10
    model.save_pretrained(tmp_path)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(tmp_path)
    result = clean_with([ENGLISH], models={"en": {"engine": "transformers", "model": str(tmp_path)}})
    assert result.column("text").to_pylist() == [
        "Last summer <NAME> moved from <ADDRESS> to a farm by the river, and <NAME> never came back."
    ]
