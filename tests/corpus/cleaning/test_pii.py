"""What is masked, and above all what is not: numbers in documentation are rarely somebody's."""

from collections import Counter

import pytest

from tests.corpus.cleaning.planted import planted
from textmill.config.clean import Pii
from textmill.corpus.cleaning.pii import TYPES, find, mask

ALL = Pii()


def masked(text):
    result, counts = mask(text, ALL)
    return result, {kind: count for kind, count in zip(TYPES, counts, strict=True) if count}


@pytest.mark.parametrize(
    ("text", "expected", "counts"),
    [
        ("write to jane.doe+news@mail.example.co.uk.", "write to <EMAIL>.", {"email": 1}),
        ("邮箱zhang_san@163.com，谢谢", "邮箱<EMAIL>，谢谢", {"email": 1}),
        ("<a@b.org>, c@d.net", "<<EMAIL>>, <EMAIL>", {"email": 2}),
        ("call +44 20 7946 0958 now", "call <PHONE> now", {"phone": 1}),
        ("tel +49 30 901820", "tel <PHONE>", {"phone": 1}),
        ("reach me at (415) 555-2671", "reach me at <PHONE>", {"phone": 1}),
        ("415-555-2671 or 415.555.2672", "<PHONE> or <PHONE>", {"phone": 2}),
        ("手机号13800138000。", "手机号<PHONE>。", {"phone": 1}),
        ("联系 +86 138 0013 8000 或 159-1234-5678", "联系 <PHONE> 或 <PHONE>", {"phone": 2}),
        ("电话010-62781234，（0571）88157838", "电话<PHONE>，<PHONE>", {"phone": 2}),
        ("Tel. +49 (0)30 901820, 或 (+86) 138 0013 8000", "Tel. <PHONE>, 或 <PHONE>", {"phone": 2}),
        ("+33.1.42.68.53.00 / 热线400-820-8820", "<PHONE> / 热线<PHONE>", {"phone": 2}),
        ("call 4155552671, 致电010 62781234", "call <PHONE>, 致电<PHONE>", {"phone": 2}),
        ("from 91.198.174.192 today", "from <IP> today", {"ip": 1}),
        ("服务器8.8.4.4:53", "服务器<IP>:53", {"ip": 1}),
        ("ping 2620:0:861:ed1a::1 ok", "ping <IP> ok", {"ip": 1}),
        ("ftp://bob:hunter2@host/x", "ftp://<SECRET>@host/x", {"secret": 1}),
        ("https://x.io/a?id=3&access_token=abc123def&z=1", "https://x.io/a?id=3&access_token=<SECRET>&z=1",
         {"secret": 1}),
        ("key AKIAIOSFODNN7EXAMPLE set", "key <SECRET> set", {"secret": 1}),
        ("ghp_" + "a1B2" * 9, "<SECRET>", {"secret": 1}),
        ("Visa 4111 1111 1111 1111, Amex 378282246310005", "Visa <CREDIT_CARD>, Amex <CREDIT_CARD>",
         {"credit_card": 2}),
        ("4111 1111 1111 1111 05/27 123", "<CREDIT_CARD> 05/27 123", {"credit_card": 1}),
        ("卡号6222021234567890128。", "卡号<CREDIT_CARD>。", {"credit_card": 1}),
        ("身份证号11010519491231002X，男", "身份证号<RESIDENT_ID>，男", {"resident_id": 1}),
        ("旧身份证：130503670401001", "旧身份证：<RESIDENT_ID>", {"resident_id": 1}),
        ("to DE89 3704 0044 0532 0130 00 BIC", "to <IBAN> BIC", {"iban": 1}),
        ("汇入BE68539007547034。", "汇入<IBAN>。", {"iban": 1}),
        ("BE68 5390 0754 7034 THAT", "<IBAN> THAT", {"iban": 1}),
        ("aws_secret_access_key = " + "aB3/" * 10, "aws_secret_access_key = <SECRET>", {"secret": 1}),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75\nabcd\n-----END RSA PRIVATE KEY-----",
         "<SECRET>", {"secret": 1}),
    ],
)  # fmt: skip
def test_masks(text, expected, counts):
    assert masked(text) == (expected, counts)


@pytest.mark.parametrize(
    "text",
    [
        # versions, sections, dates
        "numpy version 1.26.4.1 and torch>=2.13.0.99, v10.20.30.40, section 3.2.1.1",
        "Python 3.11.7, chapter 1.2.3.4, build 10.0.19045.3693, 2024-01-31 12:30:45, 2024.12.31",
        "Chrome/91.0.4472.124 Safari/537.36",
        # what numpy and doctests print
        ">>> np.linspace(0, 1, 5)\narray([0.  , 0.25, 0.5 , 0.75, 1.  ])",
        "array([[ 1.00000000e+00, -2.22044605e-16], [ 0.70710678, 12345678901]])",
        "[0.12345678 0.23456789 0.34567890 0.45678901]\n 1024 2048 4096 8192",
        "2**34 is 17179869184, 2**53 = 9007199254740992",
        "f = lambda x: x[2000::5] + y[::2]; std::vector<int>; a::b::c",
        "phi = 1.618033988749895, e = 2.718281828459045, +1.23456789e+10, +12 345 678",
        # addresses that are nobody's
        "127.0.0.1 0.0.0.0 192.168.1.100 10.20.30.40 255.255.255.255",
        "224.0.0.251 ::1 fe80::1 2001:db8::8a2e:370:7334",
        "MAC 00:1A:2B:3C:4D:5E at 12:30:45",
        # check digits, issuers, lengths, dates and regions that are wrong
        "4111 1111 1111 1112, 9111 1111 1111 1111, 411111111111111, 0000 0000 0000 0000",
        "110105194912310021, 11010519491331002X, 99010519491231002X, 130503670401001 pieces",
        "DE88 3704 0044 0532 0130 00, DE8937040044053201300, XX89370400440532013000",
        # valid by chance, but in a row of numbers, an argument or an order number
        "values 4188 9837 4074 1718 2438 2786, 4397 1112 183 8998 2477 and so on",
        "rng = np.random.default_rng(348932549825235)",
        "order 4111111111111111",
        "订单号13812345678",
        # look-alikes
        "@property\n@functools.wraps(f)\na @ b, x@y, user@localhost, C = A@B.T",
        "ISBN 978-3-16-148410-0, arXiv 2112.11446, DOI 10.1000/182, 1234-5678-9012-3456",
        "http://localhost:8080/path?key=value&token=x http://host:80/@me",
        "task-with-a-long-name-and-more sklearn sk-learn-contrib-something-long-name",
        "建安十三年，兵马八十三万，共19980101条，编号2023110112345",
        "https://example.com/?q=1#frag {token} <SECRET> <EMAIL>",
    ],
)
def test_leaves_alone(text):
    assert masked(text) == (text, {})


def test_a_public_address_beside_a_version_is_told_apart():
    assert masked("release 1.2.3.4 on host 1.2.3.4")[0] == "release 1.2.3.4 on host <IP>"


@pytest.mark.parametrize("kind", TYPES)
def test_each_type_is_masked_counted_or_ignored(kind):
    text = (
        "a@b.org +44 20 7946 0958 91.198.174.192 AKIAIOSFODNN7EXAMPLE 4111 1111 1111 1111 "
        "11010519491231002X DE89370400440532013000"
    )
    others = dict.fromkeys(TYPES, "ignore")
    for action, placeholders in (("mask", 1), ("count", 0)):
        result, counts = mask(text, Pii(**{**others, kind: action}))
        assert dict(zip(TYPES, counts, strict=True)) == {other: int(other == kind) for other in TYPES}
        assert result.count(f"<{kind.upper()}>") == result.count("<") == placeholders
        assert placeholders or result == text


def test_of_overlapping_items_one_is_masked():
    assert masked("ftp://bob:secret@mail.example.org/x")[0] == "ftp://<SECRET>@mail.example.org/x"
    # An identity number whose digits are those of a card as well.
    assert masked("证件DE89370400440532013000")[1] == {"iban": 1}


def test_precision_and_recall_on_a_planted_set():
    right, wrong, missed = Counter(), Counter(), Counter()
    for case in planted(seed=20261):
        items = find(case.text)
        hits = [item for item in items if tuple(item) == (case.type, case.start, case.end)]
        right.update(item.type for item in hits)
        wrong.update(item.type for item in items if item not in hits)
        missed.update([case.type] if case.type and not hits else [])
    for kind in TYPES:
        assert right[kind] + missed[kind] == 300
        assert right[kind] / (right[kind] + missed[kind]) >= 0.98, f"recall of {kind}"
        assert right[kind] / (right[kind] + wrong[kind]) >= 0.98, f"precision of {kind}"
