"""The augmentations that mix the samples of a batch, as the parameter `augment` takes them.

An augmentation is called with a batch and a generator. It returns the mixed batch together with
what was mixed, from which :func:`~sklearn_ldl.deep.mixing.mixed.mix_targets` makes the targets that
belong to it.
"""

from __future__ import annotations

from sklearn_ldl.deep.mixing.base import BatchMixing
from sklearn_ldl.deep.mixing.mixed import Augmentation
from sklearn_ldl.deep.mixing.mixup import MixUp
from sklearn_ldl.deep.mixing.patches import RICAP, CutMix

#: The augmentations by name.
AUGMENTATIONS: dict[str, type[BatchMixing]] = {"mixup": MixUp, "cutmix": CutMix, "ricap": RICAP}


def get_augmentation(augment: str | Augmentation | None) -> Augmentation | None:
    """Find an augmentation.

    Parameters
    ----------
    augment : {"mixup", "cutmix", "ricap"}, callable or None
        A name stands for the augmentation with its default parameters. A callable, for instance
        ``CutMix(prob=0.5)``, takes ``(X, rng)`` and returns a :class:`Mixed`.

    Returns
    -------
    augmentation : callable or None
        None if `augment` is None.

    Raises
    ------
    ValueError
        If there is no such augmentation.

    Examples
    --------
    >>> from sklearn_ldl.deep.mixing.augmentations import get_augmentation
    >>> get_augmentation("ricap")
    RICAP(beta=0.3, prob=1.0)
    """
    if isinstance(augment, str) and augment in AUGMENTATIONS:
        return AUGMENTATIONS[augment]()
    # A class is callable, too, but what it returns is not a mixed batch.
    if augment is None or (callable(augment) and not isinstance(augment, type)):
        return augment
    raise ValueError(
        f"augment must be None, one of {sorted(AUGMENTATIONS)}, or a callable such as "
        f"MixUp(beta=0.2); got {augment!r}."
    )
