"""The public data sets that can be fetched: what each must contain and where it comes from."""

from __future__ import annotations

from typing import NamedTuple

#: The files at one commit of the PyLDL project. Their content is pinned by the ids below.
BASE_URL = (
    "https://raw.githubusercontent.com/SpriteMisaka/PyLDL/"
    "082937638e075b35d349a2e69e36219d52512dc8/datasets"
)

_GENG = 'X. Geng, "Label Distribution Learning", IEEE TKDE 28(7), 2016'
_GENG_HOU = (
    'X. Geng, P. Hou, "Pre-release Prediction of Crowd Opinion on Movies by Label Distribution '
    'Learning", IJCAI 2015; ' + _GENG
)
_YANG = (
    'J. Yang, M. Sun, X. Sun, "Learning Visual Sentiment Distributions via Augmented Conditional '
    'Probability Neural Network", AAAI 2017'
)
_XIE = (
    'D. Xie, L. Liang, L. Jin, J. Xu, M. Li, "SCUT-FBP: A Benchmark Dataset for Facial Beauty '
    'Perception", IEEE SMC 2015'
)
_LIANG = (
    'L. Liang, L. Lin, L. Jin, D. Xie, M. Li, "SCUT-FBP5500: A Diverse Benchmark Dataset for '
    'Multi-Paradigm Facial Beauty Prediction", ICPR 2018'
)
_PENG = (
    'K.-C. Peng, T. Chen, A. Sadovnik, A. Gallagher, "A Mixed Bag of Emotions: Model, Predict, '
    'and Transfer Emotion Distributions", CVPR 2015'
)
_LI_DENG = (
    'S. Li, W. Deng, "Blended Emotion in-the-Wild: Multi-label Facial Expression Recognition '
    'Using Crowdsourced Annotations and Deep Locality Feature Learning", IJCV 127, 2019'
)
_NGUYEN = (
    'T. V. Nguyen, S. Liu, B. Ni, J. Tan, Y. Rui, S. Yan, "Sense Beauty via Face, Dressing, '
    'and/or Voice", ACM Multimedia 2012'
)
_UNKNOWN = "publication not recorded"


class DatasetInfo(NamedTuple):
    """What the registry knows of one data set."""

    blob_id: str  # git's id of the file: sha1 of b"blob <length>\0" followed by the content
    publication: str


DATASETS: dict[str, DatasetInfo] = {
    name: DatasetInfo(blob_id, publication)
    for name, blob_id, publication in [
        ("FG-Net", "b286deb962f5d2c9408e3f9bff06135d18693629", "FG-NET ageing database"),
        ("Flickr", "e819c9017060824f5eb480fa4d74f48f61b0ef6c", _YANG),
        ("Human_Gene", "6b280e60ec8c4a18e52f62064daa43ddb65d06ae", _GENG),
        ("M2B", "4922d4e14bf382a061dab592a919d7d8e8bac337", _NGUYEN),
        ("MOR-PH", "159c5f4ae0128f972b135acb84daf1bd4b6a5e23", _UNKNOWN),
        ("Movie", "dcf9b96296b533f672b54f4ce9fa089b55c69a7b", _GENG_HOU),
        ("Music", "fc0e905016e2bcb1adddde8ea27c7f8f86febd4e", _UNKNOWN),
        ("Natural_Scene", "dbcd075e2ca9f6627cfe026a276181646f4d0527", _GENG),
        ("Painting", "7e89833b2ed0510cf9002d516950d1c2ae8bd485", _UNKNOWN),
        ("RAF_ML", "b028ebb7281d834e17b7a41579610fb649b1703b", _LI_DENG),
        ("SBU_3DFE", "9412a877504db10a3cab05e07f4e7d7e91170daf", _GENG),
        ("SCUT_FBP", "d008b803218001a783d4a3503ab09c51cca015c0", _XIE),
        ("SJAFFE", "4302e428f106fd4f9874fed13aae90f85fc18e5b", _GENG),
        ("Twitter", "0946f6aedb414d9c59e9c1528c6a93a6630ce568", _YANG),
        ("Yeast_alpha", "f82bd510f040d69dd2e4b0870dd2c2f8332e3fce", _GENG),
        ("Yeast_cdc", "10bca9d943d3d23c7b7f39ae4a6594ca5f8ee3c0", _GENG),
        ("Yeast_cold", "c850ffd6af11207604654ac7327c8a8421c83942", _GENG),
        ("Yeast_diau", "c9ee773e9f61ac19a157a792664096384305f3cc", _GENG),
        ("Yeast_dtt", "cb768143850e69b42f3f37c28f098944b803ac72", _GENG),
        ("Yeast_elu", "1639ce7aa3d770cc8ded04727c8f709f85fe42d2", _GENG),
        ("Yeast_heat", "bbe4b108c8f70de3f7630da777f145d187cddf07", _GENG),
        ("Yeast_spo", "4c9372f61922cfa5204d264ee29485bf5451354f", _GENG),
        ("Yeast_spo5", "4342a7b67ed494339553e1612f1840f365969ae1", _GENG),
        ("Yeast_spoem", "0c1469aa093558fdbb736fb6c7ef5664d8bb3981", _GENG),
        ("emotion6", "1f039936c24cf17b9d38386fcdd5677c68859da4", _PENG),
        ("fbp5500", "cca204a1a982707913212800e4f7d24f56d65b8a", _LIANG),
    ]
}
