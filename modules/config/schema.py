"""The typed config as a whole."""

from __future__ import annotations

from pathlib import Path

from modules.config.engines import EngineChoice, float32_engine
from modules.config.paths import project_path
from modules.config.sections import (
    Data,
    Dataloader,
    Extract,
    Metrabs,
    PerformanceRecord,
    Results,
    Section,
    Seed,
    Test,
    TestTimeAugmentation,
)
from modules.config.train import Train


class Config(Section):
    """All sections. Paths are absolute, or relative to the project's root."""

    SEED: Seed = Seed()
    DATA: Data = Data()
    EXTRACT: Extract = Extract()
    METRABS: Metrabs = Metrabs()
    DATALOADER: Dataloader = Dataloader()
    TRAIN: Train = Train()
    PERFORMANCE_RECORD: PerformanceRecord = PerformanceRecord()
    TEST: Test = Test()
    RESULTS: Results = Results()

    @property
    def data_root(self) -> Path:
        """DATA.root as a path."""
        return project_path(self.DATA.root)

    @property
    def results_root(self) -> Path:
        """RESULTS.root as a path."""
        return project_path(self.RESULTS.root)

    @property
    def cache_root(self) -> Path:
        """The folder with the caches of DATA.root."""
        return project_path(self.DATA.cache) if self.DATA.cache else self.data_root / "cache"

    @property
    def extra(self) -> list[Config]:
        """A copy of this config for each of DATA.extra_roots; its cache is in <root>/cache."""
        return [
            self.model_copy(update={"DATA": Data(root=root, validation=self.DATA.validation, floor=self.DATA.floor)})
            for root in self.DATA.extra_roots
        ]

    def with_tta(self, test_time_augmentation: TestTimeAugmentation) -> Config:
        """Returns this config with another EXTRACT.test_time_augmentation."""
        extract = self.EXTRACT.model_copy(update={"test_time_augmentation": test_time_augmentation})
        return self.model_copy(update={"EXTRACT": extract})

    def with_engine(self, engine: EngineChoice) -> Config:
        """Returns this config with another EXTRACT.engine."""
        return self.model_copy(update={"EXTRACT": self.EXTRACT.model_copy(update={"engine": engine})})

    def for_images(self, images: int) -> Config:
        """Returns this config with the best engine for so many images if EXTRACT.engine is auto."""
        return self.with_engine(float32_engine(images)) if self.EXTRACT.engine == "auto" else self

    def with_tta_of(self, trained: TestTimeAugmentation) -> Config:
        """Returns this config with one crop, or with test-time augmentation, as in a training.

        Between the adaptive and the full augmentation, this config chooses.
        """
        return self if trained and self.EXTRACT.test_time_augmentation else self.with_tta(trained)
