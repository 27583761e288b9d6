"""The operator of the clean stage: a row for a row, counts beside the text, languages."""

import json
import os
import subprocess
import sys

import pyarrow as pa
import pytest

from textmill.config.clean import Clean
from textmill.corpus.cleaning.language import detect
from textmill.corpus.cleaning.pipeline import cleaner
from textmill.corpus.mapping import map_shards
from textmill.corpus.shards import DOCUMENT, ShardWriter, read_table, shard_paths
from textmill.errors import UserError

ENGLISH = "The quick brown fox jumps over the lazy dog while the children watch from the garden."
CHINESE = "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。"
FRENCH = "Le petit chat dort sur la chaise pendant que les enfants jouent dans le jardin."


def documents(texts, languages=None):
    count = len(texts)
    return pa.RecordBatch.from_arrays(
        [
            pa.array([f"{index:032x}" for index in range(count)]),
            pa.array(texts, pa.large_string()),
            *(pa.array([name] * count) for name in ("source", "MIT")),
            pa.array(languages or [""] * count, pa.string()),
            pa.array([json.dumps({"row": index}) for index in range(count)]),
        ],
        schema=DOCUMENT,
    )


def test_rows_keep_order_and_everything_but_text_and_language():
    batch = documents(["b@c.de and d@e.fr", ENGLISH, "", CHINESE + "电话13800138000", "\x00"])
    result = cleaner(Clean())(batch)
    for name in ("id", "source", "license", "meta"):
        assert result.column(name) == batch.column(name)
    assert result.column("text").to_pylist() == [
        "<EMAIL> and <EMAIL>", ENGLISH, "", CHINESE + "电话<PHONE>", "",
    ]  # fmt: skip
    assert result.column("pii_email").to_pylist() == [2, 0, 0, 0, 0]
    assert result.column("pii_phone").to_pylist() == [0, 0, 0, 1, 0]
    assert result.schema.names == [
        "id", "text", "source", "license", "lang", "meta",
        "lang_score", "pii_email", "pii_phone", "pii_ip", "pii_credit_card", "pii_resident_id", "pii_iban",
        "pii_secret",
    ]  # fmt: skip
    assert result.schema.field("lang_score").type == pa.float32()
    assert result.schema.field("pii_secret").type == pa.int32()


def test_languages():
    languages, scores = detect(
        [
            ENGLISH,
            CHINESE,
            FRENCH,
            "",
            "12 + 34",
            "第九十六回 孔明挥泪斩马谡 周鲂断发赚曹休",
            "早上Check out速度比较慢",
        ]
    )
    assert languages == ["en", "zh", "fr", "", "", "zh", "zh"]
    assert min(scores[:3]) > 0.7 and scores[3] == 0
    assert detect(["今日はとても天気がいいですね。"])[0] == ["ja"]


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("zh", CHINESE),
        (
            "zh",
            "《となりのトトロ》是宫崎骏导演的一部动画电影，讲述了两个小女孩在乡下遇见森林精灵的故事，很多人都喜欢。",
        ),
        ("ja", "今日はとても天気がいいですね。"),
        ("ko", "오늘은 날씨가 좋아서 아이들이 마당에서 놀고 있습니다."),
        ("hi", "यह किताब बहुत अच्छी है और मुझे पसंद आई।"),
        ("ru", "Маленький кот спит на стуле, пока дети играют в саду."),
        ("fr", FRENCH),
    ],
)
def test_the_opening_of_a_text_decides_wherever_it_is_cut(language, sentence):
    # 450 bytes end inside a character of two or three bytes for some of these.
    for spaces in range(3):
        text = "-" * spaces + sentence * 40
        assert detect([text, text + ENGLISH * 9])[0] == [language] * 2


@pytest.mark.parametrize(
    ("text", "hint", "expected"),
    [
        ("hello?", "en", "en"),  # too short to be judged
        (FRENCH, "en", "fr"),  # long and clear: the text wins
        (ENGLISH, "", "en"),
        ("zxq vbn wrt plk jhg fds qwe rty uio mnb vcx lkj", "en", "en"),  # long, but the detector is unsure
    ],
)
def test_the_declared_language_decides_where_the_detector_cannot(text, hint, expected):
    assert cleaner(Clean())(documents([text], [hint])).column("lang").to_pylist() == [expected]


def test_detection_can_be_switched_off():
    result = cleaner(Clean(language=False))(documents([FRENCH, CHINESE], ["en", ""]))
    assert result.column("lang").to_pylist() == ["en", ""]
    assert result.column("lang_score").to_pylist() == [0, 0]


def test_cleaning_a_clean_corpus_changes_no_text(tmp_path):
    texts = [
        ENGLISH + "  \r\n" + FRENCH,
        "schÃ¶n " + CHINESE,
        "a@b.cn &amp; 91.198.174.192",
        "\u3000\u3000" + CHINESE,
    ]
    with ShardWriter(tmp_path / "raw", DOCUMENT) as writer:
        writer.write(documents(texts))
    map_shards(cleaner(Clean()), tmp_path / "raw", tmp_path / "clean")
    map_shards(cleaner(Clean()), tmp_path / "clean", tmp_path / "again")
    (once,), (twice,) = shard_paths(tmp_path / "clean"), shard_paths(tmp_path / "again")
    assert read_table(once)["text"] == read_table(twice)["text"]
    assert read_table(once)["lang"] == read_table(twice)["lang"]


def test_meta_that_is_no_json_is_an_error():
    batch = documents([ENGLISH])
    batch = batch.set_column(5, "meta", pa.array(['{"format": "html"']))
    with pytest.raises(UserError, match=r"column meta: expected a JSON object, found .*html"):
        cleaner(Clean())(batch)


def run_stage(name, folder, root, workers=1, clean="{}"):
    params = f"run: {{engine: local, workers: {workers}}}\nclean: {clean}\nannotate: {{}}\n"
    (folder / "params.yaml").write_text(params, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", f"pipelines.{name}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_stages_write_the_same_bytes_with_any_number_of_workers(tmp_path, root):
    outs = []
    for workers in (1, 2):
        folder = tmp_path / str(workers)
        with ShardWriter(folder / "data/raw", DOCUMENT, bytes_per_shard=1) as writer:
            for text in (ENGLISH, CHINESE, FRENCH + " a@b.fr"):
                writer.write(documents([f"{text} {row}" for row in range(50)]))
        for stage in ("clean", "annotate"):
            done = run_stage(stage, folder, root, workers)
            assert done.returncode == 0, done.stderr
            assert "Traceback" not in done.stderr and "150 documents" in done.stderr
        written = sorted(path for path in (folder / "data").rglob("*") if path.is_file())
        outs.append({str(path.relative_to(folder)): path.read_bytes() for path in written})
    assert outs[0] == outs[1]
    assert sorted(outs[0]) == [
        f"data/{d}/part-0000{i}.parquet" for d in ("clean", "raw", "signals") for i in range(3)
    ]


@pytest.mark.parametrize(
    ("clean", "message"),
    [
        ("{}", "data/raw: expected shards part-00000.parquet …, found none"),
        ("{mojibak: true}", "params.yaml: clean.mojibak: unknown key. Did you mean mojibake?"),
        (
            "{pii: {email: hide}}",
            "params.yaml: clean.pii.email: Input should be 'mask', 'count' or 'ignore', found 'hide' (str)",
        ),
    ],
)
def test_mistakes_end_in_one_paragraph(tmp_path, root, clean, message):
    done = run_stage("clean", tmp_path, root, clean=clean)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()
