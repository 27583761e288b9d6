"""Pretrain one language model on the token shards."""

from pipelines._stage import Stage, run
from textmill.config.pretrain import Pretrain
from textmill.config.train import Train


def main(stage: Stage) -> None:
    """Train one model on data/tokens -> models/pretrained/MODEL, reports/pretrain/MODEL.json."""
    from textmill.files import write_json
    from textmill.training.checkpoints import Checkpoints, run_key
    from textmill.training.device import prepare
    from textmill.training.events import Spool
    from textmill.training.launch import run_by_others
    from textmill.training.pretrain_run import pretrain

    params, train = stage.params(Pretrain), stage.params(Train, "train")
    if run_by_others(train, params.device, params.threads, "pipelines.pretrain", [str(stage.item)]):
        return
    prepare(params.threads, stage.seed)
    inputs = ("data/tokens", "models/tokenizer", *((params.base,) if params.goes_on else ()))
    key = run_key({**params.deciding(), **train.deciding(), "seed": stage.seed}, inputs)
    checkpoints = Checkpoints(stage.label, key, number=params.checkpoints)
    spool = Spool(stage.label, resumed=stage.is_first and checkpoints.load() is not None)
    with stage.progress(params.steps, "steps") as progress:
        report = pretrain(
            params, stage.seed, "data/tokens", "models/tokenizer", f"models/pretrained/{stage.item}",
            checkpoints, spool, progress,
        )  # fmt: skip
    if not stage.is_first:
        return
    write_json(f"reports/pretrain/{stage.item}.json", report)
    checkpoints.clear()
    stage.say(
        f"{report['parameters']:,} parameters, {report['tokens']:,} tokens, "
        f"validation loss {report['validation_loss']:.3f}"
    )


if __name__ == "__main__":
    run(main, "pretrain", "model")
