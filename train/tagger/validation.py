"""How a tagger is judged: on sentences held out, next to the most frequent label of each word and a CRF."""

from torch import Tensor

from linguagen.models.manifests.tagger import TaggerFigure
from linguagen.runtime.measure.labelled import figures_of
from linguagen.train.run.watch import Validation
from linguagen.train.tagger.controls import crf, most_frequent
from linguagen.train.tagger.labelling import bare_manifest, labels_of
from linguagen.train.tagger.network import TaggerNetwork
from linguagen.train.tagger.prepare import TaggerData

Figures = tuple[TaggerFigure, ...]


class TaggerValidator:
    """The held-out sentences of a run."""

    def __init__(self, data: TaggerData) -> None:
        """Measure the most frequent label, which does not change while a run trains."""
        self._data = data
        self._expected = [sentence.labels for sentence in data.held_out]
        self._control = figures_of(most_frequent(data.training, data.held_out), self._expected, data.scheme)

    def validate(self, network: TaggerNetwork, transitions: Tensor | None) -> Validation[Figures]:
        """The figures, for the loop of training; the last weights are kept, so that no score chooses."""
        data = self._data
        network.eval()
        manifest = bare_manifest(network, data.labels, data.scheme, transitions)
        labels = labels_of(network, data.reader, manifest, [sentence.words for sentence in data.held_out])
        network.train()
        ours = figures_of(labels, self._expected, data.scheme)
        figures = tuple(TaggerFigure(name, score, self._control.get(name, 0.0)) for name, score in ours.items())
        return Validation(figures, {f"{name}/tagger": score for name, score in ours.items()})

    def with_crf(self, figures: Figures) -> Figures:
        """Figures with those of a CRF, trained on the same sentences; as they are if python-crfsuite is missing."""
        labels = crf(self._data.training, self._data.held_out)
        if labels is None:
            return figures
        scores = figures_of(labels, self._expected, self._data.scheme)
        return tuple(
            TaggerFigure(each.name, each.tagger, each.most_frequent, scores.get(each.name, 0.0)) for each in figures
        )
