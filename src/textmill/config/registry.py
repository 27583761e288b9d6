"""params.yaml: registry. Which models are registered, under which names."""

from pydantic import Field, model_validator

from textmill.config.section import Section


class RegisteredModel(Section):
    """A model of the registry and the report that judges it."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="Name in the registry.")
    path: str = Field(description="Hugging Face directory: models/tasks/RUN or models/pretrained/A.")
    report: str = Field(
        description="Evaluation report: reports/evaluation/RUN.json or reports/language_models/A.json."
    )
    card: str = Field(
        default="", description="One sentence: what the model is for. Heads its description and card."
    )


class Registry(Section):
    """What goes to the registry after a run."""

    experiment: str = Field(
        default="textmill",
        min_length=1,
        description="MLflow experiments are named EXPERIMENT/pretrain and EXPERIMENT/finetune.",
    )
    models: list[RegisteredModel] = Field(default_factory=list, description="The models to register.")

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Registry":
        names = [model.name for model in self.models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each name once, but {', '.join(twice)} is there twice")
        return self
