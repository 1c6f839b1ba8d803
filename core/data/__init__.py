"""From logs and a catalogue to a data set with a split."""

from core.data.arrays import Sequences
from core.data.data_report import DataReport
from core.data.dataset import Dataset, Evaluation, load_dataset
from core.data.profile import profile

__all__ = ["DataReport", "Dataset", "Evaluation", "Sequences", "load_dataset", "profile"]
