"""Decide which documents are kept, and write down why the others are not. Only this stage drops documents."""

from pipelines._stage import Stage, run


def main(stage: Stage) -> None:
    """Write data/corpus/{train,validation}, data/ledger and reports/corpus.json."""
    from textmill.config.select import Select
    from textmill.corpus.selection.ledger import write_ledger
    from textmill.corpus.selection.select import select, write_corpus
    from textmill.corpus.shards import write_table
    from textmill.files import write_json

    chosen = select("data", stage.params(Select), stage.seed)
    for note in chosen.notes:
        stage.say(note)
    documents = chosen.funnel["documents"]
    with stage.progress(documents["in"]) as progress:
        write_corpus("data/clean", "data/corpus", chosen, progress.advance)
    write_ledger("data/ledger/ledger.parquet", chosen.ledger)
    write_table("data/ledger/cuts.parquet", chosen.cut)
    write_json("reports/corpus.json", chosen.funnel)
    stage.say(
        f"kept {documents['kept']:,} of {documents['in']:,} documents "
        f"({documents['train']:,} train, {documents['validation']:,} validation)"
    )
    for row in chosen.funnel["dropped"]:
        stage.say(f"  {row['rule']} dropped {row['documents']:,}, leaving {row['left']:,}")
    unreadable = sum(chosen.funnel.get("unreadable", {}).values())
    if unreadable:
        stage.say(f"  ingest could not read {unreadable:,}; they are in the ledger too")
    for row in chosen.funnel.get("cut", []):
        stage.say(
            f"  {row['rule']} cut {row['characters']:,} characters out of {row['documents']:,} documents"
        )


if __name__ == "__main__":
    run(main, "select")
