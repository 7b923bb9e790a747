"""Where data sets come from: what to download, what it must hash to, what binds whoever uses it.

A checksum stands here only where it is known of the publisher's own file: two sources at least that downloaded it
apart from each other state the same SHA-256. A data set without such a checksum is not downloaded by us; its entry
says where its files are and what ``prepare`` wants of them.
"""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

CLINC = "https://raw.githubusercontent.com/clinc/oos-eval/828f8093932c8fe6ca7936c3d2e52903b1c523de/data"
POLYAI = (
    "https://raw.githubusercontent.com/PolyAI-LDN/task-specific-datasets/57ec275d8078af65b7731c2a98be812d844a6d6b"
    "/banking_data"
)
LAKE = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"


class Download(NamedTuple):
    """One file of a publisher.

    Attributes:
        url: Where it is.
        bytes: How long it is.
        sha256: Its SHA-256, in hexadecimal digits.
    """

    url: str
    bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Entry:
    """One data set.

    Attributes:
        name: Its name.
        file: The prepared file, below a data folder.
        page: Where the data set is described.
        wants: The publisher's files that the maker reads.
        get: How to get them, where we do not download them.
        downloads: The publisher's files, where we do.
        binds: What using the data binds one to beyond naming the authors; consent to it is asked before a download.
        maker: The folder in ``metafed.data.sets`` whose module ``maker`` makes the prepared file out of the
            publisher's files, by its function ``read(path)``: arrays (for ``.npz``) or a table (for ``.parquet``).
            Default: that of the data set's name.
    """

    name: str
    file: Path
    page: str
    wants: str
    get: str = ""
    downloads: tuple[Download, ...] = ()
    binds: str = ""
    maker: str = ""

    def making(self) -> ModuleType:
        """Import the maker."""
        import importlib

        return importlib.import_module(f"metafed.data.sets.{self.maker or self.name}.maker")


ENTRIES = (
    Entry(
        name="movielens100k",
        file=Path("movielens100k/movielens100k.npz"),
        page="https://grouplens.org/datasets/movielens/100k/",
        wants="ml-100k.zip, or a folder with u.data, u.item, u.user, or RecBole's ml-100k.inter, .item, .user",
        binds=(
            "research only; name GroupLens in what you publish and imply no endorsement by it; pass nothing on and earn"
            " nothing with the data without its permission"
        ),
        downloads=(
            Download(
                "https://files.grouplens.org/datasets/movielens/ml-100k.zip",
                4_924_029,
                "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
            ),
        ),
    ),
    Entry(
        name="clinc150",
        file=Path("intents/clinc150.parquet"),
        page="https://github.com/clinc/oos-eval",
        wants="data_full.json and domains.json",
        downloads=(
            Download(
                f"{CLINC}/data_full.json",
                2_495_390,
                "36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0",
            ),
            Download(
                f"{CLINC}/domains.json", 3_818, "b947b579d3b8e74b06f93b01083d8efaff2888b43a3e362533bd88a6e1211b3a"
            ),
        ),
    ),
    Entry(
        name="banking77",
        file=Path("intents/banking77.parquet"),
        page="https://github.com/PolyAI-LDN/task-specific-datasets",
        wants="train.csv and test.csv of the folder banking_data",
        downloads=(
            Download(
                f"{POLYAI}/train.csv", 839_073, "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b"
            ),
            Download(f"{POLYAI}/test.csv", 239_961, "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d"),
        ),
    ),
    Entry(
        name="bandai_motion",
        file=Path("bandai_motion/bandai_motion.npz"),
        page="https://github.com/BandaiNamcoResearchInc/Bandai-Namco-Research-Motiondataset",
        wants="the folder `dataset` of the repository, or a part of it: dataset-SET_CONTENT_STYLE_TAKE.bvh",
        get="git clone https://github.com/BandaiNamcoResearchInc/Bandai-Namco-Research-Motiondataset",
        binds="no commercial use",
    ),
    Entry(
        name="watch_gestures",
        file=Path("watch_gestures/watch_gestures.npz"),
        page="https://arxiv.org/abs/1802.01489",
        wants="seglearn-1.2.5-py3-none-any.whl, or its file watch_dataset.npy",
        get="pip download --no-deps seglearn==1.2.5",
    ),
    Entry(
        name="vr_head_sit",
        file=Path("vr_head_sit/vr_head_sit.npz"),
        page="https://github.com/naiwaaa/sit-vr-viewport-prediction",
        wants="the folder `datasets` of the repository: {has,no}_subtitle/video_VV_user_UU/processed_data.csv",
        get="git clone https://github.com/naiwaaa/sit-vr-viewport-prediction",
    ),
    Entry(
        name="crypto_prices",
        file=Path("crypto_prices/crypto_daily.parquet"),
        page="https://www.kaggle.com/datasets/sudalairajkumar/cryptocurrencypricehistory",
        wants="tables coin_NAME.csv with dates such as 2013-04-29 23:59:59",
        get="download the archive from the page above; it needs an account there",
        binds="no licence is stated: nobody has allowed anything",
    ),
    Entry(
        name="facebook_ego",
        file=Path("facebook_ego/facebook_ego.npz"),
        page="https://snap.stanford.edu/data/ego-Facebook.html",
        wants="facebook.tar.gz, or a folder with EGO.edges, .circles, .feat, .egofeat, .featnames of every ego",
        get="download facebook.tar.gz from the page above",
        binds="no licence is stated; the friendships are real people's: use them only as anonymised there",
    ),
    Entry(
        name="omniglot",
        file=Path("omniglot/omniglot28.npz"),
        page="https://github.com/brendenlake/omniglot",
        wants="images_background and images_evaluation, as zip files or folders",
        downloads=(
            Download(
                f"{LAKE}/images_background.zip",
                9_464_212,
                "ad41ab679c8b5d90b271ef46be6987cc81211774a695c29dcc5367b2b26ee640",
            ),
            Download(
                f"{LAKE}/images_evaluation.zip",
                6_462_886,
                "1f61a8f3366785b057fc117d9228e78a16e3d976c8953b2a10fcc74cf0609cee",
            ),
        ),
    ),
    Entry(
        name="miniimagenet",
        file=Path("miniimagenet/miniimagenet.npz"),
        page="https://image-net.org/download.php",
        wants="train, val and test folders of JPEG files by class, or images with train.csv, val.csv and test.csv",
        get="register with ImageNet for the images; the three tables are those of Ravi and Larochelle, ICLR 2017",
        binds="ImageNet's terms: research and education only, no redistribution",
    ),
)
CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in ENTRIES}


def advice(file: Path) -> str | None:
    """Say how the prepared file ``file``, named as below a data folder, is had; None for a file of no entry."""
    for entry in ENTRIES:
        if entry.file == file:
            if entry.downloads:
                return f"get it with: python -m simulation.data fetch {entry.name}"
            make = f"make it with: python -m simulation.data prepare {entry.name} --from PATH"
            return f"{make}, where PATH holds {entry.wants} ({entry.get})"
    return None
