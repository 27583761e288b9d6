"""Personal data made up at random, valid by the textbook definitions of each type.

Nothing here uses the code under test; numbers of other countries are libphonenumber's own examples.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable

DIGITS, UPPER, ALNUM = string.digits, string.ascii_uppercase, string.ascii_letters + string.digits

Chooser = random.Random


def pick(chooser: Chooser, alphabet: str, count: int) -> str:
    return "".join(chooser.choices(alphabet, k=count))


def grouped(digits: str, sizes: list[int], separator: str) -> str:
    places = [sum(sizes[:number]) for number in range(len(sizes))]
    groups = [digits[start : start + size] for start, size in zip(places, sizes, strict=True)]
    return separator.join(group for group in groups if group)


# --- e-mail -------------------------------------------------------------------------------------------------
NAMES = [
    "jane",
    "doe",
    "wei.zhang",
    "li_ming",
    "o.brien",
    "support",
    "hr-team",
    "m.garcia",
    "x",
    "info2024",
    "王",
]


def email(chooser: Chooser) -> str:
    name = chooser.choice(NAMES[:-1]) + chooser.choice(["", "", "+news", str(chooser.randrange(100)), ".k"])
    host = chooser.choice(
        ["example", "mail.uni-bonn", "163", "qq", "gmail", "cs.tsinghua.edu", "my-company", "a1"]
    )
    return f"{name}@{host}.{chooser.choice(['com', 'org', 'cn', 'de', 'co.uk', 'io', 'travel', 'edu.cn'])}"


# --- telephone ----------------------------------------------------------------------------------------------
MOBILE = (
    "130 131 132 133 135 136 137 138 139 150 151 152 155 158 159 166 176 177 180 181 185 186 187 188 189 198"
)
AREAS = ["010", "021", "022", "020", "025", "0571", "0755", "0532", "0311", "0411"]
AMERICAN = ["212", "415", "312", "617", "206", "303", "512", "702", "808", "916"]
REGIONS = [
    "GB",
    "DE",
    "FR",
    "IT",
    "ES",
    "JP",
    "KR",
    "IN",
    "BR",
    "MX",
    "AU",
    "NL",
    "SE",
    "PL",
    "TR",
    "RU",
    "SG",
    "HK",
]


def foreign_phone(chooser: Chooser) -> str:
    import phonenumbers
    from phonenumbers import PhoneNumberFormat, PhoneNumberType

    kind = chooser.choice([PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE])
    example = phonenumbers.example_number_for_type(chooser.choice(REGIONS), kind)
    form = chooser.choice([PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164])
    number = phonenumbers.format_number(example, form)
    return number.replace("-", " ") if chooser.random() < 0.3 else number


def chinese_phone(chooser: Chooser) -> str:
    if chooser.random() < 0.6:
        number = chooser.choice(MOBILE.split()) + pick(chooser, DIGITS, 8)
        separator = chooser.choice(["", "", "-", " "])
        return chooser.choice(["", "", "+86 ", "+86-" if separator != " " else "+86 "]) + grouped(
            number, [3, 4, 4], separator
        )
    area = chooser.choice(AREAS)
    number = chooser.choice("568") + pick(chooser, DIGITS, 7)
    return chooser.choice(["{}-{}", "({}){}", "（{}）{}", "({}) {}"]).format(area, number)


def american_phone(chooser: Chooser) -> str:
    area, exchange = chooser.choice(AMERICAN), chooser.choice("3456789") + pick(chooser, "02345678", 2)
    line = pick(chooser, DIGITS, 4)
    form = chooser.choice(["({}) {}-{}", "{}-{}-{}", "{}.{}.{}", "+1 {} {} {}", "+1-{}-{}-{}", "1-{}-{}-{}"])
    return form.format(area, exchange, line)


def phone(chooser: Chooser) -> str:
    return chooser.choice([foreign_phone, chinese_phone, american_phone])(chooser)


# --- addresses on the network -------------------------------------------------------------------------------
def ip(chooser: Chooser) -> str:
    if chooser.random() < 0.7:
        first = chooser.choice([n for n in range(11, 200) if n not in (100, 127, 169, 172, 192, 198)])
        return ".".join(
            map(str, [first, *(chooser.randrange(256) for _ in range(2)), chooser.randrange(1, 255)])
        )
    head = chooser.choice(["2a00:1450", "2606:4700", "2400:cb00", "2620:0", "2408:8000"])
    parts = [f"{chooser.randrange(1, 65536):x}" for _ in range(6)]
    return chooser.choice(
        [":".join([head, *parts]), f"{head}:{parts[0]}::{parts[1]}", f"{head}:{parts[0]}:{parts[1]}::1"]
    )


# --- cards, accounts, identity ------------------------------------------------------------------------------
ISSUERS = [
    ("4", 16),
    ("51", 16),
    ("55", 16),
    ("2221", 16),
    ("2720", 16),
    ("34", 15),
    ("37", 15),
    ("36", 14),
    ("6011", 16),
    ("65", 16),
    ("3528", 16),
    ("3589", 16),
    ("62", 16),
    ("62", 19),
    ("6225", 18),
]


def luhn_digit(digits: str) -> str:
    """ISO/IEC 7812-1: from the right, every other digit is doubled and digits of the result add up."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += sum(map(int, str(value)))
    return str(-total % 10)


def card_digits(chooser: Chooser) -> str:
    prefix, length = chooser.choice(ISSUERS)
    body = prefix + pick(chooser, DIGITS, length - len(prefix) - 1)
    return body + luhn_digit(body)


def credit_card(chooser: Chooser) -> str:
    digits = card_digits(chooser)
    sizes = {14: [4, 6, 4], 15: [4, 6, 5]}.get(len(digits), [4, 4, 4, 4, len(digits) - 16])
    return chooser.choice([digits, grouped(digits, sizes, " "), grouped(digits, sizes, "-")])


PLACES = [
    "110101",
    "310104",
    "440305",
    "510107",
    "330106",
    "610102",
    "420106",
    "320102",
    "130102",
    "230103",
    "650102",
]


def resident_body(chooser: Chooser) -> str:
    date = f"{chooser.randrange(1930, 2022)}{chooser.randrange(1, 13):02d}{chooser.randrange(1, 29):02d}"
    return chooser.choice(PLACES) + date + pick(chooser, DIGITS, 3)


def resident_check(body: str) -> str:
    """ISO 7064, MOD 11-2: the weighted sum with the check character is 1 modulo 11."""
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(body))
    value = (1 - total) % 11
    return "X" if value == 10 else str(value)


def resident_id(chooser: Chooser) -> str:
    body = resident_body(chooser)
    check = resident_check(body)
    number = body + (check.lower() if chooser.random() < 0.2 else check)
    return grouped(number, [6, 8, 4], " ") if chooser.random() < 0.15 else number


ACCOUNTS = {
    "DE": "n18",
    "GB": "a4n14",
    "FR": "n10c11n2",
    "ES": "n20",
    "IT": "a1n10c12",
    "NL": "a4n10",
    "NO": "n11",
    "BE": "n12",
    "CH": "n5c12",
    "AT": "n16",
    "SE": "n20",
    "PL": "n24",
    "PT": "n21",
    "GR": "n7c16",
    "MT": "a4n5c18",
    "SA": "n2c18",
    "TR": "n5n1c16",
    "LU": "n3c13",
    "FI": "n14",
    "DK": "n14",
}
ALPHABETS = {"n": DIGITS, "a": UPPER, "c": UPPER + DIGITS}


def iban_parts(chooser: Chooser) -> tuple[str, str, str]:
    country = chooser.choice(list(ACCOUNTS))
    runs = re.findall(r"([nac])(\d+)", ACCOUNTS[country])
    account = "".join(pick(chooser, ALPHABETS[kind], int(count)) for kind, count in runs)
    letters = {letter: str(10 + place) for place, letter in enumerate(UPPER)}
    number = "".join(letters.get(character, character) for character in account + country + "00")
    return country, f"{98 - int(number) % 97:02d}", account


def iban(chooser: Chooser) -> str:
    number = "".join(iban_parts(chooser))
    return number if chooser.random() < 0.5 else " ".join(re.findall(".{1,4}", number))


# --- secrets ------------------------------------------------------------------------------------------------
def secret(chooser: Chooser) -> str:
    def some(count: int, alphabet: str = ALNUM) -> str:
        return pick(chooser, alphabet, count)

    return chooser.choice(
        [
            lambda: chooser.choice(["AKIA", "ASIA"]) + some(16, UPPER + DIGITS),
            lambda: chooser.choice(["ghp_", "gho_", "ghs_"]) + some(36),
            lambda: "github_pat_" + some(22) + "_" + some(59),
            lambda: "glpat-" + some(20),
            lambda: chooser.choice(["sk-", "sk-proj-", "sk-ant-api03-"]) + some(24) + "7" + some(20),
            lambda: chooser.choice(["sk_live_", "rk_live_"]) + some(24),
            lambda: "xoxb-" + some(12, DIGITS) + "-" + some(24),
            lambda: "AIza" + some(35),
            lambda: "hf_" + some(34),
            lambda: "npm_" + some(36),
            lambda: "SG." + some(22) + "." + some(43),
            lambda: "LTAI" + some(20),
            lambda: some(9, "123456789") + ":AA" + some(33),
            lambda: "eyJ" + some(20) + ".eyJ" + some(60) + "." + some(43),
            lambda: "dop_v1_" + some(64, "0123456789abcdef"),
            lambda: (
                "-----BEGIN RSA PRIVATE KEY-----\n"
                + some(64)
                + "\n"
                + some(40)
                + "==\n-----END RSA PRIVATE KEY-----"
            ),
        ]
    )()


TRUE: dict[str, Callable[[Chooser], str]] = {
    "email": email,
    "phone": phone,
    "ip": ip,
    "credit_card": credit_card,
    "resident_id": resident_id,
    "iban": iban,
    "secret": secret,
}

CUES = {
    "email": [
        "Write to {} with questions.",
        "Contact: {}",
        "<{}> wrote:",
        "请发邮件至{}。",
        "邮箱：{}，谢谢",
        "{}",
    ],
    "phone": [
        "Call {} before noon.",
        "tel. {}",
        "My number is {}, text me.",
        "联系电话：{}。",
        "请拨打{}咨询",
        "手机{}，姓李",
    ],
    "ip": [
        "The request came from {} at night.",
        "blocked {} again",
        "User {} edited this page.",
        "服务器{}无响应",
        "来自{}的访问",
        "{}",
    ],
    "credit_card": [
        "Charge my card {} please.",
        "Visa {} expires in May.",
        "He typed {} into the form.",
        "卡号：{}，",
        "我的信用卡{}丢了",
        "请刷{}这张",
    ],
    "resident_id": [
        "His ID number is {}.",
        "({})",
        "passport or {}",
        "身份证号：{}。",
        "身份证{}，姓名",
        "证件{}已过期",
    ],
    "iban": ["Transfer it to {} today.", "IBAN: {}", "account {}, Berlin", "汇款到{}。", "账号{}，", "{}"],
    "secret": ["export TOKEN={}", 'key = "{}"', "use {} to log in", "密钥是{}，别外传", "令牌：{}", "{}"],
}
"""The first three are English, the others go with Chinese."""
