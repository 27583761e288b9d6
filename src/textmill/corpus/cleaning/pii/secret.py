"""Passwords and tokens in URLs, API keys of known forms, JSON web tokens, private keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

from textmill.corpus.cleaning.pii.kind import Kind, Span, any_of

_USER_AND_PASSWORD = re.compile(r"""://([^\s/?#@:<>"'`{}]{1,128}:[^\s/?#@<>"'`{}]{1,256})@""")
_PARAMETER_NAME = (
    "access_?token|auth_?token|refresh_token|id_token|token|api_?key|client_secret|secret|password|passwd|pwd|"
    "signature|sig|x-amz-(?:signature|security-token|credential)"
)
_SECRET_PARAMETER = re.compile(
    rf"""[?&](?:{_PARAMETER_NAME})=([^\s&#<>"'`{{}}\[\]()，。；]{{6,}})""", re.IGNORECASE
)
_ASSIGNED = re.compile(
    r"""\baws_secret_access_key["']?\s{0,3}[=:]\s{0,3}["']?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"""
    r"""|\bAccountKey=([A-Za-z0-9+/]{86}==)""",
    re.IGNORECASE,
)
_FORMS = (
    ("AKIA", r"AKIA[0-9A-Z]{16}"),  # Amazon
    ("ASIA", r"ASIA[0-9A-Z]{16}"),
    ("LTAI", r"LTAI[A-Za-z0-9]{12,24}"),  # Alibaba Cloud
    ("AKID", r"AKID[A-Za-z0-9]{32}"),  # Tencent Cloud
    ("gh", r"gh[pousr]_[A-Za-z0-9]{36,251}"),  # GitHub
    ("github_pat_", r"github_pat_[A-Za-z0-9_]{50,251}"),
    ("glpat-", r"glpat-[A-Za-z0-9_-]{20,64}"),  # GitLab
    ("sk-", r"sk-(?=[A-Za-z0-9_-]{0,200}\d)[A-Za-z0-9_-]{20,200}"),  # OpenAI, Anthropic
    ("k_live_", r"[sr]k_live_[A-Za-z0-9]{16,128}"),  # Stripe
    ("xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,128}"),  # Slack
    ("AIza", r"AIza[A-Za-z0-9_-]{35}"),  # Google
    ("ya29.", r"ya29\.[A-Za-z0-9_-]{20,512}"),
    ("GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    ("hf_", r"hf_[A-Za-z0-9]{34}"),  # Hugging Face
    ("npm_", r"npm_[A-Za-z0-9]{36}"),
    ("pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{50,512}"),
    ("SG.", r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),  # SendGrid
    ("key-", r"key-[0-9a-f]{32}"),  # Mailgun
    ("dop_v1_", r"dop_v1_[0-9a-f]{64}"),  # DigitalOcean
    ("shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),  # Shopify
    ("dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),  # Databricks
    (":AA", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),  # Telegram
    ("eyJ", r"eyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8,4096}"),  # JSON web token
)
_KEYS = re.compile(rf"(?<![A-Za-z0-9_-])(?:{'|'.join(form for _, form in _FORMS)})(?![A-Za-z0-9_-])")
_SLACK_HOOK = re.compile(
    r"https://hooks\.slack\.com/services/(T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{24})"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s:,.()-]{16,16384}?"
    r"-----END (?:[A-Z]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
)
_CLUE = any_of(
    r"""://[^\s/?#@:<>"'`{}]+:[^\s/?#@<>"'`{}]+@""",
    rf"(?i)[?&](?:{_PARAMETER_NAME})=[^\s&#<>]{{6}}",
    r"(?i)aws_secret_access_key|AccountKey=",
    # The longest repetitions are too long for RE2, and the shortest will do.
    r"(?:\A|[^A-Za-z0-9_-])(?:(?:AKI|ASI)A[0-9A-Z]{16}|LTAI[A-Za-z0-9]{12}|AKID[A-Za-z0-9]{32}"
    r"|gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50}|glpat-[A-Za-z0-9_-]{20}|sk-[A-Za-z0-9_-]{20}"
    r"|[sr]k_live_[A-Za-z0-9]{16}|xox[abeoprs]-[A-Za-z0-9-]{10}|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20}"
    r"|GOCSPX-|hf_[A-Za-z0-9]{34}|npm_[A-Za-z0-9]{36}|pypi-AgE|SG\.[A-Za-z0-9_-]{22}\.|key-[0-9a-f]{32}"
    r"|dop_v1_|shp(?:at|ca|pa|ss)_|dapi[0-9a-f]{32}|\d{8,10}:AA[A-Za-z0-9_-]{33}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ)",
    r"hooks\.slack\.com/services/T",
    r"PRIVATE KEY(?: BLOCK)?-----",
)


def find_secrets(text: str) -> Iterator[Span]:
    """Secrets by their form; of URLs and assignments only the secret part."""
    if "://" in text:
        if "@" in text:
            yield from (match.span(1) for match in _USER_AND_PASSWORD.finditer(text))
        if "hooks.slack" in text:
            yield from (match.span(1) for match in _SLACK_HOOK.finditer(text))
    if "=" in text:
        yield from (match.span(1) for match in _SECRET_PARAMETER.finditer(text))
    yield from (match.span(match.lastindex or 0) for match in _ASSIGNED.finditer(text))
    if any(mark in text for mark, _ in _FORMS):
        yield from (match.span() for match in _KEYS.finditer(text))
    if "PRIVATE KEY" in text:
        yield from (match.span() for match in _PRIVATE_KEY.finditer(text))


SECRET = Kind("secret", _CLUE, find_secrets)
