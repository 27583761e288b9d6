"""Stage task_weights: weights of tasks' training rows, off by default.

Reads data/tasks; writes data/task_weights: TASK.parquet of each task that is weighed, and tasks.json, which
says what the weights changed. Fine-tuning runs with `row_weights` read them.
"""

from pipelines._stage import Stage, run
from textmill.config.mitigate import Mitigate
from textmill.files import replacing_directory, write_json


def main(stage: Stage) -> None:
    """Weigh the tasks that the params name, and measure before and after."""
    from textmill.evaluation.bias.task_weights import weigh_tasks

    settings = stage.params(Mitigate, "mitigate")
    with replacing_directory("data/task_weights") as folder:
        report = weigh_tasks("data/tasks", folder, settings)
        write_json(folder / "tasks.json", report)
    for name, task in report.items():
        stage.say(
            f"{name}: Cramér's V of labels and groups {task['before']['cramers_v']:.3f} before, "
            f"{task['after']['cramers_v']:.3f} after"
        )
    if not report:
        stage.say("off (no task is weighed)")


if __name__ == "__main__":
    run(main, "task_weights")
