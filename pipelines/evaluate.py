"""evaluate@RUN: judge a fine-tuned model on the test rows, beside its control and baselines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines._stage import Stage, run

SUBJECT, CONTROL = "finetuned", "control"


def main(stage: Stage) -> None:
    """Predict the test rows and score every model: data/predictions/RUN, reports/evaluation/RUN.json."""
    from textmill.config.evaluate import Evaluate
    from textmill.evaluation.task_table import read_task

    params = stage.params(Evaluate, "evaluate")
    task = read_task(Path("data/tasks"), _task_name(stage))
    judgement = params.judgement(task.name, task.kind)
    if task.kind == "preference":
        _judge_preferences(stage, params, judgement, task)
        return
    predictions = _predict_models(stage, params, judgement, task)
    predictions.update(_predict_baselines(stage, judgement, task))
    _write_predictions(stage, task, predictions)
    likelihoods = _reply_likelihoods(stage, params, judgement, task) if task.kind == "dialogue" else {}
    _write_report(stage, params, judgement, task, predictions, likelihoods)


def _judge_preferences(stage: Stage, params: Any, judgement: Any, task: Any) -> None:
    """How often a model finds the preferred answer likelier: its accuracy where every label is `chosen`."""
    from dataclasses import replace

    from textmill.evaluation.loading import holds_model
    from textmill.evaluation.preferences import CHOSEN, REJECTED, likelier, longer
    from textmill.modeling.baselines import Rows

    predictions = {}
    for name, room in ((SUBJECT, "tasks"), (CONTROL, "controls")):
        directory = Path(f"models/{room}") / str(stage.item)
        if holds_model(directory):
            with stage.progress(2 * len(task.test.inputs), "answers") as progress:
                predictions[name] = likelier(
                    directory, task.test.inputs, task.test.targets, params.max_input_tokens,
                    judgement.max_new_tokens or 64, params.batch_tokens, params.threads, progress.advance,
                )  # fmt: skip
    predictions["longer"] = longer(task.test.targets)
    _write_predictions(stage, task, predictions)
    rows = Rows(task.test.inputs, [CHOSEN] * len(task.test.inputs))
    labelled = replace(task, kind="classification", labels=[CHOSEN, REJECTED], test=rows)
    judgement = judgement.model_copy(update={"metrics": ["accuracy"]})
    _write_report(stage, params, judgement, labelled, predictions, {})


def _task_name(stage: Stage) -> str:
    """The task of the run; the other keys of its finetune section are none of this stage's business."""
    from textmill.config.load import read_params
    from textmill.errors import UserError

    runs = read_params().get("finetune") or {}
    task = (runs.get(stage.item) or {}).get("task")
    if not isinstance(task, str):
        raise UserError(
            f"params.yaml: finetune.{stage.item}.task: expected the name of a task, found {task!r}; "
            f"known runs: {', '.join(runs) or 'none'}."
        )
    return task


def _predict_models(stage: Stage, params: Any, judgement: Any, task: Any) -> dict[str, list[str]]:
    from textmill.evaluation.loading import holds_model
    from textmill.evaluation.predict import predict

    directories = {SUBJECT: Path("models/tasks") / str(stage.item)}
    control = Path("models/controls") / str(stage.item)
    if holds_model(control):
        directories[CONTROL] = control
    found = {}
    for name, directory in directories.items():
        common = {
            "max_input_tokens": params.max_input_tokens,
            "batch_tokens": params.batch_tokens,
            "threads": params.threads,
        }
        with stage.progress(len(task.test.inputs), "rows") as progress:
            found[name] = predict(
                task.kind, directory, task.test.inputs, judgement, advance=progress.advance, **common
            )
    return found


def _reply_likelihoods(stage: Stage, params: Any, judgement: Any, task: Any) -> dict[str, Any]:
    """For the models and the frequencies of tokens, nats and tokens of each test reply."""
    from textmill.evaluation.loading import holds_model
    from textmill.evaluation.replies import reply_losses, unigram_losses

    most = judgement.max_new_tokens or 64
    found = {}
    for name, room in ((SUBJECT, "tasks"), (CONTROL, "controls")):
        directory = Path(f"models/{room}") / str(stage.item)
        if holds_model(directory):
            with stage.progress(len(task.test.inputs), "rows") as progress:
                found[name] = reply_losses(
                    directory, task.test.inputs, task.test.targets, params.max_input_tokens, most,
                    params.batch_tokens, params.threads, progress.advance,
                )  # fmt: skip
    directory = Path("models/tasks") / str(stage.item)
    found["unigram"] = unigram_losses(directory, task.train.targets, task.test.targets, most)
    return found


def _predict_baselines(stage: Stage, judgement: Any, task: Any) -> dict[str, list[str]]:
    from textmill.evaluation.segmentation import splitter
    from textmill.modeling.baselines import predict_baseline

    found = {}
    words = splitter(judgement.words or "characters", judgement.drop_stop_words or False)
    for name in judgement.baselines or []:
        found[name] = predict_baseline(
            name, task.kind, task.train, task.validation, task.test.inputs, judgement.header_lines or 0, words
        )
        stage.say(f"{name}: {len(found[name]):,} rows")
    return found


def _write_predictions(stage: Stage, task: Any, predictions: dict[str, list[str]]) -> None:
    import pyarrow as pa

    from textmill.corpus.shards import write_table

    columns = {"id": task.ids, "input": task.test.inputs, "target": task.test.targets} | predictions
    table = pa.table({name: pa.array(values, pa.large_string()) for name, values in columns.items()})
    table = table.set_column(0, "id", table["id"].cast(pa.string()))
    write_table(Path("data/predictions") / str(stage.item) / "predictions.parquet", table)


def _write_report(
    stage: Stage,
    params: Any,
    judgement: Any,
    task: Any,
    predictions: dict[str, list[str]],
    likelihoods: dict[str, Any],
) -> None:
    from textmill.evaluation.contaminated import contamination_of
    from textmill.evaluation.metrics.choose import choose_metrics
    from textmill.evaluation.report import join_figures, models_and_comparisons, sample_rows
    from textmill.evaluation.significance import bootstrap
    from textmill.evaluation.slices import slice_table
    from textmill.files import write_json
    from textmill.modeling.conversations import transcript
    from textmill.modeling.targets import shown

    metrics = choose_metrics(
        judgement.metrics or [], task.kind, task.labels, task.target_lang,
        task.languages if len(set(task.languages)) > 1 else (),
    )  # fmt: skip
    statistics = {
        model: [metric.statistics(texts, task.test.targets) for metric in metrics]
        for model, texts in predictions.items()
    }
    scores = bootstrap(metrics, statistics, params.resamples, stage.seed)
    overlap = contamination_of("data", task.name, task.ids)
    overlapping = {} if overlap is None else {"overlap": overlap[1]}
    report = {
        "name": stage.item,
        "task": task.name,
        "kind": task.kind,
        "n": len(task.ids),
        "test_sha256": task.test_sha256,
        "samples": [
            {
                "id": task.ids[row],
                "input": transcript(task.test.inputs[row]),
                "target": shown(task.kind, task.test.targets[row]),
            }
            | {model: shown(task.kind, texts[row], True) for model, texts in predictions.items()}
            for row in sample_rows(task.ids, params.samples)
        ],
        "slices": slice_table(
            _slice_columns(task) | overlapping,
            metrics,
            statistics,
            params.resamples,
            stage.seed,
            params.slice_rows,
        ),
    } | models_and_comparisons(scores, SUBJECT)
    if overlap is not None:
        report["contamination"] = overlap[0]
    if params.fairness.languages and task.kind == "classification" and SUBJECT in predictions:
        report["fairness"] = _fairness(stage, params, task, predictions[SUBJECT])
    if likelihoods:
        from textmill.evaluation.replies import reply_metrics

        sums = {model: [values] for model, values in likelihoods.items()}
        likely = bootstrap(reply_metrics(), sums, params.resamples, stage.seed)
        join_figures(report, models_and_comparisons(likely, SUBJECT))
    write_json(Path("reports/evaluation") / f"{stage.item}.json", report)
    for row in report["comparisons"]:
        stage.say(
            f"{row['metric']} {row['verdict']} against {row['against']}: "
            f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        )


def _fairness(stage: Stage, params: Any, task: Any, predicted: list[str]) -> dict[str, Any]:
    from functools import partial

    from textmill.corpus.shards import read_table
    from textmill.evaluation.classify import classify
    from textmill.evaluation.fairness import fairness_report, languages_of

    test = Path("data/tasks") / task.name / "test.parquet"
    declared = read_table(test, ["input_lang"])["input_lang"].to_pylist()
    with stage.progress(unit="swapped rows") as progress:
        answer = partial(
            classify, Path("models/tasks") / str(stage.item), max_input_tokens=params.max_input_tokens,
            batch_tokens=params.batch_tokens, threads=params.threads, advance=progress.advance,
        )  # fmt: skip
        return fairness_report(
            task.test.inputs, task.test.targets, predicted, task.labels,
            languages_of(task.test.inputs, declared), answer, params.fairness.languages,
            params.fairness.min_rows, params.resamples, stage.seed,
        )  # fmt: skip


def _slice_columns(task: Any) -> dict[str, list[str]]:
    from textmill.evaluation.slices import length_parts
    from textmill.modeling.conversations import transcript

    texts = [transcript(text) for text in task.test.inputs]
    labels = {}
    if task.kind == "classification":
        labels = {"label": list(task.test.targets)}
    elif task.kind == "extraction":
        labels = {"answer": ["none" if target == "[]" else "some" for target in task.test.targets]}
    common = {
        "language": task.languages,
        "direction": task.directions,
        "source": task.sources,
        "length": length_parts(texts),
    }
    return labels | common


if __name__ == "__main__":
    run(main, "evaluate", "run")
