"""What is written beside a version in the registry."""

from textmill.registry.describe import version_tags


def test_figures_of_labels_in_any_script_have_names_that_the_registry_takes() -> None:
    from mlflow.utils.validation import _validate_tag_name

    manifest = {"git": {"commit": "abc", "dirty": False}, "model": {"stage_key": "k"}, "dvc_lock_sha256": "d"}
    figures = {
        name: {"value": 0.5, "low": 0.4, "high": 0.6}
        for name in ("macro_f1", "f1[正面]", "f1[负面]", "f1[a/b]")
    }
    tags = version_tags([], manifest, {"models": {"finetuned": {"metrics": figures}}})
    names = [name for name in tags if name.startswith("metric.")]
    assert len(names) == 4
    for name in names:
        _validate_tag_name(name)
