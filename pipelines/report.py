"""Stage report: the run report and the model cards.

Reads the reports of all stages, the raw manifest and the ledger; writes reports/index.html and
reports/cards/.
"""

from pathlib import Path

from pipelines._stage import Stage, run
from textmill.config.gates import Gates
from textmill.config.registry import Registry
from textmill.config.report import Report
from textmill.files import replacing, replacing_directory
from textmill.report.cards import render_cards
from textmill.report.collect import ReportSettings, collect
from textmill.report.page import render_page


def main(stage: Stage) -> None:
    """Write one self-contained page about the run, and a card per registered model."""
    settings = ReportSettings(
        stage.params(Report), stage.params(Gates, "gates"), stage.params(Registry, "registry")
    )
    files = collect(Path())
    with replacing("reports/index.html") as page:
        page.write_text(render_page(files, settings), encoding="utf-8")
    with replacing_directory("reports/cards") as folder:
        for name, card in render_cards(files, settings).items():
            (folder / f"{name}.md").write_text(card, encoding="utf-8")
    stage.say("open reports/index.html")


if __name__ == "__main__":
    run(main, "report")
