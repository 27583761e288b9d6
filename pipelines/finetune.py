"""Fine-tune one model on a task and, where asked for, its control from random weights."""

from pipelines._stage import Stage, run
from textmill.config.finetune import Finetune
from textmill.config.train import Train


def main(stage: Stage) -> None:
    """Train one run on data/tasks/TASK -> models/{tasks,controls}/RUN, reports/finetune/RUN.json."""
    from textmill.files import write_json
    from textmill.training.checkpoints import Checkpoints, run_key
    from textmill.training.device import prepare
    from textmill.training.events import Spool
    from textmill.training.finetuning.load import load_objective
    from textmill.training.finetuning.run import finetune, write_no_control
    from textmill.training.launch import run_by_others

    params, train = stage.params(Finetune), stage.params(Train, "train")
    if run_by_others(train, params.device, params.threads, "pipelines.finetune", [str(stage.item)]):
        return
    prepare(params.threads, stage.seed)
    data = f"data/tasks/{params.task}"
    objective = load_objective(params, stage.seed, data)
    inputs = (params.base, data, "data/task_weights") if params.row_weights else (params.base, data)
    key = run_key({**params.deciding(), **train.deciding(), "seed": stage.seed}, inputs)
    has_control = params.control != "none"
    checkpoints = [Checkpoints(stage.label, key, number=params.checkpoints)]
    if has_control:
        checkpoints.append(Checkpoints(f"{stage.label}-control", key, number=params.checkpoints))
    spool = Spool(
        stage.label, resumed=stage.is_first and any(found.load() is not None for found in checkpoints)
    )
    spool.start(
        {**params.model_dump(), "seed": stage.seed}, [{"path": data, "rows": len(objective.train.inputs)}]
    )
    reports = []
    with stage.progress(objective.steps(params.epochs) * len(checkpoints), "steps") as progress:
        for kept, room in zip(checkpoints, ("tasks", "controls"), strict=False):
            spool.prefix = "control_" if room == "controls" else ""
            directory = f"models/{room}/{stage.item}"
            reports.append(finetune(objective, directory, room == "controls", kept, spool, progress))
    if not stage.is_first:
        return
    if not has_control:
        write_no_control(f"models/controls/{stage.item}")
    final = {name: value for name, value in reports[0].items() if isinstance(value, int | float)}
    if "privacy" in reports[0]:
        final |= {f"privacy_{name}": reports[0]["privacy"][name] for name in ("epsilon", "delta")}
    spool.end(final)
    merged = {
        **reports[0],
        "task": params.task,
        "base": params.base,
        "control": reports[1] if has_control else None,
    }
    write_json(f"reports/finetune/{stage.item}.json", merged)
    for kept in checkpoints:
        kept.clear()
    stage.say(", ".join(_summary(*pair) for pair in zip(("fine-tuned", "control"), reports, strict=False)))


def _summary(name: str, report: dict[str, object]) -> str:
    figures = {key: value for key, value in report.items() if key.startswith("validation_")}
    return f"{name}: " + ", ".join(f"{key.replace('_', ' ')} {value:.3f}" for key, value in figures.items())


if __name__ == "__main__":
    run(main, "finetune", "run")
