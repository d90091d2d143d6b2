"""The sets that can be built. Sets of the Segue paper have the sizes in its Table 2, if it gives them."""

from __future__ import annotations

from pathlib import Path

from uebench.data.builders.model import Builder, Collection
from uebench.data.builders.raw import CelebA, Cifar10, Folders
from uebench.errors import UsageError, nearest


def _download_lfw(raw: Path) -> None:
    """Download and unpack the original archive into ``raw/lfw_home/lfw``; scikit-learn checks its digest."""
    from sklearn.datasets import fetch_lfw_people

    # Images of one person are decoded; those of all people stay on disk
    fetch_lfw_people(data_home=str(raw), funneled=False, min_faces_per_person=500)


def _download_cifar10(raw: Path) -> None:
    """Download and unpack it into ``raw/cifar-10-batches-py``; torchvision checks its digest."""
    from torchvision.datasets import CIFAR10

    CIFAR10(raw, download=True)


WEBFACE = Collection(
    "CASIA-WebFace",
    "research and education only, on the authors' terms; not to be passed on",
    "http://www.cbsr.ia.ac.cn/english/CASIA-WebFace-Database.html",
    Folders("RAW/<identity>/*.jpg"),
)
VGGFACE2 = Collection(
    "VGGFace2",
    "research only, on the authors' terms; the photographs belong to their owners",
    "https://www.robots.ox.ac.uk/~vgg/data/vgg_face2/",
    Folders("RAW/<identity>/*.jpg (RAW is its folder train or test)"),
)
CELEBA = Collection(
    "CelebA",
    "non-commercial research only; not to be passed on; identities for research only",
    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    CelebA(),
)
IMAGENET = Collection(
    "ImageNet (ILSVRC 2012)",
    "non-commercial research and education only, on the terms of access",
    "https://image-net.org/download.php",
    Folders("RAW/train/<wnid>/*.JPEG", ("train",)),
)
CIFAR10 = Collection(
    "CIFAR-10",
    "no licence is stated; the authors ask to be cited (Krizhevsky 2009)",
    "https://www.cs.toronto.edu/~kriz/cifar.html",
    Cifar10(),
    _download_cifar10,
)
LFW = Collection(
    "Labeled Faces in the Wild",
    "no licence is stated; press photographs, for research",
    "http://vis-www.cs.umass.edu/lfw/",
    Folders("RAW/lfw/<name>/*.jpg", ("lfw", "lfw_home/lfw")),
    _download_lfw,
)

BUILDERS = {
    builder.name: builder
    for builder in (
        Builder("webface10", WEBFACE, 10, 130, 20, "the paper's main set"),
        Builder("webface10_dagger", WEBFACE, 10, 130, 20, "10 people who are not in webface10 of the same seed", 10),
        Builder("webface50", WEBFACE, 50, 130, 26, "more people; some may be in webface10"),
        Builder("vggface10", VGGFACE2, 10, 130, 20, "faces of another collection"),
        Builder(
            "celeba10", CELEBA, 10, 20, 10, "few photographs per person; the identities that the Segue authors took",
            named=("14", "15", "17", "21", "22", "23", "25", "31", "32", "38"),
        ),
        Builder("imagenet10", IMAGENET, 10, 130, 20, "objects; the paper gives no sizes, these are webface10's"),
        Builder("cifar10", CIFAR10, 10, 5000, 1000, "objects at 32 pixels, the whole collection in its own split"),
        Builder("lfw", LFW, 10, 30, 10, "faces without registration; not in the paper"),
    )
}  # fmt: skip


def builder(name: str) -> Builder:
    """Return the builder with this name.

    Raises:
        UsageError: If there is none.
    """
    if name not in BUILDERS:
        raise UsageError(f"unknown set {name!r}; {nearest(name, BUILDERS)}")
    return BUILDERS[name]
